"""Tracing other processes, and taking descriptors out of them.

Who begins to trace is asked about by policy. All else that a tracer asks for is looked at too, since the number that
names its tracee may have come to mean another task: what it may not trace it can do nothing to. That the registers of
a call were decided about holds for a tracee as for any other: the kernel lets its tracer change them before the filter
sees the call, and after it has returned.

Source: the kernel's ``sys_ptrace``, ``selinux_ptrace_access_check``, ``selinux_ptrace_traceme``, ``pidfd_getfd``.
"""

import errno
import fcntl
import os

from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.descriptorchecks import access_of_flags, check_descriptor
from selbox.enforce.linux import PTRACE_DETACH, PTRACE_INTERRUPT, PTRACE_SEIZE, PTRACE_SETOPTIONS, pidfd_getfd
from selbox.enforce.pidfds import process_behind
from selbox.enforce.pidnumbers import meant_by
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.socketlabels import SocketLabel
from selbox.enforce.targets import Targets
from selbox.enforce.taskaccess import TaskAccess
from selbox.enforce.tasks import parent_of, thread_group
from selbox.typing import Final

_TRACE_ME: Final = 0
_KILL: Final = 8
_ATTACH: Final = 16
_SUSPEND_SECCOMP: Final = 1 << 21
"""``PTRACE_O_SUSPEND_SECCOMP``, which the kernel grants to nobody under a filter."""

_AT_ANY_TIME: Final = (PTRACE_INTERRUPT, _KILL)
"""Requests to a task that runs."""


class TraceCalls:
    """``ptrace`` and ``pidfd_getfd``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._targets = Targets(box)
        self._access = TaskAccess(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {"ptrace": self.ptrace, "pidfd_getfd": self.pidfd_getfd}

    def ptrace(self, caller: Caller, arguments: Arguments) -> int:
        """``ptrace(request, pid, address, data)``."""
        request = arguments[0]
        if request == _TRACE_ME:
            return self._be_traced(caller)
        tid = meant_by(caller, signed(arguments[1]))
        if not tid:
            return -errno.ESRCH
        if request in (PTRACE_SEIZE, PTRACE_SETOPTIONS) and arguments[3] & _SUSPEND_SECCOMP:
            return -errno.EPERM
        if request in (_ATTACH, PTRACE_SEIZE):
            return self._attach(caller, tid, arguments[3] if request == PTRACE_SEIZE else None)
        return self._request(caller, tid, request, arguments[3])

    def _be_traced(self, caller: Caller) -> int:
        """Have the caller's parent trace it."""
        box = self._box
        parent = parent_of(thread_group(caller.tid))
        state = box.tasks.state_of(parent)
        sid = box.labels.outside_sid(parent) if state is None else state.sid
        box.monitor.check(caller, caller.state.sid, "process", ("ptrace",), dict, source=sid)
        if state is None:
            return -errno.EPERM  # nobody outside the box looks after it, least of all the supervisor
        box.traces.begin(parent, caller.tid, 0, is_seized=False)
        return CONTINUE

    def _attach(self, caller: Caller, tid: int, options: int | None) -> int:
        if not os.path.exists(f"/proc/{tid}"):
            return -errno.ESRCH
        if thread_group(tid) == thread_group(caller.tid) or not self._access.is_ordinary(caller, tid):
            return -errno.EPERM
        self._access.check_attach(caller, tid)
        self._box.traces.begin(caller.tid, tid, options or 0, is_seized=options is not None)
        return CONTINUE

    def _request(self, caller: Caller, tid: int, request: int, data: int) -> int:
        """Let a tracer ask its tracee for something: one that it may trace, and that is proven to be what it seems."""
        box = self._box
        if not box.traces.settle(tid) and request not in _AT_ANY_TIME:
            return -errno.ESRCH
        state = box.tasks.state_of(tid)
        if state is None:
            return -errno.ESRCH
        if request == PTRACE_DETACH:
            box.traces.forget(tid)
            return CONTINUE
        if not box.monitor.would_go_on(caller.state.sid, state.sid, "process", ("ptrace",)):
            return -errno.EPERM
        if request == PTRACE_SETOPTIONS:
            box.traces.set_options(caller.tid, tid, data)
        else:
            box.traces.meet(caller.tid, tid)
        return CONTINUE

    # --- Descriptors ------------------------------------------------------------------------------------------------

    def pidfd_getfd(self, caller: Caller, arguments: Arguments) -> int:
        """``pidfd_getfd(pidfd, number, flags)``: done by the supervisor, on its own copy of the pidfd."""
        if arguments[2] & 0xFFFFFFFF:
            return -errno.EINVAL
        box = self._box
        pidfd = box.descriptors.add(box.pidfds.copy(caller.tid, signed(arguments[0])))
        pid = process_behind(pidfd)
        if pid is None:
            return -errno.EBADF
        is_own = thread_group(pid) == thread_group(caller.tid)
        if not is_own:
            self._access.check(caller, pid, attaches=True)
        state = box.tasks.state_of(pid)
        if state is None or process_behind(pidfd) != pid:
            return -errno.ESRCH
        with own_capabilities():
            taken = box.descriptors.add(pidfd_getfd(pidfd, signed(arguments[1])))
        self._check_received(caller._replace(state=caller.state._replace(sid=state.sid)), caller, taken)
        box.listener.give_descriptor(caller.id, taken, os.O_CLOEXEC)
        return ANSWERED

    def _check_received(self, holder: Caller, caller: Caller, taken: int) -> None:
        def label_socket() -> SocketLabel:
            from selbox.enforce.socketchecks import SocketChecks  # few take a socket

            return SocketChecks(self._box).hand_over(holder, taken, caller.state.sid)

        access = access_of_flags(fcntl.fcntl(taken, fcntl.F_GETFL))
        check_descriptor(self._box, holder, caller.state.sid, taken, access, label_socket)
