"""The task whose call is being decided."""

from typing import NamedTuple

from selbox.enforce.tasks import TaskState


class Caller(NamedTuple):
    """A task stopped in a call.

    Attributes:
        id: the notification's cookie.
        tid: its thread id.
        state: its security state when it made the call.
    """

    id: int
    tid: int
    state: TaskState
