"""Sending: ``sendto``, ``sendmsg`` and ``sendmmsg``, where an address or something beside the data may go along.

What is sent, and to whom, lies in the caller's memory, so the supervisor sends its own copy, wherever it matters: on
unix datagram sockets, and on every socket of a caller whose descriptors others may exchange. A caller that nobody
shares descriptors with sends on its other sockets itself.

Source: the kernel's ``____sys_sendmsg``, ``selinux_socket_sendmsg`` and ``selinux_socket_unix_may_send``.
"""

import errno
import os
import signal
import socket
import stat
import struct
from contextlib import suppress

from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller, identity_of
from selbox.enforce.callerfiles import copy_of
from selbox.enforce.calls.internetsockets import InternetSockets
from selbox.enforce.calls.kernelsockets import KernelSockets
from selbox.enforce.calls.unixsockets import UnixSockets, UnixTarget, pause
from selbox.enforce.credentials import CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, read_identity, read_ids, sending_as
from selbox.enforce.linux import system_call
from selbox.enforce.memory import TaskMemory
from selbox.enforce.messages import (
    CONTROL_SIZE_OFFSET,
    HEADER_SIZE,
    LARGEST,
    MSG_CMSG_COMPAT,
    MSG_DONTWAIT,
    MSG_FASTOPEN,
    MSG_NOSIGNAL,
    MSG_ZEROCOPY,
    Ancillary,
    MessageHeader,
    Parts,
    build_control,
    gather,
    parse_control,
    read_header,
    send,
    skipped,
)
from selbox.enforce.pidnumbers import meant_by
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.sharing import is_alone
from selbox.enforce.socketchecks import SocketChecks
from selbox.enforce.socketlabels import SocketLabel, is_socket
from selbox.enforce.sockets import CallerSocket, bind_netlink, copy_socket, is_blocking
from selbox.enforce.tasks import thread_group
from selbox.model.policy import HandleUnknown
from selbox.objects.netlinkmessages import UnknownMessageError, message_permission, messages_of
from selbox.typing import Final, NamedTuple

_LARGEST_ADDRESS: Final = 128
_LARGEST_CONTROL: Final = 1 << 15
_MOST_MESSAGES: Final = 1024
_SCM_RIGHTS: Final = 1
_SCM_CREDENTIALS: Final = 2
_DATAGRAMS: Final = frozenset({socket.SOCK_DGRAM, socket.SOCK_RAW})
_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})
_BY_ADDRESS: Final = frozenset({"unix_dgram_socket", "sctp_socket"})
_NUMBERS = struct.Struct("=i")
_CREDENTIALS = struct.Struct("=iII")
_COUNTED: Final = HEADER_SIZE + 8
_COUNT = struct.Struct("=I")


class _Outgoing(NamedTuple):
    """A message that the supervisor sends.

    Attributes:
        own: the caller's socket.
        data: what is sent first.
        parts: where all data are; of a stream, more may be there than in ``data``.
        target: whom it is sent to, on a unix datagram socket; None otherwise.
        name: the address, as the kernel is to have it.
        control: what goes along.
        flags: of the call.
    """

    own: CallerSocket
    data: bytes
    parts: Parts
    target: UnixTarget | None
    name: bytes
    control: bytes
    flags: int

    @property
    def waits(self) -> bool:
        """Whether the call waits until there is room."""
        return not self.flags & MSG_DONTWAIT and is_blocking(self.own.descriptor)


class SentMessages:
    """The calls that send messages.

    Args:
        box: the box.
        checks: of sockets.
        unix: finds who has a unix address.
        internet: checks ports.
        kernel: takes what goes to SELinux and the audit system.
    """

    def __init__(
        self, box: Box, checks: SocketChecks, unix: UnixSockets, internet: InternetSockets, kernel: KernelSockets
    ) -> None:
        self._box = box
        self._checks = checks
        self._unix = unix
        self._internet = internet
        self._kernel = kernel

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {"sendto": self.sendto, "sendmsg": self.sendmsg, "sendmmsg": self.sendmmsg}

    def sendto(self, caller: Caller, arguments: Arguments) -> int:
        """``sendto(socket, data, size, flags, address, length)``."""
        flags = arguments[3] & 0xFFFFFFFF & ~MSG_CMSG_COMPAT
        if self._may_send_itself(caller, arguments[0], flags):
            return CONTINUE
        own = copy_socket(self._box, caller, arguments[0])
        size = signed(arguments[5])
        if arguments[4] and not 0 <= size <= _LARGEST_ADDRESS:
            return -errno.EINVAL
        parts = [(arguments[1], arguments[2])] if arguments[2] else []
        header = MessageHeader(0, arguments[4], size if arguments[4] else 0, parts, 0, 0)
        if arguments[4] and not size and own.family in _INTERNET and own.type in _DATAGRAMS:
            return -errno.EINVAL  # a size of nothing is no address here, and none at all elsewhere
        return self._send(caller, own, header, flags)

    def sendmsg(self, caller: Caller, arguments: Arguments) -> int:
        """``sendmsg(socket, message, flags)``."""
        if arguments[2] & MSG_CMSG_COMPAT:
            return -errno.EINVAL
        flags = arguments[2] & 0xFFFFFFFF
        if self._may_send_itself(caller, arguments[0], flags, arguments[1]):
            return CONTINUE
        own = copy_socket(self._box, caller, arguments[0])
        return self._send(caller, own, read_header(self._box.memory, caller.tid, arguments[1]), flags)

    def sendmmsg(self, caller: Caller, arguments: Arguments) -> int:
        """``sendmmsg(socket, messages, count, flags)``: as many as go without waiting, and at least one."""
        if arguments[3] & MSG_CMSG_COMPAT:
            return -errno.EINVAL
        flags = arguments[3] & 0xFFFFFFFF
        count = min(arguments[2] & 0xFFFFFFFF, _MOST_MESSAGES)
        places = [arguments[1] + place * _COUNTED for place in range(count)]
        if self._may_send_itself(caller, arguments[0], flags, *places):
            return CONTINUE
        own = copy_socket(self._box, caller, arguments[0])
        sent = 0
        for address in places:
            try:
                header = read_header(self._box.memory, caller.tid, address)
                message = self._prepare(caller, own, header, flags)
                size = self._send_now(caller, message)
            except OSError:
                if sent:
                    return sent
                raise
            if size is None:
                if not sent:
                    self._send_later(caller, message, 0, address + HEADER_SIZE)
                return sent or ANSWERED
            self._box.memory.write(caller.tid, address + HEADER_SIZE, _COUNT.pack(size))
            sent += 1
        return sent

    def _may_send_itself(self, caller: Caller, number: int, flags: int, *places: int) -> bool:
        """Tell whether nothing that lies in memory matters, with the check that the socket may be written.

        Args:
            caller: the task.
            number: of the descriptor.
            flags: of the call.
            places: of the headers of messages. Whose open files they pass is noted, so that their receiver is asked.
        """
        if flags & MSG_FASTOPEN or not is_alone(caller):
            return False
        label = self._checks.of_number(caller, signed(number))
        if not stays_with_peer(label):
            return False
        if any(passes_something(self._box.memory, caller.tid, label, place) for place in places):
            return False
        self._checks.check_label(caller, signed(number), label, "write")
        return True

    # --- What is sent -----------------------------------------------------------------------------------------------

    def _prepare(self, caller: Caller, own: CallerSocket, header: MessageHeader, flags: int) -> _Outgoing:
        """Copy a message, and decide about it."""
        memory = self._box.memory
        label = self._checks.check(caller, own, "write")
        control = self._control(caller, own, header)
        name = memory.read_exactly(caller.tid, header.name, header.name_size) if header.name_size else b""
        target = None
        if own.is_unix and own.type in _DATAGRAMS and name:
            target = self._unix.target_of_message(caller, own, label, name)
            name = target.address
        elif name and flags & MSG_FASTOPEN and own.family in _INTERNET:
            self._checks.check(caller, own, "connect")
            self._internet.check_connect(caller, own, label, name)
        elif name and label.object_class == "sctp_socket":
            self._internet.check_connect(caller, own, label, name)
        if own.type != socket.SOCK_STREAM and header.size > LARGEST:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
        try:
            data = gather(memory, caller.tid, header.parts, LARGEST)
        except OSError:
            if own.type == socket.SOCK_STREAM:  # whether it can send at all comes first
                send(own.descriptor, b"", name, b"", flags | MSG_DONTWAIT)
            raise
        if label.object_class.startswith("netlink"):
            self._check_netlink(caller, own, label, data)
        if own.family == socket.AF_NETLINK:
            bind_netlink(caller, own)
        # Pages that are sent without copying would be the supervisor's own.
        return _Outgoing(own, data, header.parts, target, name, control, flags & ~MSG_ZEROCOPY)

    def _check_netlink(self, caller: Caller, own: CallerSocket, label: SocketLabel, data: bytes) -> None:
        """Check what netlink messages ask of the kernel (kernel: ``selinux_netlink_send``)."""
        server = self._box.server
        for type_ in messages_of(data):
            try:
                permission = message_permission(label.object_class, type_)
            except UnknownMessageError:
                if server.enforcing and server.policy.handle_unknown is not HandleUnknown.ALLOW:
                    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
                continue
            if permission is None:
                return
            self._checks.check(caller, own, permission)

    def _control(self, caller: Caller, own: CallerSocket, header: MessageHeader) -> bytes:
        """Return what goes along with a message, with copies of the descriptors in it and the caller's credentials."""
        if header.control_size > _LARGEST_CONTROL:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        control = self._box.memory.read_exactly(caller.tid, header.control, header.control_size)
        if not own.is_unix:
            return control
        things = list(parse_control(control))
        for place, each in enumerate(things):
            if each.level == socket.SOL_SOCKET and each.type == _SCM_RIGHTS:
                numbers = [each for (each,) in _NUMBERS.iter_unpack(each.data[: len(each.data) & ~3])]
                copies = b"".join(_NUMBERS.pack(self._passed(caller, number)) for number in numbers)
                things[place] = each._replace(data=copies)
            elif each.level == socket.SOL_SOCKET and each.type == _SCM_CREDENTIALS:
                things[place] = each._replace(data=_told_credentials(caller, each.data))
        if not any(each[:2] == (socket.SOL_SOCKET, _SCM_CREDENTIALS) for each in things) and _names_others(caller):
            things.append(Ancillary(socket.SOL_SOCKET, _SCM_CREDENTIALS, _own_credentials(caller)))
        return build_control(things)

    def _passed(self, caller: Caller, number: int) -> int:
        """Return a copy of a descriptor that is passed, and note whose it is, since another domain may get it."""
        box = self._box
        copy = copy_of(box, caller, number)
        status = os.fstat(copy)
        if is_socket(status):
            self._checks.give_copy(caller, copy)
            box.socket_labels.note_sent(status.st_ino)
        else:
            box.labels.sid_of(copy, status, caller)
        if stat.S_IFMT(status.st_mode):
            box.openers.note_unknown(status, caller.state.sid)
        return copy

    # --- Sending ----------------------------------------------------------------------------------------------------

    def _send(self, caller: Caller, own: CallerSocket, header: MessageHeader, flags: int) -> int:
        message = self._prepare(caller, own, header, flags)
        if own.family == socket.AF_NETLINK and caller.state.root_changed and is_alone(caller):
            return CONTINUE  # the kernel asks whether the very sender may change its own network
        sent = self._send_now(caller, message)
        if sent is None:
            self._send_later(caller, message, 0, 0)
            return ANSWERED
        if own.type == socket.SOCK_STREAM and sent < header.size and message.waits:
            self._send_later(caller, message, sent, 0)
            return ANSWERED
        return sent

    def _send_now(self, caller: Caller, message: _Outgoing) -> int | None:
        """Send without waiting; return how much went, or None where it is to be waited for.

        Raises:
            OSError: as the kernel gives it.
        """
        if self._kernel.has(message.own.inode):
            return self._kernel.take(caller, message.own.inode, message.data)
        try:
            with sending_as(identity_of(caller)):
                return send(
                    message.own.descriptor, message.data, message.name, message.control, message.flags | MSG_DONTWAIT
                )
        except BlockingIOError:
            if message.waits:
                return None
            raise
        except BrokenPipeError:
            _break_pipe(caller, message)
            raise

    def _send_later(self, caller: Caller, message: _Outgoing, sent: int, counted: int) -> None:
        """Send in a thread of its own what did not go without waiting.

        Args:
            caller: the task.
            message: the message.
            sent: how much of it has gone.
            counted: where to write how much went, for the first of several messages; 0 for one alone.
        """
        box = self._box
        identity, kept = identity_of(caller), box.descriptors.keep_all()

        def operation() -> None:
            try:
                with sending_as(identity):
                    total = self._send_rest(caller, message, sent)
            finally:
                for each in kept:
                    os.close(each)
            if counted:
                box.memory.write(caller.tid, counted, _COUNT.pack(total))
            box.listener.give_result(caller.id, 1 if counted else total)

        box.workers.start(caller, operation)

    def _send_rest(self, caller: Caller, message: _Outgoing, sent: int) -> int:
        """Send until all has gone that a call sends at once; a signal ends it with what has gone."""
        total = sum(size for _, size in message.parts)
        memory = TaskMemory()  # that of the box is for one thread alone
        try:
            while True:
                data = message.data if not sent else gather(memory, caller.tid, skipped(message.parts, sent), LARGEST)
                control = message.control if not sent else b""
                try:
                    sent += self._send_waiting(message._replace(data=data, control=control))
                except InterruptedError:
                    if not sent:
                        raise
                    return sent
                except OSError as error:
                    if sent:
                        return sent
                    if isinstance(error, BrokenPipeError):
                        _break_pipe(caller, message)
                    raise
                if message.own.type != socket.SOCK_STREAM or sent >= total:
                    return sent
        finally:
            memory.close()

    def _send_waiting(self, message: _Outgoing) -> int:
        own, data, _, target, name, control, flags = message
        if target is None or target.file >= 0:
            return send(own.descriptor, data, name, control, flags)
        while True:  # an abstract name may come to mean another socket
            with self._unix.while_meant(own, target):
                try:
                    return send(own.descriptor, data, name, control, flags | MSG_DONTWAIT)
                except BlockingIOError:
                    pass
            pause()


def stays_with_peer(label: SocketLabel) -> bool:
    """Tell whether what a socket sends goes to the peer that it has, and says nothing that is asked about."""
    return label.object_class not in _BY_ADDRESS and not label.object_class.startswith("netlink")


def passes_something(memory: TaskMemory, tid: int, label: SocketLabel, place: int) -> bool:
    """Tell whether open files may go along with a message.

    Args:
        memory: reads the header.
        tid: who sends it.
        label: of the socket.
        place: of the header.
    """
    return label.object_class == "unix_stream_socket" and any(memory.read_exactly(tid, place + CONTROL_SIZE_OFFSET, 8))


def _own_credentials(caller: Caller) -> bytes:
    identity = identity_of(caller)
    if identity is None:
        return _CREDENTIALS.pack(thread_group(caller.tid), os.geteuid(), os.getegid())
    return _CREDENTIALS.pack(identity.pid, identity.user, identity.group)


def _told_credentials(caller: Caller, data: bytes) -> bytes:
    """Return credentials that a caller tells, if it may (kernel: ``scm_check_creds``).

    Raises:
        OSError: EPERM when it may not.
    """
    if len(data) != _CREDENTIALS.size:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    number, user, group = _CREDENTIALS.unpack(data)
    pid = meant_by(caller, number)
    identity, own = read_identity(caller.tid), read_ids(caller.tid)
    allowed = (
        (pid == identity.pid or identity.capabilities & CAP_SYS_ADMIN)
        and (user in own.users[:3] or identity.capabilities & CAP_SETUID)
        and (group in own.groups[:3] or identity.capabilities & CAP_SETGID)
    )
    if not allowed:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    return _CREDENTIALS.pack(pid if _names_others(caller) else os.getpid(), user, group)


_can_name: Final[list[bool]] = []
"""Whether the kernel takes from the supervisor what others are called; empty until that was tried."""


def _names_others(caller: Caller) -> bool:
    """Tell whether the supervisor may tell receivers of messages that another process sent them.

    Only root may, and in a container only with CAP_SYS_ADMIN, or where the box has a namespace of processes too. So it
    is tried. Elsewhere receivers are told the supervisor's number.

    Source: the kernel's ``scm_check_creds``.
    """
    if not _can_name:
        _can_name.append(os.geteuid() == 0 and _may_name(caller))
    return _can_name[0]


def _may_name(caller: Caller) -> bool:
    pid = thread_group(caller.tid)
    named = (socket.SOL_SOCKET, _SCM_CREDENTIALS, _CREDENTIALS.pack(pid, os.geteuid(), os.getegid()))
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        try:
            with sending_as(identity_of(caller)):
                one.sendmsg([b"x"], [named])
        except PermissionError:
            return False
    return True


def _break_pipe(caller: Caller, message: _Outgoing) -> None:
    """Send the signal that comes with EPIPE on streams."""
    if message.own.type == socket.SOCK_STREAM and not message.flags & MSG_NOSIGNAL:
        with suppress(ProcessLookupError):
            system_call(NUMBERS["tgkill"], thread_group(caller.tid), caller.tid, signal.SIGPIPE)
