"""Descriptors that a program inherits when it starts in another domain.

Source: the kernel's ``flush_unauthorized_files``: each open file must be usable by the new domain (``fd:use``) and
open to it in its own mode; one that is not becomes ``/dev/null``.
"""

import errno
import os
import stat

from selbox.diagnostics import SelboxError
from selbox.enforce.box import Box
from selbox.enforce.bpflabels import PREFIX as BPF_PREFIX
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import copy_of
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.descriptorchecks import access_of_flags, check_descriptor
from selbox.enforce.linux import O_PATH
from selbox.enforce.needlessnewsockets import SPARED_ACCEPT
from selbox.enforce.shownpaths import path_of
from selbox.enforce.socketlabels import SocketLabel
from selbox.enforce.tasks import TaskState
from selbox.typing import Final

_LONGEST_NAME: Final = 15
"""Bytes of a command name."""


class Inheritance:
    """Decides about inherited descriptors."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)

    def adopt(self, caller: Caller, sid: int) -> None:
        """Make what was handed in at the start the first program's own.

        Pipes get its label, so that its output never vanishes, and terminals the one that a login gives them, or else
        its label as well; files keep theirs.
        """
        for number in _numbers(caller.tid):
            try:
                status = os.stat(f"/proc/{caller.tid}/fd/{number}")
            except OSError:
                continue
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFIFO:
                self._box.labels.assign(status, sid)
            elif kind == stat.S_IFCHR and _is_terminal(status):
                self._box.labels.assign(status, self._terminal_sid(caller, number, sid))
            self._box.openers.note(status, sid)
            self._box.openers.note_handed_in(status)

    def _terminal_sid(self, caller: Caller, number: int, sid: int) -> int:
        """Return the label of the first program's terminal.

        It is what ``login`` and ``sshd`` relabel it to (``security_compute_relabel``), or what the program's own would
        get; where policy has no rule for either, the program's label.
        """
        box = self._box
        server, labels = box.server, box.labels
        try:
            descriptor = box.descriptors.open(f"/proc/{caller.tid}/fd/{number}", O_PATH)
            status = os.fstat(descriptor)
            class_id = server.vector("chr_file", ()).object_class
            old = labels.sid_of(descriptor, status, caller)
            made_in = labels.filesystem_sid_on(status.st_dev)
            for compute, target in ((server.compute_relabel, old), (server.compute_create, made_in)):
                new = compute(sid, target, class_id)
                if _type_of(server.sid_to_context(new)) != _type_of(server.sid_to_context(target)):
                    return new
        except (OSError, SelboxError):  # it is closed, or policy computes what it does not allow
            return sid
        return sid

    def release(self, caller: Caller, sid: int, path: str) -> None:
        """Replace what the new domain may not have by ``/dev/null``, before the program starts.

        Args:
            caller: the task.
            sid: the new domain.
            path: by which the program was named: the kernel, which asks when it has begun, records its name.
        """
        caller = caller._replace(command=command_of(path))
        for number in _numbers(caller.tid):
            flags = _flags_of(caller.tid, number)
            if flags is None:
                continue
            try:
                self._check(caller, sid, number, flags)
            except PermissionError:
                try:
                    self._box.listener.set_descriptor(caller.id, self._null, number, 0)
                except OSError as error:
                    raise OSError(errno.EACCES, "an inherited descriptor could not be replaced") from error

    def _check(self, caller: Caller, sid: int, number: int, flags: int) -> None:
        # Opened by name, a descriptor's link leads to the object itself; O_PATH opens it without any effect.
        try:
            with own_capabilities():
                opened = os.open(f"/proc/{caller.tid}/fd/{number}", O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # closed meanwhile
        try:
            self._check_opened(caller, sid, number, flags, opened)
        finally:
            os.close(opened)  # a program may inherit as many as the supervisor can have itself

    def _check_opened(self, caller: Caller, sid: int, number: int, flags: int, descriptor: int) -> None:
        box = self._box
        status = os.fstat(descriptor)
        if not stat.S_IFMT(status.st_mode) and path_of(descriptor).startswith(BPF_PREFIX):
            descriptor = box.descriptors.add(box.pidfds.copy(caller.tid, number))  # which tells more than the object

        def label_socket() -> SocketLabel:
            from selbox.enforce.socketchecks import SocketChecks  # few programs inherit a socket

            checks = SocketChecks(box)
            if SPARED_ACCEPT not in box.settings.spared:
                return checks.give(caller, number, status)
            return checks.hand_over(caller, copy_of(box, caller, number), sid)

        # With O_PATH the caller opened it itself, or had it from a program before it: nobody passes such a descriptor.
        opener = caller.state.sid if flags & O_PATH else None
        check_descriptor(box, caller, sid, descriptor, access_of_flags(flags), label_socket, opener=opener)

    def verify(self, pid: int, old: TaskState, new: TaskState) -> None:
        """Kill a program into which another thread smuggled a descriptor after :meth:`release` had looked.

        Raises:
            PermissionError: when an inherited descriptor is not one that the new domain may have.
        """
        if old.sid == new.sid or old.is_launcher:
            return
        caller = Caller(0, pid, old)
        try:
            for number in _numbers(pid):
                flags = _flags_of(pid, number)
                if flags is not None:
                    self._check(caller, new.sid, number, flags)
        finally:
            self._box.descriptors.close_all()


def command_of(path: str) -> str:
    """Return what the kernel calls a task that runs a program by a path."""
    return os.fsdecode(os.fsencode(os.path.basename(path))[:_LONGEST_NAME])


def _numbers(tid: int) -> list[int]:
    with own_capabilities():
        return sorted(map(int, os.listdir(f"/proc/{tid}/fd")))


def _is_terminal(status: os.stat_result) -> bool:
    """Tell whether a character device is a terminal (virtual console, serial line or pseudo terminal)."""
    return os.major(status.st_rdev) in (4, 5, *range(136, 144)) or os.major(status.st_rdev) == 204


def _flags_of(tid: int, number: int) -> int | None:
    """Return the flags of an open file; None when it does not outlive exec.

    Raises:
        OSError: where that cannot be told.
    """
    try:
        with own_capabilities(), open(f"/proc/{tid}/fdinfo/{number}", "rb") as information:
            flags = next(int(line[6:], 8) for line in information if line.startswith(b"flags:"))
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return None  # closed meanwhile
    return None if flags & os.O_CLOEXEC else flags


def _type_of(context: str) -> str:
    return context.split(":")[2]
