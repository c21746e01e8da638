"""What denied each access of a log, as audit2why prints it."""

from collections.abc import Callable, Iterable, Iterator

from selbox.audit.accesslines import AccessLine, LoggedAccess
from selbox.explain.forbidden import Forbidden, ForbiddenAccesses
from selbox.explain.loggedcauses import LoggedCause
from selbox.server.causes import CauseKind
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

MOST_PROPOSED: Final = 200
"""Accesses for which it is looked for what would allow them; each takes some milliseconds."""
_MOST_KNOWN: Final = 1 << 14

_MISMATCH: Final = (
    "\t\tPossible mismatch between this policy and the one under which the audit message was generated.\n\n"
    "\t\tPossible mismatch between current in-memory boolean settings vs. permanent ones.\n\n"
)
_CONSTANT: Final = {
    CauseKind.ALLOWED: f"\t\tUnknown - would be allowed by active policy\n{_MISMATCH}",
    CauseKind.DONTAUDIT: f"\t\tUnknown - should be dontaudit'd by active policy\n{_MISMATCH}",
    CauseKind.RULE: "\t\tMissing type enforcement (TE) allow rule.\n\n"
    "\t\tYou can use audit2allow to generate a loadable module to allow this access.\n\n",
    CauseKind.ROLE: "\t\tMissing role allow rule.\n\n\t\tAdd an allow rule for the role pair.\n\n",
    CauseKind.BOUNDS: "\t\tTypebounds violation.\n\n\t\tAdd an allow rule for the parent type.\n\n",
}


class WhyTexts:
    """Writes them; of each access the text is made once.

    Args:
        server: what is asked for constraints.
        describe: says what a boolean is for.

    Source: ``__output_audit2why`` of policycoreutils' ``audit2allow``.
    """

    def __init__(self, server: SecurityServer, describe: Callable[[str], str]) -> None:
        self._forbidden = ForbiddenAccesses(server)
        self._asked = 0
        self._describe = describe
        self._made: dict[tuple[LoggedAccess, LoggedCause], str] = {}

    def texts(self, lines: Iterable[AccessLine], causes: Iterable[LoggedCause]) -> Iterator[str]:
        """Yield the text of each access that could be asked about."""
        constant = _CONSTANT
        for line, cause in zip(lines, causes, strict=True):
            if cause.kind is not None:
                tail = constant.get(cause.kind) or self._tail(line.access, cause)
                yield f"{line.text}\n\n\tWas caused by:\n{tail}"

    def _tail(self, access: LoggedAccess, cause: LoggedCause) -> str:
        key = access, cause
        text = self._made.get(key)
        if text is None:
            if cause.kind is CauseKind.BOOLEAN:
                text = self._booleans(cause)
            else:
                assert cause.access is not None  # noqa: S101 - the others have constant texts
                self._asked += 1
                told = self._forbidden.tell(cause.access, propose=self._asked <= MOST_PROPOSED)
                text = "".join(f"{line}\n" for line in constraint_lines(told))
            if len(self._made) >= _MOST_KNOWN:
                self._made.clear()
            self._made[key] = text
        return text

    def _booleans(self, cause: LoggedCause) -> str:
        several = len(cause.booleans) > 1
        lines = ["\tOne of the following booleans was set incorrectly."] if several else []
        for name, value in cause.booleans:
            if not several:
                lines.append(f"\tThe boolean {name} was set incorrectly. ")
            lines.append(f"\tDescription:\n\t{self._describe(name)}\n")
            lines.append(f"\tAllow access by executing:\n\t# setsebool -P {name} {int(value)}")
        return "".join(f"{line}\n" for line in lines)


def constraint_lines(found: Forbidden) -> list[str]:
    """Return what forbids an access that rules allow, and what would allow it, as comments."""
    lines = ["", "#Constraint rule:"] if found.constraints else []
    lines += [f"\n#\t{each} Constraint DENIED" for each in found.constraints]
    lines += [f"#\t{each}" for each in found.others]
    if found.constraints:
        lines += [
            f"\n#\tPossible cause is the source {part} ({source}) and target {part} ({target}) are different."
            for part, source, target in found.differences
        ]
    if found.proposals:
        lines.append("\n#\tEach of these would allow it:")
        lines += [f"#\t\t{', and '.join(each.text for each in proposal.changes)}" for proposal in found.proposals]
    return [*lines, ""]
