"""The security attributes of processes, as ``/proc/PID/attr`` shows them and lets a process set its own.

Source: the kernel's ``selinux_lsm_getattr``, ``selinux_lsm_setattr`` and ``proc_pid_attr_write``.
"""

import errno
import os
from collections.abc import Callable

from selbox.audit.eventrecord import format_event, invalid_context
from selbox.diagnostics import SelboxError
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.transitions import check_tracer
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.forks import check_entered
from selbox.enforce.socketchecks import give_all
from selbox.enforce.tasks import TaskState
from selbox.typing import Final, NamedTuple


class _Attribute(NamedTuple):
    """One attribute: the permission to set it, and how it is taken from and put into the task's state."""

    permission: str
    value: Callable[[TaskState], int]
    replaced: Callable[[TaskState, int], TaskState]


_SETTABLE: Final = {
    "current": _Attribute("setcurrent", lambda state: state.sid, lambda state, sid: state._replace(sid=sid)),
    "exec": _Attribute("setexec", lambda state: state.exec_sid, lambda state, sid: state._replace(exec_sid=sid)),
    "fscreate": _Attribute(
        "setfscreate", lambda state: state.create_sid, lambda state, sid: state._replace(create_sid=sid)
    ),
    "keycreate": _Attribute(
        "setkeycreate", lambda state: state.key_create_sid, lambda state, sid: state._replace(key_create_sid=sid)
    ),
    "sockcreate": _Attribute(
        "setsockcreate",
        lambda state: state.socket_create_sid,
        lambda state, sid: state._replace(socket_create_sid=sid),
    ),
}

ATTRIBUTE_MODES: Final = {"prev": 0o444, **dict.fromkeys(_SETTABLE, 0o666)}
"""Names of the attributes, and the modes of their files."""


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
        sid = box.labels.outside if name in ("current", "prev") else 0
        if state is not None:
            sid = state.previous if name == "prev" else _SETTABLE[name].value(state)
        return box.server.sid_to_context(sid).encode() + b"\0" if sid else b""

    def write(self, caller: Caller, tid: int, name: str, data: bytes) -> None:
        """Set an attribute; a value that is empty or begins with a line end takes it back.

        Raises:
            OSError: EPERM where it is another task's, or where a process of several threads would leave its bounds;
                EACCES where policy denies it, EINVAL where it is no context.
        """
        if tid != caller.tid:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        permission, _, replaced = _SETTABLE[name]
        box = self._box
        box.monitor.check(caller, caller.state.sid, "process", (permission,), dict)
        sid = self._parse(caller, name, data)
        if name == "current":
            self._may_become(caller, sid)
            give_all(box, caller)
        elif name == "keycreate" and sid:
            box.monitor.check(caller, sid, "key", ("create",), dict)
        box.tasks.set_state(caller.tid, replaced(caller.state, sid))

    def _parse(self, caller: Caller, name: str, data: bytes) -> int:
        if data[:1] in (b"", b"\0", b"\n"):
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
        if _is_threaded(caller.tid) and not box.server.bounded_transition(old, sid):
            box.recorder.refused_transition(old, sid)
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        box.monitor.check(caller, sid, "process", ("dyntransition",), dict)
        check_entered(box, caller, sid)
        tracer = box.traces.tracer_of(caller.tid)
        if tracer:
            check_tracer(box, caller, tracer, sid)


def _is_threaded(tid: int) -> bool:
    """Tell whether a task's process has other threads; each is a directory."""
    return os.stat(f"/proc/{tid}/task").st_nlink > 3
