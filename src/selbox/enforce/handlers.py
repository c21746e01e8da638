"""Which handler takes which call."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final, NamedTuple

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.execution import ExecutionCalls
from selbox.enforce.calls.files import FileCalls
from selbox.enforce.calls.inheritance import Inheritance
from selbox.enforce.calls.names import NameCalls, NewObjects
from selbox.enforce.calls.processes import ProcessCalls
from selbox.enforce.calls.selinuxpaths import SelinuxPaths
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.supervisor import Supervisor
from selbox.enforce.workers import Workers

ATTRIBUTES: Final = (
    *("getxattr", "lgetxattr", "fgetxattr", "setxattr", "lsetxattr", "fsetxattr"),
    *("removexattr", "lremovexattr", "fremovexattr"),
)
SYSTEM_V: Final = (
    *("shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl"),
    *("msgget", "msgsnd", "msgrcv", "msgctl"),
)
UNIX_SOCKETS: Final = ("socket", "socketpair", "bind", "listen", "connect", "accept", "accept4", "getsockopt")

LATE_IMPORTS: Final = (
    *("selbox.enforce.calls.attributes", "selbox.enforce.calls.selinuxfs", "selbox.enforce.calls.sysvipc"),
    *("selbox.enforce.calls.unixsockets", "selbox.audit.avcrecord", "selbox.audit.summary"),
    *("selbox.server.reasontext", "selbox.store.pcre", "difflib", "mmap"),
)
"""Modules that are imported when first needed, in a handler or below it."""


@cache
def import_all() -> None:
    """Import them now: once credentials are borrowed, Python's own files may be out of reach."""
    for name in LATE_IMPORTS:
        import_module(name)


class Handlers(NamedTuple):
    """The handlers of a box.

    Attributes:
        by_number: handler of each notified call, by its number.
        execution: takes the stops of tasks that exec.
        selinux_paths: has descriptors for the supervisor to watch.
    """

    by_number: dict[int, Handler]
    execution: ExecutionCalls
    selinux_paths: SelinuxPaths

    def attach(self, supervisor: Supervisor) -> None:
        """Let handlers watch descriptors of their own."""
        self.selinux_paths.attach(supervisor)


def build_handlers(box: Box, workers: Workers, initial_sid: int | None) -> Handlers:
    """Make the handlers of a box.

    Those that many programs never need are imported when one of their calls is first met.

    Args:
        box: what they share.
        workers: threads for what may block.
        initial_sid: see :class:`ExecutionCalls`.
    """
    new_objects = NewObjects(box)
    selinux_paths = SelinuxPaths(box)
    execution = ExecutionCalls(box, Inheritance(box), initial_sid)
    by_number: dict[int, Handler] = {}

    def add(handlers: dict[str, Handler]) -> None:
        by_number.update({NUMBERS[name]: handler for name, handler in handlers.items()})

    def add_later(names: tuple[str, ...], make: Callable[[], dict[str, Handler]]) -> None:
        def first(name: str) -> Handler:
            def handle(caller: Caller, arguments: Arguments) -> int:
                add(make())
                return by_number[NUMBERS[name]](caller, arguments)

            return handle

        add({name: first(name) for name in names})

    def attributes() -> dict[str, Handler]:
        from selbox.enforce.calls.attributes import AttributeCalls

        return AttributeCalls(box).handlers()

    def system_v() -> dict[str, Handler]:
        from selbox.enforce.calls.sysvipc import SysVIpcCalls

        return SysVIpcCalls(box, workers).handlers()

    def unix_sockets() -> dict[str, Handler]:
        from selbox.enforce.calls.unixsockets import UnixSocketCalls

        return UnixSocketCalls(box, new_objects, workers).handlers()

    add(FileCalls(box, new_objects, selinux_paths, workers).handlers())
    add(NameCalls(box, new_objects).handlers())
    add(execution.handlers())
    add(ProcessCalls(box).handlers())
    add(selinux_paths.handlers())
    add_later(ATTRIBUTES, attributes)
    add_later(SYSTEM_V, system_v)
    add_later(UNIX_SOCKETS, unix_sockets)
    return Handlers(by_number, execution, selinux_paths)
