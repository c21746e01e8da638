"""Receiving: ``recvmsg`` and ``recvmmsg``, where open files may come along.

Who may have a file is asked when it is received, so on unix sockets the supervisor receives the message, looks at what
came along, and gives the caller what it may have. A caller that nobody shares descriptors with receives from its other
sockets itself: no file can come there.

Source: the kernel's ``____sys_recvmsg``, ``scm_detach_fds`` and ``selinux_file_receive``.
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable

from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.kernelsockets import KERNEL_ADDRESS, KernelSockets
from selbox.enforce.calls.socketpeers import SocketPeerCalls
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.descriptorchecks import access_of_flags, check_descriptor
from selbox.enforce.linux import write_memory_parts
from selbox.enforce.messages import (
    HEADER_SIZE,
    LARGEST,
    MSG_CMSG_CLOEXEC,
    MSG_CMSG_COMPAT,
    MSG_CTRUNC,
    MSG_DONTWAIT,
    MSG_PEEK,
    MSG_WAITALL,
    Ancillary,
    MessageHeader,
    Received,
    build_control,
    padded_size,
    parse_control,
    read_header,
    receive,
    results,
    scattered,
    skipped,
)
from selbox.enforce.pidnumbers import told_to
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.sharing import is_alone
from selbox.enforce.socketchecks import SocketChecks
from selbox.enforce.socketlabels import SocketLabel, is_socket
from selbox.enforce.sockets import CallerSocket, copy_socket, is_blocking, socket_option
from selbox.typing import Final

_TIMEOUT_SIZE: Final = 16
_OF_KERNEL: Final = frozenset({"netlink_selinux_socket", "netlink_audit_socket"})
_MSG_ERRQUEUE: Final = 0x2000
_MOST_MESSAGES: Final = 1024
_SCM_RIGHTS: Final = 1
_SCM_CREDENTIALS: Final = 2
_CREDENTIALS = struct.Struct("=iII")
_SCM_SECURITY: Final = 3
_SCM_PIDFD: Final = 4
_SO_RCVTIMEO: Final = 20
_SO_PASSSEC: Final = 34
_TIME = struct.Struct("=qq")
_NUMBER = struct.Struct("=i")
_COUNT = struct.Struct("=I")
_COUNTED: Final = HEADER_SIZE + 8


class ReceivedMessages:
    """The calls that receive messages.

    Args:
        box: the box.
        checks: of sockets.
        peers: tells who sent.
        kernel: knows the sockets whose other end is SELinux or the audit system.
    """

    def __init__(self, box: Box, checks: SocketChecks, peers: SocketPeerCalls, kernel: KernelSockets) -> None:
        self._box = box
        self._checks = checks
        self._peers = peers
        self._kernel = kernel

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {"recvfrom": self.recvfrom, "recvmsg": self.recvmsg, "recvmmsg": self.recvmmsg}

    def recvfrom(self, caller: Caller, arguments: Arguments) -> int:
        """``recvfrom(socket, buffer, size, flags, address, length)``, of what may be the kernel's own sockets."""
        try:
            with own_capabilities():
                status = os.stat(f"/proc/{caller.tid}/fd/{signed(arguments[0])}")
        except OSError:
            return CONTINUE
        if not self._kernel.has(status.st_ino):
            return CONTINUE
        own = copy_socket(self._box, caller, arguments[0])
        self._checks.check(caller, own, "read")
        memory, tid, flags = self._box.memory, caller.tid, arguments[3] & 0xFFFFFFFF
        room = 0
        if arguments[4]:
            room = _NUMBER.unpack(memory.read_exactly(tid, arguments[5], _NUMBER.size))[0]
            if room < 0:
                return -errno.EINVAL
        parts = [(arguments[1], min(arguments[2], LARGEST))] if arguments[2] else []
        header = MessageHeader(0, 0, 0, parts, 0, 0)

        def attempt() -> int | None:
            try:
                received = receive(own.descriptor, header, flags | MSG_DONTWAIT)
            except BlockingIOError:
                return None
            written = list(scattered(parts, received.data))
            if arguments[4]:
                written.append((arguments[4], KERNEL_ADDRESS[:room]))
                written.append((arguments[5], _NUMBER.pack(len(KERNEL_ADDRESS))))
            write_memory_parts(tid, written)
            return received.size

        return self._answer(caller, own, flags, attempt)

    def recvmsg(self, caller: Caller, arguments: Arguments) -> int:
        """``recvmsg(socket, message, flags)``."""
        if arguments[2] & MSG_CMSG_COMPAT:
            return -errno.EINVAL
        own = copy_socket(self._box, caller, arguments[0])
        if self._may_receive_itself(caller, own, self._checks.check(caller, own, "read")):
            return CONTINUE
        flags = arguments[2] & 0xFFFFFFFF
        header = read_header(self._box.memory, caller.tid, arguments[1])
        if flags & MSG_WAITALL and own.type == socket.SOCK_STREAM and not flags & MSG_PEEK and _waits(own, flags):
            return self._receive_whole(caller, own, header, flags)
        return self._answer(caller, own, flags, lambda: self._receive(caller, own, header, flags))

    def recvmmsg(self, caller: Caller, arguments: Arguments) -> int:
        """``recvmmsg(socket, messages, count, flags, timeout)``: as many as are there, and at least one."""
        if arguments[3] & MSG_CMSG_COMPAT:
            return -errno.EINVAL
        if arguments[4]:
            self._box.memory.read_exactly(caller.tid, arguments[4], _TIMEOUT_SIZE)
        own = copy_socket(self._box, caller, arguments[0])
        if self._may_receive_itself(caller, own, self._checks.check(caller, own, "read")):
            return CONTINUE
        flags = arguments[3] & 0xFFFFFFFF
        places = [arguments[1] + place * _COUNTED for place in range(min(arguments[2] & 0xFFFFFFFF, _MOST_MESSAGES))]
        if not places:
            return 0
        headers = [read_header(self._box.memory, caller.tid, place) for place in places]

        def attempt() -> int | None:
            for done, header in enumerate(headers):
                try:
                    size = self._receive(caller, own, header, flags)
                except OSError:
                    if not done:
                        raise
                    return done
                if size is None:
                    return done or None
                self._box.memory.write(caller.tid, header.place + HEADER_SIZE, _COUNT.pack(size))
            return len(headers)

        return self._answer(caller, own, flags, attempt)

    def _may_receive_itself(self, caller: Caller, own: CallerSocket, label: SocketLabel) -> bool:
        """Tell whether a caller's own call can bring no file, nor anything that is the supervisor's to tell."""
        is_of_kernel = self._kernel.exist and label.object_class in _OF_KERNEL
        return not own.is_unix and not is_of_kernel and is_alone(caller)

    # --- Waiting ----------------------------------------------------------------------------------------------------

    def _answer(self, caller: Caller, own: CallerSocket, flags: int, attempt: Callable[[], int | None]) -> int:
        """Return what an attempt comes to, or have it made again when there is something to receive."""
        result = attempt()
        if result is not None:
            return result
        if not _waits(own, flags):
            raise BlockingIOError(11, os.strerror(11))
        seconds, microseconds = _TIME.unpack(socket_option(own.descriptor, _SO_RCVTIMEO, _TIME.size))
        self._box.waits.start(caller, own.descriptor, attempt, seconds + microseconds / 1e6)
        return ANSWERED

    def _receive(self, caller: Caller, own: CallerSocket, header: MessageHeader, flags: int) -> int | None:
        """Receive a message without waiting, and give it to the caller; None when there is none."""
        try:
            received = receive(own.descriptor, header, flags | MSG_DONTWAIT)
        except BlockingIOError:
            return None
        return self._give(caller, own, header, received, flags)

    def _receive_whole(self, caller: Caller, own: CallerSocket, header: MessageHeader, flags: int) -> int:
        """Receive from a stream until a caller's parts are full, or there is no more."""
        done = 0

        def attempt() -> int | None:
            nonlocal done
            while True:
                left = header._replace(parts=skipped(header.parts, done))
                try:
                    received = receive(own.descriptor, left, flags & ~MSG_WAITALL | MSG_DONTWAIT)
                except BlockingIOError:
                    return None
                except OSError:
                    if done:
                        return done
                    raise
                self._give(caller, own, left, received, flags)
                done += received.size
                if not received.size or done >= header.size or received.control:
                    return done

        return self._answer(caller, own, flags, attempt)

    # --- What came along --------------------------------------------------------------------------------------------

    def _give(self, caller: Caller, own: CallerSocket, header: MessageHeader, received: Received, flags: int) -> int:
        control, flags_told = received.control, received.flags
        if self._kernel.has(own.inode):
            address = KERNEL_ADDRESS[: header.name_size]
            control, received = b"", received._replace(name=address, name_size=len(KERNEL_ADDRESS))
        elif own.is_unix and header.control_size:
            things, flags_told = self._beside(caller, own, header, received, flags)
            control = build_control(things)
        write_memory_parts(caller.tid, results(header, received, control, flags_told))
        return received.size

    def _beside(
        self, caller: Caller, own: CallerSocket, header: MessageHeader, received: Received, flags: int
    ) -> tuple[list[Ancillary], int]:
        """Return what the caller gets beside data, and ``msg_flags``; descriptors are put into it."""
        told = received.flags
        given: list[Ancillary] = []
        is_told = _NUMBER.unpack(socket_option(own.descriptor, _SO_PASSSEC, _NUMBER.size))[0]
        for each in parse_control(received.control):
            if (each.level, each.type) == (socket.SOL_SOCKET, _SCM_RIGHTS):
                numbers = [self._box.descriptors.add(number) for (number,) in _NUMBER.iter_unpack(each.data)]
                taken = self._pass_all(caller, own, numbers, flags)
                if len(taken) < len(numbers):
                    told |= MSG_CTRUNC
                if taken:
                    given.append(each._replace(data=b"".join(map(_NUMBER.pack, taken))))
            elif (each.level, each.type) == (socket.SOL_SOCKET, _SCM_PIDFD):
                number = self._box.descriptors.add(_NUMBER.unpack(each.data)[0])
                given.append(each._replace(data=_NUMBER.pack(self._put(caller, number, flags))))
            elif (each.level, each.type) == (socket.SOL_SOCKET, _SCM_CREDENTIALS):
                pid, user, group = _CREDENTIALS.unpack(each.data)
                given.append(each._replace(data=_CREDENTIALS.pack(told_to(caller, pid), user, group)))
            else:
                given.append(each)
        if is_told:
            text = os.fsencode(self._box.server.sid_to_context(self._sender(own))) + b"\0"
            place = 1 if given and given[0].type == _SCM_CREDENTIALS else 0
            more = [*given[:place], Ancillary(socket.SOL_SOCKET, _SCM_SECURITY, text), *given[place:]]
            if padded_size(build_control(more)) <= header.control_size + 7:
                given = more
            else:
                told |= MSG_CTRUNC
        return given, told

    def _pass_all(self, caller: Caller, own: CallerSocket, numbers: list[int], flags: int) -> list[int]:
        """Put descriptors into the caller, up to the first that it may not have, as the kernel does."""
        sender = caller._replace(state=caller.state._replace(sid=self._sender(own)))
        taken: list[int] = []
        for number in numbers:
            try:
                self._check(caller, sender, number)
                taken.append(self._put(caller, number, flags))
            except OSError:
                break
        return taken

    def _check(self, caller: Caller, sender: Caller, number: int) -> None:
        """Check that a caller may have a file that was sent to it."""
        if self._is_unsaid(sender.state.sid, number):
            sender = sender._replace(state=sender.state._replace(sid=self._box.server.initial_sid("unlabeled")))

        def label_socket() -> SocketLabel:
            return self._checks.hand_over(sender, number, caller.state.sid)

        access = access_of_flags(fcntl.fcntl(number, fcntl.F_GETFL))
        check_descriptor(self._box, sender, caller.state.sid, number, access, label_socket)

    def _is_unsaid(self, sender: int, number: int) -> bool:
        """Tell whether a file is a socket that nobody was seen to send, though a domain of the box did.

        Who sends by itself, and has its header say something else when the kernel reads it, hides what it sends.
        """
        status = os.fstat(number)
        if not is_socket(status) or self._box.socket_labels.is_given(status.st_ino):
            return False
        return sender != self._box.labels.outside and sender in self._box.tasks.domains()

    def _put(self, caller: Caller, number: int, flags: int) -> int:
        put = self._box.listener.add_descriptor(caller.id, number, os.O_CLOEXEC if flags & MSG_CMSG_CLOEXEC else 0)
        if put < 0:
            raise OSError(3, os.strerror(3))
        return put

    def _sender(self, own: CallerSocket) -> int:
        """Return the SID of who sends to a socket: its peer, or the socket's own where that is not known."""
        sid = self._peers.peer_sid(own)
        if sid and sid != self._box.server.initial_sid("unlabeled"):
            return sid
        label = self._box.socket_labels.known(own.inode)
        return label.sid if label is not None else sid


def _waits(own: CallerSocket, flags: int) -> bool:
    return not flags & (MSG_DONTWAIT | _MSG_ERRQUEUE) and is_blocking(own.descriptor)
