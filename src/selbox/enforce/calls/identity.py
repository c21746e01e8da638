"""Who a task is, and what it gives up: user and group ids, and the options of ``prctl`` that concern privileges.

What is set stands in registers, so that calls are decided and let go on. From then on a task's credentials are read
for every call of it. Where policy denies the capability, a call that needs it fails as without the capability; so does
``setuid`` of one that holds it, where the kernel would set fewer ids for one that does not.

Source: the kernel's ``__sys_setuid`` and its kin in ``kernel/sys.c``, and ``cred_has_capability``.
"""

import errno
import os
from collections.abc import Sequence
from functools import partial

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import outer_id, read_ids
from selbox.enforce.linux import PR_CAPBSET_DROP, PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS, PR_SET_SECUREBITS
from selbox.enforce.seccomp.listener import Arguments
from selbox.typing import Final

_UNCHANGED: Final = 0xFFFFFFFF
_REAL, _EFFECTIVE, _SAVED, _FILES = range(4)


class IdentityCalls:
    """``setuid`` and its kin, ``setgroups`` and ``prctl``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        handlers: dict[str, Handler] = {"setgroups": self.setgroups, "prctl": self.prctl}
        for kind in ("uid", "gid"):
            handlers |= {
                f"set{kind}": partial(self._set_one, kind),
                f"setre{kind}": partial(self._set_pair, kind),
                f"setres{kind}": partial(self._set_three, kind),
                f"setfs{kind}": partial(self._set_for_files, kind),
            }
        return handlers

    def _ids(self, caller: Caller, kind: str) -> tuple[int, ...]:
        ids = read_ids(caller.tid)
        return ids.users if kind == "uid" else ids.groups

    def _wanted(self, caller: Caller, kind: str, registers: Sequence[int]) -> list[int]:
        """Return the ids that a task asks for as they are outside its user namespace.

        Raises:
            OSError: EINVAL for one that the namespace does not have.
        """
        wanted = []
        for register in registers:
            number: int | None = register & 0xFFFFFFFF
            if caller.state.credentials_changed and number != _UNCHANGED:
                number = outer_id(caller.tid, kind, register & 0xFFFFFFFF)
            if number is None:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            wanted.append(number)
        return wanted

    def _go_on(self, caller: Caller) -> int:
        self._box.tasks.change(caller.tid, credentials_changed=True)
        return CONTINUE

    def _set_one(self, kind: str, caller: Caller, arguments: Arguments) -> int:
        """``setuid(id)`` and ``setgid(id)``, which always ask for the capability."""
        (new,), own = self._wanted(caller, kind, arguments[:1]), self._ids(caller, kind)
        granted = self._capabilities.may_use_if_held(caller, f"set{kind}", own=True)
        if {new} == set(own):
            return CONTINUE
        return self._go_on(caller) if granted else -errno.EPERM

    def _set_pair(self, kind: str, caller: Caller, arguments: Arguments) -> int:
        """``setreuid(real, effective)`` and ``setregid``."""
        own = self._ids(caller, kind)
        real, effective = self._wanted(caller, kind, arguments[:2])
        is_new = real not in (_UNCHANGED, own[_REAL], own[_EFFECTIVE]) or effective not in (_UNCHANGED, *own[:_FILES])
        return self._set(caller, kind, is_new, {real, effective}, own)

    def _set_three(self, kind: str, caller: Caller, arguments: Arguments) -> int:
        """``setresuid(real, effective, saved)`` and ``setresgid``."""
        own = self._ids(caller, kind)
        wanted = set(self._wanted(caller, kind, arguments[:3]))
        return self._set(caller, kind, not wanted <= {_UNCHANGED, *own[:_FILES]}, wanted, own)

    def _set(self, caller: Caller, kind: str, is_new: bool, wanted: set[int], own: tuple[int, ...]) -> int:
        if is_new and not self._capabilities.may_use_if_held(caller, f"set{kind}", own=True):
            return -errno.EPERM
        if len(set(own)) == 1 and wanted <= {_UNCHANGED, *own}:
            return CONTINUE  # make sets ids to what they are before each program
        return self._go_on(caller)

    def _set_for_files(self, kind: str, caller: Caller, arguments: Arguments) -> int:
        """``setfsuid(id)`` and ``setfsgid(id)``, which tell of no error: the old id is the answer."""
        own = self._ids(caller, kind)
        try:
            (new,) = self._wanted(caller, kind, arguments[:1])
        except OSError:
            return CONTINUE  # the kernel gives the old id
        if new in (_UNCHANGED, *own) or self._capabilities.may_use_if_held(caller, f"set{kind}", own=True):
            return self._go_on(caller)
        return own[_FILES]

    def setgroups(self, caller: Caller, arguments: Arguments) -> int:  # noqa: ARG002 - which ones does not matter
        """``setgroups(count, groups)``."""
        return self._go_on(caller) if self._capabilities.may_use_if_held(caller, "setgid", own=True) else -errno.EPERM

    def prctl(self, caller: Caller, arguments: Arguments) -> int:
        """``prctl`` options that concern privileges.

        The ``no_new_privs`` that an unprivileged supervisor had to set is not the program's own: programs see, and
        transitions heed, only what a program asked for.
        """
        option = arguments[0] & 0xFFFFFFFF
        if option == PR_SET_NO_NEW_PRIVS:
            if arguments[1] == 1 and not any(arguments[2:5]):
                self._box.tasks.change(caller.tid, no_new_privileges=True)
            return CONTINUE
        if option == PR_GET_NO_NEW_PRIVS:
            return -errno.EINVAL if any(arguments[1:5]) else int(caller.state.no_new_privileges)
        asked = option in (PR_CAPBSET_DROP, PR_SET_SECUREBITS)
        if asked and not self._capabilities.may_use_if_held(caller, "setpcap", own=True):
            return -errno.EPERM
        return self._go_on(caller)
