"""System calls that Python's standard library lacks, through libc and ctypes.

Each function raises OSError with the errno that the kernel gave.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Sequence

from selbox.typing import Final

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long

O_PATH: Final = 0o10000000
O_TMPFILE: Final = 0o20200000
AT_FDCWD: Final = -100
AT_REMOVEDIR: Final = 0x200
AT_SYMLINK_FOLLOW: Final = 0x400
AT_EMPTY_PATH: Final = 0x1000
AT_SYMLINK_NOFOLLOW: Final = 0x100

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_NO_NEW_PRIVS: Final = 39
PR_SET_CHILD_SUBREAPER: Final = 36
PR_CAPBSET_DROP: Final = 24
PR_SET_SECUREBITS: Final = 28
PR_CAP_AMBIENT: Final = 47

PTRACE_CONT: Final = 7
PTRACE_DETACH: Final = 17
PTRACE_SEIZE: Final = 0x4206
PTRACE_INTERRUPT: Final = 0x4207
PTRACE_LISTEN: Final = 0x4208
PTRACE_GETEVENTMSG: Final = 0x4201
PTRACE_GETREGS: Final = 12
PTRACE_SETREGS: Final = 13
PTRACE_SYSCALL: Final = 24
PTRACE_SETOPTIONS: Final = 0x4200
PTRACE_O_TRACESYSGOOD: Final = 1
PTRACE_GETSIGMASK: Final = 0x420A
PTRACE_SETSIGMASK: Final = 0x420B
PTRACE_O_TRACEEXEC: Final = 0x10
PTRACE_O_EXITKILL: Final = 0x100000
PTRACE_EVENT_EXEC: Final = 4
_PTRACE_GET_SYSCALL_INFO = 0x420E
_SYSCALL_ENTRY = 1
WALL: Final = 0x40000000

SECCOMP_SET_MODE_FILTER: Final = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER: Final = 1 << 3
SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: Final = 1 << 5

_NR_SECCOMP = 317
_NR_PIDFD_GETFD = 438


def _raise() -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))


def system_call(number: int, *arguments: "int | bytes | ctypes.Array[ctypes.c_char] | None") -> int:
    """Make a system call by number; integers are passed as 64 bits, bytes and buffers as pointers to them."""
    converted = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = int(_syscall(ctypes.c_long(number), *converted))
    if result == -1:
        _raise()
    return result


def system_call_with(
    number: int, *types: "type[ctypes.c_long | ctypes.c_char_p | ctypes.c_void_p]"
) -> Callable[..., int]:
    """Return a function that makes a system call with arguments of these types: some times as quick as by number."""
    call = _libc["syscall"]
    call.restype = ctypes.c_long
    call.argtypes = (ctypes.c_long, *types)

    def make(*arguments: "int | bytes | ctypes.Array[ctypes.c_char]") -> int:
        result = int(call(number, *arguments))
        if result == -1:
            _raise()
        return result

    return make


def prctl(option: int, argument2: int = 0, argument3: int = 0, argument4: int = 0, argument5: int = 0) -> int:
    """Call ``prctl(2)``."""
    result = int(
        _libc.prctl(
            ctypes.c_int(option),
            ctypes.c_ulong(argument2),
            ctypes.c_ulong(argument3),
            ctypes.c_ulong(argument4),
            ctypes.c_ulong(argument5),
        )
    )
    if result == -1:
        _raise()
    return result


def install_filter(program: bytes) -> int:
    """Install a seccomp filter on the calling thread and return its listener's descriptor."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
    return system_call(_NR_SECCOMP, SECCOMP_SET_MODE_FILTER, flags, header)


_ptrace = _libc.ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> None:
    """Call ``ptrace(2)`` for requests that return nothing."""
    if _ptrace(request, pid, address, data) == -1:
        _raise()


def ptrace_into(request: int, pid: int, buffer: "ctypes.Array[ctypes.c_char]") -> None:
    """Call ``ptrace(2)`` for a request that fills a buffer."""
    ptrace(request, pid, 0, ctypes.addressof(buffer))


def ptrace_event_message(pid: int) -> int:
    """Return the message of the event that a traced task stopped for (``PTRACE_GETEVENTMSG``)."""
    message = ctypes.c_ulong()
    ptrace(PTRACE_GETEVENTMSG, pid, 0, ctypes.addressof(message))
    return message.value


def is_at_entry(pid: int) -> bool:
    """Tell whether a task that stopped for a call is about to make it (``PTRACE_GET_SYSCALL_INFO``)."""
    kind = ctypes.create_string_buffer(1)
    ptrace(_PTRACE_GET_SYSCALL_INFO, pid, 1, ctypes.addressof(kind))
    return kind.raw[0] == _SYSCALL_ENTRY


_getfd = system_call_with(_NR_PIDFD_GETFD, ctypes.c_long, ctypes.c_long, ctypes.c_long)


def pidfd_getfd(pidfd: int, number: int) -> int:
    """Return a copy of another process's descriptor (``pidfd_getfd(2)``)."""
    return _getfd(pidfd, number, 0)


def address_of(data: bytes) -> int:
    """Return where bytes lie in the supervisor's own memory, for as long as they are referred to."""
    return int.from_bytes(ctypes.c_char_p(data), sys.byteorder)  # quicker than a cast


_VECTOR = struct.Struct("=QQ")
_write_remotely = _libc.process_vm_writev
_write_remotely.restype = ctypes.c_long
_write_remotely.argtypes = (
    *(ctypes.c_long, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong),
)


_write_one_remotely = _libc["process_vm_writev"]
"""The same for arguments that need no conversion, which is a third of what a call costs."""
_write_one_remotely.restype = ctypes.c_long
_ONE, _NONE = ctypes.c_ulong(1), ctypes.c_ulong(0)


def write_memory(tid: int, address: int, data: bytes) -> None:
    """Write into a task's memory, respecting the protection of its pages (``process_vm_writev(2)``).

    Raises:
        OSError: EFAULT when not all of it could be written.
    """
    size = len(data)
    if not size:
        return
    local, remote = _VECTOR.pack(address_of(data), size), _VECTOR.pack(address, size)
    written = _write_one_remotely(tid, local, _ONE, remote, _ONE, _NONE)
    if written == -1:
        _raise()
    if written != size:
        raise OSError(14, "Bad address")


def writer_of(data: "ctypes.Array[ctypes.c_char]") -> Callable[[int, int], None]:
    """Return what writes a buffer, as it then is, into tasks' memory: :func:`write_memory` in half the time.

    It is called with thread id and address, by one thread at a time.
    """
    size = len(data)
    local, remote = _VECTOR.pack(ctypes.addressof(data), size), (ctypes.c_uint64 * 2)(0, size)

    def write(tid: int, address: int) -> None:
        remote[0] = address
        written = _write_one_remotely(tid, local, _ONE, remote, _ONE, _NONE)
        if written == -1:
            _raise()
        if written != size:
            raise OSError(14, "Bad address")

    return write


def write_memory_parts(tid: int, parts: Sequence[tuple[int, bytes]]) -> None:
    """Write several parts into a task's memory at once, as :func:`write_memory` does.

    Args:
        tid: the task.
        parts: addresses, and what is written there; at most 1,024.

    Raises:
        OSError: EFAULT when not all of it could be written.
    """
    data = b"".join([each for _, each in parts])
    local = _VECTOR.pack(address_of(data), len(data))
    remote = b"".join([_VECTOR.pack(address, len(each)) for address, each in parts])
    written = _write_remotely(tid, local, 1, remote, len(parts), 0)
    if written == -1:
        _raise()
    if written != len(data):
        raise OSError(14, "Bad address")


def signal_descriptor(signals: set[int]) -> int:
    """Return a non-blocking ``signalfd(2)`` for signals that the caller has blocked."""
    mask = (ctypes.c_uint64 * 16)()
    for number in signals:
        mask[0] |= 1 << (number - 1)
    result = int(_libc.signalfd(-1, ctypes.byref(mask), os.O_NONBLOCK | os.O_CLOEXEC))
    if result == -1:
        _raise()
    return result


_open = _libc.open
_open.restype = ctypes.c_int


def open_interruptibly(path: str, flags: int) -> int:
    """Open a path; unlike ``os.open``, a signal ends the wait with EINTR."""
    result = int(_open(os.fsencode(path), ctypes.c_int(flags)))
    if result == -1:
        _raise()
    return result


def pending_signals(tid: int) -> bool:
    """Tell whether a task has an unblocked signal waiting for it, or is gone."""
    pending = blocked = 0
    try:
        with open(f"/proc/{tid}/status", "rb") as status:
            for line in status:
                if line.startswith((b"SigPnd:", b"ShdPnd:")):
                    pending |= int(line[7:], 16)
                elif line.startswith(b"SigBlk:"):
                    blocked = int(line[7:], 16)
                    break
    except OSError:
        return True
    return pending & ~blocked != 0
