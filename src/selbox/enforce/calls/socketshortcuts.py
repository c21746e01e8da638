"""Calls on sockets that the kernel goes on with once the socket's label is known: answered in as few steps as can be.

As those on files (:mod:`selbox.enforce.calls.shortcuts`), with one difference: none of them walks a path, so it does
not matter whose credentials the supervisor holds meanwhile. A server that gave up root has them lent for the next file.
"""

import os
import socket

from selbox.enforce.box import Box
from selbox.enforce.calls.kernelsockets import KernelSockets
from selbox.enforce.calls.sentmessages import passes_something, stays_with_peer
from selbox.enforce.calls.shortcuts import Shortcut
from selbox.enforce.calls.socketpeers import ANSWERED_OPTIONS
from selbox.enforce.messages import MSG_CMSG_COMPAT, MSG_FASTOPEN
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.sockets import ASKED_OPTIONS, SOL_NETLINK, SOL_SCTP, SOL_SOCKET
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.sharing import stays_alone
from selbox.enforce.socketchecks import SocketChecks
from selbox.enforce.socketlabels import SocketLabel
from selbox.enforce.tasks import TaskState
from selbox.typing import Final

_FLAGS: Final = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
_PLAIN_FAMILIES: Final = frozenset({socket.AF_UNIX, socket.AF_INET, socket.AF_INET6})
_PLAIN_TYPES: Final = frozenset({socket.SOCK_STREAM, socket.SOCK_DGRAM})


class SocketShortcuts:
    """The shortcuts of a box's sockets.

    Args:
        box: the box.
        checks: of sockets.
        kernel: knows the sockets whose other end is SELinux or the audit system, to which there is no shortcut.
    """

    def __init__(self, box: Box, checks: SocketChecks, kernel: KernelSockets) -> None:
        self._listener = box.listener
        self._memory = box.memory
        self._pidfds = box.pidfds
        self._outside = box.labels.outside
        self._monitor = box.monitor
        self._checks = checks
        self._kernel = kernel

    def by_number(self) -> dict[int, Shortcut]:
        """Return them by the number of their call, which have the methods' names."""
        every = (
            *(self.socket, self.accept, self.accept4, self.sendmsg),
            *(self.getsockopt, self.setsockopt, self.getsockname, self.getpeername, self.shutdown),
        )
        return {NUMBERS[each.__name__]: each for each in every}

    def socket(self, id_: int, _tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``socket(family, type, protocol)`` of a common kind."""
        family, type_, protocol = map(signed, arguments[:3])
        kind = type_ & ~_FLAGS
        if family not in _PLAIN_FAMILIES or kind not in _PLAIN_TYPES or state.next_labels.socket_create_sid:
            return False
        label = self._checks.derived(state.sid, self._checks.class_of(family, kind, protocol))
        return self._go_on(id_, state, label, "create")

    def accept(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``accept(socket, …)``, where what is made has the label that it would be taken to have anyway."""
        label = self._label(tid, state, arguments[0])
        if label is None or label != self._checks.derived(state.sid, label.object_class):
            return False
        return self._go_on(id_, state, label, "accept")

    def accept4(self, id_: int, tid: int, kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``accept4(socket, address, length, flags)``."""
        return self.accept(id_, tid, kind, state, arguments)  # flags that there are not are the kernel's to refuse

    def sendmsg(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``sendmsg(socket, message, flags)`` of data alone, to a peer that the socket has."""
        if arguments[2] & (MSG_FASTOPEN | MSG_CMSG_COMPAT) or not stays_alone(tid, state):
            return False
        label = self._label(tid, state, arguments[0])
        if label is None or not stays_with_peer(label) or passes_something(self._memory, tid, label, arguments[1]):
            return False
        return self._go_on(id_, state, label, "write")

    def getsockopt(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``getsockopt(socket, level, option, …)`` of what is the kernel's to tell."""
        level = signed(arguments[1])
        if level == SOL_SCTP or (level == SOL_SOCKET and signed(arguments[2]) in ANSWERED_OPTIONS):
            return False
        return self._use(id_, tid, state, arguments, "getopt")

    def setsockopt(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``setsockopt(socket, level, option, …)`` of what the kernel may do."""
        level = signed(arguments[1])
        if level in (SOL_SCTP, SOL_NETLINK) or (level == SOL_SOCKET and signed(arguments[2]) in ASKED_OPTIONS):
            return False
        return self._use(id_, tid, state, arguments, "setopt")

    def getsockname(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``getsockname(socket, …)``."""
        return not self._kernel.exist and self._use(id_, tid, state, arguments, "getattr")

    def getpeername(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``getpeername(socket, …)``."""
        return self._use(id_, tid, state, arguments, "getattr")

    def shutdown(self, id_: int, tid: int, _kind: int, state: TaskState, arguments: Arguments) -> bool:
        """``shutdown(socket, how)``."""
        return self._use(id_, tid, state, arguments, "shutdown")

    def _use(self, id_: int, tid: int, state: TaskState, arguments: Arguments, permission: str) -> bool:
        label = self._label(tid, state, arguments[0])
        return label is not None and self._go_on(id_, state, label, permission)

    def _label(self, tid: int, state: TaskState, register: int) -> SocketLabel | None:
        """Return the label of the socket behind a descriptor; None where it may not be copied, or is no socket's."""
        try:
            copy = self._pidfds.copy(tid, register & 0xFFFFFFFF)
        except OSError:
            return None
        try:
            return self._checks.of_copy(state.sid, copy)
        except OSError:
            return None
        finally:
            os.close(copy)

    def _go_on(self, id_: int, state: TaskState, label: SocketLabel, permission: str) -> bool:
        """Let the kernel run a call that is granted with nothing to record; tell whether it is."""
        is_quiet = self._monitor.is_quiet(state.sid, label.sid, label.object_class, (permission,))
        if not is_quiet and label.sid != self._outside:  # the kernel asks nothing about sockets of its own
            return False
        self._listener.let_continue(id_)
        return True
