"""Whether others can change a task's descriptors while it is stopped in a call."""

import os

from selbox.enforce.caller import Caller

_LINKS_WITH_ONE_THREAD = 3
"""Names of ``/proc/PID/task``: its own, that in ``/proc/PID``, and the parent entry of each thread's directory."""


def is_alone(caller: Caller) -> bool:
    """Tell whether nobody but a stopped task can exchange its descriptors.

    It is the only thread of its process, and that shares its table of descriptors with no other process; so no new
    one can come to share it before the task goes on.
    """
    if caller.state.shares_descriptors:
        return False
    try:
        return os.stat(f"/proc/{caller.tid}/task").st_nlink == _LINKS_WITH_ONE_THREAD
    except OSError:
        return False
