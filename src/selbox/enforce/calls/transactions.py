"""Files that answer what is written to them, such as ``/sys/fs/selinux/access`` and ``/proc/self/attr/exec``.

A writer expects an errno from ``write`` itself. So what it opens is put at one of a few high descriptor numbers, and
the filter notifies reads and writes of these alone. Who moves it to another number, as a shell does to redirect output,
is held and led back to the high one at each write (:mod:`selbox.enforce.redirections`). Where a task cannot be held,
what it writes arrives at the supervisor's end: behind the number is one end of a socket pair. That is carried out
before any later call of the box, but too late for an errno: a failure is recorded only.

Source: the kernel's ``vfs_write``, ``do_loop_readv_writev`` and ``simple_transaction_get``.
"""

import errno
import os
import socket
import stat
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress

from selbox.audit.eventrecord import EventRecord, format_event
from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.messages import MOST_PARTS, read_vectors
from selbox.enforce.registers import long
from selbox.enforce.reserved import put_at_reserved_number
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.standins import OpenFile
from selbox.enforce.tasks import TaskState, thread_group
from selbox.typing import Final, NamedTuple, Protocol

_LIMIT: Final = 4096
"""Bytes that are read at once, and that arrive by another number."""

_MOST: Final = 256
_CREDENTIALS = struct.Struct("=iII")
_SCM_CREDENTIALS: Final = 2
_AT_ONCE: Final = 16


class Watcher(Protocol):
    """Calls back when a descriptor can be read."""

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Begin to watch."""
        ...

    def unwatch(self, descriptor: int) -> None:
        """Watch no longer."""
        ...


class Operation(NamedTuple):
    """What a file does with what is written to it.

    Attributes:
        name: the file's path, for records.
        perform: called with the writer and its data; returns the reply, or None; raises OSError.
        content: returns what the file holds, for one whose writes have no replies.
        once: whether an open file takes one write and then holds the reply (the kernel's ``simple_transaction_get``).
        largest: bytes that a write may have.
        taken: returns how much of its data a write that succeeds says to have taken.
    """

    name: str
    perform: Callable[[Caller, bytes], bytes | None]
    content: Callable[[], bytes]
    once: bool = False
    largest: int = _LIMIT - 1
    taken: Callable[[bytes], int] = len

    @property
    def too_large(self) -> int:
        """What a longer write fails with: most files copy it to one page, and have none so large."""
        return errno.ENOMEM if self.largest < _LIMIT and not self.once else errno.EFBIG


class _Transaction:
    """One open file."""

    __slots__ = (
        "channel",
        "flags",
        "movable",
        "opener",
        "operation",
        "position",
        "reply",
        "state",
        "status",
        "written",
    )

    def __init__(
        self, operation: Operation, channel: socket.socket, status: os.stat_result, flags: int, opener: Caller
    ) -> None:
        self.operation = operation
        self.channel = channel
        self.status = status
        self.flags = flags
        self.opener = thread_group(opener.tid)
        self.state = opener.state
        self.reply = b""
        self.position = 0
        self.written = False
        self.movable = True

    def perform(self, caller: Caller, data: bytes, offset: int = 0) -> None:
        """Carry out a write.

        Raises:
            OSError: what the write fails with; EBUSY for a second one where only one may be.
        """
        if self.operation.once and self.written:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        if len(data) > self.operation.largest:
            raise OSError(self.operation.too_large, os.strerror(self.operation.too_large))
        if offset and not self.operation.once:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.written = True
        try:
            reply = self.operation.perform(caller, data)
            if reply is not None:
                self.reply = reply
        finally:
            if self.operation.once:
                self._end_answer()

    def _end_answer(self) -> None:
        """Let the reply be read by numbers that are not watched, and the end of the file after it."""
        with suppress(OSError):
            if self.reply:
                self.channel.send(self.reply)
            self.channel.shutdown(socket.SHUT_WR)


class Transactions:
    """The open files of this kind.

    Args:
        box: the box.

    Attributes:
        handlers: of the calls that may be about one of them, by name.
    """

    def __init__(self, box: Box) -> None:
        self._box = box
        self._open: dict[tuple[int, int], _Transaction] = {}
        self._watcher: Watcher | None = None
        self.handlers: dict[str, Handler] = {
            "read": self.read,
            "pread64": self.pread,
            "write": self.write,
            "pwrite64": self.pwrite,
            "writev": self.writev,
            **dict.fromkeys(("dup", "dup2", "dup3"), self.copy),
        }
        box.redirections.attach(self._open, lambda tid, number: self._at(tid, number) is not None)

    def attach(self, watcher: Watcher) -> None:
        """Take what watches descriptors; before it is there nothing can be opened."""
        self._watcher = watcher

    def open(self, caller: Caller, flags: int, operation: Operation, file: OpenFile) -> int:
        """Open a file for a caller and answer its call.

        Args:
            caller: the task.
            flags: those of ``open``.
            operation: what the file does.
            file: what it is shown as.

        Raises:
            OSError: ENFILE when the box has too many open.
        """
        if self._watcher is None or len(self._open) >= _MOST:
            raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            status = os.fstat(theirs.fileno())
            key = (status.st_dev, status.st_ino)
            self._open[key] = _Transaction(operation, ours, status, flags, caller)
            self._box.openers.note(status, caller.state.sid)
            self._box.openers.keep_private(status)
            self._box.walker.stand_ins.files[key] = file
            self._watcher.watch(ours.fileno(), lambda: self._receive(key))
            try:
                return put_at_reserved_number(self._box, caller, theirs.fileno(), flags & os.O_CLOEXEC)
            except OSError:
                self._close(key)
                raise

    def fix(self, process: int) -> None:
        """Let nothing that a process has open be written to by another number any more: it changes its domain."""
        held = set()
        try:
            for name in os.listdir(f"/proc/{process}/fd"):
                with suppress(FileNotFoundError):
                    status = os.stat(f"/proc/{process}/fd/{name}")
                    held.add((status.st_dev, status.st_ino))
        except OSError:
            held = set(self._open)  # what it has open is not to be seen, so it may be any of them
        for key in held & self._open.keys():
            self._open[key].movable = False

    # --- Notified reads and writes ----------------------------------------------------------------------------------

    def _find(self, caller: Caller, number: int) -> _Transaction | None:
        return self._at(caller.tid, self._box.redirections.meant(caller.tid, number & 0xFFFFFFFF))

    def _at(self, tid: int, number: int) -> _Transaction | None:
        try:
            with own_capabilities():
                status = os.stat(f"/proc/{tid}/fd/{number}")
        except OSError:
            return None
        return self._open.get((status.st_dev, status.st_ino)) if stat.S_ISSOCK(status.st_mode) else None

    def copy(self, caller: Caller, arguments: Arguments) -> int:
        """``dup(descriptor)`` and its like."""
        self._box.redirections.begin(caller, arguments[0] & 0xFFFFFFFF)
        return CONTINUE

    def write(self, caller: Caller, arguments: Arguments) -> int:
        """``write(descriptor, buffer, size)``."""
        return self._write(caller, arguments[0], [arguments[1:3]], 0)

    def pwrite(self, caller: Caller, arguments: Arguments) -> int:
        """``pwrite64(descriptor, buffer, size, offset)``."""
        return self._write(caller, arguments[0], [arguments[1:3]], arguments[3])

    def writev(self, caller: Caller, arguments: Arguments) -> int:
        """``writev(descriptor, vectors, count)``, each of whose parts is a write of its own."""
        if self._find(caller, arguments[0]) is None:
            return CONTINUE
        if arguments[2] > MOST_PARTS:
            return -errno.EINVAL
        return self._write(caller, arguments[0], read_vectors(self._box.memory, caller.tid, *arguments[1:3]), 0)

    def _write(self, caller: Caller, number: int, parts: Sequence[Sequence[int]], offset: int) -> int:
        transaction = self._find(caller, number)
        if transaction is None:
            return CONTINUE  # a file of the program's own, which it put there
        if long(offset) < 0:
            return -errno.EINVAL
        operation, total = transaction.operation, 0
        for address, size in parts:
            try:
                wanted = min(size, max(_LIMIT, operation.largest))
                data = self._box.memory.read_exactly(caller.tid, address, wanted)
                transaction.perform(caller, data, offset)
            except OSError:
                if total:
                    break
                raise
            taken = operation.taken(data)
            total += taken
            if taken < size:
                break
        return total

    def read(self, caller: Caller, arguments: Arguments) -> int:
        """``read(descriptor, buffer, size)``."""
        transaction = self._find(caller, arguments[0])
        if transaction is None:
            return CONTINUE
        size = self._read(transaction, caller, arguments, transaction.position)
        transaction.position += size
        return size

    def pread(self, caller: Caller, arguments: Arguments) -> int:
        """``pread64(descriptor, buffer, size, offset)``."""
        transaction = self._find(caller, arguments[0])
        if transaction is None:
            return CONTINUE
        return self._read(transaction, caller, arguments, arguments[3])

    def _read(self, transaction: _Transaction, caller: Caller, arguments: Arguments, offset: int) -> int:
        if transaction.flags & os.O_ACCMODE == os.O_WRONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        operation = transaction.operation
        content = transaction.reply if operation.once else operation.content()
        data = content[offset : offset + min(arguments[2], _LIMIT)]
        self._box.memory.write(caller.tid, arguments[1], data)
        return len(data)

    # --- What arrives by another number -----------------------------------------------------------------------------

    def _receive(self, key: tuple[int, int]) -> None:
        """Carry out what was written to a descriptor outside the range; close when the last one was closed."""
        transaction = self._open[key]
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, _, _ = transaction.channel.recvmsg(_LIMIT, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return
            except OSError:
                self._close(key)
                return
            # Every message carries its sender first, so this is the end.
            if not ancillary or ancillary[0][1] != _SCM_CREDENTIALS:
                self._close(key)
                return
            pid = int(_CREDENTIALS.unpack(ancillary[0][2][: _CREDENTIALS.size])[0])
            try:
                self._take(transaction, Caller(0, pid, self._sender(transaction, pid)), data)
            except OSError as error:
                self._failed(transaction, error)

    def _take(self, transaction: _Transaction, caller: Caller, data: bytes) -> None:
        """Carry out what has arrived; who is told that a part was taken writes what is left over once more."""
        while data:
            transaction.perform(caller, data)
            data = data[transaction.operation.taken(data) :]

    def _sender(self, transaction: _Transaction, pid: int) -> TaskState:
        """Return the state of a task that wrote, and may have ended since.

        A privileged program can name another sender than itself. It gains nothing by that:

        INVARIANT: whoever holds such a descriptor is of the domain in which it was opened. It does not come into
        another by exec (``Openers.keep_private``), and a process that changes its own has it fixed.

        Raises:
            OSError: EPERM when nothing vouches for the sender.
        """
        state = self._box.tasks.state_of(pid)
        if state is None and pid == transaction.opener:
            state = transaction.state
        if state is None or state.sid != transaction.state.sid or not transaction.movable:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return state

    def _failed(self, transaction: _Transaction, error: OSError) -> None:
        number = error.errno or errno.EIO
        fields = (("op", "late_write"), ("path", transaction.operation.name), ("exit", str(-number)))
        self._box.recorder.write(format_event(EventRecord("SELINUX_ERR", self._box.recorder.stamp(), fields)))

    def _close(self, key: tuple[int, int]) -> None:
        transaction = self._open.pop(key)
        if self._watcher is not None:
            self._watcher.unwatch(transaction.channel.fileno())
        transaction.channel.close()
        self._box.openers.forget(transaction.status)
        self._box.walker.stand_ins.files.pop(key, None)
