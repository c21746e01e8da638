"""The domain in which a program runs, and the checks that lead into it.

Source: the kernel's ``selinux_bprm_creds_for_exec`` and ``check_nnp_nosuid``.
"""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.tasks import TaskState
from selbox.typing import Final

_LOADED: Final = ("execute", "read", "open", "map")
_STAYING: Final = (*_LOADED, "execute_no_trans")
_MAPPED: Final = ("map", "read", "execute")
_REMEMBERED: Final = 4096


class Transitions:
    """Decides which domain follows an exec."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._staying: set[tuple[int, int]] = set()
        self._generation = -1

    def stays_quietly(self, sid: int, file_sid: int | None) -> bool:
        """Tell whether a domain runs files with a label, None for an unknown one, as itself, with nothing to record.

        False means nothing: :meth:`new_sid` decides then.
        """
        if file_sid is None:
            return False
        monitor = self._box.monitor
        if self._generation != monitor.generation or len(self._staying) > _REMEMBERED:
            self._staying = set()
            self._generation = monitor.generation
        if (sid, file_sid) in self._staying:
            return True
        may_fork = "fork" not in self._box.settings.spared or monitor.is_quiet(sid, sid, "process", ("fork",))
        stays = may_fork and monitor.is_quiet(sid, file_sid, "file", _STAYING) and self._following(sid, file_sid) == sid
        if stays:
            self._staying.add((sid, file_sid))
        return stays

    def loads_quietly(self, sid: int, file_sid: int | None) -> bool:
        """Tell whether programs of a domain use dynamic loaders with a label, None for an unknown one, in the same way.

        False means nothing: :meth:`check_readable` and :meth:`check_mapped` decide then.
        """
        return file_sid is not None and self._box.monitor.is_quiet(sid, file_sid, "file", _LOADED)

    def maps_quietly(self, old: int, new: int, files: Iterable[tuple[int, int]]) -> bool:
        """Tell whether a domain maps files that another one opened, with nothing to record.

        Args:
            old: SID of who opened them.
            new: SID of who maps them.
            files: device and inode numbers.

        Returns:
            False where :meth:`check_mapped` has to decide.
        """
        labels, is_quiet = self._box.labels, self._box.monitor.is_quiet
        sids = [labels.lasting(each) for each in files]
        return (old == new or is_quiet(new, old, "fd", ("use",))) and all(
            sid is not None and is_quiet(new, sid, "file", _MAPPED) for sid in sids
        )

    def _following(self, sid: int, file_sid: int) -> int:
        """Return the SID that policy gives a domain's programs with a label."""
        server = self._box.server
        return server.compute_create(sid, file_sid, server.vector("process", ()).object_class)

    def check_file(
        self, caller: Caller, descriptor: int, sid: int, *permissions: str, source: int | None = None
    ) -> None:
        """Check permissions of the program's file, which may be one in memory, of a class of its own."""
        box = self._box
        object_class = box.labels.class_of(os.fstat(descriptor))
        box.monitor.check(caller, sid, object_class, permissions, box.labels.at(descriptor), source=source)

    def check_readable(self, caller: Caller, descriptor: int, sid: int) -> None:
        """Check what opening a program asks for (kernel: ``do_open_execat``)."""
        self.check_file(caller, descriptor, sid, "execute")
        self.check_file(caller, descriptor, sid, "read", "open")

    def new_sid(self, caller: Caller, descriptor: int, status: os.stat_result) -> int:
        """Return the SID after an exec, with the checks that lead to it.

        Args:
            caller: who runs the program.
            descriptor: of its file.
            status: the file's.

        Raises:
            OSError: EACCES, or EPERM where a promise or a shared state forbids the transition.
        """
        box = self._box
        file_sid = box.labels.sid_of(descriptor, status, caller)
        old = caller.state
        self.check_readable(caller, descriptor, file_sid)
        promised, nosuid = old.no_new_privileges, bool(os.fstatvfs(descriptor).f_flag & os.ST_NOSUID)
        if old.next_labels.exec_sid:
            new = old.next_labels.exec_sid
            if not self._may_gain(caller, new, promised, nosuid):
                number = errno.EPERM if promised else errno.EACCES
                raise OSError(number, os.strerror(number))
        else:
            new = self._following(old.sid, file_sid)
            if not self._may_gain(caller, new, promised, nosuid):
                new = old.sid
        if new == old.sid:
            self.check_file(caller, descriptor, file_sid, "execute_no_trans")
            return new
        box.monitor.check(caller, new, "process", ("transition",), lambda: box.labels.describe(descriptor))
        self.check_file(caller, descriptor, file_sid, "entrypoint", source=new)
        if old.shares_directories:
            self._check_sharing(caller, new)
        tracer = box.traces.tracer_of(caller.tid)
        if tracer:
            try:
                check_tracer(box, caller, tracer, new)
            except AccessDenied:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM)) from None
        return new

    def check_mapped(self, caller: Caller, new: int, descriptor: int, *, is_written: bool) -> None:
        """Check that a program's domain may map it, or its loader, which is asked when there is no way back any more.

        The file was opened by whoever ran the program, in the old domain.

        Args:
            caller: who ran it.
            new: SID of the domain.
            descriptor: of the file.
            is_written: whether memory of it that is run may be written, too.

        Raises:
            AccessDenied: when policy denies it.

        Source: the kernel's ``elf_map``, ``selinux_mmap_file`` and ``file_map_prot_check``.
        """
        box, old = self._box, caller.state.sid
        sid = box.labels.sid_of(descriptor, os.fstat(descriptor), caller)
        self.check_file(caller, descriptor, sid, "map", source=new)
        if new != old:
            box.monitor.check(caller, old, "fd", ("use",), box.labels.at(descriptor), source=new)
        self.check_file(caller, descriptor, sid, "read", source=new)
        if is_written:
            box.monitor.check(caller, new, "process", ("execmem",), dict, source=new)
        self.check_file(caller, descriptor, sid, "execute", source=new)

    def _check_sharing(self, caller: Caller, new: int) -> None:
        try:
            self._box.monitor.check(caller, new, "process", ("share",), dict)
        except AccessDenied:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM)) from None

    def check_changed(self, caller: Caller, new: int, now: TaskState) -> None:
        """Check what a task that was let into a domain has come to be meanwhile, by threads of its own.

        Args:
            caller: the task, as it was.
            new: SID of the domain.
            now: its state.

        Raises:
            OSError: EPERM.
        """
        old = caller.state
        if now.shares_directories and not old.shares_directories:
            self._check_sharing(caller, new)
        promised = now.no_new_privileges and not old.no_new_privileges
        if promised and not self._may_gain(caller, new, promised=True, nosuid=False):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def _may_gain(self, caller: Caller, new: int, promised: bool, nosuid: bool) -> bool:
        """Tell whether a task may come into a domain that promised to gain nothing, or by a file that may not give it.

        Args:
            caller: the task.
            new: SID of the domain.
            promised: whether it asked for ``no_new_privs``.
            nosuid: whether the program lies on a file system that is mounted ``nosuid``.
        """
        box = self._box
        old = caller.state.sid
        if new == old or not (promised or nosuid):
            return True
        if "nnp_nosuid_transition" in box.server.policy.policy_capabilities:
            asked = (("nnp_transition", promised), ("nosuid_transition", nosuid))
            with suppress(AccessDenied):
                box.monitor.check(caller, new, "process2", tuple(name for name, needed in asked if needed), dict)
                return True
        if box.server.bounded_transition(old, new):
            return True
        box.recorder.refused_transition(old, new)
        return False


def check_tracer(box: Box, caller: Caller, tracer: int, new: int) -> None:
    """Check that whoever traces a task may trace the domain that it is about to enter.

    Args:
        box: the box.
        caller: the task.
        tracer: the task that traces it.
        new: SID of the domain.

    Raises:
        AccessDenied: when policy denies it.
    """
    box.monitor.check(caller, new, "process", ("ptrace",), dict, source=box.labels.task_sid(tracer))
