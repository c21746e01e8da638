"""Priorities of a task, a process group or all tasks of a user.

The kernel asks about each task of a group, changes those that policy allows, and tells of the others by the result. So
where all are allowed its own call goes on; where some are not, the supervisor does it for the rest, one by one.
"""

import errno
import os
import resource
from collections.abc import Callable

from selbox.enforce.answer import CONTINUE
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import read_ids
from selbox.enforce.linux import system_call
from selbox.enforce.pidnumbers import meant_group, told_to
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.targets import Targets
from selbox.enforce.tasks import processes, shown_limits, thread_group
from selbox.typing import Final

_TASK, _GROUP, _USER = range(3)
"""``PRIO_PROCESS`` and what follows it; ``IOPRIO_WHO_PROCESS`` and what follows it, less one."""

_GETSCHED, _SETSCHED = "getsched", "setsched"
_LOWEST_BEST_EFFORT: Final = 2 << 13 | 4
"""The I/O priority of who has none: class ``IOPRIO_CLASS_BE``, level 4."""


class PriorityGroups:
    """``setpriority``, ``ioprio_set`` and ``ioprio_get``."""

    def __init__(self, box: Box, targets: Targets) -> None:
        self._box = box
        self._targets = targets
        self._capabilities = Capabilities(box)

    def setpriority(self, caller: Caller, arguments: Arguments) -> int:
        """``setpriority(which, who, value)``."""
        return self._set(caller, arguments, signed(arguments[0]), "setpriority", _TASK)

    def ioprio_set(self, caller: Caller, arguments: Arguments) -> int:
        """``ioprio_set(which, who, value)``."""
        return self._set(caller, arguments, signed(arguments[0]) - 1, "ioprio_set", _TASK + 1)

    def _set(self, caller: Caller, arguments: Arguments, which: int, name: str, task: int) -> int:
        who, value = signed(arguments[1]), signed(arguments[2])
        if which not in (_TASK, _GROUP, _USER):
            return -errno.EINVAL

        def set_(tid: int) -> int:
            return system_call(NUMBERS[name], task, tid, value)

        if which == _TASK:
            tid = self._task(caller, who)
            if self._targets.is_own(caller, tid):
                if (
                    name == "setpriority"
                    and _is_raised(tid, value)
                    and not self._capabilities.may_use(caller, "sys_nice")
                ):
                    return -errno.EACCES
                self._targets.check(caller, caller.tid, _SETSCHED)
                return CONTINUE
            return self._targets.change(caller, tid, _SETSCHED, lambda: set_(tid))
        result = -errno.ESRCH
        for tid in self._members(caller, which, who):
            try:
                self._targets.change(caller, tid, _SETSCHED, lambda tid=tid: set_(tid))  # type: ignore[misc]
                result = 0 if result == -errno.ESRCH else result
            except ProcessLookupError:
                continue
            except OSError as error:
                result = -(error.errno or errno.EPERM)
        return result

    def ioprio_get(self, caller: Caller, arguments: Arguments) -> int:
        """``ioprio_get(which, who)``; of many, the highest."""
        which, who = signed(arguments[0]) - 1, signed(arguments[1])
        if which not in (_TASK, _GROUP, _USER):
            return -errno.EINVAL

        def look(tid: int) -> int:
            ask: Callable[[], int] = lambda: system_call(NUMBERS["ioprio_get"], _TASK + 1, tid)  # noqa: E731
            return self._targets.look(caller, tid, _GETSCHED, ask)

        if which == _TASK:
            return look(self._task(caller, who))
        found: list[int] = []
        for tid in self._members(caller, which, who):
            try:
                found.append(look(tid) or _LOWEST_BEST_EFFORT)
            except OSError:
                continue
        return min(found) if found else -errno.ESRCH

    def _task(self, caller: Caller, who: int) -> int:
        if who < 0:
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        return self._targets.named(caller, who)

    def _members(self, caller: Caller, which: int, who: int) -> list[int]:
        """Return the tasks of a process group or a user, threads among them."""
        if which == _GROUP:
            group = meant_group(caller, who) if who else os.getpgid(thread_group(caller.tid))
            return _tasks(lambda pid: os.getpgid(pid) == group) if group or not who else []
        user = who or read_ids(caller.tid).users[0]
        return _tasks(lambda pid: read_ids(pid).users[0] == user and told_to(caller, pid) > 0)


def _is_raised(tid: int, nice: int) -> bool:
    """Tell whether a nice value gives a task more than its limit does (kernel: ``can_nice``)."""
    nice = max(-20, min(19, nice))
    return nice < os.getpriority(os.PRIO_PROCESS, tid) and shown_limits(tid, resource.RLIMIT_NICE)[0] < 20 - nice


def _tasks(wanted: Callable[[int], bool]) -> list[int]:
    """Return the threads of all processes that are wanted."""
    found = []
    for process in processes():
        try:
            if wanted(process):
                found += [int(each) for each in os.listdir(f"/proc/{process}/task")]
        except OSError:
            continue  # it has ended
    return found
