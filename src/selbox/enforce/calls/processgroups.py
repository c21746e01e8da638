"""Process groups, sessions and capabilities of processes: asked about, and set.

Source: the kernel's ``selinux_task_getpgid``, ``selinux_task_getsid``, ``selinux_task_setpgid``, ``selinux_capget`` and
``selinux_capset``.
"""

import ctypes
import errno
import os
import struct

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.linux import system_call
from selbox.enforce.pidnumbers import group_told_to, meant_by, session_told_to
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.targets import Targets
from selbox.enforce.tasks import thread_group
from selbox.typing import Final

_PARENT, _SESSION, _FLAGS = 1, 3, 6
"""Places in ``/proc/PID/stat`` behind the name and before it the state."""

_NEVER_RAN: Final = 0x00000040
"""``PF_FORKNOEXEC``: a child that still runs its parent's program."""

_HEADER = struct.Struct("=Ii")
_VERSION: Final = 0x20080522
_SIZES: Final = {0x19980330: 12, 0x20071026: 24, _VERSION: 24}
"""Versions of capability structures, and their sizes in bytes."""


class ProcessGroupCalls:
    """``getpgid``, ``getsid``, ``setpgid``, ``capget`` and ``capset``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._targets = Targets(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "getpgid": self.getpgid,
            "getsid": self.getsid,
            "setpgid": self.setpgid,
            "capget": self.capget,
            "capset": self.capset,
        }

    def getpgid(self, caller: Caller, arguments: Arguments) -> int:
        """``getpgid(pid)``."""
        tid = self._named(caller, arguments[0])
        return self._targets.look(caller, tid, "getpgid", lambda: group_told_to(caller, tid))

    def getsid(self, caller: Caller, arguments: Arguments) -> int:
        """``getsid(pid)``."""
        tid = self._named(caller, arguments[0])
        return self._targets.look(caller, tid, "getsession", lambda: session_told_to(caller, tid))

    def _named(self, caller: Caller, register: int) -> int:
        """Return the task that is asked about; to the kernel a negative number is just nobody's."""
        number = signed(register)
        if number < 0:
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        return self._targets.named(caller, number)

    def setpgid(self, caller: Caller, arguments: Arguments) -> int:
        """``setpgid(pid, group)``.

        The kernel takes no other process than the caller and children of its that never ran a program. Those have
        what labels the caller gave them, so it does not matter if a number comes to mean another one of them.
        """
        if (signed(arguments[1]) or signed(arguments[0])) < 0:
            return -errno.EINVAL
        own = thread_group(caller.tid)
        pid = meant_by(caller, signed(arguments[0])) if signed(arguments[0]) else own
        if pid != own:
            fields = _status_line(pid)
            if int(fields[_PARENT]) != own:
                return -errno.ESRCH
            if int(fields[_SESSION]) != os.getsid(own):
                return -errno.EPERM
            if not int(fields[_FLAGS]) & _NEVER_RAN:
                return -errno.EACCES
        if os.getsid(pid) == pid:
            return -errno.EPERM
        self._targets.check(caller, caller.tid if pid == own else pid, "setpgid")
        return CONTINUE

    def capget(self, caller: Caller, arguments: Arguments) -> int:
        """``capget(header, data)``: the supervisor asks in the caller's stead, since a pid in memory can change."""
        memory = self._box.memory
        version, pid = _HEADER.unpack(memory.read_exactly(caller.tid, arguments[0], _HEADER.size))
        size = _SIZES.get(version)
        if size is None:
            memory.write(caller.tid, arguments[0], struct.pack("=I", _VERSION))
            return -errno.EINVAL if arguments[1] else 0
        if pid < 0:
            return -errno.EINVAL
        tid = self._targets.named(caller, pid)
        buffer = ctypes.create_string_buffer(size)
        header = _HEADER.pack(version, tid)
        self._targets.look(caller, tid, "getcap", lambda: system_call(NUMBERS["capget"], header, buffer))
        if arguments[1]:
            memory.write(caller.tid, arguments[1], buffer.raw)
        return 0

    def capset(self, caller: Caller, arguments: Arguments) -> int:  # noqa: ARG002 - what is set does not matter
        """``capset(header, data)``: only of the caller itself, so that no memory has a say in the decision."""
        self._targets.check(caller, caller.tid, "setcap")
        self._box.tasks.change(caller.tid, credentials_changed=True)
        return CONTINUE


def _status_line(pid: int) -> list[bytes]:
    """Return the fields of ``/proc/PID/stat`` from the state on.

    Raises:
        OSError: ESRCH when there is no such process.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as line:
            return line.read().rpartition(b")")[2].split()
    except FileNotFoundError:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH)) from None
