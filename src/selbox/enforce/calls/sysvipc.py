"""System V shared memory, semaphores and message queues: making them, using them, and their ``*ctl`` calls.

An object's label is that of the task that made it. The ``*get`` calls are made by the supervisor, so that it knows
whether an object is new; nearly all others name their object by value and go on in the kernel.

Source: the kernel's ``ipc/`` and ``selinux_shm_*``, ``selinux_sem_*`` and ``selinux_msg_queue_*``.
"""

import ctypes
import errno
import struct
from collections.abc import Callable
from functools import partial

from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.mappings import check_place
from selbox.enforce.calls.sysvmessages import SysVMessageCalls
from selbox.enforce.calls.sysvobjects import (
    IPC_RMID,
    IPC_SET,
    MSG,
    SEM,
    SETVAL,
    SHM,
    STATUS,
    Kind,
    SysVObjects,
    as_owner,
    control,
    exists,
)
from selbox.enforce.credentials import acting_as, read_identity
from selbox.enforce.ipcnamespaces import in_ipc_of
from selbox.enforce.linux import system_call
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

_IPC_PRIVATE: Final = 0
_IPC_CREAT: Final = 0o1000
_IPC_EXCL: Final = 0o2000
_SHM_RDONLY: Final = 0o10000
_SHM_EXEC: Final = 0o100000
_SEM_UNDO: Final = 0o10000
_READ_BITS: Final = 0o444
_WRITE_BITS: Final = 0o222

_SEMVMX: Final = 32767
"""The largest value of a semaphore."""

_OPERATION = struct.Struct("=Hhh")
_TIMEOUT_SIZE: Final = 16
_MAX_ATTEMPTS: Final = 8


class SysVIpcCalls:
    """``shmget`` and its kin."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._workers = box.workers
        self._objects = SysVObjects(box)
        self._messages = SysVMessageCalls(box, self._objects)

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
            "msgctl": self.msgctl,
            **self._messages.handlers(),
        }
        return {name: partial(self._objects.in_namespace, handler) for name, handler in handlers.items()}

    # --- Getting ----------------------------------------------------------------------------------------------------

    def shmget(self, caller: Caller, arguments: Arguments) -> int:
        """``shmget(key, size, flags)``."""
        return self._get(caller, SHM, arguments)

    def semget(self, caller: Caller, arguments: Arguments) -> int:
        """``semget(key, count, flags)``."""
        if signed(arguments[1]) < 0:
            return -errno.EINVAL
        return self._get(caller, SEM, arguments)

    def msgget(self, caller: Caller, arguments: Arguments) -> int:
        """``msgget(key, flags)``."""
        return self._get(caller, MSG, arguments)

    def _get(self, caller: Caller, kind: Kind, arguments: Arguments) -> int:
        """Get or make an object (kernel: ``ipcget``)."""
        key = signed(arguments[0])
        flags = arguments[1 if kind is MSG else 2] & 0xFFFFFFFF

        def call(changed: int) -> int:
            between = () if kind is MSG else (arguments[1],)
            with as_owner(caller):
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
            self._objects.check(caller, kind, identifier, *(name for name, bits in mode if flags & bits))
            self._objects.check(caller, kind, identifier, "associate")
            return identifier
        return -errno.EEXIST

    def _create(self, caller: Caller, kind: Kind, key: int, make: Callable[[], int]) -> int:
        sid = caller.state.sid
        self._box.monitor.check(caller, sid, kind.object_class, ("create",), lambda: {"ipc_key": key})
        identifier = make()
        self._objects.assign(kind, identifier, sid)
        return identifier

    # --- Control ----------------------------------------------------------------------------------------------------

    def shmctl(self, caller: Caller, arguments: Arguments) -> int:
        """``shmctl(id, command, buffer)``."""
        return self._control(caller, SHM, signed(arguments[0]), signed(arguments[1]), arguments[2])

    def semctl(self, caller: Caller, arguments: Arguments) -> int:
        """``semctl(id, number, command, argument)``."""
        return self._control(caller, SEM, signed(arguments[0]), signed(arguments[2]), arguments[3])

    def msgctl(self, caller: Caller, arguments: Arguments) -> int:
        """``msgctl(id, command, buffer)``."""
        return self._control(caller, MSG, signed(arguments[0]), signed(arguments[1]), arguments[2])

    def _control(self, caller: Caller, kind: Kind, identifier: int, number: int, address: int) -> int:
        if number in kind.information:
            target = self._box.server.initial_sid("kernel")
            self._box.monitor.check(caller, target, "system", ("ipc_info",), dict)
            return CONTINUE
        if number in kind.by_index:
            return self._status_by_index(caller, kind, identifier, number, address)
        if number == IPC_SET:
            self._box.memory.read_exactly(caller.tid, address, kind.status_size)
        if number == IPC_RMID:
            return self._remove(caller, kind, identifier)
        command = kind.commands.get(number)
        if command is None:
            return -errno.EINVAL
        if kind is SEM and number == SETVAL and not 0 <= signed(address) <= _SEMVMX:
            return -errno.ERANGE
        if command.mode:
            self._objects.check(caller, kind, identifier, command.mode)
        self._objects.check(caller, kind, identifier, *command.permissions)
        return CONTINUE

    def _remove(self, caller: Caller, kind: Kind, identifier: int) -> int:
        """Remove an object, so that its label goes with it and not before."""
        self._objects.check(caller, kind, identifier, "destroy")
        with as_owner(caller):
            control(kind, identifier, IPC_RMID, None)
        # Shared memory stays usable by its id until the last one detaches it, and keeps its label as long.
        if kind is not SHM or not exists(kind, identifier):
            self._objects.forget(kind, identifier)
        return 0

    def _status_by_index(self, caller: Caller, kind: Kind, index: int, number: int, address: int) -> int:
        """Give the status of the object at an index: which one that is must not change after the check."""
        buffer = ctypes.create_string_buffer(kind.status_size)
        with as_owner(caller):
            identifier = control(kind, index, number, buffer)
        if kind.by_index[number]:
            self._objects.check(caller, kind, identifier, "unix_read")
        self._objects.check(caller, kind, identifier, *STATUS)
        self._box.memory.write(caller.tid, address, buffer.raw)
        return identifier

    # --- Shared memory and semaphores -------------------------------------------------------------------------------

    def shmat(self, caller: Caller, arguments: Arguments) -> int:
        """``shmat(id, address, flags)``."""
        identifier = signed(arguments[0])
        writes = not arguments[2] & _SHM_RDONLY
        self._objects.check(caller, SHM, identifier, *(("unix_read", "unix_write") if writes else ("unix_read",)))
        self._objects.check(caller, SHM, identifier, *(("read", "write") if writes else ("read",)))
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
        self._objects.check(caller, SEM, identifier, "unix_write" if alters else "unix_read")
        self._objects.check(caller, SEM, identifier, *(("read", "write") if alters else ("read",)))
        if self._objects.would_grant(caller, SEM, identifier, "unix_read", "unix_write", "read", "write"):
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


def _most_operations() -> int:
    """Return how many operations one ``semop`` may have (the third number of ``kernel.sem``)."""
    with open("/proc/sys/kernel/sem", "rb") as limits:
        return int(limits.read().split()[2])
