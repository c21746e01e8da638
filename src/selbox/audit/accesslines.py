"""Lines of logs that tell of a decision about access, in whatever dress.

They may come from auditd's log, the kernel's or the journal, from ``ausearch``, or from a userspace object manager.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from selbox.audit.fields import broken
from selbox.diagnostics import Diagnostic

# Beside the contexts may stand the labels that they were read from, where the policy does not know these.
_RAW: Final = r"(?:[st]rawcon=\S+ +){0,2}"
# INVARIANT: names that somebody else chose hold no spaces in a record, so that they cannot contain these fields.
_DECISION: Final = re.compile(
    r"avc: +(?P<verdict>denied|granted) +\{(?P<permissions>[^{}]*)\} +for +(?P<about>.*)"
    rf"\bscontext=(?P<scontext>\S+) +{_RAW}tcontext=(?P<tcontext>\S+) +{_RAW}tclass=(?P<tclass>\w+)(?P<rest>.*)"
)
_MARK: Final = re.compile(r"\bavc: +(?:denied|granted) ")
_COMMAND: Final = re.compile(r"\b(?:ioctlcmd=(?:0x)?(?P<ioctl>[0-9A-Fa-f]+)|nl-msgtype=(?P<message>\d+))\b")


class LoggedAccess(NamedTuple):
    """An access that a record tells of.

    Attributes:
        line: number of the line, from 1.
        granted: whether it was granted.
        permissions: names; at least one.
        scontext: context of the source.
        tcontext: context of the target.
        tclass: class of the target.
        number: the extended permission, such as the ``ioctl`` command, where the record has one.
    """

    line: int
    granted: bool
    permissions: tuple[str, ...]
    scontext: str
    tcontext: str
    tclass: str
    number: int | None = None


def logged_accesses(lines: Iterable[str], warnings: list[Diagnostic]) -> Iterator[LoggedAccess]:
    """Read the decisions in a log; lines that tell of something else are passed over.

    Args:
        lines: of the log.
        warnings: takes a diagnostic for each record of a decision that is broken.
    """
    for number, line in enumerate(lines, 1):
        mark = _MARK.search(line)
        if mark is None:
            continue
        found = _DECISION.match(line, mark.start())
        permissions = tuple(found["permissions"].split()) if found else ()
        if found is None or not permissions:
            (fault,) = broken("audit-fields", f"line {number} lacks permissions, contexts or class", line).diagnostics
            warnings.append(fault)
            continue
        command = _COMMAND.search(found["about"])
        extended = None
        if command is not None:
            extended = int(command["ioctl"], 16) if command["ioctl"] else int(command["message"])
        yield LoggedAccess(
            line=number,
            granted=found["verdict"] == "granted",
            permissions=permissions,
            scontext=found["scontext"],
            tcontext=found["tcontext"],
            tclass=found["tclass"],
            number=extended,
        )
