"""Whether others can change a task's descriptors or memory while it is stopped in a call."""

import errno
import os

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import TaskState, TaskTable, has_one_thread, processes, thread_group
from selbox.typing import Final

_KCMP_VM: Final = 1
_MOST_LOOKS: Final = 8


def is_alone(caller: Caller) -> bool:
    """Tell whether nobody but a stopped task can exchange its descriptors.

    It is the only thread of its process, and that shares its table of descriptors with no other process; so no new one
    can come to share it before the task goes on. Its memory others may still change: they may have a part of it mapped,
    or all of it, where a child of ``vfork`` outlived the one that made it.
    """
    return stays_alone(caller.tid, caller.state)


def stays_alone(tid: int, state: TaskState) -> bool:
    """Tell what :func:`is_alone` does, by thread id and state of the task."""
    return not state.shares_descriptors and has_one_thread(tid)


def has_own_memory(tasks: TaskTable, caller: Caller) -> bool:
    """Tell whether a stopped task has its memory for itself: no other thread, and no process of the box, shares it.

    Processes that come and go meanwhile are looked for again: one that shares it could only hide by ending, and
    whoever it has left behind has a number that is listed later.

    Source: the kernel's ``current_is_single_threaded``.
    """
    if not has_one_thread(caller.tid):
        return False
    for _ in range(_MOST_LOOKS):
        try:
            with own_capabilities():
                return not any(_shares_memory(tasks, caller.tid, each) for each in processes())
        except ProcessLookupError:
            continue
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EPERM):
                raise
            return not caller.state.shares_descriptors  # nobody may compare here, but most that share are known
    return False


def _shares_memory(tasks: TaskTable, tid: int, pid: int) -> bool:
    """Tell whether a process of the box, any of whose threads may have ended, shares a task's memory.

    Raises:
        OSError: ESRCH where one ends just now.
    """
    if pid == thread_group(tid) or tasks.state_of(pid) is None:
        return False
    threads = [pid] if has_one_thread(pid) else [int(each) for each in os.listdir(f"/proc/{pid}/task")]
    return any(system_call(NUMBERS["kcmp"], tid, each, _KCMP_VM, 0, 0) == 0 for each in threads)
