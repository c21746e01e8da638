"""Unix sockets: making, naming and connecting them.

An address lies in the caller's memory, where another thread may change it. So the supervisor binds and connects
itself, on a copy of the caller's descriptor and with its own copy of the address; connections to a path go to the
very file that was checked. Sockets of other families are bound and connected in the same way, without checks, so
that no descriptor that is exchanged in between leads a unix socket past them.

Source: the kernel's ``net/unix/af_unix.c`` and ``selinux_socket_*``.
"""

import errno
import fcntl
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from selbox.diagnostics import SelboxError
from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.names import NewObjects
from selbox.enforce.calls.socketpeers import SocketPeerCalls
from selbox.enforce.connections import Connections, Peer, start_of_process
from selbox.enforce.credentials import Identity, acting_as, read_identity, read_umask
from selbox.enforce.labels import object_class_of
from selbox.enforce.linux import AT_FDCWD, O_PATH, system_call
from selbox.enforce.monitor import AccessDenied, Fields
from selbox.enforce.paths import Located
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.sockets import (
    CallerSocket,
    SocketLabel,
    SocketLabels,
    bind,
    connect,
    copy_socket,
    describe_name,
    not_blocking,
    own_address,
    own_name,
    socket_option,
    sun_path,
    unix_address,
    unix_class,
)
from selbox.enforce.tasks import thread_group
from selbox.enforce.unixdiag import UnixDiagnosis
from selbox.enforce.unixnames import UnixNames

_TYPE_MASK: Final = 0xF
_FAMILY_SIZE: Final = 2
_LARGEST_UNIX: Final = 110
_LARGEST_ADDRESS: Final = 128
_CLONE_FS: Final = 0x200
_SO_SNDTIMEO: Final = 21
_TIME = struct.Struct("=qq")
_RETRY_SECONDS: Final = 0.01
_POLL_NUMBER: Final = 7
_INTERNET: Final = frozenset({socket.AF_INET, socket.AF_INET6})
_CONNECTED: Final = frozenset({socket.SOCK_STREAM, socket.SOCK_SEQPACKET})
_NETLINK_ADDRESS = struct.Struct("=HHII")
_NO_NETLINK_ADDRESS = _NETLINK_ADDRESS.pack(socket.AF_NETLINK, 0, 0, 0)


class _Target(NamedTuple):
    """What a unix socket is to be connected to.

    Attributes:
        name: path or abstract name, as the program gave it.
        address: what the supervisor connects to.
        sids: of the sockets that it may be.
        file: ``O_PATH`` descriptor of the socket file; -1 for an abstract name.
        inode: of the socket file, or 0.
        fields: what a record says about it.
    """

    name: bytes
    address: bytes
    sids: frozenset[int]
    file: int
    inode: int
    fields: Fields


class UnixSocketCalls:
    """``socket``, ``bind``, ``listen``, ``connect``, ``accept`` and what tells about peers."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._new = NewObjects(box)
        self._workers = box.workers
        diagnosis = UnixDiagnosis()
        self._labels = SocketLabels(box)
        self._names = UnixNames(diagnosis, self._labels, box.labels.outside)
        self._connections = Connections(diagnosis)
        self._peers = SocketPeerCalls(box, self._labels, self._connections)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "socket": self.socket,
            "socketpair": self.socketpair,
            "bind": self.bind,
            "listen": self.listen,
            "connect": self.connect,
            "accept": self.accept,
            "accept4": self.accept,
            "getsockopt": self._peers.getsockopt,
        }

    # --- Sockets ----------------------------------------------------------------------------------------------------

    def socket(self, caller: Caller, arguments: Arguments) -> int:
        """``socket(AF_UNIX, type, protocol)``."""
        object_class = unix_class(arguments[1] & _TYPE_MASK)
        if not object_class:
            return CONTINUE  # there is no such socket
        label = self._labels.new(caller, object_class)
        self._box.monitor.check(caller, label.sid, object_class, ("create",), dict)
        if not caller.state.socket_create_sid:
            return CONTINUE
        # What was asked for may be another by the time that the socket is first seen.
        with acting_as(_identity_of(caller)):
            made = system_call(NUMBERS["socket"], socket.AF_UNIX, arguments[1] & 0xFFFFFFFF, signed(arguments[2]))
        self._box.descriptors.add(made)
        self._labels.assign(os.fstat(made).st_ino, label)
        self._box.listener.give_descriptor(caller.id, made, arguments[1] & os.O_CLOEXEC)
        return ANSWERED

    def socketpair(self, caller: Caller, arguments: Arguments) -> int:
        """``socketpair(AF_UNIX, type, protocol, pair)``."""
        object_class = unix_class(arguments[1] & _TYPE_MASK)
        if object_class:
            label = self._labels.new(caller, object_class)
            self._box.monitor.check(caller, label.sid, object_class, ("create",), dict)
        return CONTINUE

    def listen(self, caller: Caller, arguments: Arguments) -> int:
        """``listen(socket, backlog)``; made by the caller itself, whose identity its clients will see."""
        return self._check_and_go_on(caller, arguments[0], "listen")

    def accept(self, caller: Caller, arguments: Arguments) -> int:
        """``accept(socket, …)`` and ``accept4``."""
        return self._check_and_go_on(caller, arguments[0], "accept")

    def _check_and_go_on(self, caller: Caller, register: int, permission: str) -> int:
        self._labels.check(caller, self._labels.of_number(caller, signed(register)), permission)
        return CONTINUE

    def _own_and_address(self, caller: Caller, arguments: Arguments) -> tuple[CallerSocket, bytes]:
        """Return the socket and the address of a call, the latter read once."""
        own = copy_socket(self._box, caller, arguments[0])
        length = signed(arguments[2])
        if not 0 <= length <= _LARGEST_ADDRESS:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return own, self._box.memory.read_exactly(caller.tid, arguments[1], length)

    # --- Binding ----------------------------------------------------------------------------------------------------

    def bind(self, caller: Caller, arguments: Arguments) -> int:
        """``bind(socket, address, length)``."""
        own, address = self._own_and_address(caller, arguments)
        if not own.is_unix:
            return _bind_other(caller, own, address)
        label = self._labels.of(caller, own)
        self._labels.check(caller, label, "bind", own.descriptor)
        if not _is_unix_address(address) or len(address) > _LARGEST_UNIX:
            return -errno.EINVAL
        if len(address) == _FAMILY_SIZE or address[_FAMILY_SIZE] == 0:
            with self._names.lock, acting_as(_identity_of(caller)):
                bind(own.descriptor, address)
                self._names.bound_to_name(own_name(own.descriptor), own.inode, label.sid)
            return 0
        return self._bind_to_path(caller, own, label, address)

    def _bind_to_path(self, caller: Caller, own: CallerSocket, label: SocketLabel, address: bytes) -> int:
        path = sun_path(address)
        located = self._box.walker.locate(caller, AT_FDCWD, path, follow=False)
        if located.status is not None:
            return -errno.EADDRINUSE
        if located.must_be_directory:
            return -errno.ENOENT
        sid = self._new.may_create(caller, located, "sock_file")
        start = self._box.walker.start_of(caller, AT_FDCWD)
        _in_own_directory(lambda: _bind_at(caller, own, address, start, located))
        file = self._box.descriptors.open(located.name, O_PATH | os.O_NOFOLLOW, located.parent)
        self._box.labels.assign(os.fstat(file), sid)
        self._names.bound_to_file(self._box.descriptors.keep(file), label.sid)
        return 0

    # --- Connecting -------------------------------------------------------------------------------------------------

    def connect(self, caller: Caller, arguments: Arguments) -> int:
        """``connect(socket, address, length)``."""
        own, address = self._own_and_address(caller, arguments)
        if not own.is_unix:
            return self._connect_other(caller, own, address)
        label = self._labels.of(caller, own)
        self._labels.check(caller, label, "connect", own.descriptor)
        if not _is_unix_address(address):
            connect(own.descriptor, address)  # AF_UNSPEC dissolves a datagram socket's connection; all else fails
            return 0
        if not _FAMILY_SIZE < len(address) <= _LARGEST_UNIX:
            return -errno.EINVAL
        target = self._target(caller, own, address)
        self._check_target(caller, own, label, target)
        if own.type not in _CONNECTED:
            with acting_as(_identity_of(caller)):
                connect(own.descriptor, target.address)
            return 0
        return self._connect_stream(caller, own, label, target)

    def _target(self, caller: Caller, own: CallerSocket, address: bytes) -> _Target:
        """Find what an address names, with the checks on the way."""
        name = sun_path(address)
        if name[:1] == b"\0":
            sids = self._names.name_sids(name, own.type)
            if not sids:
                raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            return _Target(name, address, sids, -1, 0, describe_name(name))
        located = self._box.walker.locate(caller, AT_FDCWD, name)
        status = located.found
        if located.must_be_directory and not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        self._new.check_object(caller, located, "write")
        very_file = unix_address(f"/proc/self/fd/{located.object}")
        if object_class_of(status) != "sock_file":
            with acting_as(_identity_of(caller)):
                connect(own.descriptor, very_file)  # fails: whether by permissions or by kind is the kernel's to say
        sid = self._names.file_sid(status)
        return _Target(
            name,
            very_file,
            frozenset((self._box.labels.outside if sid is None else sid,)),
            located.object,
            status.st_ino,
            {"path": self._box.labels.describe(located.object)["path"]},
        )

    def _check_target(self, caller: Caller, own: CallerSocket, label: SocketLabel, target: _Target) -> None:
        """Check as ``selinux_socket_unix_stream_connect`` and ``selinux_socket_unix_may_send`` do."""
        monitor = self._box.monitor
        permission = ("connectto" if own.type in _CONNECTED else "sendto",)
        for sid in target.sids:
            if monitor.is_quiet(label.sid, sid, label.object_class, permission):
                continue
            refusal = self._names.refusal(target.inode, target.name, own.type)
            if refusal:
                raise OSError(refusal, os.strerror(refusal))
            monitor.check(caller, sid, label.object_class, permission, lambda: target.fields, source=label.sid)

    def _connect_stream(self, caller: Caller, own: CallerSocket, label: SocketLabel, target: _Target) -> int:
        identity = _identity_of(caller)
        self._note_connection(caller, own, label, target, identity)
        flags = fcntl.fcntl(own.descriptor, fcntl.F_GETFL)
        try:
            with acting_as(identity), not_blocking(own.descriptor, flags):
                connect(own.descriptor, target.address)
        except BlockingIOError:  # the server has as many connections waiting as it wants
            if flags & os.O_NONBLOCK:
                raise
            self._wait_for_server(caller, own, target, identity, flags)
            return ANSWERED
        return 0

    def _note_connection(
        self, caller: Caller, own: CallerSocket, label: SocketLabel, target: _Target, identity: Identity | None
    ) -> None:
        pid = thread_group(caller.tid) if identity is None else identity.pid
        user, group = (os.geteuid(), os.getegid()) if identity is None else (identity.user, identity.group)
        peer = Peer(pid, start_of_process(pid), user, group, label.sid)
        self._connections.made(own.inode, peer, self._server_end(min(target.sids), label.sid), target.name)

    def _server_end(self, listening: int, connecting: int) -> int:
        """Return the SID of a connection's server end: the listener's, at the range of who connects.

        Source: the kernel's ``security_sid_mls_copy``.
        """
        try:
            return self._box.server.copy_range(listening, connecting)
        except SelboxError:
            raise AccessDenied from None

    def _wait_for_server(
        self, caller: Caller, own: CallerSocket, target: _Target, identity: Identity | None, flags: int
    ) -> None:
        """Connect in a thread, which ends with EAGAIN when the socket has a time limit for sending."""
        descriptors = self._box.descriptors
        kept = [descriptors.keep(own.descriptor)]
        if target.file >= 0:
            kept.append(descriptors.keep(target.file))
        seconds, microseconds = _TIME.unpack(socket_option(own.descriptor, _SO_SNDTIMEO, _TIME.size))
        limit = seconds + microseconds / 1e6

        def operation() -> None:
            try:
                with acting_as(identity):
                    if target.file >= 0:
                        connect(own.descriptor, target.address)
                    else:
                        self._connect_by_name(own, target, flags, time.monotonic() + limit if limit else None)
            finally:
                for each in kept:
                    os.close(each)
            self._box.listener.give_result(caller.id, 0)

        self._workers.start(caller, operation)

    def _connect_by_name(self, own: CallerSocket, target: _Target, flags: int, until: float | None) -> None:
        """Connect to an abstract name again and again, as long as it is who was decided about that has it."""
        while True:
            with self._names.lock:
                if self._names.name_sids(target.name, own.type) != target.sids:
                    raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
                try:
                    with not_blocking(own.descriptor, flags):
                        connect(own.descriptor, target.address)
                except BlockingIOError:
                    if until is not None and time.monotonic() >= until:
                        raise
                else:
                    return
            # Unlike time.sleep, the system call ends when a signal says that the caller waits no more.
            system_call(_POLL_NUMBER, 0, 0, int(_RETRY_SECONDS * 1000))

    def _connect_other(self, caller: Caller, own: CallerSocket, address: bytes) -> int:
        """Connect a socket of another family, with the private copy of the address and nothing asked."""
        identity = _identity_of(caller)
        waits = own.type in _CONNECTED and not fcntl.fcntl(own.descriptor, fcntl.F_GETFL) & os.O_NONBLOCK
        if not waits:
            with acting_as(identity):
                if own.family == socket.AF_NETLINK:
                    _bind_netlink(caller, own, _NO_NETLINK_ADDRESS)
                connect(own.descriptor, address)
            return 0
        if own.family in _INTERNET and _connect_promptly(own, address, identity):
            return 0
        self._box.descriptors.keep(own.descriptor)

        def operation() -> None:
            try:
                with acting_as(identity):
                    connect(own.descriptor, address)
            finally:
                os.close(own.descriptor)
            self._box.listener.give_result(caller.id, 0)

        self._workers.start(caller, operation)
        return ANSWERED


def _identity_of(caller: Caller) -> Identity | None:
    """Return who the caller is; None when that is who the supervisor is."""
    return read_identity(caller.tid) if caller.state.credentials_changed else None


def _is_unix_address(address: bytes) -> bool:
    return int.from_bytes(address[:_FAMILY_SIZE], "little") == socket.AF_UNIX and len(address) >= _FAMILY_SIZE


def _connect_promptly(own: CallerSocket, address: bytes, identity: Identity | None) -> bool:
    """Connect without waiting, which is enough within one machine; tell whether it is done."""
    flags = fcntl.fcntl(own.descriptor, fcntl.F_GETFL)
    for _ in range(2):  # the second call says what became of the first
        try:
            with acting_as(identity), not_blocking(own.descriptor, flags):
                connect(own.descriptor, address)
        except BlockingIOError as error:  # EINPROGRESS and EALREADY
            if error.errno == errno.EAGAIN:
                raise
        else:
            return True
    return False


def _bind_other(caller: Caller, own: CallerSocket, address: bytes) -> int:
    """Bind a socket of another family, with the private copy of the address and nothing asked."""
    with acting_as(_identity_of(caller)):
        if own.family == socket.AF_NETLINK and len(address) >= _NETLINK_ADDRESS.size:
            family, padding, port, groups = _NETLINK_ADDRESS.unpack_from(address)
            if port == 0 and _bind_netlink(caller, own, _NETLINK_ADDRESS.pack(family, padding, 0, groups)):
                return 0
        bind(own.descriptor, address)
    return 0


def _bind_netlink(caller: Caller, own: CallerSocket, address: bytes) -> bool:
    """Bind a netlink socket to its own process's number, where the kernel would take that of who makes the call.

    Returns:
        False when that number is taken, or the socket has one already, so that it is the kernel's turn.
    """
    family, padding, _, groups = _NETLINK_ADDRESS.unpack(address)
    if _NETLINK_ADDRESS.unpack(own_address(own.descriptor))[2]:
        return False
    try:
        bind(own.descriptor, _NETLINK_ADDRESS.pack(family, padding, thread_group(caller.tid), groups))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise
    return True


def _in_own_directory(operation: Callable[[], None]) -> None:
    """Run something in a thread that may change its working directory and file mode mask without the others."""
    failures: list[OSError] = []

    def work() -> None:
        try:
            system_call(NUMBERS["unshare"], _CLONE_FS)
            operation()
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _bind_at(caller: Caller, own: CallerSocket, address: bytes, start: int, located: Located) -> None:
    """Bind to a path as the program wrote it, so that it is what it and its clients are told.

    Where the path does not lead the supervisor to the same directory (another root, ``/proc/self``), only the last
    component is bound, from the right one.

    Args:
        caller: the task.
        own: its socket.
        address: the address.
        start: descriptor of its working directory.
        located: where the path leads.
    """
    head, slash, _ = sun_path(address).rpartition(b"/")
    os.umask(read_umask(caller.tid))
    with acting_as(_identity_of(caller)):
        try:
            directory = os.open(head + slash or b".", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=start)
        except OSError:
            is_same = False
        else:
            is_same = os.path.sameopenfile(directory, located.parent)
            os.close(directory)
        os.fchdir(start if is_same else located.parent)
        bind(own.descriptor, address if is_same else unix_address(located.name))
