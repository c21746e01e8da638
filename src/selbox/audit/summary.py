"""What a run's records come to: equal accesses counted together, each with its reason."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from selbox.audit.avcrecord import AvcRecord


class ReasonKind(Enum):
    """Why an access was denied, or why it was recorded."""

    NO_RULE = "no rule"
    CONSTRAINT = "constraint"
    BOUNDS = "bounds"
    UNKNOWN = "not in the policy"
    AUDITED = "auditallow"


class Reason(NamedTuple):
    """The part of policy that decided.

    Attributes:
        kind: what kind of part.
        text: the rule that is missing, such as ``(allow cat_t dog_chow_t (file (read)))``, or the constraint with
            its place.
    """

    kind: ReasonKind
    text: str = ""


class SummaryRow(NamedTuple):
    """Accesses that differ only in time, process and object.

    Attributes:
        times: how many records.
        granted: whether they were granted.
        permissive: whether the denials were not enforced.
        source_type: type of the source context; the whole context where it has no type.
        target_type: likewise of the target.
        tclass: class of the targets.
        permissions: names, in the order of the first record.
        comm: command name of the source.
        object_name: path or name of the first object that has one; empty otherwise.
        reason: as the caller gave it for the first record, or None.
    """

    times: int
    granted: bool
    permissive: bool
    source_type: str
    target_type: str
    tclass: str
    permissions: tuple[str, ...]
    comm: str
    object_name: str
    reason: Reason | None


class Summary(NamedTuple):
    """The rows, most frequent first, then in order of first appearance."""

    rows: tuple[SummaryRow, ...]

    @property
    def denied(self) -> int:
        """How many denials there were, enforced or not."""
        return sum(row.times for row in self.rows if not row.granted)

    @property
    def granted(self) -> int:
        """How many granted accesses were recorded."""
        return sum(row.times for row in self.rows if row.granted)


class Tally:
    """Counts records as they come, so that a long run need not keep them."""

    def __init__(self) -> None:
        self._rows: dict[tuple[object, ...], SummaryRow] = {}

    def add(self, record: AvcRecord, reason: Reason | None = None) -> None:
        """Count a record.

        Args:
            record: the record.
            reason: why; records that differ in nothing else but have another kind of reason are counted apart.
        """
        source_type, target_type = context_type(record.scontext), context_type(record.tcontext)
        accesses = (record.granted, record.permissive, frozenset(record.permissions), record.tclass)
        key = (source_type, target_type, record.comm, reason and reason.kind, accesses)
        row = self._rows.get(key)
        object_name = record.field("path") or record.field("name") or ""
        if row is not None:
            self._rows[key] = row._replace(times=row.times + 1, object_name=row.object_name or object_name)
            return
        self._rows[key] = SummaryRow(
            times=1,
            granted=record.granted,
            permissive=record.permissive,
            source_type=source_type,
            target_type=target_type,
            tclass=record.tclass,
            permissions=record.permissions,
            comm=record.comm,
            object_name=object_name,
            reason=reason,
        )

    def summary(self) -> Summary:
        """Return what was counted so far."""
        return Summary(tuple(sorted(self._rows.values(), key=lambda row: -row.times)))


def summarize(records: Iterable[tuple[AvcRecord, Reason | None]]) -> Summary:
    """Count records with their reasons."""
    tally = Tally()
    for record, reason in records:
        tally.add(record, reason)
    return tally.summary()


def missing_rule(record: AvcRecord) -> Reason:
    """Return the reason of a denial for which no rule stands: the rule in CIL that would have granted it."""
    source, target = context_type(record.scontext), context_type(record.tcontext)
    shown_target = "self" if source == target else target
    permissions = " ".join(record.permissions)
    return Reason(ReasonKind.NO_RULE, f"(allow {source} {shown_target} ({record.tclass} ({permissions})))")


def summary_lines(summary: Summary) -> list[str]:
    """Return the summary as plain text, two lines a row; empty when there is nothing to tell."""
    lines: list[str] = []
    width = max((len(str(row.times)) for row in summary.rows), default=0)
    for row in summary.rows:
        verdict = "granted" if row.granted else "would be denied" if row.permissive else "denied"
        what = f"{row.tclass} {row.object_name}" if row.object_name else row.tclass
        who = f"{_printable(row.comm)} ({row.source_type})"
        access = f"{verdict} {{ {' '.join(row.permissions)} }}"
        lines.append(f"{row.times:>{width}} x {access} {who} -> {_printable(what)} ({row.target_type})")
        if row.reason is not None:
            text = f": {row.reason.text}" if row.reason.text else ""
            lines.append(f"{' ' * width}   {row.reason.kind.value}{text}")
    return lines


def context_type(context: str) -> str:
    """Return the type of a context's text; the whole text where it has none."""
    parts = context.split(":", 3)
    return parts[2] if len(parts) > 2 else context


def _printable(text: str) -> str:
    """Keep names that others chose from moving the cursor or colouring the terminal."""
    return text if text.isprintable() else ascii(text)[1:-1]
