"""Unix sockets: naming and connecting them. Connections to a path go to the very file that was checked.

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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from selbox.diagnostics import SelboxError
from selbox.enforce.answer import ANSWERED
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller, identity_of
from selbox.enforce.calls.directoryentries import DirectoryEntries
from selbox.enforce.connections import Connections, peer_of
from selbox.enforce.credentials import Identity, acting_as, read_umask
from selbox.enforce.linux import AT_FDCWD, O_PATH, system_call
from selbox.enforce.monitor import AccessDenied, Fields
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.socketlabels import SocketLabel
from selbox.enforce.sockets import (
    CallerSocket,
    bind,
    connect,
    describe_name,
    not_blocking,
    own_name,
    socket_option,
    sun_path,
    unix_address,
)
from selbox.enforce.unixdiag import UnixDiagnosis
from selbox.enforce.unixnames import UnixNames
from selbox.enforce.walks import Located
from selbox.typing import Final, NamedTuple

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


class UnixTarget(NamedTuple):
    """What a unix socket is to be connected to.

    Attributes:
        name: path or abstract name, as the program gave it.
        address: what the supervisor connects to.
        sids: of the sockets that it may be.
        file: ``O_PATH`` descriptor of the socket file; -1 for an abstract name.
        inode: of the socket file, or 0.
        describe: tells what a record says about it.
    """

    name: bytes
    address: bytes
    sids: frozenset[int]
    file: int
    inode: int
    describe: Callable[[], Fields]


class UnixSockets:
    """``bind`` and ``connect`` of unix sockets.

    Args:
        box: the box.
        diagnosis: tells who has a name.
        connections: notes who connected where.
    """

    def __init__(self, box: Box, diagnosis: UnixDiagnosis, connections: Connections) -> None:
        self._box = box
        self._entries = DirectoryEntries(box)
        self._names = UnixNames(diagnosis, box.socket_labels, box.labels.outside)
        self._connections = connections

    # --- Binding ----------------------------------------------------------------------------------------------------

    def bind(self, caller: Caller, own: CallerSocket, label: SocketLabel, address: bytes) -> int:
        """Bind a socket to an address."""
        if not _is_unix_address(address) or len(address) > _LARGEST_UNIX:
            return -errno.EINVAL
        if len(address) == _FAMILY_SIZE or address[_FAMILY_SIZE] == 0:
            with self._names.lock, acting_as(identity_of(caller)):
                bind(own.descriptor, address)
                self._names.bound_to_name(own_name(own.descriptor), own.inode, label.sid)
            return 0
        return self._bind_to_path(caller, own, label, address)

    def _bind_to_path(self, caller: Caller, own: CallerSocket, label: SocketLabel, address: bytes) -> int:
        path = sun_path(address)
        located = self._box.walker.locate_name(caller, AT_FDCWD, path)
        if located.status is not None:
            return -errno.EADDRINUSE
        if located.must_be_directory:
            return -errno.ENOENT
        sid = self._entries.may_create(caller, located, "sock_file")
        start = self._box.walker.start_of(caller, AT_FDCWD)
        _in_own_directory(lambda: _bind_at(caller, own, address, start, located))
        file = self._box.descriptors.open(located.name, O_PATH | os.O_NOFOLLOW, located.parent)
        self._box.labels.assign(os.fstat(file), sid, f"/proc/self/fd/{file}")
        self._names.bound_to_file(self._box.descriptors.keep(file), label.sid)
        return 0

    # --- Connecting -------------------------------------------------------------------------------------------------

    def connect(self, caller: Caller, own: CallerSocket, label: SocketLabel, address: bytes) -> int:
        """Connect a socket to an address."""
        if not _is_unix_address(address):
            connect(own.descriptor, address)  # AF_UNSPEC dissolves a datagram socket's connection; all else fails
            return 0
        if not _FAMILY_SIZE < len(address) <= _LARGEST_UNIX:
            return -errno.EINVAL
        target = self._target(caller, own, address)
        self._check_target(caller, own, label, target)
        if own.type not in _CONNECTED:
            with acting_as(identity_of(caller)):
                connect(own.descriptor, target.address)
            return 0
        return self._connect_stream(caller, own, label, target)

    def _target(self, caller: Caller, own: CallerSocket, address: bytes) -> UnixTarget:
        """Find what an address names, with the checks on the way."""
        name = sun_path(address)
        if name[:1] == b"\0":
            sids = self._names.name_sids(name, own.type)
            if not sids:
                raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            return UnixTarget(name, address, sids, -1, 0, partial(describe_name, name))
        located = self._box.walker.locate(caller, AT_FDCWD, name, parent=False)
        status = located.found
        if located.must_be_directory and not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        self._entries.check_object(caller, located, "write")
        very_file = unix_address(f"/proc/self/fd/{located.object}")
        if not stat.S_ISSOCK(status.st_mode):
            with acting_as(identity_of(caller)):
                connect(own.descriptor, very_file)  # fails: whether by permissions or by kind is the kernel's to say
        sid = self._names.file_sid(status)
        return UnixTarget(
            name,
            very_file,
            frozenset((self._box.labels.outside if sid is None else sid,)),
            located.object,
            status.st_ino,
            lambda: {"path": self._box.labels.describe(located.object)["path"]},
        )

    def _check_target(self, caller: Caller, own: CallerSocket, label: SocketLabel, target: UnixTarget) -> None:
        """Check as ``selinux_socket_unix_stream_connect`` and ``selinux_socket_unix_may_send`` do."""
        monitor = self._box.monitor
        permission = ("connectto" if own.type in _CONNECTED else "sendto",)
        for sid in target.sids:
            if monitor.is_quiet(label.sid, sid, label.object_class, permission):
                continue
            refusal = self._names.refusal(target.inode, target.name, target.address, own.type)
            if refusal:
                raise OSError(refusal, os.strerror(refusal))
            monitor.check(caller, sid, label.object_class, permission, target.describe, source=label.sid)

    def target_of_message(self, caller: Caller, own: CallerSocket, label: SocketLabel, address: bytes) -> UnixTarget:
        """Find whom a datagram is sent to, with the checks on the way.

        Raises:
            AccessDenied: when policy denies it.
            OSError: as the kernel has it.
        """
        if not _is_unix_address(address) or not _FAMILY_SIZE < len(address) <= _LARGEST_UNIX:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        target = self._target(caller, own, address)
        self._check_target(caller, own, label, target)
        return target

    @contextmanager
    def while_meant(self, own: CallerSocket, target: UnixTarget) -> Iterator[None]:
        """Keep an abstract name with who was decided about, in a thread of its own.

        Raises:
            OSError: ECONNREFUSED when it has come to mean another.
        """
        with self._names.lock:
            if self._names.name_sids(target.name, own.type) != target.sids:
                raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
            yield

    def _connect_stream(self, caller: Caller, own: CallerSocket, label: SocketLabel, target: UnixTarget) -> int:
        identity = identity_of(caller)
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
        self, caller: Caller, own: CallerSocket, label: SocketLabel, target: UnixTarget, identity: Identity | None
    ) -> None:
        peer = peer_of(caller, identity, label.sid, partial(self._box.pidfds.started, caller.tid))
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
        self, caller: Caller, own: CallerSocket, target: UnixTarget, identity: Identity | None, flags: int
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

        self._box.workers.start(caller, operation)

    def _connect_by_name(self, own: CallerSocket, target: UnixTarget, flags: int, until: float | None) -> None:
        """Connect to an abstract name again and again, as long as it is who was decided about that has it."""
        while True:
            with self.while_meant(own, target):
                try:
                    with not_blocking(own.descriptor, flags):
                        connect(own.descriptor, target.address)
                except BlockingIOError:
                    if until is not None and time.monotonic() >= until:
                        raise
                else:
                    return
            pause()


def pause() -> None:
    """Wait a little before something is tried again.

    Unlike ``time.sleep``, the system call ends when a signal says that the caller waits no more.
    """
    system_call(_POLL_NUMBER, 0, 0, int(_RETRY_SECONDS * 1000))


def _is_unix_address(address: bytes) -> bool:
    return int.from_bytes(address[:_FAMILY_SIZE], "little") == socket.AF_UNIX and len(address) >= _FAMILY_SIZE


def _in_own_directory(operation: Callable[[], None]) -> None:
    """Run something in a thread that may change its working directory and file mode mask without the others.

    Containers refuse such a thread to who lacks CAP_SYS_ADMIN; there, a process of its own takes some milliseconds.
    """
    failures: list[OSError] = []
    refusals: list[OSError] = []

    def work() -> None:
        try:
            system_call(NUMBERS["unshare"], _CLONE_FS)
        except OSError as error:
            refusals.append(error)
            return
        try:
            operation()
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if refusals:
        _in_own_process(operation)
    if failures:
        raise failures[0]


def _in_own_process(operation: Callable[[], None]) -> None:
    """Run something in a process, which has the descriptors too; only the number of its error comes back."""
    pid = os.fork()
    if pid == 0:
        status = errno.EIO
        try:
            operation()
            status = 0
        except OSError as error:
            status = error.errno or errno.EIO
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        number = status if status > 0 else errno.EIO
        raise OSError(number, os.strerror(number))


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
    with acting_as(identity_of(caller)):
        try:
            directory = os.open(head + slash or b".", O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=start)
        except OSError:
            is_same = False
        else:
            is_same = os.path.sameopenfile(directory, located.parent)
            os.close(directory)
        os.fchdir(start if is_same else located.parent)
        bind(own.descriptor, address if is_same else unix_address(located.name))
