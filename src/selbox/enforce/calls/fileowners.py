"""Whom the kernel signals about an open file (``F_SETOWN`` and its kin).

The kernel sends such signals by itself, whenever there is something to read, so nobody can be asked then. It is asked
when their receiver is named: as for a signal to it. The supervisor names the receiver itself, on its own copy of the
descriptor, so that a number cannot come to mean another process meanwhile; whoever names itself goes on.

Source: the kernel's ``f_setown``, ``f_setown_ex``, ``sigio_perm`` and ``selinux_file_send_sigiotask``.
"""

import errno
import fcntl
import os
import struct

from selbox.enforce.answer import CONTINUE
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.signalling import SignalCalls
from selbox.enforce.credentials import acting_as, read_identity
from selbox.enforce.pidnumbers import meant_by, meant_group
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.openfiles import F_SETOWN
from selbox.enforce.socketlabels import is_socket
from selbox.enforce.targets import held
from selbox.enforce.tasks import thread_group
from selbox.typing import Final

_F_SETOWN_EX: Final = 15
_THREAD, _PROCESS, _GROUP = range(3)
_OWNER = struct.Struct("=ii")
_INT = struct.Struct("=i")
_SIGIO: Final = 29


class FileOwners:
    """Names receivers."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._signals = SignalCalls(box)

    def by_fcntl(self, caller: Caller, arguments: Arguments) -> int:
        """``fcntl(descriptor, F_SETOWN, number)`` and ``fcntl(descriptor, F_SETOWN_EX, owner)``."""
        number = signed(arguments[0])
        if arguments[1] & 0xFFFFFFFF == F_SETOWN:
            receiver = signed(arguments[2])
            if not receiver or meant_by(caller, receiver) == thread_group(caller.tid):
                return CONTINUE
            return self._by_number(caller, number, receiver)
        kind, receiver = _OWNER.unpack(self._box.memory.read_exactly(caller.tid, arguments[2], _OWNER.size))
        if kind not in (_THREAD, _PROCESS, _GROUP):
            return -errno.EINVAL
        return self._set(caller, number, kind, receiver)

    def by_ioctl(self, caller: Caller, arguments: Arguments) -> int:
        """``ioctl(descriptor, FIOSETOWN, &number)``, which sockets know."""
        number = signed(arguments[0])
        if not is_socket(self._box.pidfds.status(caller.tid, number)):
            return -errno.ENOTTY
        (receiver,) = _INT.unpack(self._box.memory.read_exactly(caller.tid, arguments[2], _INT.size))
        return self._by_number(caller, number, receiver)

    def _by_number(self, caller: Caller, number: int, receiver: int) -> int:
        """Name a process, or by a negative number a group."""
        if receiver == -(1 << 31):
            return -errno.EINVAL
        return self._set(caller, number, _GROUP if receiver < 0 else _PROCESS, abs(receiver))

    def _set(self, caller: Caller, number: int, kind: int, receiver: int) -> int:
        copy = self._box.descriptors.add(self._box.pidfds.copy(caller.tid, number))
        if receiver:
            receiver = meant_group(caller, receiver) if kind == _GROUP else meant_by(caller, receiver)
            if receiver <= 0 or (kind != _GROUP and not os.path.exists(f"/proc/{receiver}")):
                return -errno.ESRCH
        if kind == _GROUP or not receiver:
            if receiver:
                self._signals.check_group(caller, receiver, _SIGIO)
            return self._name(caller, copy, kind, receiver)
        group = thread_group(receiver)
        if group == thread_group(caller.tid):
            return self._name(caller, copy, kind, receiver)
        with held(receiver, caller):
            self._signals.check(caller, group, _SIGIO)
            return self._name(caller, copy, kind, receiver)

    def _name(self, caller: Caller, copy: int, kind: int, receiver: int) -> int:
        with acting_as(read_identity(caller.tid) if caller.state.credentials_changed else None):
            fcntl.fcntl(copy, _F_SETOWN_EX, _OWNER.pack(kind, receiver))
        return 0
