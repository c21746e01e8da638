"""Whether others can change a task's descriptors while it is stopped in a call."""

from selbox.enforce.caller import Caller
from selbox.enforce.tasks import TaskState, has_one_thread


def is_alone(caller: Caller) -> bool:
    """Tell whether nobody but a stopped task can exchange its descriptors.

    It is the only thread of its process, and that shares its table of descriptors with no other process; so no new
    one can come to share it before the task goes on.
    """
    return stays_alone(caller.tid, caller.state)


def stays_alone(tid: int, state: TaskState) -> bool:
    """Tell what :func:`is_alone` does, by thread id and state of the task."""
    return not state.shares_descriptors and has_one_thread(tid)
