"""Compiles a policy again after access rules of some sources have changed, from what an earlier compilation left.

Whatever else may have changed makes it give up; the caller then compiles the whole policy. Nothing is reported here: a
rule that is wrong, or that an assertion forbids, is found by that compilation.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from selbox.compiler.baseline import Baseline
from selbox.compiler.orders import GENERATED_ATTRIBUTE
from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import Form, parse
from selbox.model.bitset import members
from selbox.model.rules import UNCONDITIONAL, RuleKind

Row = tuple[int, int, int, int, int]
"""Kind, ids of source, target and class, and data of a rule that always holds."""

MOST_STATEMENTS: Final = 4000
"""Statements of one source that are looked at again; for more it is no quicker than compiling the whole."""

_KINDS: Final = {
    "allow": int(RuleKind.ALLOW),
    "auditallow": int(RuleKind.AUDITALLOW),
    "dontaudit": int(RuleKind.DONTAUDIT),
}
_GENERATED_OPTIONAL: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*_optional_[0-9]+")
_CHUNK: Final = 1 << 16


class Change(NamedTuple):
    """A source that is not as it was: its earlier text, and the one now."""

    earlier: str
    now: str


class Window(NamedTuple):
    """The part of a changed source outside of which nothing has changed, in whole top-level statements.

    Attributes:
        start: offset of its beginning, in both texts.
        earlier_end, now_end: offsets behind its end.
    """

    start: int
    earlier_end: int
    now_end: int


class Recompiled(NamedTuple):
    """A policy, compiled again.

    Attributes:
        chains: all access rules that always hold of the sources, targets and classes whose rules have changed: merged
            kinds and data in the order in which they come.
        windows: what has changed, by the number of the source.
    """

    chains: dict[tuple[int, int, int], list[tuple[int, int]]]
    windows: dict[int, Window]


class _GiveUpError(Exception):
    """Something has changed that only a whole compilation can follow."""


def recompile(baseline: Baseline, changes: Mapping[int, Change]) -> Recompiled | None:
    """Return what is different in a policy now, or None when the whole has to be compiled.

    Args:
        baseline: what an earlier compilation left.
        changes: the sources that differ from those of that compilation, by number.
    """
    try:
        return _Recompilation(baseline, changes).result()
    except _GiveUpError:
        return None


class _Recompilation:
    def __init__(self, baseline: Baseline, changes: Mapping[int, Change]) -> None:
        self._baseline = baseline
        self._changes = changes
        columns: list[array[int]] = []
        for content in baseline.rows:
            column = array("I")
            column.frombytes(content)
            columns.append(column)
        self._kind, self._source, self._target, self._class, self._data, self._condition, self._offset = columns
        self._uses: Counter[int] = Counter()

    def result(self) -> Recompiled:
        windows: dict[int, Window] = {}
        replaced: list[tuple[range, list[Row]]] = []
        for number, change in self._changes.items():
            starts = array("I")
            starts.frombytes(self._baseline.starts[number])
            windows[number] = window = _window(change, starts)
            comparison = _Comparison(self._baseline, number, window.start)
            comparison.compare(
                _forms(change.earlier[window.start : window.earlier_end]),
                _forms(change.now[window.start : window.now_end]),
            )
            rows = self._rows_of(number, window, comparison.removed)
            added = [row for form in comparison.added for row in self._read(form)]
            replaced.append(self._trimmed(rows, added))
        self._check(replaced)
        return Recompiled(self._chains(replaced), windows)

    def _rows_of(self, number: int, window: Window, removed: set[int]) -> range:
        """Return the rows of the rules that stood in a window; each has some."""
        first, end = self._baseline.first_rows[number : number + 2]
        begin = bisect_left(self._offset, window.start, first, end)
        rows = range(begin, bisect_left(self._offset, window.earlier_end, begin, end))
        # INVARIANT: a rule without a row names an attribute without types, whose end may depend on that.
        if removed != set(self._offset[rows.start : rows.stop]) or any(self._condition[rows.start : rows.stop]):
            raise _GiveUpError
        return rows

    def _row(self, row: int) -> Row:
        return self._kind[row], self._source[row], self._target[row], self._class[row], self._data[row]

    def _trimmed(self, rows: range, added: list[Row]) -> tuple[range, list[Row]]:
        """Leave out what is the same at the beginning and at the end."""
        first, last = rows.start, rows.stop
        begin, end = 0, len(added)
        while first < last and begin < end and self._row(first) == added[begin]:
            first += 1
            begin += 1
        while first < last and begin < end and self._row(last - 1) == added[end - 1]:
            last -= 1
            end -= 1
        return range(first, last), added[begin:end]

    def _read(self, form: Form) -> Iterator[Row]:
        """Yield the rows of a rule."""
        keyword, source_name, target_name, ending = form
        source = self._type(source_name)
        found = self._baseline.classes.get(ending[0]) if len(ending) == 2 and isinstance(ending[0], str) else None
        if found is None or not isinstance(ending[1], Form) or not ending[1]:
            raise _GiveUpError
        class_id, bits = found
        data = 0
        for permission in ending[1]:
            bit = bits.get(permission) if isinstance(permission, str) else None
            if bit is None:
                raise _GiveUpError
            data |= bit
        kind = _KINDS[str(keyword)]
        if target_name != "self":
            yield kind, source, self._type(target_name), class_id, data
            return
        types = self._baseline.attributes.get(source)
        for each in (source,) if types is None else members(types):
            yield kind, each, each, class_id, data

    def _type(self, name: "Form | str") -> int:
        found = self._baseline.types.get(name) if isinstance(name, str) else None
        if found is None or "." in str(name) or self._baseline.attributes.get(found) == 0:
            raise _GiveUpError
        return found

    def _check(self, replaced: Sequence[tuple[range, list[Row]]]) -> None:
        """Give up where attributes come into use or go out of it, or where an assertion may forbid a new rule."""
        uses: Counter[int] = Counter()
        for rows, added in replaced:
            for row in rows:
                uses.subtract((self._source[row], self._target[row]))
            for _, source, target, _, _ in added:
                uses.update((source, target))
        attributes = self._baseline.attributes
        for each, difference in uses.items():
            before = self._baseline.uses.get(each, 0)
            if each in attributes and not (before > 0 and before + difference > 0):
                raise _GiveUpError
        allowed = [row for _, added in replaced for row in added if row[0] == RuleKind.ALLOW]
        if any(map(self._may_be_forbidden, allowed)):
            raise _GiveUpError

    def _may_be_forbidden(self, row: Row) -> bool:
        _, source, target, class_id, data = row
        sources, targets = self._types(source), self._types(target)
        return any(
            sources & forbidden_sources
            and targets & forbidden_targets
            and any(each == class_id and vector & data for each, vector in vectors)
            for forbidden_sources, forbidden_targets, vectors in self._baseline.assertions
        )

    def _types(self, type_id: int) -> int:
        types = self._baseline.attributes.get(type_id)
        return 1 << type_id if types is None else types

    def _chains(self, replaced: Sequence[tuple[range, list[Row]]]) -> dict[tuple[int, int, int], list[tuple[int, int]]]:
        """Return the merged rules of every source, target and class of a rule that has come or gone."""
        gone = {row for rows, _ in replaced for row in rows}
        triples = {self._row(row)[1:4] for row in gone} | {row[1:4] for _, added in replaced for row in added}
        if not triples:
            return {}
        sources = {source for source, _, _ in triples}
        # Each row with what it sorts by: new ones come before the row at which their window ends.
        found: list[tuple[tuple[int, int, int], Row]] = [
            ((row, 1, 0), self._row(row))
            for row, source in enumerate(self._source)
            if source in sources
            and row not in gone
            and self._condition[row] == UNCONDITIONAL
            and (source, self._target[row], self._class[row]) in triples
        ]
        for rows, added in replaced:
            found += [((rows.stop, 0, index), row) for index, row in enumerate(added)]
        found.sort()
        chains: dict[tuple[int, int, int], dict[int, int]] = {triple: {} for triple in triples}
        for _, (kind, source, target, class_id, data) in found:
            merged = chains[source, target, class_id]
            merged[kind] = merged.get(kind, 0) | data
        return {triple: list(merged.items()) for triple, merged in chains.items()}


class _Comparison:
    """Finds the access rules that have come and gone between two runs of statements that are the same otherwise.

    Args:
        baseline: what an earlier compilation left.
        number: of the source.
        start: offset of the runs in the source.

    Attributes:
        removed: offsets in the source of the rules that were there.
        added: the rules that are there now.
    """

    def __init__(self, baseline: Baseline, number: int, start: int) -> None:
        self._baseline = baseline
        self._number = number
        self._start = start
        self.removed: set[int] = set()
        self.added: list[Form] = []

    def compare(self, earlier: Sequence["Form | str"], now: Sequence["Form | str"]) -> None:
        """Compare two runs of statements.

        Raises:
            _GiveUpError: they differ in more than access rules, or in an optional block that is off.
        """
        others = [each for each in earlier if not self._takes_out(each)]
        other_index = 0
        for each in now:
            if self._takes_in(each):
                continue
            if other_index == len(others):
                raise _GiveUpError
            self._compare_others(others[other_index], each)
            other_index += 1
        if other_index < len(others):
            raise _GiveUpError

    def _takes_out(self, statement: "Form | str") -> bool:
        if _is_access_rule(statement):
            self.removed.add(self._start + statement.offset)  # type: ignore[union-attr]  # it is a form
            return True
        return self._is_requirement(statement)

    def _takes_in(self, statement: "Form | str") -> bool:
        if _is_access_rule(statement):
            self.added.append(statement)  # type: ignore[arg-type]  # it is a form
            return True
        return self._is_requirement(statement)

    def _is_requirement(self, statement: "Form | str") -> bool:
        """Tell whether a statement requires a type that is there, and says no more."""
        return (
            len(statement) == 3
            and statement[0] == "typeattributeset"
            and statement[1] == GENERATED_ATTRIBUTE
            and isinstance(statement[2], str)
            and statement[2] in self._baseline.declared
        )

    def _compare_others(self, earlier: "Form | str", now: "Form | str") -> None:
        if isinstance(earlier, str) or isinstance(now, str):
            raise _GiveUpError
        is_live = (self._number, self._start + earlier.offset) not in self._baseline.dead
        if len(earlier) > 1 and earlier[0] == "optional" and is_live:
            if len(now) < 2 or now[0] != "optional" or not _are_same_or_generated(earlier[1], now[1]):
                raise _GiveUpError
            self.compare(earlier[2:], now[2:])
        elif earlier != now:
            raise _GiveUpError


def _are_same_or_generated(earlier: "Form | str", now: "Form | str") -> bool:
    """Tell whether names of optional blocks are the same, or both numbered by a translator: nothing names such ones."""
    if earlier == now:
        return True
    return all(isinstance(name, str) and _GENERATED_OPTIONAL.fullmatch(name) for name in (earlier, now))


def _is_access_rule(statement: "Form | str") -> bool:
    return (
        isinstance(statement, Form)
        and len(statement) == 4
        and statement[0] in _KINDS
        and [type(each) is str for each in statement[1:]] == [True, True, False]
    )


def _forms(text: str) -> list[Form]:
    if text[text.rfind("\n") + 1 :].count(";"):
        raise _GiveUpError  # a comment might reach into what follows
    try:
        forms = parse(SourceFile("", text)).forms
    except SelboxError:
        raise _GiveUpError from None
    if len(forms) > MOST_STATEMENTS:
        raise _GiveUpError
    return forms


def _window(change: Change, starts: "array[int]") -> Window:
    """Return what has changed, in whole top-level statements of the earlier text."""
    earlier, now = change
    shorter = min(len(earlier), len(now))
    same = _same(shorter, lambda first, last: earlier[first:last] == now[first:last])
    index = bisect_right(starts, same)
    start = starts[index - 1] if index else 0
    earlier_end, now_end = len(earlier), len(now)
    tail = _same(
        shorter - start,
        lambda first, last: earlier[earlier_end - last : earlier_end - first] == now[now_end - last : now_end - first],
    )
    index = bisect_left(starts, earlier_end - tail)
    end = starts[index] if index < len(starts) else earlier_end
    return Window(start, end, end + now_end - earlier_end)


def _same(length: int, equal: "Callable[[int, int], bool]") -> int:
    """Return how many of the first ``length`` characters are the same.

    Args:
        length: characters to look at.
        equal: tells whether those from one index up to another are.
    """
    done = 0
    while done < length and equal(done, min(done + _CHUNK, length)):
        done = min(done + _CHUNK, length)
    step = min(_CHUNK, length - done)
    while step:
        if done + step <= length and equal(done, done + step):
            done += step
        else:
            step //= 2
    return done
