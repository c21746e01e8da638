"""The table of access vectors: allow rules and their kin, type rules, extended rules; and those of conditionals.

An entry is source, target, class and kind in 16 bits each, and 32 bits of permissions or a type's number; an extended
rule has two bytes and 256 bits instead.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final, Literal

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.versions import FIRST_VERSIONS, Layout
from selbox.diagnostics import SelboxError
from selbox.model.extended import ExtendedKind, ExtendedRule, ExtendedSpecifier
from selbox.model.rules import NO_ORIGIN, UNCONDITIONAL, RuleKind, Rules

ALL: Final = 0xFFFFFFFF

_ENABLED = 0x8000
_PLAIN = frozenset(map(int, RuleKind))
_EXTENDED = frozenset(map(int, ExtendedKind))
_SPECIFIERS = frozenset(map(int, ExtendedSpecifier))
_DONTAUDIT = int(RuleKind.DONTAUDIT)
_ENTRY = Struct("<HHHHI")
_EXTENDED_ENTRY = Struct("<HHHHBB32s")
_SMALL_RUN = 64
_ONES = _ENTRY.pack(1, 1, 1, 0, 0)


class RowReader:
    """Reads runs of entries into the columns of a policy.

    Args:
        cursor: stands at the first run.
        layout: of the policy.
        are_attributes: for each type and attribute whether it is one of the latter.
        classes: how many classes there are.

    Attributes:
        rules: the rules so far, in the order of the file.
        extended: the extended rules so far, likewise.
        extended_places: for each of these, how many other rules stand before it in its run.
    """

    def __init__(self, cursor: Cursor, layout: Layout, are_attributes: Sequence[bool], classes: int) -> None:
        self.rules = Rules()
        self.extended: list[ExtendedRule] = []
        self.extended_places: list[int] = []
        self._cursor = cursor
        self._layout = layout
        self._are_attributes = are_attributes
        self._types = len(are_attributes)
        self._classes = classes
        self._keys: set[int] = set()

    def read(self, count: int, condition: int = UNCONDITIONAL) -> None:
        """Read ``count`` entries of a branch, or of the table of rules that always hold."""
        cursor = self._cursor
        run = count
        done = 0
        while count:
            rows = min(count, run, cursor.left // _ENTRY.size)
            if not rows:
                cursor.truncated(_ENTRY.size)
            taken = self._read_run(rows, condition)
            count -= taken
            done += taken
            run *= 2
            if taken < rows:
                self._read_extended(condition)
                self.extended_places.append(done)
                count -= 1
                run = _SMALL_RUN

    def reverse(self, first_rule: int, first_extended: int) -> None:
        """Turn round the order of the rules, and of the extended rules, from the given rows on."""
        rules = self.rules
        for column in (rules.kind, rules.source, rules.target, rules.object_class, rules.data, rules.condition):
            column[first_rule:] = column[first_rule:][::-1]
        self.extended[first_extended:] = self.extended[first_extended:][::-1]
        self.extended_places[first_extended:] = self.extended_places[first_extended:][::-1]

    def _read_run(self, rows: int, condition: int) -> int:
        """Read entries up to the first extended one; return how many."""
        cursor = self._cursor
        content = cursor.data[cursor.offset : cursor.offset + rows * _ENTRY.size]
        halves = _array("H", content)
        kinds = halves[3::6]
        if condition:
            kinds = array("H", [kind & ~_ENABLED for kind in kinds])
        if not _PLAIN.issuperset(kinds):
            rows = next(row for row, kind in enumerate(kinds) if kind not in _PLAIN)
            if kinds[rows] not in _EXTENDED:
                cursor.corrupt(f"an entry is of kind {kinds[rows]:#x}", cursor.offset + rows * _ENTRY.size + 6)
            if not rows:
                return 0
            content = content[: rows * _ENTRY.size]
            del kinds[rows:], halves[rows * 6 :]
        self._check(halves[0::6], self._types, "source")
        self._check(halves[1::6], self._types, "target")
        self._check(halves[2::6], self._classes, "class")
        if not condition:
            self._check_keys(content)
        self._append(kinds, content, condition)
        cursor.offset += rows * _ENTRY.size
        return rows

    def _append(self, kinds: "array[int]", content: bytes, condition: int) -> None:
        """Take in entries whose numbers are checked."""
        rules = self.rules
        rows = len(kinds)
        # One subtraction of two long numbers makes ids of all numbers: none of them is 0, so that nothing is borrowed.
        ids = int.from_bytes(content, "little") - int.from_bytes(_ONES * rows, "little")
        halves = _array("H", ids.to_bytes(len(content), "little"))
        rules.kind.extend(array("I", kinds))
        rules.source.extend(array("I", halves[0::6]))
        rules.target.extend(array("I", halves[1::6]))
        rules.object_class.extend(array("I", halves[2::6]))
        data = _array("I", content)[2::3]
        if max(kinds) >= _DONTAUDIT:
            data = array(
                "I",
                [
                    each if kind < _DONTAUDIT else each ^ ALL if kind == _DONTAUDIT else self._result(each)
                    for kind, each in zip(kinds, data, strict=True)
                ],
            )
        rules.data.extend(data)
        rules.condition.extend(array("I", [condition]) * rows)
        rules.origin.extend(array("I", [NO_ORIGIN]) * rows)

    def _check_keys(self, content: bytes) -> None:
        """Refuse entries whose source, target, class and kind were there before."""
        words = _array("I", content)
        pairs = array("I", bytes(8 * (len(words) // 3)))
        pairs[0::2], pairs[1::2] = words[0::3], words[1::3]
        before = len(self._keys)
        self._keys.update(array("Q", pairs.tobytes()))
        doubles = before + len(words) // 3 - len(self._keys)
        if doubles:
            self._cursor.corrupt(f"{doubles} entries stand twice")

    def _result(self, number: int) -> int:
        if not 1 <= number <= self._types or self._are_attributes[number - 1]:
            self._cursor.corrupt(f"a type rule results in number {number}, which is no type; there are {self._types}")
        return number - 1

    def _check(self, numbers: Iterable[int], limit: int, what: str) -> None:
        distinct = set(numbers)
        if min(distinct) < 1 or max(distinct) > limit:
            self._cursor.corrupt(f"entries have {what} number {min(distinct)} to {max(distinct)} of {limit}")

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
        self._check((source,), self._types, "source")
        self._check((target,), self._types, "target")
        self._check((object_class,), self._classes, "class")
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


def _array(code: Literal["H", "I"], content: bytes) -> "array[int]":
    """Return the file's little-endian numbers."""
    result = array(code, content)
    if sys.byteorder == "big":
        result.byteswap()
    return result


def read_access_vectors(cursor: Cursor, rows: RowReader) -> None:
    """Read the table of the rules that always hold.

    Raises:
        SelboxError: ``binary-corrupt`` when a key stands twice in it, as libsepol and the kernel have it.
    """
    cursor.section = "access vectors"
    rows.read(cursor.count(_ENTRY.size))


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
