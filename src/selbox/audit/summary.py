"""What a run's records come to: equal accesses counted together, each with its reasons."""

from selbox.audit.avcrecord import AvcRecord
from selbox.typing import NamedTuple


class SummaryRow(NamedTuple):
    """Denials that differ only in time, process and object.

    Attributes:
        times: how many records.
        permissive: whether they were not enforced.
        scontext: context of the source.
        tcontext: context of the target.
        tclass: class of the targets.
        permissions: names, in the order of the first record.
        comm: command name of the source.
        object_name: path or name of the first object that has one; empty otherwise.
        reasons: what policy says or lacks, as the caller gave it for the first record.
    """

    times: int
    permissive: bool
    scontext: str
    tcontext: str
    tclass: str
    permissions: tuple[str, ...]
    comm: str
    object_name: str
    reasons: tuple[str, ...]


class Tally:
    """Counts denials as they come, so that a long run need not keep them."""

    def __init__(self) -> None:
        self._rows: dict[tuple[object, ...], _Count] = {}

    def add(self, record: AvcRecord, reasons: tuple[str, ...] = ()) -> None:
        """Count the record of a denial.

        Args:
            record: the record.
            reasons: why; they are not part of what makes two denials the same.
        """
        names = frozenset(record.permissions)
        key = (record.scontext, record.tcontext, record.tclass, names, record.comm, record.permissive)
        count = self._rows.get(key)
        if count is None:
            count = self._rows[key] = _Count(record, reasons)
        count.times += 1
        if not count.object_name:
            count.object_name = record.field("path") or record.field("name") or ""

    def rows(self) -> tuple[SummaryRow, ...]:
        """Return what was counted so far, most frequent first, then in order of first appearance."""
        rows = [each.row() for each in self._rows.values()]
        return tuple(sorted(rows, key=lambda row: -row.times))


class _Count:
    """How often a denial was met, and what is told of it."""

    __slots__ = ("object_name", "reasons", "record", "times")

    def __init__(self, record: AvcRecord, reasons: tuple[str, ...]) -> None:
        self.record = record
        self.reasons = reasons
        self.times = 0
        self.object_name = ""

    def row(self) -> SummaryRow:
        record = self.record
        return SummaryRow(
            times=self.times,
            permissive=record.permissive,
            scontext=record.scontext,
            tcontext=record.tcontext,
            tclass=record.tclass,
            permissions=record.permissions,
            comm=record.comm,
            object_name=self.object_name,
            reasons=self.reasons,
        )


def printable(text: str) -> str:
    """Return a name that others chose in a form that cannot move the cursor or colour the terminal."""
    return text if text.isprintable() else ascii(text)[1:-1]
