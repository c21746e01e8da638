"""The credentials of tasks, and doing file operations with them.

A supervisor that is root acts for programs that may have given up root. What it does in the file system on their
behalf is done with their identity, so that ordinary permissions deny exactly what they would deny without selbox.
"""

import ctypes
import errno
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from selbox.enforce.linux import system_call, system_call_with
from selbox.typing import Final, NamedTuple

_NR_SETGROUPS: Final = 116
_NR_SETRESUID: Final = 117
_NR_SETRESGID: Final = 119
_NR_SETFSUID: Final = 122
_NR_SETFSGID: Final = 123
_NR_CAPGET: Final = 125
_NR_CAPSET: Final = 126
_CAPABILITY_VERSION: Final = 0x20080522
# CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, LINUX_IMMUTABLE, NET_BIND_SERVICE, IPC_OWNER, SYS_ADMIN, MKNOD
# and MAC_OVERRIDE. SYS_PTRACE, SYS_RESOURCE, SETUID and SETGID stay: the supervisor works by them.
_BORROWED: Final = sum(1 << bit for bit in (0, 1, 2, 3, 4, 9, 10, 15, 21, 27, 32))
CAP_SETGID: Final = 1 << 6
CAP_SETUID: Final = 1 << 7
CAP_SYS_ADMIN: Final = 1 << 21

_STATUS_SIZE: Final = 1 << 14

_HEADER: Final = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
_DATA = struct.Struct("=6I")


class Credentials(NamedTuple):
    """What ordinary permission checks on files ask about a task.

    Attributes:
        user: file system user id; group: file system group id; groups: supplementary groups.
        capabilities: effective capabilities, as a bitset; none where they hold in another user namespace only.
    """

    user: int
    group: int
    groups: tuple[int, ...]
    capabilities: int


def read_credentials(tid: int) -> Credentials:
    """Read a task's credentials.

    Raises:
        OSError: ESRCH when it is gone.
    """
    status = _status_of(tid)
    return Credentials(
        int(_values(status, b"Uid")[3]),
        int(_values(status, b"Gid")[3]),
        tuple(map(int, _values(status, b"Groups"))),
        _capabilities_of(tid, status),
    )


def own_credentials() -> Credentials:
    """Return the calling process's own, which its tasks have until they change them."""
    return read_credentials(os.getpid())


def _status_of(tid: int) -> bytes:
    """Return what ``/proc`` tells of a task, without what a file object would add to the time that it takes."""
    try:
        descriptor = os.open(f"/proc/{tid}/status", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH)) from None
    try:
        status = b""
        while more := os.read(descriptor, _STATUS_SIZE):
            status += more
            if len(more) < _STATUS_SIZE:
                break
        return status
    finally:
        os.close(descriptor)


def _values(status: bytes, name: bytes) -> list[bytes]:
    """Return the values of one line of a task's status."""
    start = status.index(b"\n%b:" % name) + len(name) + 2
    return status[start : status.index(b"\n", start)].split()


def _capabilities_of(tid: int, status: bytes) -> int:
    same = os.stat(f"/proc/{tid}/ns/user").st_ino == os.stat("/proc/self/ns/user").st_ino
    return int(_values(status, b"CapEff")[0], 16) if same else 0


class Identity(NamedTuple):
    """Who a task is, for what the kernel decides or records by effective ids: IPC objects, peers of sockets.

    Attributes:
        pid: process id (its thread group).
        user: effective user id; group: effective group id; groups: supplementary groups.
        capabilities: as :attr:`Credentials.capabilities`.
    """

    pid: int
    user: int
    group: int
    groups: tuple[int, ...]
    capabilities: int


def read_identity(tid: int) -> Identity:
    """Read a task's identity.

    Raises:
        OSError: ESRCH when it is gone.
    """
    status = _status_of(tid)
    return Identity(
        int(_values(status, b"Tgid")[0]),
        int(_values(status, b"Uid")[1]),
        int(_values(status, b"Gid")[1]),
        tuple(map(int, _values(status, b"Groups"))),
        _capabilities_of(tid, status),
    )


def effective_capabilities(tid: int) -> int:
    """Return a task's effective capabilities as a bitset, in whichever user namespace it holds them.

    Raises:
        OSError: ESRCH when it is gone.
    """
    return int(_values(_status_of(tid), b"CapEff")[0], 16)


def permitted_capabilities(tid: int) -> int:
    """Return a task's permitted capabilities as a bitset, in whichever user namespace it holds them.

    Raises:
        OSError: ESRCH when it is gone.
    """
    return int(_values(_status_of(tid), b"CapPrm")[0], 16)


def user_namespace(tid: int) -> int:
    """Return the inode number of a task's user namespace.

    Raises:
        OSError: ESRCH or ENOENT when it is gone.
    """
    with own_capabilities():
        return os.stat(f"/proc/{tid}/ns/user").st_ino


def outer_id(tid: int, kind: str, number: int) -> int | None:
    """Return what an id in a task's user namespace is in the supervisor's; None for one that it does not have.

    Args:
        tid: the task.
        kind: ``uid`` or ``gid``.
        number: as the task says it.
    """
    with open(f"/proc/{tid}/{kind}_map", "rb") as rows:
        for row in rows:
            first, outer, count = map(int, row.split())
            if first <= number < first + count:
                return outer + number - first
    return None


class Ids(NamedTuple):
    """The ids of a task: real, effective, saved and of the file system.

    Attributes:
        users: user ids; groups: group ids.
    """

    users: tuple[int, ...]
    groups: tuple[int, ...]


def read_ids(tid: int) -> Ids:
    """Read a task's ids.

    Raises:
        OSError: ESRCH when it is gone.
    """
    status = _status_of(tid)
    return Ids(tuple(map(int, _values(status, b"Uid"))), tuple(map(int, _values(status, b"Gid"))))


def real_identity(tid: int) -> Identity:
    """Read who a task really is, for ``access(2)``: its real ids, and the capabilities that these have.

    Raises:
        OSError: ESRCH when it is gone.
    """
    status = _status_of(tid)
    user = int(_values(status, b"Uid")[0])
    same = os.stat(f"/proc/{tid}/ns/user").st_ino == os.stat("/proc/self/ns/user").st_ino
    return Identity(
        int(_values(status, b"Tgid")[0]),
        user,
        int(_values(status, b"Gid")[0]),
        tuple(map(int, _values(status, b"Groups"))),
        int(_values(status, b"CapPrm")[0], 16) if same and user == 0 else 0,
    )


def read_umask(tid: int) -> int:
    """Return a task's file mode creation mask."""
    with open(f"/proc/{tid}/status", "rb") as status:
        for line in status:
            if line.startswith(b"Umask:"):
                return int(line[6:], 8)
    return 0o077


_set_fs_user = system_call_with(_NR_SETFSUID, ctypes.c_long)
_set_fs_group = system_call_with(_NR_SETFSGID, ctypes.c_long)
_set_group_list = system_call_with(_NR_SETGROUPS, ctypes.c_long, ctypes.c_char_p)
_get_capabilities = system_call_with(_NR_CAPGET, ctypes.c_char_p, ctypes.c_char_p)
_set_capabilities = system_call_with(_NR_CAPSET, ctypes.c_char_p, ctypes.c_char_p)


def _set_groups(groups: tuple[int, ...]) -> None:
    _set_group_list(len(groups), struct.pack(f"={len(groups)}I", *groups))


def _capabilities() -> tuple[int, ...]:
    buffer = ctypes.create_string_buffer(_DATA.size)
    _get_capabilities(_HEADER, buffer)
    return _DATA.unpack(buffer.raw)


def _set_effective(low: int, high: int, held: tuple[int, ...]) -> None:
    _set_capabilities(_HEADER, _DATA.pack(low, held[1], held[2], high, held[4], held[5]))


_borrowing = threading.local()
"""``held``: the capabilities that the thread will have again once it gives back what it was lent, or None."""


class Lender:
    """Has the thread that handles calls do file operations with a task's credentials, as long as it is the same task's.

    Only root can; others act as themselves. The system calls are made directly, since libc's own wrappers would change
    every thread of the supervisor.
    """

    def __init__(self) -> None:
        self._lent: Credentials | None = None
        self._is_root = os.geteuid() == 0
        self._own_groups = tuple(os.getgroups())
        self._own_group = os.getegid()
        self._held = _capabilities()

    def lend(self, credentials: Credentials) -> None:
        """Take on credentials, until they are given back."""
        if credentials == self._lent or not self._is_root:
            return
        self.give_back()
        held, lent = self._held, credentials.capabilities
        self._lent = credentials
        try:
            _set_groups(credentials.groups)
            _set_fs_group(credentials.group)
            _set_fs_user(credentials.user)
            keep = ~_BORROWED | lent
            _set_effective(held[0] & keep & 0xFFFFFFFF, held[3] & (keep >> 32) & 0xFFFFFFFF, held)
        except OSError:
            self.give_back()
            raise
        _borrowing.held = held

    def give_back(self) -> None:
        """Be the supervisor itself again."""
        if self._lent is None:
            return
        self._lent = None
        _borrowing.held = None
        _set_effective(self._held[0], self._held[3], self._held)
        _set_fs_user(0)
        _set_fs_group(self._own_group)
        _set_groups(self._own_groups)


_AS_IT_IS: Final = nullcontext()


def own_capabilities() -> AbstractContextManager[None]:
    """Look into ``/proc`` as the supervisor itself while credentials are borrowed.

    What belongs to a task that changed its identity is root's there, and the task itself may see it.
    """
    held = getattr(_borrowing, "held", None)
    return _AS_IT_IS if held is None else _WithCapabilities(held)


class _WithCapabilities(AbstractContextManager[None]):
    """Has the calling thread hold capabilities for a moment; what has no generator takes half the time."""

    __slots__ = ("_held", "_lent")

    def __init__(self, held: tuple[int, ...]) -> None:
        self._held = self._lent = held

    def __enter__(self) -> None:
        self._lent = _capabilities()
        _set_effective(self._held[0], self._held[3], self._held)

    def __exit__(self, *_: object) -> None:
        _set_effective(self._lent[0], self._lent[3], self._lent)


@contextmanager
def with_capabilities(capabilities: int) -> Iterator[None]:
    """Have the calling thread hold some of its capabilities alone for a moment.

    Args:
        capabilities: a bitset.
    """
    held = _capabilities()
    _set_effective(held[0] & capabilities & 0xFFFFFFFF, held[3] & capabilities >> 32, held)
    try:
        yield
    finally:
        _set_effective(held[0], held[3], held)


@contextmanager
def own_credentials_held() -> Iterator[None]:
    """Be the supervisor itself for a moment, whatever the calling thread was lent or acts as."""
    lent = _capabilities()
    user, group = _set_fs_user(-1), _set_fs_group(-1)
    try:
        _set_effective(lent[1], lent[4], lent)
        _set_fs_group(os.getgid())
        _set_fs_user(os.getuid())
        _set_effective(lent[1], lent[4], lent)
        yield
    finally:
        _set_fs_group(group)
        _set_fs_user(user)
        _set_effective(lent[0], lent[3], lent)


def acting_as(identity: Identity | None, also: int = 0) -> AbstractContextManager[None]:
    """Have the calling thread's effective ids and capabilities be a task's; only root can, others act as themselves.

    It may stand where a :class:`Lender` has lent credentials, which changes less: what the kernel notes as an object's
    owner, or tells a socket's peer, are effective ids. The real and saved user id stay the supervisor's, so that nobody
    may signal it.

    Args:
        identity: None changes nothing, for a task whose credentials are the supervisor's own.
        also: capabilities that the supervisor needs for what it does, though the task may not have them.
    """
    return _AS_IT_IS if identity is None or os.geteuid() != 0 else _with_identity(identity, also)


@contextmanager
def _with_identity(identity: Identity, also: int) -> Iterator[None]:
    groups, group = tuple(os.getgroups()), os.getegid()
    file_user, file_group = _set_fs_user(-1), _set_fs_group(-1)
    held = _capabilities()
    lent = identity.capabilities | also
    try:
        _set_groups(identity.groups)
        system_call(_NR_SETRESGID, -1, identity.group, -1)
        system_call(_NR_SETRESUID, -1, identity.user, -1)
        _set_effective(held[1] & lent & 0xFFFFFFFF, held[4] & (lent >> 32) & 0xFFFFFFFF, held)
        yield
    finally:
        _set_effective(held[0], held[3], held)
        system_call(_NR_SETRESUID, -1, 0, -1)
        system_call(_NR_SETRESGID, -1, group, -1)
        _set_groups(groups)
        _set_fs_group(file_group)
        _set_fs_user(file_user)
        _set_effective(held[0], held[3], held)


def sending_as(identity: Identity | None) -> AbstractContextManager[None]:
    """Act as a task that sends a message, and be able to tell its receiver so.

    Who sends is told beside a message, and only who has these capabilities tells what is not true of itself.
    """
    return acting_as(identity, CAP_SYS_ADMIN | CAP_SETUID | CAP_SETGID)


@contextmanager
def real_ids_of(tid: int) -> Iterator[None]:
    """Have the calling thread's real ids be a task's for a moment; the effective ones, and what it may do, stay.

    ``prlimit(2)`` and ``ptrace(2)`` let in whoever has a task's real ids. The kernel takes every change of ids for one
    of those of the file system too, which may be lent ones.

    Raises:
        OSError: EPERM when the supervisor is not root.
    """
    status = _status_of(tid)
    user, group = int(_values(status, b"Uid")[0]), int(_values(status, b"Gid")[0])
    own_user, own_group = os.getuid(), os.getgid()
    file_user, file_group = _set_fs_user(-1), _set_fs_group(-1)
    held = _capabilities()
    try:
        system_call(_NR_SETRESGID, group, -1, -1)
        system_call(_NR_SETRESUID, user, -1, -1)
        yield
    finally:
        system_call(_NR_SETRESUID, own_user, -1, -1)
        system_call(_NR_SETRESGID, own_group, -1, -1)
        _set_fs_group(file_group)
        _set_fs_user(file_user)
        _set_effective(held[0], held[3], held)
