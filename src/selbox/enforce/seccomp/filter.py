"""The filter of a box: which calls the supervisor is asked about, which fail, and which the kernel just runs.

Each family of calls says its part; this module makes one program of them. Everything that no part names runs without a
notification, up to the last call that Linux had when this was written: later ones fail as on a kernel without them.
"""

import errno

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction, Label
from selbox.enforce.seccomp.part import ALLOW, NOTIFY, PRETEND, FilterPart, FilterSettings, Program
from selbox.enforce.seccomp.parts import (
    anonymousfiles,
    attributes,
    bpfobjects,
    closed,
    execution,
    files,
    identity,
    joining,
    keys,
    limits,
    lookups,
    machine,
    mappings,
    messagequeues,
    mounts,
    mounttrees,
    names,
    openfiles,
    othermemory,
    perfevents,
    processes,
    processgroups,
    quotas,
    scheduling,
    selinuxpaths,
    signalling,
    sockets,
    status,
    statuschanges,
    sysvipc,
    tracing,
    watches,
)
from selbox.enforce.seccomp.syscalls import AUDIT_ARCH, FIRST_UNKNOWN, NUMBERS
from selbox.typing import Final

PARTS: Final[tuple[FilterPart, ...]] = (
    files.PART,
    names.PART,
    lookups.PART,
    status.PART,
    anonymousfiles.PART,
    openfiles.PART,
    watches.PART,
    mounts.PART,
    mounttrees.PART,
    quotas.PART,
    mappings.PART,
    statuschanges.PART,
    attributes.PART,
    execution.PART,
    selinuxpaths.PART,
    processes.PART,
    joining.PART,
    identity.PART,
    signalling.PART,
    othermemory.PART,
    tracing.PART,
    machine.PART,
    processgroups.PART,
    limits.PART,
    scheduling.PART,
    sockets.PART,
    sysvipc.PART,
    messagequeues.PART,
    keys.PART,
    perfevents.PART,
    bpfobjects.PART,
    closed.PART,
)
"""Every family's part."""

_RESULTS: Final = {ALLOW: bpf.RETURN_ALLOW, NOTIFY: bpf.RETURN_NOTIFY, PRETEND: bpf.return_errno(0)}


def build_filter(settings: FilterSettings) -> bytes:
    """Return the filter program of a box.

    Args:
        settings: what it depends on.
    """
    results: dict[int, int] = {}
    programs: dict[int, Program] = {}
    for part in PARTS:
        results.update({NUMBERS[name]: bpf.RETURN_NOTIFY for name in part.notified if name not in settings.spared})
        for number, names_ in part.refused.items():
            results.update({NUMBERS[name]: bpf.return_errno(number) for name in names_})
        programs.update({NUMBERS[name]: each for name, each in part.conditional(settings).items()})
    program: list[Instruction | Label] = [
        Instruction(bpf.LOAD_WORD, bpf.OFFSET_ARCHITECTURE),
        Instruction(bpf.JUMP_IF_EQUAL, AUDIT_ARCH, "native"),
        Instruction(bpf.RETURN, bpf.return_errno(errno.ENOSYS)),
        Label("native"),
        Instruction(bpf.LOAD_WORD, bpf.OFFSET_NUMBER),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, FIRST_UNKNOWN, "", "known"),
        Instruction(bpf.RETURN, bpf.return_errno(errno.ENOSYS)),
        Label("known"),
    ]
    program += _search(sorted({*results, *programs}), results)
    for number, each in programs.items():
        program += _block(number, each)
    return bpf.assemble(program)


def _search(numbers: list[int], results: dict[int, int]) -> list[Instruction | Label]:
    """Find a call's number by halves: with some hundred calls, each costs a handful of comparisons."""
    middle = len(numbers) // 2
    if middle == 0:
        (number,) = numbers
        found = Instruction(bpf.RETURN, results[number]) if number in results else Instruction(bpf.JUMP, 0, str(number))
        return [
            Instruction(bpf.JUMP_IF_EQUAL, number, "", f"not {number}"),
            found,
            Label(f"not {number}"),
            Instruction(bpf.RETURN, bpf.RETURN_ALLOW),
        ]
    above = f"from {numbers[middle]}"
    return [
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, numbers[middle], "", f"below {numbers[middle]}"),
        Instruction(bpf.JUMP, 0, above),
        Label(f"below {numbers[middle]}"),
        *_search(numbers[:middle], results),
        Label(above),
        *_search(numbers[middle:], results),
    ]


def _block(number: int, program: Program) -> list[Instruction | Label]:
    """Return one call's own program, with labels that are no other's."""

    def own(name: str) -> str:
        return f"{number} {name}" if name else ""

    block: list[Instruction | Label] = [Label(str(number))]
    for each in program:
        if isinstance(each, Label):
            block.append(Label(own(each.name)))
        elif not each.if_true and not each.if_false:
            block.append(each)
        else:
            block.append(each._replace(if_true=own(each.if_true), if_false=own(each.if_false)))
    for name, result in _RESULTS.items():
        block += [Label(own(name)), Instruction(bpf.RETURN, result)]
    return block
