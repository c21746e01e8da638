"""Changes of a box's mode and booleans, recorded as the kernel does; who may make them has been asked before."""

from collections.abc import Mapping

from selbox.audit.eventrecord import Login, boolean_changed, format_event, mode_changed
from selbox.enforce.recorder import Recorder
from selbox.enforce.tasks import read_proc
from selbox.server.securityserver import SecurityServer


def set_enforcing(server: SecurityServer, recorder: Recorder, value: bool, pid: int) -> None:
    """Enforce denials, or only record them.

    Args:
        server: of the box.
        recorder: of the box.
        value: whether they are enforced.
        pid: the process that wants it.
    """
    if value != server.enforcing:
        recorder.write(format_event(mode_changed(recorder.stamp(pid), value, server.enforcing, login_of(pid))))
        server.enforcing = value


def record_booleans(recorder: Recorder, old: Mapping[str, bool], new: Mapping[str, bool], pid: int) -> None:
    """Record which booleans get other values; they are set by the caller.

    Args:
        recorder: of the box.
        old: values until now.
        new: values of some or all of them.
        pid: the process that sets them.
    """
    for name, value in new.items():
        if old[name] != value:
            recorder.write(format_event(boolean_changed(recorder.stamp(pid), name, value, old[name], login_of(pid))))


def login_of(pid: int) -> Login:
    """Return who is behind a process, for records of changes."""
    numbers = [read_proc(f"/proc/{pid}/{name}") for name in ("loginuid", "sessionid")]
    return Login(*map(int, numbers)) if all(each.isdigit() for each in numbers) else Login()
