"""Quotas: the supervisor asks for them and sets them, on its own copies of paths and values."""

import ctypes
import errno
import os
import stat
from collections.abc import Callable

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import check_target, target_at, target_held
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import own_capabilities, read_identity
from selbox.enforce.linux import AT_FDCWD, system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    _Value = bytes | ctypes.Array[ctypes.c_char] | None

_GROUP, _TYPES = 1, 3
_SYNC, _ON = 0x800001, 0x800002
_GET, _XGET = 0x800007, 0x5803


class _Command(NamedTuple):
    """What a command does.

    Attributes:
        permission: on the file system; empty for what is not asked about.
        given: bytes of the value that it is given; returned: of that which it returns.
        is_free: whether everybody may.
    """

    permission: str
    given: int = 0
    returned: int = 0
    is_free: bool = False


_COMMANDS: Final = {
    _SYNC: _Command("quotamod", is_free=True),
    _ON: _Command("quotamod"),
    0x800003: _Command("quotamod"),
    0x800004: _Command("quotaget", returned=4, is_free=True),
    0x800005: _Command("quotaget", returned=24, is_free=True),
    0x800006: _Command("quotamod", given=24),
    _GET: _Command("quotaget", returned=72),
    0x800008: _Command("quotamod", given=72),
    0x800009: _Command("", returned=80),
    0x5801: _Command("quotamod", given=4),
    0x5802: _Command("quotamod", given=4),
    _XGET: _Command("quotaget", returned=112),
    0x5804: _Command("quotamod", given=112),
    0x5805: _Command("quotaget", returned=80, is_free=True),
    0x5806: _Command("", given=4),
    0x5807: _Command("", is_free=True),
    0x5809: _Command("quotaget", returned=112),
}
"""By number: those of ``quotactl(2)``, then those of XFS.

Source: the kernel's ``check_quotactl_permission``, ``selinux_quotactl`` and ``quota.h``.
"""


class QuotaCalls:
    """``quotactl`` and ``quotactl_fd``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call, which are those of the methods."""
        return {each.__name__: each for each in (self.quotactl, self.quotactl_fd)}

    def quotactl(self, caller: Caller, arguments: Arguments) -> int:
        """``quotactl(command, device, id, value)``."""
        box = self._box
        command = arguments[0] & 0xFFFFFFFF
        if command & 0xFF >= _TYPES:
            return -errno.EINVAL
        if not arguments[1]:
            return system_call(NUMBERS["quotactl"], command, None, 0, None) if command >> 8 == _SYNC else -errno.ENODEV
        device = target_at(box, caller, AT_FDCWD, box.memory.read_string(caller.tid, arguments[1]), follow=True)
        if not stat.S_ISBLK(device.status.st_mode):
            return -errno.ENOTBLK
        place = device.place.encode() + b"\0"
        return self._do(
            caller,
            command,
            device.status.st_rdev,
            arguments,
            lambda value: system_call(NUMBERS["quotactl"], command, place, arguments[2] & 0xFFFFFFFF, value),
        )

    def quotactl_fd(self, caller: Caller, arguments: Arguments) -> int:
        """``quotactl_fd(descriptor, command, id, value)``."""
        command = arguments[1] & 0xFFFFFFFF
        held = target_held(self._box, caller, arguments[0])
        if command & 0xFF >= _TYPES:
            return -errno.EINVAL
        if not self._box.labels.filesystem_of(held.status.st_dev):
            return -errno.ENOSYS

        def operation(value: "_Value") -> int:
            with own_capabilities():
                opened = self._box.descriptors.open(held.place, os.O_RDONLY | os.O_NONBLOCK)
            return system_call(NUMBERS["quotactl_fd"], opened, command, arguments[2] & 0xFFFFFFFF, value)

        return self._do(caller, command, held.status.st_dev, arguments, operation)

    def _do(
        self, caller: Caller, command: int, device: int, arguments: Arguments, operation: "Callable[[_Value], int]"
    ) -> int:
        """Check and do one command on a file system."""
        box = self._box
        known = _COMMANDS.get(command >> 8)
        if known is None:
            return -errno.EINVAL if self._capabilities.may_use(caller, "sys_admin") else -errno.EPERM
        if not box.labels.filesystem_of(device):
            return -errno.ENODEV
        is_free = known.is_free or self._is_own(caller, command, arguments[2] & 0xFFFFFFFF)
        if not is_free and not self._capabilities.may_use(caller, "sys_admin"):
            return -errno.EPERM
        if known.permission:
            sid = box.labels.filesystem_sid_on(device)
            box.monitor.check(caller, sid, "filesystem", (known.permission,), dict)
        if command >> 8 == _ON:
            file = target_at(box, caller, AT_FDCWD, box.memory.read_string(caller.tid, arguments[3]), follow=True)
            check_target(box, caller, file, "quotaon")
            return operation(file.place.encode() + b"\0")
        if known.given:
            return operation(box.memory.read_exactly(caller.tid, arguments[3], known.given))
        if not known.returned:
            return operation(None)
        value = ctypes.create_string_buffer(known.returned)
        result = operation(value)
        box.memory.write(caller.tid, arguments[3], value.raw)
        return result

    def _is_own(self, caller: Caller, command: int, number: int) -> bool:
        """Tell whether a task asks for its own quota, or its group's."""
        if command >> 8 not in (_GET, _XGET) or command & 0xFF > _GROUP:
            return False
        identity = read_identity(caller.tid)
        if command & 0xFF == _GROUP:
            return number in (identity.group, *identity.groups)
        return number == identity.user
