"""The table of access vectors: allow rules and their kin, type rules, extended rules; and those of conditionals.

An entry is source, target, class and kind in 16 bits each, and 32 bits of permissions or a type's number; an extended
rule has two bytes and 256 bits instead.
"""

import sys
from array import array
from collections.abc import Iterable
from struct import Struct
from typing import Final

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.versions import FIRST_VERSIONS, Layout
from selbox.diagnostics import SelboxError
from selbox.model.extended import ExtendedKind, ExtendedRule, ExtendedSpecifier
from selbox.model.rules import UNCONDITIONAL, RuleKind, Rules

ALL: Final = 0xFFFFFFFF

_ENABLED = 0x8000
_PLAIN = frozenset(map(int, RuleKind))
_EXTENDED = frozenset(map(int, ExtendedKind))
_SPECIFIERS = frozenset(map(int, ExtendedSpecifier))
_FIRST_TYPE_KIND = int(RuleKind.TYPE_TRANSITION)
_DONTAUDIT = int(RuleKind.DONTAUDIT)
_ENTRY = Struct("<HHHHI")
_EXTENDED_ENTRY = Struct("<HHHHBB32s")
_SMALL_RUN = 64


class RowReader:
    """Reads runs of entries into the columns of a policy.

    Args:
        cursor: stands at the first run.
        layout: of the policy.
        types: how many types and attributes there are.
        classes: how many classes there are.

    Attributes:
        rules: the rules so far, in the order of the file.
        extended: the extended rules so far, likewise.
    """

    def __init__(self, cursor: Cursor, layout: Layout, types: int, classes: int) -> None:
        self.rules = Rules()
        self.extended: list[ExtendedRule] = []
        self._cursor = cursor
        self._layout = layout
        self._types = types
        self._classes = classes

    def read(self, count: int, condition: int = UNCONDITIONAL) -> None:
        """Read ``count`` entries of a branch, or of the table of rules that always hold."""
        cursor = self._cursor
        run = count
        while count:
            rows = min(count, run, cursor.left // _ENTRY.size)
            if not rows:
                cursor.truncated(_ENTRY.size)
            taken = self._read_run(rows, condition)
            count -= taken
            run *= 2
            if taken < rows:
                self._read_extended(condition)
                count -= 1
                run = _SMALL_RUN

    def reverse(self, first_rule: int, first_extended: int) -> None:
        """Turn round the order of the rules, and of the extended rules, from the given rows on."""
        rules = self.rules
        for column in (rules.kind, rules.source, rules.target, rules.object_class, rules.data, rules.condition):
            column[first_rule:] = column[first_rule:][::-1]
        self.extended[first_extended:] = self.extended[first_extended:][::-1]

    def _read_run(self, rows: int, condition: int) -> int:
        """Read entries up to the first extended one; return how many."""
        cursor = self._cursor
        content = cursor.data[cursor.offset : cursor.offset + rows * _ENTRY.size]
        halves, words = array("H", content), array("I", content)
        if sys.byteorder == "big":
            halves.byteswap()
            words.byteswap()
        kinds = [kind & ~_ENABLED for kind in halves[3::6]]
        if not _PLAIN.issuperset(kinds):
            rows = next(row for row, kind in enumerate(kinds) if kind not in _PLAIN)
            if kinds[rows] not in _EXTENDED:
                cursor.corrupt(f"an entry is of kind {kinds[rows]:#x}", cursor.offset + rows * _ENTRY.size + 6)
            if not rows:
                return 0
            del kinds[rows:], halves[rows * 6 :], words[rows * 3 :]
        self._append(kinds, halves, words[2::3], condition)
        cursor.offset += rows * _ENTRY.size
        return rows

    def _append(self, kinds: list[int], halves: "array[int]", data: "array[int]", condition: int) -> None:
        rules = self.rules
        sources, targets, classes = halves[0::6], halves[1::6], halves[2::6]
        self._check(min(sources), max(sources), self._types, "source")
        self._check(min(targets), max(targets), self._types, "target")
        self._check(min(classes), max(classes), self._classes, "class")
        rules.kind.extend(kinds)
        rules.source.extend([each - 1 for each in sources])
        rules.target.extend([each - 1 for each in targets])
        rules.object_class.extend([each - 1 for each in classes])
        if max(kinds) < _DONTAUDIT:
            rules.data.extend(data)
        else:
            rules.data.extend(
                [
                    each if kind < _DONTAUDIT else each ^ ALL if kind == _DONTAUDIT else self._result(each)
                    for kind, each in zip(kinds, data, strict=True)
                ]
            )
        rules.condition.extend([condition] * len(kinds))
        rules.origin.frombytes(bytes(rules.origin.itemsize * len(kinds)))

    def _result(self, number: int) -> int:
        if not 1 <= number <= self._types:
            self._cursor.corrupt(f"a type rule results in type number {number} of {self._types}")
        return number - 1

    def _check(self, least: int, most: int, limit: int, what: str) -> None:
        if not 1 <= least <= most <= limit:
            self._cursor.corrupt(f"the numbers of {what} in the entries are {least} to {most}, of {limit}")

    def _read_extended(self, condition: int) -> None:
        cursor = self._cursor
        if cursor.left < _EXTENDED_ENTRY.size:
            cursor.truncated(_EXTENDED_ENTRY.size)
        entry = _EXTENDED_ENTRY.unpack_from(cursor.data, cursor.offset)
        source, target, object_class, kind, specifier, driver, permissions = entry
        needed = "conditional_extended_rules" if condition else "extended_rules"
        if not getattr(self._layout, needed):
            cursor.corrupt(
                f"there is {'a conditional' if condition else 'an'} extended rule, which came with policy version "
                f"{FIRST_VERSIONS[needed]}"
            )
        self._check(source, source, self._types, "source")
        self._check(target, target, self._types, "target")
        self._check(object_class, object_class, self._classes, "class")
        if specifier not in _SPECIFIERS:
            cursor.corrupt(f"an extended rule is of sort {specifier}", cursor.offset + 8)
        rule = ExtendedRule(
            ExtendedKind(kind & ~_ENABLED),
            source - 1,
            target - 1,
            object_class - 1,
            ExtendedSpecifier(specifier),
            driver,
            int.from_bytes(permissions, "little"),
            condition,
        )
        self.extended.append(rule)
        cursor.offset += _EXTENDED_ENTRY.size


def read_access_vectors(cursor: Cursor, rows: RowReader) -> None:
    """Read the table of the rules that always hold.

    Raises:
        SelboxError: ``binary-corrupt`` when a key stands twice in it, as libsepol and the kernel have it.
    """
    cursor.section = "access vectors"
    start = cursor.offset
    rows.read(cursor.count(_ENTRY.size))
    rules = rows.rules
    keys = set(zip(rules.kind, rules.source, rules.target, rules.object_class, strict=True))
    if len(keys) < len(rules):
        cursor.corrupt(f"{len(rules) - len(keys)} entries stand twice", start)


def check_results(cursor: Cursor, rules: Rules, attributes: int) -> None:
    """Refuse type rules that result in an attribute (of the given bitset)."""
    results = {data for kind, data in zip(rules.kind, rules.data, strict=True) if kind >= _FIRST_TYPE_KIND}
    for each in results:
        if attributes >> each & 1:
            cursor.section = "access vectors"
            cursor.corrupt(f"a type rule results in type number {each + 1}, which is an attribute", 0)


def entry_bytes(rule: ExtendedRule, *, is_on: bool = False) -> bytes:
    """Return the entry of an extended rule; ``is_on`` tells whether the branch that it belongs to holds at first."""
    key = rule.source + 1, rule.target + 1, rule.object_class + 1, rule.kind | (_ENABLED if is_on else 0)
    return _EXTENDED_ENTRY.pack(*key, rule.specifier, rule.driver, rule.permissions.to_bytes(32, "little"))


def file_data(kind: int, data: int) -> int:
    """Return a rule's data as the file has it: what is audited instead of what is not; a type's number."""
    if kind == _DONTAUDIT:
        return data ^ ALL
    return data if kind < _DONTAUDIT else data + 1


def check_extended(layout: Layout, extended: Iterable[ExtendedRule]) -> None:
    """Refuse extended rules that the version cannot say.

    Raises:
        SelboxError: ``binary-unwritable``; leaving such a rule out would change decisions, and libsepol refuses too.
    """
    for rule in extended:
        needed = "conditional_extended_rules" if rule.condition else "extended_rules"
        if not getattr(layout, needed):
            raise SelboxError.of(
                "binary-unwritable",
                f"policy version {layout.version} cannot hold extended rules"
                f"{' in conditionals' if rule.condition else ''}, and the policy has some",
                help=f"write version {FIRST_VERSIONS[needed]} or later",
            )
