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
from selbox.enforce.calls.execsunderway import NO_LOADER, ExecsUnderWay, Pending
from selbox.enforce.calls.inheritance import Inheritance
from selbox.enforce.calls.transitions import Transitions
from selbox.enforce.forks import check_entered
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW
from selbox.enforce.programfiles import ProgramFiles
from selbox.enforce.registers import signed
from selbox.enforce.scripts import interpreter_line, named_at
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.shownpaths import path_of
from selbox.enforce.tasks import TaskState
from selbox.enforce.walks import Located
from selbox.typing import Final, NamedTuple

_MAX_INTERPRETERS: Final = 4
_EXECUTABLE: Final = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class _Image(NamedTuple):
    """What the kernel maps for a program.

    Attributes:
        descriptor: ``O_PATH``, of the file; identity: device and inode number of it.
        loader: the same of the dynamic loader, or ``NO_LOADER``.
        has_writable_code: whether either asks for memory that is both written and run.
        words: what the kernel puts in front of its arguments; nothing where it is no interpreter of a script.
    """

    descriptor: int
    identity: tuple[int, int]
    loader: tuple[int, int]
    has_writable_code: bool
    words: tuple[bytes, ...]


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
        self._programs = ProgramFiles(box.descriptors)
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
        status, program = look.status, self._programs.known(look.status)
        if (
            program is None
            or not program.is_mapped
            or program.has_writable_code
            or not _may_all_run(status)
            or not self._transitions.stays_quietly(old.sid, box.labels.lasting(_identity(status)))
            or not os.access(path, os.X_OK, dir_fd=look.start, effective_ids=True)
        ):
            return False
        loader = self._look_at_loader(caller, program.loader)
        if loader is None:
            return False
        state = _state_after(old, old.sid, status)
        self.under_way.begin(Pending(caller, _identity(status), loader, state, os.fsdecode(path), True, True))
        return True

    def _look_at_loader(self, caller: Caller, name: bytes) -> tuple[int, int] | None:
        """Return the identity of a loader that a caller's programs use silently; None where there is more to ask."""
        if not name:
            return NO_LOADER
        box = self._box
        look = box.walker.look(caller, AT_FDCWD, name, follow=True)
        if look is None or not _may_all_run(look.status):
            return None
        program = self._programs.known(look.status)
        if program is None or program.has_writable_code:
            return None
        identity = _identity(look.status)
        return identity if self._transitions.loads_quietly(caller.state.sid, box.labels.lasting(identity)) else None

    def _execute(self, caller: Caller, located: Located, path: bytes, shown: bytes | None = None) -> int:
        """Run what was found at a path, by which a script is shown to its interpreter unless another name is given."""
        status = located.found
        if stat.S_ISLNK(status.st_mode):
            return -errno.ELOOP
        if located.must_be_directory and not stat.S_ISDIR(status.st_mode):
            return -errno.ENOTDIR
        self._may_run(caller, located.object, status)
        told = self._told_sid(caller)
        sid = self._transitions.new_sid(caller, located.object, status) if told is None else told
        check_entered(self._box, caller, sid)
        image = self._image(caller, located.object, status, path if shown is None else shown)
        old = caller.state
        state = _state_after(old, sid, status)
        is_trusted = True
        name = os.fsdecode(path) or path_of(image.descriptor)
        if old.is_launcher:
            self._inheritance.adopt(caller, sid)
        elif sid != old.sid:
            is_trusted = self._entering.is_trusted(caller, sid)
            self._inheritance.release(caller, sid, name)
        files = {image.identity, image.loader} - {NO_LOADER}
        is_quiet = not image.has_writable_code and self._transitions.maps_quietly(old.sid, sid, files)
        is_mapped = old.is_launcher or is_quiet
        self.under_way.begin(
            Pending(caller, image.identity, image.loader, state, name, is_trusted, is_mapped, image.words)
        )
        return ANSWERED

    def _may_run(self, caller: Caller, descriptor: int, status: os.stat_result) -> None:
        """Ask the ordinary permissions, so that what they deny is no event for policy."""
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if not status.st_mode & _EXECUTABLE:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if not os.access(f"/proc/self/fd/{descriptor}", os.X_OK, effective_ids=True):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        self._box.walker.privileges.check_mode(caller, status, os.X_OK)

    def _told_sid(self, caller: Caller) -> int | None:
        """Return the SID in which the user wants the first program; None for every other program."""
        return self._initial_sid if caller.state.is_launcher else None

    def _image(self, caller: Caller, descriptor: int, status: os.stat_result, name: bytes) -> _Image:
        """Return what will be mapped: the program itself or the interpreter of a script, and the loader that it names.

        Source: the kernel's ``load_script`` and ``load_elf_binary``, which open them with the caller's old rights.
        """
        words: tuple[bytes, ...] = ()
        for _ in range(_MAX_INTERPRETERS + 1):
            program = self._programs.read(descriptor, status)
            if program.is_mapped:
                if not program.loader:
                    return _Image(descriptor, _identity(status), NO_LOADER, program.has_writable_code, words)
                loader = self._open(caller, program.loader)
                has_writable_code = program.has_writable_code or self._programs.read(*loader).has_writable_code
                return _Image(descriptor, _identity(status), _identity(loader[1]), has_writable_code, words)
            line = interpreter_line(program.head)
            words = (*line, name, *words[1:])
            name = line[0]
            descriptor, status = self._open(caller, name)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))

    def _open(self, caller: Caller, name: bytes) -> tuple[int, os.stat_result]:
        """Return an ``O_PATH`` descriptor of a program that another one names, with its status.

        Raises:
            OSError: where the caller may not open it to run it.
        """
        located = self._box.walker.locate(caller, AT_FDCWD, name, parent=False)
        status = located.found
        self._may_run(caller, located.object, status)
        if self._told_sid(caller) is None:
            sid = self._box.labels.sid_of(located.object, status, caller)
            self._transitions.check_readable(caller, located.object, sid)
        return located.object, status


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


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _may_all_run(status: os.stat_result) -> bool:
    """Tell whether this is the status of a file that everybody may execute, so far as its mode says."""
    return stat.S_ISREG(status.st_mode) and status.st_mode & _EXECUTABLE == _EXECUTABLE
