"""System V shared memory and message queues, for which Python has no module, by way of the C library.

Everything raises OSError as the system call says.
"""

import ctypes
import errno
import os
import random
from typing import Final, NamedTuple

_ANYONE: Final = 0o666
_IPC_CREAT: Final = 0o1000
_IPC_EXCL: Final = 0o2000
_IPC_NOWAIT: Final = 0o4000
_IPC_RMID: Final = 0
_SHM_RDONLY: Final = 0o10000
_SIZE: Final = 4096
_ANY_MESSAGE: Final = 0
_FAILED: Final = ctypes.c_void_p(-1).value

_libc = ctypes.CDLL(None, use_errno=True)
_libc.shmat.restype = ctypes.c_void_p
_libc.shmget.argtypes = (ctypes.c_int, ctypes.c_size_t, ctypes.c_int)
_libc.shmat.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_libc.shmdt.argtypes = (ctypes.c_void_p,)
_libc.msgsnd.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_libc.msgrcv.restype = ctypes.c_ssize_t
_libc.msgrcv.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long, ctypes.c_int)


class Keys(NamedTuple):
    """Where the vault's System V objects are found.

    Attributes:
        memory: key of the shared memory.
        queue: key of the message queue.
    """

    memory: int
    queue: int

    @classmethod
    def fresh(cls) -> "Keys":
        """Return keys that hardly anybody else has chosen."""
        return cls(*random.SystemRandom().sample(range(1, 2**31), 2))

    def remove(self) -> None:
        """Remove what is there under these keys, unless somebody else does at this moment."""
        for open_object, key, control in (
            (open_memory, self.memory, _libc.shmctl),
            (open_queue, self.queue, _libc.msgctl),
        ):
            try:
                _check(control(open_object(key), _IPC_RMID, None))
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EIDRM, errno.EINVAL):
                    raise


class _Message(ctypes.Structure):
    """What ``msgsnd`` sends and ``msgrcv`` receives."""

    _fields_ = (("kind", ctypes.c_long), ("text", ctypes.c_char * _SIZE))


def make_memory(key: int, content: bytes) -> None:
    """Put a content into new shared memory that anyone may attach, as far as its mode is concerned."""
    address = _attach(_check(_libc.shmget(key, _SIZE, _IPC_CREAT | _IPC_EXCL | _ANYONE)), 0)
    ctypes.memmove(address, content + b"\0", len(content) + 1)
    _check(_libc.shmdt(address))


def open_memory(key: int) -> int:
    """Return the id of the shared memory with a key."""
    return _check(_libc.shmget(key, 0, 0))


def read_memory(identifier: int) -> bytes:
    """Attach shared memory and return its content."""
    address = _attach(identifier, _SHM_RDONLY)
    content = ctypes.string_at(address)
    _check(_libc.shmdt(address))
    return content


def make_queue(key: int, content: bytes) -> None:
    """Put a message into a new queue that anyone may receive from, as far as its mode is concerned."""
    identifier = _check(_libc.msgget(key, _IPC_CREAT | _IPC_EXCL | _ANYONE))
    _check(_libc.msgsnd(identifier, ctypes.byref(_Message(1, content)), len(content), _IPC_NOWAIT))


def open_queue(key: int) -> int:
    """Return the id of the message queue with a key."""
    return _check(_libc.msgget(key, 0))


def receive(identifier: int) -> bytes:
    """Take a message from a queue and return its content."""
    message = _Message()
    length = _check(_libc.msgrcv(identifier, ctypes.byref(message), _SIZE, _ANY_MESSAGE, _IPC_NOWAIT))
    return bytes(message.text[:length])


def listed_id(table: str, key: int) -> int:
    """Look an object's id up where the kernel lists them for everyone, without opening the object.

    Args:
        table: ``shm`` or ``msg``.
        key: the object's key.

    Raises:
        FileNotFoundError: when there is none.
    """
    with open(f"/proc/sysvipc/{table}", encoding="ascii") as rows:
        next(rows)
        for row in rows:
            its_key, identifier = row.split()[:2]
            if int(its_key) == key:
                return int(identifier)
    raise FileNotFoundError(f"no {table} has the key {key}")


def _attach(identifier: int, flags: int) -> int:
    address = _libc.shmat(identifier, None, flags)
    if address is None or address == _FAILED:
        raise _error()
    return int(address)


def _check(result: int) -> int:
    if result == -1:
        raise _error()
    return result


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
