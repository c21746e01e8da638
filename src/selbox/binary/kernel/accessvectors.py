"""The table of access vectors: allow rules and their kin, type rules, extended rules; and those of conditionals.

An entry is source, target, class and kind in 16 bits each, and 32 bits of permissions or a type's number; an extended
rule has two bytes and 256 bits instead.
"""

from collections.abc import Iterable, Sequence
from struct import Struct

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.entries import ENABLED, ENTRY, PLAIN_KINDS, Entries, Limits
from selbox.binary.kernel.entrycolumns import EntryRules
from selbox.binary.kernel.versions import FIRST_VERSIONS, Layout
from selbox.diagnostics import SelboxError
from selbox.model.extended import ExtendedKind, ExtendedRule, ExtendedSpecifier
from selbox.model.rules import UNCONDITIONAL, RuleKind
from selbox.typing import Final

ALL: Final = 0xFFFFFFFF

_EXTENDED = frozenset(map(int, ExtendedKind))
_SPECIFIERS = frozenset(map(int, ExtendedSpecifier))
_DONTAUDIT = int(RuleKind.DONTAUDIT)
_EXTENDED_ENTRY = Struct("<HHHHBB32s")
_SMALL_RUN = 64


class RowReader:
    """Reads runs of entries to the rules of a policy.

    Args:
        cursor: stands at the first run.
        layout: of the policy.
        are_attributes: for each type and attribute whether it is one of the latter.
        classes: how many classes there are.

    Attributes:
        rules: all but the extended ones that are settled.
        extended: the extended rules so far, in the order of the file but for those of branches that are settled.
        extended_places: for each of these, how many other rules stand before it in its run.
    """

    def __init__(self, cursor: Cursor, layout: Layout, are_attributes: Sequence[bool], classes: int) -> None:
        self.rules = EntryRules()
        self.extended: list[ExtendedRule] = []
        self.extended_places: list[int] = []
        self._cursor = cursor
        self._layout = layout
        self._types = len(are_attributes)
        self._classes = classes
        self._entries = Entries(cursor, Limits(are_attributes, classes))
        self._sizes: dict[int, int] = {}

    def read(self, count: int, condition: int = UNCONDITIONAL) -> None:
        """Read ``count`` entries of a branch, or of the table of rules that always hold."""
        cursor = self._cursor
        run = count
        done = 0
        while count:
            rows = min(count, run, cursor.left // ENTRY.size)
            if not rows:
                cursor.truncated(ENTRY.size)
            taken = self._read_run(rows, condition)
            count -= taken
            done += taken
            run *= 2
            if taken < rows:
                self._read_extended(condition)
                self.extended_places.append(done)
                count -= 1
                run = _SMALL_RUN

    def settle(self) -> None:
        """Check the rules that always hold, when all of them are read."""
        self.rules = EntryRules(self._entries.checked(are_conditional=False))

    def settle_branches(self) -> None:
        """Do so with the rules of all branches, whose order is turned round."""
        content = self._entries.checked(are_conditional=True)
        branches: dict[int, bytes] = {}
        begin = 0
        for condition, size in self._sizes.items():
            branches[condition] = content[begin : begin + size]
            begin += size
        self.rules = EntryRules(self.rules.always, branches)
        first = sum(rule.condition == UNCONDITIONAL for rule in self.extended)
        self.extended[first:] = self.extended[first:][::-1]
        self.extended_places[first:] = self.extended_places[first:][::-1]

    def _read_run(self, rows: int, condition: int) -> int:
        """Read entries up to the first extended one; return how many."""
        cursor = self._cursor
        start = cursor.offset
        content = cursor.data[start : start + rows * ENTRY.size]
        kinds = content[6 :: ENTRY.size]
        others = kinds.translate(None, PLAIN_KINDS)
        if others:
            rows = kinds.index(others[0])
            kind = ENTRY.unpack_from(content, rows * ENTRY.size)[3]
            if (kind & ~ENABLED if condition else kind) not in _EXTENDED:
                cursor.corrupt(f"an entry is of kind {kind:#x}", start + rows * ENTRY.size + 6)
            content = content[: rows * ENTRY.size]
        if rows:
            self._entries.add(content, start)
            cursor.offset += len(content)
            if condition != UNCONDITIONAL:
                self._sizes[condition] = self._sizes.get(condition, 0) + len(content)
        return rows

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
        self._check(source, self._types, "source")
        self._check(target, self._types, "target")
        self._check(object_class, self._classes, "class")
        if specifier not in _SPECIFIERS:
            cursor.corrupt(f"an extended rule is of sort {specifier}", cursor.offset + 8)
        rule = ExtendedRule(
            ExtendedKind(kind & ~ENABLED),
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

    def _check(self, number: int, limit: int, what: str) -> None:
        if not 1 <= number <= limit:
            self._cursor.corrupt(f"an entry has {what} number {number} of {limit}")


def read_access_vectors(cursor: Cursor, rows: RowReader) -> None:
    """Read the table of the rules that always hold.

    Raises:
        SelboxError: ``binary-corrupt`` when a key stands twice in it, as libsepol and the kernel have it.
    """
    cursor.section = "access vectors"
    rows.read(cursor.count(ENTRY.size))
    rows.settle()


def entry_bytes(rule: ExtendedRule, *, is_on: bool = False) -> bytes:
    """Return the entry of an extended rule; ``is_on`` tells whether the branch that it belongs to holds at first."""
    key = rule.source + 1, rule.target + 1, rule.object_class + 1, rule.kind | (ENABLED if is_on else 0)
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
