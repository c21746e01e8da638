"""Tells from its text whether a path may mean one of SELinux's own files, and only then lets them be imported.

Every open asks, so it costs one look-up; most boxes never open one, and do not pay for what answers.
"""

import errno
import os
from functools import partial

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.knownpaths import start_in_proc
from selbox.enforce.linux import AT_FDCWD
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.selinuxpaths import PART
from selbox.enforce.standins import StandIn
from selbox.store.selinuxroot import STORES
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selbox.enforce.calls.selinuxfs import SelinuxFiles
    from selbox.enforce.calls.transactions import Watcher

_ATTRIBUTES: Final = (b"current", b"exec", b"fscreate", b"keycreate", b"prev", b"sockcreate")
_TABLES: Final = (b"filesystems", b"mounts", b"mountinfo", b"mtab")
LAST_NAMES: Final = frozenset(_ATTRIBUTES + _TABLES)
"""Last components of ``/proc/PID/attr/*`` and of tables in ``/proc``; all other paths have ``selinux`` in them."""

_SELINUXFS: Final = "/sys/fs/selinux"
_POLICIES: Final = "/etc/selinux"
_LOGS: Final = "/var/log/audit"

_REMEMBERED: Final = 4096
_GONE: Final = b" (deleted)"


class SelinuxPaths:
    """Stands before :class:`SelinuxFiles`."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._made: SelinuxFiles | None = None
        self._watcher: Watcher | None = None
        self._ordinary: set[bytes] = set()
        stand_ins, root = box.walker.stand_ins, box.selinux_root
        stand_ins.add(StandIn(_SELINUXFS, lambda inner: self._files().place(inner)))
        if box.audit_log is not None:
            stand_ins.add(StandIn(_LOGS, lambda inner: self._files().log_place(inner)))
        if root is None or root.directory != _POLICIES:
            stand_ins.add(StandIn(_POLICIES, lambda inner: self._files().policy_place(inner)))
            if root is not None:  # before any of its files is met by another way
                box.labels.stands_for(root.directory, _POLICIES)
        if root is not None and not root.has_store:
            stand_ins.add(StandIn(STORES, lambda inner: self._files().store_place(inner)))

    def attach(self, watcher: "Watcher") -> None:
        """Take what watches descriptors."""
        self._watcher = watcher

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call."""
        transfers = PART.conditional(self._box.settings)
        return {"getcwd": self.getcwd, **{call: partial(self._transfer, call) for call in transfers}}

    def is_ordinary(self, tid: int, directory: int, path: bytes) -> bool:
        """Tell whether a path certainly means none of SELinux's files.

        Args:
            tid: the task that names it.
            directory: its descriptor number or ``AT_FDCWD``, for a relative path.
            path: the path.
        """
        return path in self._ordinary or not self._may_be_one(tid, directory, path)

    def open(self, caller: Caller, directory: int, path: bytes, flags: int) -> int | None:
        """Open a file if it is one of SELinux's; return None for any other path.

        Raises:
            OSError: what ``open`` is to fail with.
        """
        if self.is_ordinary(caller.tid, directory, path):
            return None
        return self._files().open(caller, directory, path, flags)

    def status(self, caller: Caller, directory: int, path: bytes) -> os.stat_result | None:
        """Return the status of a file if it is one of SELinux's; None for any other path.

        Raises:
            OSError: what ``stat`` is to fail with.
        """
        if self.is_ordinary(caller.tid, directory, path):
            return None
        return self._files().status(caller, directory, path)

    def access(self, caller: Caller, directory: int, path: bytes, mode: int) -> bool:
        """Tell whether a path is one of SELinux's files, which may then be accessed.

        Raises:
            OSError: what ``access`` is to fail with.
        """
        if self.is_ordinary(caller.tid, directory, path):
            return False
        return self._files().access(caller, directory, path, mode)

    def filesystem(self, caller: Caller, path: bytes) -> bytes | None:
        """Return ``struct statfs`` of a path that is one of SELinux's files; None for any other."""
        if self.is_ordinary(caller.tid, AT_FDCWD, path):
            return None
        return self._files().filesystem(caller, path)

    def _transfer(self, call: str, caller: Caller, arguments: Arguments) -> int:
        """Answer a call about a number that transactions have; before there are any, it is the program's own."""
        return CONTINUE if self._made is None else self._made.transactions.handlers[call](caller, arguments)

    def getcwd(self, caller: Caller, arguments: Arguments) -> int:
        """``getcwd(buffer, size)``, whose answer is another than the kernel's where a directory stands for a place."""
        stand_ins = self._box.walker.stand_ins
        if not stand_ins.are_used or caller.state.root_changed:
            return CONTINUE
        path = os.readlink(b"/proc/self/fd/%d" % self._box.walker.start_of(caller, AT_FDCWD))
        if not path.startswith(b"/") or path.endswith(_GONE):
            return CONTINUE
        shown = stand_ins.shown(path) + b"\0"  # always answered here: another thread may enter one of them meanwhile
        if len(shown) > arguments[1]:
            return -errno.ERANGE
        self._box.memory.write(caller.tid, arguments[0], shown)
        return len(shown)

    def _may_be_one(self, tid: int, directory: int, path: bytes) -> bool:
        if path[path.rfind(b"/") + 1 :] in LAST_NAMES or b"selinux" in path:
            return True
        if not path.startswith(b"/"):
            stand_ins = self._box.walker.stand_ins
            return stand_ins.are_used and stand_ins.holds(start_in_proc(tid, directory))
        if len(self._ordinary) >= _REMEMBERED:
            self._ordinary.clear()
        self._ordinary.add(path)
        return False

    def _files(self) -> "SelinuxFiles":
        if self._made is None:
            from selbox.enforce.calls.selinuxfs import SelinuxFiles

            self._made = SelinuxFiles(self._box)
            if self._watcher is not None:
                self._made.transactions.attach(self._watcher)
        return self._made
