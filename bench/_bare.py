"""Runs a command under a bare supervisor: the least that mediating opens from Python takes.

It is told of each ``openat`` and ``execve``. An open of a file or a directory that is there it does itself, as a sound
supervisor must: by ``O_PATH``, looking at what that is, opening it again and handing it over. Everything else it lets
the kernel do. There are no labels, no decisions, no checks on the way, no records, and no proof of what was executed.
"""

import array
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import stat
import struct
import sys

_RECEIVE, _SEND, _ADD, _SET_FLAGS = 0xC0502100, 0xC0182101, 0x40182103, 0x40082104
_NOTIFICATION, _RESPONSE, _ADDED = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI"), struct.Struct("=QIIII")
_SYNC_WAKE_UP, _CONTINUE, _AND_SEND = 1, 1, 2
_OPENAT, _EXECVE, _SECCOMP = 257, 59, 317
_NOTIFY, _ALLOW = 0x7FC00000, 0x7FFF0000
_NO_NEW_PRIVILEGES, _NEW_LISTENER = 38, 8
_WORKING_DIRECTORY = 0xFFFFFF9C
_UNUSUAL = os.O_CREAT | os.O_TRUNC | os.O_PATH | (os.O_TMPFILE & ~os.O_DIRECTORY)
_PATH_SIZE = 256


def install_filter() -> int:
    """Have the calling process's calls notified; return the listener."""
    rows = ((0x20, 0, 0, 0), (0x15, 2, 0, _OPENAT), (0x15, 1, 0, _EXECVE), (6, 0, 0, _ALLOW), (6, 0, 0, _NOTIFY))
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in rows))
    header = ctypes.create_string_buffer(struct.pack("=HxxxxxxQ", len(rows), ctypes.addressof(program)))
    library = ctypes.CDLL(None, use_errno=True)
    library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    listener = int(library.syscall(_SECCOMP, 1, _NEW_LISTENER, header))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "no seccomp listener")
    return listener


class Supervisor:
    """Answers the calls of a listener until nobody is left who could make one."""

    def __init__(self, listener: int) -> None:
        self._listener = listener
        self._memory: dict[int, int] = {}
        self.known: dict[tuple[int, int], int] = {}
        """How often each file was opened: in place of a decision."""
        fcntl.ioctl(listener, _SET_FLAGS, _SYNC_WAKE_UP)

    def run(self) -> None:
        """Answer calls."""
        while True:
            try:
                notification = fcntl.ioctl(self._listener, _RECEIVE, bytes(_NOTIFICATION.size))
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EINTR):
                    raise
                if self._is_over():
                    return
                continue
            id_, tid, _, number, _, _, a0, a1, a2, _, _, _ = _NOTIFICATION.unpack(notification)
            try:
                if number == _EXECVE:
                    self._path(tid, a0)
                    os.close(self._memory.pop(tid))
                    is_answered = False
                else:
                    is_answered = self._open(id_, tid, a0 & 0xFFFFFFFF, self._path(tid, a1), a2 & 0xFFFFFFFF)
                answer = (id_, 0, 0, 0 if is_answered else _CONTINUE)
            except OSError as error:
                is_answered, answer = False, (id_, 0, -(error.errno or errno.EIO), 0)
            if not is_answered:
                self._ask(_SEND, _RESPONSE.pack(*answer))

    def _is_over(self) -> bool:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        return any(event & select.POLLHUP for _, event in poll.poll(0))

    def _ask(self, request: int, data: bytes) -> None:
        try:
            fcntl.ioctl(self._listener, request, data)
        except OSError as error:
            if error.errno != errno.ENOENT:  # the caller died
                raise

    def _path(self, tid: int, address: int) -> bytes:
        descriptor = self._memory.get(tid)
        data = b"" if descriptor is None else os.pread(descriptor, _PATH_SIZE, address)
        if not data:
            if descriptor is not None:
                os.close(descriptor)  # that of a program that is gone
            descriptor = self._memory[tid] = os.open(f"/proc/{tid}/mem", os.O_RDONLY | os.O_CLOEXEC)
            data = os.pread(descriptor, _PATH_SIZE, address)
        return data.partition(b"\0")[0]

    def _open(self, id_: int, tid: int, directory: int, path: bytes, flags: int) -> bool:
        if flags & _UNUSUAL or path.startswith(b"/proc/") or not path:
            return False
        if path[:1] != b"/":
            start = b"cwd" if directory == _WORKING_DIRECTORY else b"fd/%d" % directory
            path = b"/proc/%d/%b/%b" % (tid, start, path)
        found = os.open(path, os.O_PATH | os.O_CLOEXEC | flags & os.O_NOFOLLOW)
        try:
            status = os.fstat(found)
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
                return False
            key = status.st_dev, status.st_ino
            self.known[key] = self.known.get(key, 0) + 1
            opened = os.open(f"/proc/self/fd/{found}", flags & ~os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY)
        finally:
            os.close(found)
        try:
            self._ask(_ADD, _ADDED.pack(id_, _AND_SEND, opened, 0, flags & os.O_CLOEXEC))
        finally:
            os.close(opened)
        return True


def main(command: list[str]) -> int:
    """Run a command and return its status."""
    near, far = socket.socketpair()
    child = os.fork()
    if not child:
        listener = install_filter()
        far.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
        os.close(listener)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        near.close()
        far.close()
        os.execvp(command[0], command)  # noqa: S606 - the command as it is, without a shell
    _, descriptors, _, _ = socket.recv_fds(near, 1, 1)
    near.close()
    far.close()
    Supervisor(descriptors[0]).run()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
