"""System V shared memory, semaphores and message queues.

An object's label is that of the task that made it. Ids are the same for a whole namespace and a new one is not given
out again for a long time, so labels are kept by namespace and id; an object that the box did not make has the label of
what is outside. The ``*get`` calls are made by the supervisor, so that it knows whether an object is new; nearly all
others name their object by value and go on in the kernel.

Source: the kernel's ``ipc/`` and ``selinux_shm_*``, ``selinux_sem_*``, ``selinux_msg_queue_*`` and
``selinux_ipc_permission``.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.mappings import check_place
from selbox.enforce.creation import created_sid
from selbox.enforce.credentials import acting_as, read_identity
from selbox.enforce.ipcnamespaces import IpcNamespaces, in_ipc_of
from selbox.enforce.linux import system_call
from selbox.enforce.monitor import AccessDenied, Fields
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final, NamedTuple

_IPC_PRIVATE: Final = 0
_IPC_CREAT: Final = 0o1000
_IPC_EXCL: Final = 0o2000
_IPC_NOWAIT: Final = 0o4000
_SHM_RDONLY: Final = 0o10000
_SHM_EXEC: Final = 0o100000
_SEM_UNDO: Final = 0o10000
_IPC_RMID, _IPC_SET, _IPC_STAT, _IPC_INFO = range(4)
_READ_BITS: Final = 0o444
_WRITE_BITS: Final = 0o222

_SETVAL: Final = 16
_SEMVMX: Final = 32767
"""The largest value of a semaphore."""

_OPERATION = struct.Struct("=Hhh")
_TIMEOUT_SIZE: Final = 16
_LARGEST_STATUS: Final = 128
_MAX_ATTEMPTS: Final = 8
_KEPT: Final = 1024

_STATUS: Final = ("getattr", "associate")


class _Command(NamedTuple):
    """A command of a ``*ctl`` call.

    Attributes:
        permissions: asked of the object.
        mode: ``unix_read`` or ``unix_write`` where the kernel asks for access by mode bits too, else empty.
    """

    permissions: tuple[str, ...]
    mode: str = ""


_COMMON: Final = {_IPC_SET: _Command(("setattr",)), _IPC_STAT: _Command(_STATUS, "unix_read")}


class _Kind(NamedTuple):
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
    commands: dict[int, _Command]
    information: frozenset[int]
    by_index: dict[int, bool]


_SHM: Final = _Kind(
    "shm",
    NUMBERS["shmget"],
    NUMBERS["shmctl"],
    112,
    "/proc/sysvipc/shm",
    {**_COMMON, 11: _Command(("lock",)), 12: _Command(("lock",))},
    frozenset({_IPC_INFO, 14}),
    {13: True, 15: False},
)
_READ_VALUE: Final = _Command(("read",), "unix_read")
_WRITE_VALUE: Final = _Command(("write",), "unix_write")
_READ_COUNT: Final = _Command(("getattr",), "unix_read")
_SEM: Final = _Kind(
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
        _SETVAL: _WRITE_VALUE,
        17: _WRITE_VALUE,  # SETALL
    },
    frozenset({_IPC_INFO, 19}),
    {18: True, 20: False},
)
_MSG: Final = _Kind(
    "msgq",
    NUMBERS["msgget"],
    NUMBERS["msgctl"],
    120,
    "/proc/sysvipc/msg",
    _COMMON,
    frozenset({_IPC_INFO, 12}),
    {11: True, 13: False},
)


class _Traffic:
    """What went through a message queue, since nobody sees which message a receiver gets.

    Attributes:
        messages: SIDs of messages that were sent.
        receivers: SIDs of tasks that were let receive, and may still be waiting.
    """

    __slots__ = ("messages", "receivers")

    def __init__(self) -> None:
        self.messages: set[int] = set()
        self.receivers: set[int] = set()


class SysVIpcCalls:
    """``shmget`` and its kin."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._workers = box.workers
        self._sids: dict[tuple[int, str, int], int] = {}
        self._prune_at = _KEPT
        self._traffic: dict[tuple[int, int], _Traffic] = {}
        self._namespaces = IpcNamespaces()
        self._namespace = 0
        """Number of the namespace in which the call is made that is handled."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        handlers = {
            "shmget": self.shmget,
            "shmat": self.shmat,
            "shmctl": self.shmctl,
            "semget": self.semget,
            "semop": self.semop,
            "semtimedop": self.semtimedop,
            "semctl": self.semctl,
            "msgget": self.msgget,
            "msgsnd": self.msgsnd,
            "msgrcv": self.msgrcv,
            "msgctl": self.msgctl,
        }
        return {name: partial(self._in_namespace, handler) for name, handler in handlers.items()}

    def _in_namespace(self, handler: Handler, caller: Caller, arguments: Arguments) -> int:
        """Handle a call where ids mean what they do to the caller."""
        if not caller.state.numbers_changed:
            self._namespace = 0
            return handler(caller, arguments)
        self._namespace = self._namespaces.number_of(caller)
        with in_ipc_of(caller):
            if self._namespaces.are_many:
                self._prune()
            return handler(caller, arguments)

    # --- Labels and checks ------------------------------------------------------------------------------------------

    def _sid(self, kind: _Kind, identifier: int) -> int:
        """Return the SID of an object.

        Raises:
            OSError: EINVAL or EIDRM when there is none: the kernel must not meet one that comes into being later.
        """
        known = self._sids.get((self._namespace, kind.object_class, identifier))
        if known is not None:
            return known
        if not _exists(kind, identifier):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self._box.labels.outside

    def _check(self, caller: Caller, kind: _Kind, identifier: int, *permissions: str) -> None:
        if permissions:
            self._box.monitor.check(
                caller,
                self._sid(kind, identifier),
                kind.object_class,
                permissions,
                lambda: _describe(kind, identifier),
            )

    def _granted(self, caller: Caller, kind: _Kind, identifier: int, *permissions: str) -> bool:
        """Tell whether an access would go on; nothing is recorded, now or for that reason later."""
        sid = self._sid(kind, identifier)
        return self._box.monitor.would_go_on(caller.state.sid, sid, kind.object_class, permissions)

    def _forget(self, kind: _Kind, identifier: int) -> None:
        self._sids.pop((self._namespace, kind.object_class, identifier), None)
        if kind is _MSG:
            self._traffic.pop((self._namespace, identifier), None)

    def _assign(self, kind: _Kind, identifier: int, sid: int) -> None:
        self._forget(kind, identifier)
        if len(self._sids) >= self._prune_at:
            self._prune()
        self._sids[self._namespace, kind.object_class, identifier] = sid

    def _prune(self) -> None:
        """Forget labels of what is gone: in namespaces that nobody is in, and in that of the call."""
        gone = self._namespaces.forget_empty(self._box.tasks)
        kinds = {each.object_class: each for each in (_SHM, _SEM, _MSG)}
        for namespace, object_class, number in list(self._sids):
            if namespace in gone:
                del self._sids[namespace, object_class, number]
                self._traffic.pop((namespace, number), None)
            elif namespace == self._namespace and not _exists(kinds[object_class], number):
                self._forget(kinds[object_class], number)
        self._prune_at = max(_KEPT, 2 * len(self._sids))

    # --- Getting ----------------------------------------------------------------------------------------------------

    def shmget(self, caller: Caller, arguments: Arguments) -> int:
        """``shmget(key, size, flags)``."""
        return self._get(caller, _SHM, arguments)

    def semget(self, caller: Caller, arguments: Arguments) -> int:
        """``semget(key, count, flags)``."""
        if signed(arguments[1]) < 0:
            return -errno.EINVAL
        return self._get(caller, _SEM, arguments)

    def msgget(self, caller: Caller, arguments: Arguments) -> int:
        """``msgget(key, flags)``."""
        return self._get(caller, _MSG, arguments)

    def _get(self, caller: Caller, kind: _Kind, arguments: Arguments) -> int:
        """Get or make an object (kernel: ``ipcget``)."""
        key = signed(arguments[0])
        flags = arguments[1 if kind is _MSG else 2] & 0xFFFFFFFF

        def call(changed: int) -> int:
            between = () if kind is _MSG else (arguments[1],)
            with _as(caller):
                return system_call(kind.get, key, *between, changed)

        if key == _IPC_PRIVATE:
            return self._create(caller, kind, key, lambda: call(flags))
        for _ in range(_MAX_ATTEMPTS):
            try:
                system_call(kind.get, key, 0, 0)  # asks for no access, so that it says no more than whether it is there
            except FileNotFoundError:
                if not flags & _IPC_CREAT:
                    raise
                try:
                    return self._create(caller, kind, key, lambda: call(flags | _IPC_EXCL))
                except FileExistsError:
                    continue  # somebody outside the box was quicker
            if flags & _IPC_CREAT and flags & _IPC_EXCL:
                return -errno.EEXIST
            identifier = call(flags & ~(_IPC_CREAT | _IPC_EXCL))
            mode = (("unix_read", _READ_BITS), ("unix_write", _WRITE_BITS))
            self._check(caller, kind, identifier, *(name for name, bits in mode if flags & bits))
            self._check(caller, kind, identifier, "associate")
            return identifier
        return -errno.EEXIST

    def _create(self, caller: Caller, kind: _Kind, key: int, make: Callable[[], int]) -> int:
        sid = caller.state.sid
        self._box.monitor.check(caller, sid, kind.object_class, ("create",), lambda: {"ipc_key": key})
        identifier = make()
        self._assign(kind, identifier, sid)
        return identifier

    # --- Control ----------------------------------------------------------------------------------------------------

    def shmctl(self, caller: Caller, arguments: Arguments) -> int:
        """``shmctl(id, command, buffer)``."""
        return self._control(caller, _SHM, signed(arguments[0]), signed(arguments[1]), arguments[2])

    def semctl(self, caller: Caller, arguments: Arguments) -> int:
        """``semctl(id, number, command, argument)``."""
        return self._control(caller, _SEM, signed(arguments[0]), signed(arguments[2]), arguments[3])

    def msgctl(self, caller: Caller, arguments: Arguments) -> int:
        """``msgctl(id, command, buffer)``."""
        return self._control(caller, _MSG, signed(arguments[0]), signed(arguments[1]), arguments[2])

    def _control(self, caller: Caller, kind: _Kind, identifier: int, number: int, address: int) -> int:
        if number in kind.information:
            target = self._box.server.initial_sid("kernel")
            self._box.monitor.check(caller, target, "system", ("ipc_info",), dict)
            return CONTINUE
        if number in kind.by_index:
            return self._status_by_index(caller, kind, identifier, number, address)
        if number == _IPC_SET:
            self._box.memory.read_exactly(caller.tid, address, kind.status_size)
        if number == _IPC_RMID:
            return self._remove(caller, kind, identifier)
        command = kind.commands.get(number)
        if command is None:
            return -errno.EINVAL
        if kind is _SEM and number == _SETVAL and not 0 <= signed(address) <= _SEMVMX:
            return -errno.ERANGE
        if command.mode:
            self._check(caller, kind, identifier, command.mode)
        self._check(caller, kind, identifier, *command.permissions)
        return CONTINUE

    def _remove(self, caller: Caller, kind: _Kind, identifier: int) -> int:
        """Remove an object, so that its label goes with it and not before."""
        self._check(caller, kind, identifier, "destroy")
        with _as(caller):
            _control(kind, identifier, _IPC_RMID, None)
        # Shared memory stays usable by its id until the last one detaches it, and keeps its label as long.
        if kind is not _SHM or not _exists(kind, identifier):
            self._forget(kind, identifier)
        return 0

    def _status_by_index(self, caller: Caller, kind: _Kind, index: int, number: int, address: int) -> int:
        """Give the status of the object at an index: which one that is must not change after the check."""
        buffer = ctypes.create_string_buffer(kind.status_size)
        with _as(caller):
            identifier = _control(kind, index, number, buffer)
        if kind.by_index[number]:
            self._check(caller, kind, identifier, "unix_read")
        self._check(caller, kind, identifier, *_STATUS)
        self._box.memory.write(caller.tid, address, buffer.raw)
        return identifier

    # --- Shared memory and semaphores -------------------------------------------------------------------------------

    def shmat(self, caller: Caller, arguments: Arguments) -> int:
        """``shmat(id, address, flags)``."""
        identifier = signed(arguments[0])
        writes = not arguments[2] & _SHM_RDONLY
        self._check(caller, _SHM, identifier, *(("unix_read", "unix_write") if writes else ("unix_read",)))
        self._check(caller, _SHM, identifier, *(("read", "write") if writes else ("read",)))
        if arguments[2] & _SHM_EXEC:
            self._box.monitor.check(caller, caller.state.sid, "process", ("execmem",), dict)
        if arguments[1]:
            check_place(self._box, caller, arguments[1])
        return CONTINUE

    def semop(self, caller: Caller, arguments: Arguments) -> int:
        """``semop(id, operations, count)``."""
        return self._operate(caller, arguments, 0)

    def semtimedop(self, caller: Caller, arguments: Arguments) -> int:
        """``semtimedop(id, operations, count, timeout)``."""
        return self._operate(caller, arguments, arguments[3])

    def _operate(self, caller: Caller, arguments: Arguments, timeout_address: int) -> int:
        identifier, count = signed(arguments[0]), arguments[2] & 0xFFFFFFFF
        memory = self._box.memory
        timeout = memory.read_exactly(caller.tid, timeout_address, _TIMEOUT_SIZE) if timeout_address else None
        if count > _most_operations():
            return -errno.E2BIG
        if not count:
            return -errno.EINVAL
        operations = memory.read_exactly(caller.tid, arguments[1], count * _OPERATION.size)
        if identifier < 0:
            return -errno.EINVAL
        alters = any(change for _, change, _ in _OPERATION.iter_unpack(operations))
        self._check(caller, _SEM, identifier, "unix_write" if alters else "unix_read")
        self._check(caller, _SEM, identifier, *(("read", "write") if alters else ("read",)))
        if self._granted(caller, _SEM, identifier, "unix_read", "unix_write", "read", "write"):
            return CONTINUE
        # It may do some operations only, and which ones stands in its memory: so the private copy is what is done.
        if any(change and flags & _SEM_UNDO for _, change, flags in _OPERATION.iter_unpack(operations)):
            return -errno.EACCES  # to be undone when the caller ends, which nobody can do in its stead
        self._operate_for(caller, identifier, operations, timeout)
        return ANSWERED

    def _operate_for(self, caller: Caller, identifier: int, operations: bytes, timeout: bytes | None) -> None:
        identity = read_identity(caller.tid) if caller.state.credentials_changed else None
        count = len(operations) // _OPERATION.size

        def operation() -> None:
            try:
                with in_ipc_of(caller), acting_as(identity):
                    result = system_call(NUMBERS["semtimedop"], identifier, operations, count, timeout)
            except InterruptedError:
                result = -errno.EINTR  # unlike other calls, it is never made again after a signal
            self._box.listener.give_result(caller.id, result)

        self._workers.start(caller, operation)

    # --- Messages ---------------------------------------------------------------------------------------------------

    def msgsnd(self, caller: Caller, arguments: Arguments) -> int:
        """``msgsnd(id, message, size, flags)``."""
        identifier = signed(arguments[0])
        self._box.memory.read_exactly(caller.tid, arguments[1], 8)
        monitor = self._box.monitor
        self._check(caller, _MSG, identifier, "unix_write")
        queue = self._sid(_MSG, identifier)
        message = created_sid(self._box, caller.state.sid, queue, "msg")

        def describe() -> Fields:
            return _describe(_MSG, identifier)

        self._check(caller, _MSG, identifier, "write")
        monitor.check(caller, message, "msg", ("send",), describe)
        monitor.check(caller, queue, "msgq", ("enqueue",), describe, source=message)
        traffic = self._traffic_of(identifier, queue)
        if message not in traffic.messages:
            # Whoever waits gets the message without asking again.
            for receiver in traffic.receivers:
                monitor.check(caller, message, "msg", ("receive",), describe, source=receiver)
            traffic.messages.add(message)
        return CONTINUE

    def msgrcv(self, caller: Caller, arguments: Arguments) -> int:
        """``msgrcv(id, message, size, type, flags)``."""
        identifier = signed(arguments[0])
        self._check(caller, _MSG, identifier, "unix_read")
        queue = self._sid(_MSG, identifier)
        traffic = self._traffic_of(identifier, queue)
        try:
            self._check(caller, _MSG, identifier, "read")
            for message in traffic.messages:
                self._box.monitor.check(caller, message, "msg", ("receive",), lambda: _describe(_MSG, identifier))
        except AccessDenied:
            # To the kernel a message that may not be received is none.
            if arguments[4] & _IPC_NOWAIT:
                return -errno.ENOMSG
            raise
        traffic.receivers.add(caller.state.sid)
        return CONTINUE

    def _traffic_of(self, identifier: int, queue: int) -> _Traffic:
        place = (self._namespace, identifier)
        traffic = self._traffic.get(place)
        if traffic is None:
            traffic = self._traffic[place] = _Traffic()
            if (self._namespace, _MSG.object_class, identifier) not in self._sids:
                outside = self._box.labels.outside
                traffic.messages.add(created_sid(self._box, outside, queue, "msg"))
        return traffic


def _as(caller: Caller) -> AbstractContextManager[None]:
    """Act with the caller's own ids, which become those of an object's owner."""
    return acting_as(read_identity(caller.tid) if caller.state.credentials_changed else None)


def _control(kind: _Kind, identifier: int, command: int, buffer: "ctypes.Array[ctypes.c_char] | None") -> int:
    if kind is _SEM:
        return system_call(kind.control, identifier, 0, command, buffer)
    return system_call(kind.control, identifier, command, buffer)


def _exists(kind: _Kind, identifier: int) -> bool:
    try:
        _control(kind, identifier, _IPC_STAT, ctypes.create_string_buffer(_LARGEST_STATUS))
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _describe(kind: _Kind, identifier: int) -> Fields:
    """Return what a record says about an object: its key (kernel: ``LSM_AUDIT_DATA_IPC``)."""
    with open(kind.table, "rb") as table:
        next(table)
        for line in table:
            key, number = line.split(maxsplit=2)[:2]
            if int(number) == identifier:
                return {"ipc_key": int(key)}
    return {}


def _most_operations() -> int:
    """Return how many operations one ``semop`` may have (the third number of ``kernel.sem``)."""
    with open("/proc/sys/kernel/sem", "rb") as limits:
        return int(limits.read().split()[2])
