"""Running programs: the domain that follows, and the checks.

That the kernel ran what was decided is proven in :mod:`selbox.enforce.calls.execsunderway`.
"""

import errno
import os
import stat

from selbox.enforce.answer import ANSWERED, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.entering import Entering
from selbox.enforce.calls.execsunderway import ExecsUnderWay, Pending
from selbox.enforce.calls.inheritance import Inheritance
from selbox.enforce.calls.transitions import Transitions
from selbox.enforce.forks import check_entered
from selbox.enforce.labels import path_of
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW
from selbox.enforce.registers import signed
from selbox.enforce.scripts import HEAD_SIZE, interpreter_line, named_at
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.tasks import TaskState
from selbox.enforce.walks import Located
from selbox.typing import Final

_ELF: Final = b"\x7fELF"
_REMEMBERED: Final = 1024
_MAX_INTERPRETERS: Final = 4
_EXECUTABLE: Final = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class ExecutionCalls:
    """``execve`` and ``execveat``.

    Args:
        box: the box.
        inheritance: decides about descriptors that come into another domain.
        initial_sid: the context in which the first program runs, whatever transition there is; None for the
            policy's own transition from where the launcher stands.
    """

    def __init__(self, box: Box, inheritance: Inheritance, initial_sid: int | None) -> None:
        self._box = box
        self._inheritance = inheritance
        self._initial_sid = initial_sid
        self._transitions = Transitions(box)
        self._entering = Entering(box)
        self.under_way = ExecsUnderWay(box, inheritance, self._transitions, self._entering)
        """Those that were decided about."""
        self._heads: dict[tuple[int, int, int, int, int], bytes] = {}
        self.refused: OSError | None = None
        """Why the first program was not run, where the supervisor refused to."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "execve": self.execve,
            "execveat": self.execveat,
        }

    def execve(self, caller: Caller, arguments: Arguments) -> int:
        """``execve(path, argv, envp)``."""
        path = self._box.memory.read_string(caller.tid, arguments[0])
        if self._execute_quietly(caller, path):
            return ANSWERED
        try:
            return self._execute(caller, self._box.walker.locate(caller, AT_FDCWD, path, parent=False), path)
        except OSError as error:
            if caller.state.is_launcher:
                self.refused = error
            raise

    def execveat(self, caller: Caller, arguments: Arguments) -> int:
        """``execveat(directory, path, argv, envp, flags)``."""
        flags = arguments[4] & 0xFFFFFFFF
        path = self._box.memory.read_string(caller.tid, arguments[1])
        if not path and not flags & AT_EMPTY_PATH:
            return -errno.ENOENT
        if flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW):
            return -errno.EINVAL
        if not path and flags & AT_EMPTY_PATH:
            descriptor = self._box.walker.start_of(caller, arguments[0])
            located = Located(-1, b"", descriptor, os.fstat(descriptor))
        else:
            follow = not flags & AT_SYMLINK_NOFOLLOW
            located = self._box.walker.locate(caller, arguments[0], path, follow=follow, parent=False)
        return self._execute(caller, located, path, named_at(signed(arguments[0]), path))

    def _execute_quietly(self, caller: Caller, path: bytes) -> bool:
        """Run a program that everybody may execute and that policy lets the caller run in its own domain, silently.

        Nothing is opened: another file than was looked at is noticed when it runs.

        Returns:
            False where there is more to ask, or the program was not met before.
        """
        box, old = self._box, caller.state
        if old.is_launcher or old.next_labels.exec_sid:
            return False
        look = box.walker.look(caller, AT_FDCWD, path, follow=True)
        if look is None:
            return False
        status = look.status
        if (
            not stat.S_ISREG(status.st_mode)
            or status.st_mode & _EXECUTABLE != _EXECUTABLE
            or not self._heads.get(_version(status), b"").startswith(_ELF)
            or not self._transitions.stays_quietly(old.sid, box.labels.lasting((status.st_dev, status.st_ino)))
            or not os.access(path, os.X_OK, dir_fd=look.start, effective_ids=True)
        ):
            return False
        device_and_inode = status.st_dev, status.st_ino
        self.under_way.begin(
            Pending(caller, device_and_inode, _state_after(old, old.sid, status), os.fsdecode(path), True, True)
        )
        return True

    def _execute(self, caller: Caller, located: Located, path: bytes, shown: bytes | None = None) -> int:
        """Run what was found at a path, by which a script is shown to its interpreter unless another name is given."""
        status = located.found
        if stat.S_ISLNK(status.st_mode):
            return -errno.ELOOP
        if located.must_be_directory and not stat.S_ISDIR(status.st_mode):
            return -errno.ENOTDIR
        self._may_run(located.object, status)
        self._box.walker.privileges.check_mode(caller, status, os.X_OK)
        told = self._told_sid(caller)
        sid = self._transitions.new_sid(caller, located.object, status) if told is None else told
        check_entered(self._box, caller, sid)
        image, image_status, words = self._image(caller, located.object, status, path if shown is None else shown)
        old = caller.state
        state = _state_after(old, sid, status)
        is_trusted = True
        name = os.fsdecode(path) or path_of(image)
        if old.is_launcher:
            self._inheritance.adopt(caller, sid)
        elif sid != old.sid:
            is_trusted = self._entering.is_trusted(caller, sid)
            self._inheritance.release(caller, sid, name)
        device_and_inode = image_status.st_dev, image_status.st_ino
        self.under_way.begin(Pending(caller, device_and_inode, state, name, is_trusted, old.is_launcher, words))
        return ANSWERED

    def _may_run(self, descriptor: int, status: os.stat_result) -> None:
        """Ask the ordinary permissions, so that what they deny is no event for policy."""
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if not status.st_mode & _EXECUTABLE:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if not os.access(f"/proc/self/fd/{descriptor}", os.X_OK, effective_ids=True):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    def _told_sid(self, caller: Caller) -> int | None:
        """Return the SID in which the user wants the first program; None for every other program."""
        return self._initial_sid if caller.state.is_launcher else None

    def _image(
        self, caller: Caller, descriptor: int, status: os.stat_result, name: bytes
    ) -> tuple[int, os.stat_result, tuple[bytes, ...]]:
        """Return the file that will be mapped, the program itself or the interpreter of a script, and its first words.

        Source: the kernel's ``load_script``; the interpreter is opened with the caller's old rights.
        """
        words: tuple[bytes, ...] = ()
        for _ in range(_MAX_INTERPRETERS + 1):
            head = self._head(descriptor, status)
            if head.startswith(_ELF):
                return descriptor, status, words
            line = interpreter_line(head)
            words = (*line, name, *words[1:])
            name = line[0]
            located = self._box.walker.locate(caller, AT_FDCWD, name, parent=False)
            status = located.found
            descriptor = located.object
            self._may_run(descriptor, status)
            if self._told_sid(caller) is None:
                sid = self._box.labels.sid_of(descriptor, status, caller)
                self._transitions.check_readable(caller, descriptor, sid)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))

    def _head(self, descriptor: int, status: os.stat_result) -> bytes:
        """Return the beginning of a program, which tells its kind.

        It is read once for each version of a file. Should that be missed, another file is mapped than was decided
        about, and the task is killed.
        """
        version = _version(status)
        head = self._heads.get(version)
        if head is None:
            if len(self._heads) >= _REMEMBERED:
                self._heads.clear()
            head = self._heads[version] = self._read_head(descriptor)
        return head

    def _read_head(self, descriptor: int) -> bytes:
        try:
            # Who has a lease on it is not waited for: EAGAIN.
            opened = self._box.descriptors.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_NONBLOCK)
        except PermissionError:
            # A program that may be run and not read: it is no script, since nobody could interpret it.
            return _ELF
        return os.pread(opened, HEAD_SIZE, 0)


def _state_after(old: TaskState, sid: int, status: os.stat_result) -> TaskState:
    """Return the state of a task in which a program runs, by the status of the program's file."""
    return TaskState(
        sid=sid,
        previous=old.sid,
        no_new_privileges=old.no_new_privileges,
        credentials_changed=old.credentials_changed or bool(status.st_mode & (stat.S_ISUID | stat.S_ISGID)),
        root_changed=old.root_changed,
        numbers_changed=old.numbers_changed,
        shares_directories=old.shares_directories,
        session_keyring=old.session_keyring,
    )


def _version(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
