"""Checks ``neverallow`` and ``neverallowx`` assertions against every rule of the policy, conditional ones included.

Source: ``check_assertions`` of libsepol.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

from selbox.compiler.errors import with_original_place
from selbox.compiler.extended import ExtendedStatement, NeverAllowExtended
from selbox.compiler.namespace import Symbol
from selbox.compiler.resolution import Resolution
from selbox.compiler.rules import NeverAllow
from selbox.compiler.targets import LOWEST_SPECIAL, OTHER, SELF
from selbox.diagnostics import Diagnostic, Span
from selbox.model.bitset import members
from selbox.model.extended import ExtendedKind
from selbox.model.objectclass import ObjectClass
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind, Rules
from selbox.typing import Final

_SHOWN_NUMBERS: Final = 8

_ALLOW: Final = int(RuleKind.ALLOW)

_FEW: Final = 64
"""Types of which each is looked up by itself."""


_ById = defaultdict[int, list[int]]
"""Rows by a type or attribute."""


class _Rows:
    """Rows of one class by what one of their columns names: a type, or several as an attribute."""

    __slots__ = ("by_set", "by_type")

    def __init__(self) -> None:
        self.by_type: dict[int, list[int]] = {}
        self.by_set: dict[int, list[int]] = {}

    def add(self, rows: list[int], types: int) -> None:
        if types & types - 1:
            self.by_set.setdefault(types, []).extend(rows)
        elif types:
            self.by_type.setdefault(types.bit_length() - 1, []).extend(rows)

    def touching(self, types: int) -> list[int]:
        """Return the rows that name one of some types, in their order."""
        by_type = self.by_type
        if types.bit_count() <= _FEW:
            found = [by_type[each] for each in members(types) if each in by_type]
        else:
            found = [rows for each, rows in by_type.items() if types >> each & 1]
        found += [rows for each, rows in self.by_set.items() if each & types]
        return sorted(chain.from_iterable(found))


class _Statements:
    """The ``allowx`` rules of a class and permission."""

    def __init__(self) -> None:
        self._all: list[tuple[ExtendedStatement, int]] = []
        self._known: dict[int, list[ExtendedStatement]] = {}

    def add(self, statement: ExtendedStatement, sources: int) -> None:
        self._all.append((statement, sources))

    def of(self, source: int) -> list[ExtendedStatement]:
        """Return those of one source type."""
        known = self._known.get(source)
        if known is None:
            known = self._known[source] = [each for each, sources in self._all if sources >> source & 1]
        return known


_NONE: Final = _Statements()


def check_neverallows(resolution: Resolution, policy: Policy) -> None:
    """Report every allow rule that grants what an assertion excludes, with both places."""
    assertions = resolution.rules.neverallows
    extended = resolution.extended.assertions
    if not assertions and not extended:
        return
    check = _Check(resolution, policy)
    for assertion in assertions:
        check.assertion(assertion)
    for each in extended:
        check.extended_assertion(each)


def _asserted_classes(resolution: Resolution) -> set[int]:
    """Return the ids of the classes that assertions are about."""
    plain = (class_id for assertion in resolution.rules.neverallows for class_id, _ in assertion.vectors)
    extended = (class_id for each in resolution.extended.assertions for class_id in each.permissions.classes)
    return {*plain, *extended}


class _Check:
    """The rules of a policy, arranged so that those that an assertion is about are found quickly."""

    def __init__(self, resolution: Resolution, policy: Policy) -> None:
        self._resolution = resolution
        self._policy = policy
        self._bits = resolution.identities.types.bits
        self._types = [each.types for each in policy.types]
        self._allowx: dict[tuple[int, str], _Statements] = {}
        self._sources = {class_id: _Rows() for class_id in _asserted_classes(resolution)}
        self._targets = {class_id: _Rows() for class_id in self._sources}
        for class_id, (by_source, by_target) in _allowing(policy.rules, self._sources).items():
            for by_id, arranged in ((by_source, self._sources), (by_target, self._targets)):
                for number, rows in by_id.items():
                    arranged[class_id].add(rows, self._types[number])
        for statement in resolution.extended.statements:
            if statement.kind is ExtendedKind.ALLOW:
                key = (statement.object_class, statement.permission)
                self._allowx.setdefault(key, _Statements()).add(statement, self._types[statement.source])

    def assertion(self, assertion: NeverAllow) -> None:
        for class_id, vector in assertion.vectors:
            for row in self._matches(assertion.source, assertion.target, class_id, vector):
                self._report(assertion, row, self._policy.rules.data[row] & vector)

    def extended_assertion(self, assertion: NeverAllowExtended) -> None:
        permission = assertion.permissions.permission
        for class_id in assertion.permissions.classes:
            vector = self._policy.classes[class_id].vector([permission])
            statements = self._allowx.get((class_id, permission), _NONE)
            reported: set[int] = set()
            for row in self._matches(assertion.source, assertion.target, class_id, vector):
                for statement in self._offending(assertion, row, statements):
                    if statement is None:
                        self._report_unlimited(assertion, row)
                    elif statement.origin not in reported:
                        reported.add(statement.origin)
                        self._report_extended(assertion, statement)

    def _matches(self, source: Symbol, target: Symbol | int, class_id: int, vector: int) -> Iterator[int]:
        """Yield the rows that grant one of some permissions to a source on a target of an assertion."""
        sources = self._bits(source)
        targets = self._bits(target) if isinstance(target, Symbol) else self._resolution.identities.types.universe
        # Most assertions name many types on one side and few on the other: the few lead to the rows.
        if targets.bit_count() < sources.bit_count():
            column, rows = self._policy.rules.source, self._targets[class_id].touching(targets)
            others = sources
        else:
            column, rows = self._policy.rules.target, self._sources[class_id].touching(sources)
            others = targets
        data, types = self._policy.rules.data, self._types
        for row in rows:
            if not (data[row] & vector and types[column[row]] & others):
                continue
            if isinstance(target, Symbol) or any(self._pairs(source, target, row)):
                yield row

    def _pairs(self, source: Symbol, target: Symbol | int, row: int) -> Iterator[tuple[int, int]]:
        """Yield each source type of a row that an assertion is about, with a bitset of the targets; none is empty."""
        forbidden = self._bits(source)
        sources = self._types[self._policy.rules.source[row]] & forbidden
        targets = self._types[self._policy.rules.target[row]]
        if isinstance(target, Symbol):
            targets &= self._bits(target)
        elif target == OTHER:
            targets &= forbidden
        for each in members(sources):
            found = targets
            if isinstance(target, int):
                found = targets & 1 << each if target == SELF else targets & ~(1 << each)
            if found:
                yield each, found

    def _offending(
        self, assertion: NeverAllowExtended, row: int, statements: "_Statements"
    ) -> Iterator[ExtendedStatement | None]:
        """Yield the ``allowx`` rules that grant a forbidden number; None where no rule limits the numbers."""
        condition = self._policy.rules.condition[row]
        unlimited = False
        for source, targets in self._pairs(assertion.source, assertion.target, row):
            left = targets
            for statement in statements.of(source):
                covered = self._targets_of(statement, source) & targets
                if covered and statement.numbers & assertion.permissions.numbers:
                    yield statement
                if not statement.branch or condition:
                    left &= ~covered
            unlimited = unlimited or bool(left)
        if unlimited:
            yield None

    def _targets_of(self, statement: ExtendedStatement, source: int) -> int:
        """Return the bitset of targets that an extended rule is for with one of its source types."""
        if statement.target < LOWEST_SPECIAL:
            return self._types[statement.target]
        if statement.target == SELF:
            return 1 << source
        universe = (
            self._types[statement.source] if statement.target == OTHER else self._resolution.identities.types.universe
        )
        return universe & ~(1 << source)

    def _report(self, assertion: NeverAllow, row: int, vector: int) -> None:
        rule = self._policy.rules[row]
        source, target = (self._policy.types[each].name for each in (rule.source, rule.target))
        self._fail(assertion, rule_text(source, target, self._policy.classes[rule.object_class], vector), rule.origin)

    def _report_unlimited(self, assertion: NeverAllowExtended, row: int) -> None:
        rule = self._policy.rules[row]
        object_class = self._policy.classes[rule.object_class].name
        source, target = (self._policy.types[each].name for each in (rule.source, rule.target))
        permission = assertion.permissions.permission
        self._fail(
            assertion,
            f"allow {source} {target} ({object_class} ({permission}))",
            rule.origin,
            "no `allowx` rule limits what it grants: add one that leaves the forbidden numbers out",
        )

    def _report_extended(self, assertion: NeverAllowExtended, statement: ExtendedStatement) -> None:
        source = self._policy.types[statement.source].name
        special = {SELF: "self", OTHER: "other"}.get(statement.target, "notself")
        target = self._policy.types[statement.target].name if statement.target < LOWEST_SPECIAL else special
        object_class = self._policy.classes[statement.object_class].name
        granted = numbers_text(statement.numbers & assertion.permissions.numbers)
        text = f"allowx {source} {target} ({statement.permission} {object_class} ({granted}))"
        self._fail(assertion, text, statement.origin)

    def _fail(self, assertion: NeverAllow | NeverAllowExtended, rule: str, origin: int, advice: str = "") -> None:
        where = assertion.place.tree.span(assertion.form)
        self._resolution.program.diagnostics.error(
            *violation(rule, where, self._resolution.origins.span(origin), advice)[:5]
        )


def _allowing(rules: Rules, classes: Iterable[int]) -> dict[int, tuple[_ById, _ById]]:
    """Return the rows that allow something to do with some classes: by class, for each by source and by target."""
    found: dict[int, tuple[_ById, _ById]] = {each: (defaultdict(list), defaultdict(list)) for each in classes}
    columns = zip(rules.kind, rules.source, rules.target, map(found.get, rules.object_class), strict=True)
    for row, (kind, source, target, of_class) in enumerate(columns):
        if of_class is not None and kind == _ALLOW:
            by_source, by_target = of_class
            by_source[source].append(row)
            by_target[target].append(row)
    return found


def rule_text(source: str, target: str, object_class: ObjectClass, vector: int) -> str:
    """Return what an access rule grants, as CIL writes it."""
    return f"allow {source} {target} ({object_class.name} ({' '.join(object_class.names(vector))}))"


def violation(rule: str, assertion: Span, place: Span | None, advice: str = "") -> Diagnostic:
    """Return what is told of a rule that grants what an assertion forbids.

    Args:
        rule: as it is written, with what it should not grant.
        assertion: where that stands.
        place: where the rule stands.
        advice: what to do about it, if not the usual.
    """
    found = Diagnostic(
        "cil-neverallow",
        f"a rule grants what this forbids: `{rule}`",
        assertion,
        advice or "narrow the rule, or the assertion if it says more than is meant",
        (("the rule", place),),
    )
    return with_original_place(found)


def numbers_text(numbers: int) -> str:
    """Return numbers as extended rules write them, runs as ranges; many are cut short."""
    parts: list[str] = []
    while numbers and len(parts) < _SHOWN_NUMBERS:
        low = (numbers & -numbers).bit_length() - 1
        run = numbers >> low
        length = (~run & run + 1).bit_length() - 1
        parts.append(f"0x{low:04x}" if length == 1 else f"(range 0x{low:04x} 0x{low + length - 1:04x})")
        numbers &= ~(((1 << length) - 1) << low)
    return " ".join([*parts, *(["…"] if numbers else [])])
