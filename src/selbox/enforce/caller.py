"""The task whose call is being decided."""

from selbox.enforce.credentials import Credentials, Identity, read_identity
from selbox.enforce.tasks import TaskState
from selbox.typing import NamedTuple


class Caller(NamedTuple):
    """A task stopped in a call.

    Attributes:
        id: the notification's cookie.
        tid: its thread id.
        state: its security state when it made the call.
        kind: a number that callers share whose state and credentials are equal; negative where these are not known.
        credentials: those it has, where they may be others than the supervisor's and were looked up.
        command: name by which records are to call it, where that is not its present one.
    """

    id: int
    tid: int
    state: TaskState
    kind: int = -1
    credentials: Credentials | None = None
    command: str = ""


def identity_of(caller: Caller) -> Identity | None:
    """Return who a caller is, for :func:`selbox.enforce.credentials.acting_as`; None when it is as the supervisor."""
    return read_identity(caller.tid) if caller.state.credentials_changed else None
