"""Which handler takes which call."""

from typing import NamedTuple

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.calls.attributes import AttributeCalls
from selbox.enforce.calls.execution import ExecutionCalls
from selbox.enforce.calls.files import FileCalls
from selbox.enforce.calls.inheritance import Inheritance
from selbox.enforce.calls.names import NameCalls, NewObjects
from selbox.enforce.calls.processes import ProcessCalls
from selbox.enforce.calls.selinuxfs import SelinuxFiles
from selbox.enforce.calls.sysvipc import SysVIpcCalls
from selbox.enforce.calls.unixsockets import UnixSocketCalls
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.supervisor import Supervisor
from selbox.enforce.workers import Workers


class Handlers(NamedTuple):
    """The handlers of a box.

    Attributes:
        by_number: handler of each notified call, by its number.
        execution: takes the stops of tasks that exec.
        selinux_files: has descriptors for the supervisor to watch.
    """

    by_number: dict[int, Handler]
    execution: ExecutionCalls
    selinux_files: SelinuxFiles

    def attach(self, supervisor: Supervisor) -> None:
        """Let handlers watch descriptors of their own."""
        self.selinux_files.attach(supervisor)


def build_handlers(box: Box, workers: Workers, initial_sid: int | None) -> Handlers:
    """Make the handlers of a box.

    Args:
        box: what they share.
        workers: threads for what may block.
        initial_sid: see :class:`ExecutionCalls`.
    """
    new_objects = NewObjects(box)
    selinux_files = SelinuxFiles(box)
    execution = ExecutionCalls(box, Inheritance(box), initial_sid)
    by_name: dict[str, Handler] = {
        **FileCalls(box, new_objects, selinux_files, workers).handlers(),
        **NameCalls(box, new_objects).handlers(),
        **execution.handlers(),
        **ProcessCalls(box).handlers(),
        **SysVIpcCalls(box, workers).handlers(),
        **UnixSocketCalls(box, new_objects, workers).handlers(),
        **AttributeCalls(box).handlers(),
        **selinux_files.handlers(),
    }
    return Handlers({NUMBERS[name]: handler for name, handler in by_name.items()}, execution, selinux_files)
