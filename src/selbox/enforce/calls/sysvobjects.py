"""System V objects: their kinds, their labels, and what is asked of them.

Ids are the same for a whole namespace and a new one is not given out again for a long time, so labels are kept by
namespace and id; an object that the box did not make has the label of what is outside.

Source: the kernel's ``ipc/util.c`` and ``selinux_ipc_permission``.
"""

import ctypes
import errno
import os
from contextlib import AbstractContextManager

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.creation import created_sid
from selbox.enforce.credentials import acting_as, read_identity
from selbox.enforce.ipcnamespaces import IpcNamespaces, in_ipc_of
from selbox.enforce.linux import system_call
from selbox.enforce.monitor import Fields
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final, NamedTuple

IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO = range(4)
SETVAL: Final = 16

_LARGEST_STATUS: Final = 128
_KEPT: Final = 1024

STATUS: Final = ("getattr", "associate")
"""What it takes to be given the status of an object."""


class Command(NamedTuple):
    """A command of a ``*ctl`` call.

    Attributes:
        permissions: asked of the object.
        mode: ``unix_read`` or ``unix_write`` where the kernel asks for access by mode bits too, else empty.
    """

    permissions: tuple[str, ...]
    mode: str = ""


_COMMON: Final = {IPC_SET: Command(("setattr",)), IPC_STAT: Command(STATUS, "unix_read")}


class Kind(NamedTuple):
    """One of the three kinds of objects.

    Attributes:
        object_class: name of its class.
        get: number of its ``*get`` call; control: of its ``*ctl`` call.
        status_size: bytes of its ``*id_ds``.
        table: its file in ``/proc/sysvipc``.
        commands: those of ``*ctl`` that name an object by id.
        information: commands about the whole system.
        by_index: commands that give the status of an object by its place, and whether mode bits count for them.
    """

    object_class: str
    get: int
    control: int
    status_size: int
    table: str
    commands: dict[int, Command]
    information: frozenset[int]
    by_index: dict[int, bool]


SHM: Final = Kind(
    "shm",
    NUMBERS["shmget"],
    NUMBERS["shmctl"],
    112,
    "/proc/sysvipc/shm",
    {**_COMMON, 11: Command(("lock",)), 12: Command(("lock",))},
    frozenset({IPC_INFO, 14}),
    {13: True, 15: False},
)
_READ_VALUE: Final = Command(("read",), "unix_read")
_WRITE_VALUE: Final = Command(("write",), "unix_write")
_READ_COUNT: Final = Command(("getattr",), "unix_read")
SEM: Final = Kind(
    "sem",
    NUMBERS["semget"],
    NUMBERS["semctl"],
    104,
    "/proc/sysvipc/sem",
    {
        **_COMMON,
        11: _READ_COUNT,  # GETPID
        12: _READ_VALUE,  # GETVAL
        13: _READ_VALUE,  # GETALL
        14: _READ_COUNT,  # GETNCNT
        15: _READ_COUNT,  # GETZCNT
        SETVAL: _WRITE_VALUE,
        17: _WRITE_VALUE,  # SETALL
    },
    frozenset({IPC_INFO, 19}),
    {18: True, 20: False},
)
MSG: Final = Kind(
    "msgq",
    NUMBERS["msgget"],
    NUMBERS["msgctl"],
    120,
    "/proc/sysvipc/msg",
    _COMMON,
    frozenset({IPC_INFO, 12}),
    {11: True, 13: False},
)


class Traffic:
    """What went through a message queue, since nobody sees which message a receiver gets.

    Attributes:
        messages: SIDs of messages that were sent.
        receivers: SIDs of tasks that were let receive, and may still be waiting.
    """

    __slots__ = ("messages", "receivers")

    def __init__(self) -> None:
        self.messages: set[int] = set()
        self.receivers: set[int] = set()


class SysVObjects:
    """The objects of a box, by id, in the namespace of the call that is handled."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._sids: dict[tuple[int, str, int], int] = {}
        self._prune_at = _KEPT
        self._traffic: dict[tuple[int, int], Traffic] = {}
        self._namespaces = IpcNamespaces()
        self._namespace = 0
        """Number of the namespace in which the call is made that is handled."""

    def in_namespace(self, handler: Handler, caller: Caller, arguments: Arguments) -> int:
        """Handle a call where ids mean what they do to the caller."""
        if not caller.state.numbers_changed:
            self._namespace = 0
            return handler(caller, arguments)
        self._namespace = self._namespaces.number_of(caller)
        with in_ipc_of(caller):
            if self._namespaces.are_many:
                self._prune()
            return handler(caller, arguments)

    def sid_of(self, kind: Kind, identifier: int) -> int:
        """Return the SID of an object.

        Raises:
            OSError: EINVAL or EIDRM when there is none: the kernel must not meet one that comes into being later.
        """
        known = self._sids.get((self._namespace, kind.object_class, identifier))
        if known is not None:
            return known
        if not exists(kind, identifier):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self._box.labels.outside

    def check(self, caller: Caller, kind: Kind, identifier: int, *permissions: str) -> None:
        """Check permissions of an object, if any are asked for.

        Raises:
            AccessDenied: when policy denies one and is enforced.
            OSError: EINVAL or EIDRM when there is no such object.
        """
        if permissions:
            self._box.monitor.check(
                caller,
                self.sid_of(kind, identifier),
                kind.object_class,
                permissions,
                lambda: describe_object(kind, identifier),
            )

    def would_grant(self, caller: Caller, kind: Kind, identifier: int, *permissions: str) -> bool:
        """Tell whether an access would go on; nothing is recorded, now or for that reason later."""
        sid = self.sid_of(kind, identifier)
        return self._box.monitor.would_go_on(caller.state.sid, sid, kind.object_class, permissions)

    def forget(self, kind: Kind, identifier: int) -> None:
        """Forget the label of an object that is no more, and what went through it."""
        self._sids.pop((self._namespace, kind.object_class, identifier), None)
        if kind is MSG:
            self._traffic.pop((self._namespace, identifier), None)

    def assign(self, kind: Kind, identifier: int, sid: int) -> None:
        """Label an object that was just made."""
        self.forget(kind, identifier)
        if len(self._sids) >= self._prune_at:
            self._prune()
        self._sids[self._namespace, kind.object_class, identifier] = sid

    def traffic_of(self, identifier: int) -> Traffic:
        """Return what went through a message queue; through one from outside at least a message from there did."""
        place = (self._namespace, identifier)
        traffic = self._traffic.get(place)
        if traffic is None:
            traffic = self._traffic[place] = Traffic()
            if (self._namespace, MSG.object_class, identifier) not in self._sids:
                outside = self._box.labels.outside
                traffic.messages.add(created_sid(self._box, outside, self.sid_of(MSG, identifier), "msg"))
        return traffic

    def _prune(self) -> None:
        """Forget labels of what is gone: in namespaces that nobody is in, and in that of the call."""
        gone = self._namespaces.forget_empty(self._box.tasks)
        kinds = {each.object_class: each for each in (SHM, SEM, MSG)}
        for namespace, object_class, number in list(self._sids):
            if namespace in gone:
                del self._sids[namespace, object_class, number]
                self._traffic.pop((namespace, number), None)
            elif namespace == self._namespace and not exists(kinds[object_class], number):
                self.forget(kinds[object_class], number)
        self._prune_at = max(_KEPT, 2 * len(self._sids))


def as_owner(caller: Caller) -> AbstractContextManager[None]:
    """Act with the caller's own ids, which become those of an object's owner."""
    return acting_as(read_identity(caller.tid) if caller.state.credentials_changed else None)


def control(kind: Kind, identifier: int, command: int, buffer: "ctypes.Array[ctypes.c_char] | None") -> int:
    """Make the ``*ctl`` call of a kind, and return its result; raises what it fails with."""
    if kind is SEM:
        return system_call(kind.control, identifier, 0, command, buffer)
    return system_call(kind.control, identifier, command, buffer)


def exists(kind: Kind, identifier: int) -> bool:
    """Tell whether there is an object of an id."""
    try:
        control(kind, identifier, IPC_STAT, ctypes.create_string_buffer(_LARGEST_STATUS))
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def describe_object(kind: Kind, identifier: int) -> Fields:
    """Return what a record says about an object: its key (kernel: ``LSM_AUDIT_DATA_IPC``)."""
    with open(kind.table, "rb") as table:
        next(table)
        for line in table:
            key, number = line.split(maxsplit=2)[:2]
            if int(number) == identifier:
                return {"ipc_key": int(key)}
    return {}
