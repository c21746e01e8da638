"""Which handler takes which call."""

from collections.abc import Mapping
from importlib import import_module

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.execution import ExecutionCalls
from selbox.enforce.calls.files import FileCalls
from selbox.enforce.calls.inheritance import Inheritance
from selbox.enforce.calls.lookups import LookupCalls
from selbox.enforce.calls.names import NameCalls
from selbox.enforce.calls.processes import ProcessCalls
from selbox.enforce.calls.renames import RenameCalls
from selbox.enforce.calls.selinuxpaths import SelinuxPaths
from selbox.enforce.calls.shortcuts import Shortcut, Shortcuts
from selbox.enforce.calls.status import StatusCalls
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.part import FilterPart
from selbox.enforce.seccomp.parts import (
    anonymousfiles,
    attributes,
    bpfobjects,
    identity,
    joining,
    keys,
    limits,
    machine,
    mappings,
    messagequeues,
    mounts,
    mounttrees,
    openfiles,
    othermemory,
    perfevents,
    processgroups,
    quotas,
    scheduling,
    signalling,
    sockets,
    statuschanges,
    sysvipc,
    tracing,
    watches,
)
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final, NamedTuple


class Family(NamedTuple):
    """Handlers that many programs never need: imported when one of their calls is first met."""

    part: FilterPart
    module: str
    name: str

    def make(self, box: Box) -> tuple[dict[str, Handler], dict[int, Shortcut]]:
        """Import them; return them by the names of their calls, and the shortcuts that they may have by numbers."""
        made = getattr(import_module(self.module), self.name)(box)
        return made.handlers(), made.shortcuts() if hasattr(made, "shortcuts") else {}


LATE: Final = (
    Family(attributes.PART, "selbox.enforce.calls.attributes", "AttributeCalls"),
    Family(mappings.PART, "selbox.enforce.calls.mappings", "MappingCalls"),
    Family(openfiles.PART, "selbox.enforce.calls.openfiles", "OpenFileCalls"),
    Family(watches.PART, "selbox.enforce.calls.watches", "WatchCalls"),
    Family(mounts.PART, "selbox.enforce.calls.mounts", "MountCalls"),
    Family(mounttrees.PART, "selbox.enforce.calls.mounttrees", "MountTreeCalls"),
    Family(quotas.PART, "selbox.enforce.calls.quotas", "QuotaCalls"),
    Family(anonymousfiles.PART, "selbox.enforce.calls.anonymousfiles", "AnonymousFileCalls"),
    Family(statuschanges.PART, "selbox.enforce.calls.statuschanges", "StatusChangeCalls"),
    Family(sysvipc.PART, "selbox.enforce.calls.sysvipc", "SysVIpcCalls"),
    Family(identity.PART, "selbox.enforce.calls.identity", "IdentityCalls"),
    Family(signalling.PART, "selbox.enforce.calls.signalling", "SignalCalls"),
    Family(joining.PART, "selbox.enforce.calls.joining", "JoiningCalls"),
    Family(othermemory.PART, "selbox.enforce.calls.othermemory", "OtherMemoryCalls"),
    Family(tracing.PART, "selbox.enforce.calls.tracing", "TraceCalls"),
    Family(machine.PART, "selbox.enforce.calls.machine", "MachineCalls"),
    Family(limits.PART, "selbox.enforce.calls.limits", "LimitCalls"),
    Family(processgroups.PART, "selbox.enforce.calls.processgroups", "ProcessGroupCalls"),
    Family(scheduling.PART, "selbox.enforce.calls.scheduling", "SchedulingCalls"),
    Family(messagequeues.PART, "selbox.enforce.calls.messagequeues", "MessageQueueCalls"),
    Family(keys.PART, "selbox.enforce.calls.keys", "KeyCalls"),
    Family(bpfobjects.PART, "selbox.enforce.calls.bpf", "BpfCalls"),
    Family(perfevents.PART, "selbox.enforce.calls.perfevents", "PerfEventCalls"),
    Family(sockets.PART, "selbox.enforce.calls.sockets", "SocketCalls"),
)
"""The late families."""


class Handlers(NamedTuple):
    """The handlers of a box.

    Attributes:
        by_number: handler of each notified call, by its number.
        shortcuts: what may answer a call before its handler does, by the same.
        execution: runs programs.
        selinux_paths: has descriptors for the supervisor to watch.
    """

    by_number: dict[int, Handler]
    shortcuts: dict[int, Shortcut]
    execution: ExecutionCalls
    selinux_paths: SelinuxPaths


def build_handlers(box: Box, initial_sid: int | None) -> Handlers:
    """Make the handlers of a box.

    Args:
        box: what they share.
        initial_sid: see :class:`ExecutionCalls`.
    """
    selinux_paths = SelinuxPaths(box)
    execution = ExecutionCalls(box, Inheritance(box), initial_sid)
    by_number: dict[int, Handler] = {}
    shortcuts = Shortcuts(box, selinux_paths).by_number()

    def add(handlers: Mapping[str, Handler]) -> None:
        by_number.update({NUMBERS[name]: handler for name, handler in handlers.items()})

    def add_later(family: Family) -> None:
        def first(name: str) -> Handler:
            def handle(caller: Caller, arguments: Arguments) -> int:
                handlers, sooner = family.make(box)
                add(handlers)
                shortcuts.update(sooner)
                return by_number[NUMBERS[name]](caller, arguments)

            return handle

        add({name: first(name) for name in family.part.handled(box.settings)})

    add(FileCalls(box, selinux_paths).handlers())
    add(NameCalls(box).handlers())
    add(RenameCalls(box).handlers())
    add(LookupCalls(box, selinux_paths).handlers())
    add(StatusCalls(box, selinux_paths).handlers())
    add(execution.handlers())
    add(ProcessCalls(box).handlers())
    add(selinux_paths.handlers())
    for family in LATE:
        add_later(family)
    return Handlers(by_number, shortcuts, execution, selinux_paths)
