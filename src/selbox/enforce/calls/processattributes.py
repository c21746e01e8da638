"""The security attributes of processes, as ``/proc/PID/attr`` shows them and lets a process set its own.

Source: the kernel's ``selinux_lsm_getattr``, ``selinux_lsm_setattr`` and ``proc_pid_attr_write``.
"""

import errno
import os

from selbox.audit.eventrecord import format_event, invalid_context
from selbox.diagnostics import SelboxError
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.transitions import check_tracer
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.forks import check_entered
from selbox.enforce.sharing import has_own_memory
from selbox.enforce.socketchecks import give_all
from selbox.enforce.tasks import start_of_stack, thread_group
from selbox.typing import Final

_CURRENT: Final = "current"
_NEXT: Final = {
    "exec": "exec_sid",
    "fscreate": "create_sid",
    "keycreate": "key_create_sid",
    "sockcreate": "socket_create_sid",
}
"""Attributes that concern what is made next, and their names in :class:`NextLabels`."""

ATTRIBUTE_MODES: Final = {"prev": 0o444, **dict.fromkeys((_CURRENT, *_NEXT), 0o666)}
"""Names of the attributes, and the modes of their files."""


_TAKING_BACK: Final = (b"", b"\0", b"\n")
"""What a value begins with that takes an attribute back."""


Memory = tuple[int, int]
"""What tells the memory of a program from that of any other: its process, and where its stack begins."""


class ProcessAttributes:
    """Reads and sets attributes."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def read(self, caller: Caller, tid: int, name: str) -> bytes:
        """Return an attribute's value with the NUL that ends it, or nothing where it is not set.

        Raises:
            AccessDenied: when the caller may not ask about another process.
        """
        box = self._box
        if tid != caller.tid:
            box.monitor.check(caller, box.labels.task_sid(tid), "process", ("getattr",), dict)
        state = box.tasks.state_of(tid)
        if state is None:
            sid = 0 if name in _NEXT else box.labels.outside_sid(tid)
        elif name in _NEXT:
            sid = getattr(state.next_labels, _NEXT[name])
        else:
            sid = state.previous if name == "prev" else state.sid
        return box.server.sid_to_context(sid).encode() + b"\0" if sid else b""

    def write(self, caller: Caller, tid: int, memory: Memory, name: str, data: bytes) -> None:
        """Set an attribute; a value that is empty or begins with a line end takes it back.

        Args:
            caller: the task.
            tid: the one whose attribute it is.
            memory: what that one had when the file was opened.
            name: of the attribute.
            data: the value.

        Raises:
            OSError: EPERM where it is another process's, or the caller runs another program by now, or where a process
                that shares its memory would leave its bounds; EACCES where it is another thread's or policy denies
                it; EINVAL where it is no context.
        """
        if memory != memory_of(caller.tid):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        if tid != caller.tid:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        box = self._box
        box.monitor.check(caller, caller.state.sid, "process", (f"set{name}",), dict)
        sid = self._parse(caller, name, data)
        if name == _CURRENT:
            self._may_become(caller, sid)
            give_all(box, caller)
            box.tasks.set_state(caller.tid, caller.state._replace(sid=sid))
            return
        if name == "keycreate" and sid:
            box.monitor.check(caller, sid, "key", ("create",), dict)
        box.tasks.set_next_labels(caller.tid, caller.state.next_labels._replace(**{_NEXT[name]: sid}))

    def _parse(self, caller: Caller, name: str, data: bytes) -> int:
        if data[:1] in _TAKING_BACK:
            return 0
        text = data.removesuffix(b"\n").partition(b"\0")[0].decode(errors="surrogateescape")
        box = self._box
        try:
            return box.server.context_to_sid(text)
        except SelboxError:
            if name == "fscreate":
                if Capabilities(box).may_use(caller, "mac_admin"):
                    return box.server.context_to_sid_force(text)
                box.recorder.write(format_event(invalid_context(box.recorder.stamp(caller.tid), "fscreate", text)))
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None

    def _may_become(self, caller: Caller, sid: int) -> None:
        """Check that a task may change its own domain without an exec."""
        box = self._box
        if not sid:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        old = caller.state.sid
        if not has_own_memory(box.tasks, caller) and not box.server.bounded_transition(old, sid):
            box.recorder.refused_transition(old, sid)
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        box.monitor.check(caller, sid, "process", ("dyntransition",), dict)
        check_entered(box, caller, sid)
        tracer = box.traces.tracer_of(caller.tid)
        if tracer:
            check_tracer(box, caller, tracer, sid)


def memory_of(tid: int) -> Memory:
    """Return the memory that a task has."""
    return thread_group(tid), start_of_stack(tid)


def taken(data: bytes) -> int:
    """Return how much of a value the kernel says to have taken: all but the end of the line behind a context.

    A program that writes what is left over takes the attribute back by that, as shells do: what is redirected by
    ``echo`` has no effect, by ``printf`` without an end of line it has.
    """
    return len(data) - (data[:1] not in _TAKING_BACK and data.endswith(b"\n"))
