"""Checks ``neverallow`` and ``neverallowx`` assertions against every rule of the policy, conditional ones included.

Source: ``check_assertions`` of libsepol.
"""

from collections.abc import Iterator
from typing import Final

from selbox.compiler.extended import ExtendedStatement, NeverAllowExtended
from selbox.compiler.namespace import Symbol
from selbox.compiler.resolution import Resolution
from selbox.compiler.rules import NeverAllow
from selbox.compiler.targets import LOWEST_SPECIAL, OTHER, SELF
from selbox.model.bitset import members
from selbox.model.extended import ExtendedKind
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind

_SHOWN_NUMBERS: Final = 8

_ALLOW: Final = int(RuleKind.ALLOW)

_Rows = dict[int, dict[int, list[int]]]
"""Rows that allow something, by class and source id."""


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


def _allowing_rows(policy: Policy, classes: set[int]) -> _Rows:
    found: _Rows = {class_id: {} for class_id in classes}
    rules = policy.rules
    for row, (kind, source, class_id) in enumerate(zip(rules.kind, rules.source, rules.object_class, strict=True)):
        if class_id in classes and kind == _ALLOW:
            by_source = found[class_id]
            if source in by_source:
                by_source[source].append(row)
            else:
                by_source[source] = [row]
    return found


class _Check:
    """The rules of a policy, arranged so that those that an assertion is about are found quickly."""

    def __init__(self, resolution: Resolution, policy: Policy) -> None:
        self._resolution = resolution
        self._policy = policy
        self._bits = resolution.identities.types.bits
        self._types = [each.types for each in policy.types]
        self._attributes = [(index, each.types) for index, each in enumerate(policy.types) if each.is_attribute]
        self._matching: dict[int, frozenset[int]] = {}
        self._allowx: dict[int, list[ExtendedStatement]] = {}
        self._rows = _allowing_rows(policy, _asserted_classes(resolution))
        for statement in resolution.extended.statements:
            if statement.kind is ExtendedKind.ALLOW:
                self._allowx.setdefault(statement.object_class, []).append(statement)

    def assertion(self, assertion: NeverAllow) -> None:
        for class_id, vector in assertion.vectors:
            for row in self._matches(assertion.source, assertion.target, class_id, vector):
                self._report(assertion, row, self._policy.rules.data[row] & vector)

    def extended_assertion(self, assertion: NeverAllowExtended) -> None:
        permission = assertion.permissions.permission
        for class_id in assertion.permissions.classes:
            vector = self._policy.classes[class_id].vector([permission])
            statements = [each for each in self._allowx.get(class_id, ()) if each.permission == permission]
            reported: set[int] = set()
            for row in self._matches(assertion.source, assertion.target, class_id, vector):
                for statement in self._offending(assertion, row, statements):
                    if statement is None:
                        self._report_unlimited(assertion, row)
                    elif statement.origin not in reported:
                        reported.add(statement.origin)
                        self._report_extended(assertion, statement)

    def _touching(self, bits: int) -> frozenset[int]:
        """Return the ids of types and attributes that have a type in common with a set."""
        known = self._matching.get(bits)
        if known is None:
            attributes = (index for index, types in self._attributes if types & bits)
            known = self._matching[bits] = frozenset((*members(bits), *attributes))
        return known

    def _matches(self, source: Symbol, target: Symbol | int, class_id: int, vector: int) -> Iterator[int]:
        """Yield the rows that grant one of some permissions to a source on a target of an assertion."""
        by_source = self._rows.get(class_id)
        forbidden = self._bits(source)
        if not by_source or not forbidden:
            return
        rules = self._policy.rules
        sources = [each for each in by_source if each in self._touching(forbidden)]
        targets = self._touching(self._bits(target)) if isinstance(target, Symbol) else None
        for each in sources:
            for row in by_source[each]:
                if not rules.data[row] & vector:
                    continue
                if targets is not None:
                    if rules.target[row] in targets:
                        yield row
                elif isinstance(target, int) and any(self._pairs(source, target, row)):
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
        self, assertion: NeverAllowExtended, row: int, statements: list[ExtendedStatement]
    ) -> Iterator[ExtendedStatement | None]:
        """Yield the ``allowx`` rules that grant a forbidden number; None where no rule limits the numbers."""
        condition = self._policy.rules.condition[row]
        unlimited = False
        for source, targets in self._pairs(assertion.source, assertion.target, row):
            left = targets
            for statement in statements:
                covered = self._targets_of(statement, source) & targets
                if covered and statement.numbers & assertion.permissions.numbers:
                    yield statement
                if not statement.branch or condition:
                    left &= ~covered
            unlimited = unlimited or bool(left)
        if unlimited:
            yield None

    def _targets_of(self, statement: ExtendedStatement, source: int) -> int:
        """Return the bitset of targets that an extended rule is for with one source type."""
        sources = self._types[statement.source]
        if not sources >> source & 1:
            return 0
        if statement.target < LOWEST_SPECIAL:
            return self._types[statement.target]
        if statement.target == SELF:
            return 1 << source
        universe = sources if statement.target == OTHER else self._resolution.identities.types.universe
        return universe & ~(1 << source)

    def _report(self, assertion: NeverAllow, row: int, vector: int) -> None:
        rule = self._policy.rules[row]
        object_class = self._policy.classes[rule.object_class]
        granted = " ".join(object_class.names(vector))
        source, target = (self._policy.types[each].name for each in (rule.source, rule.target))
        self._fail(assertion, f"allow {source} {target} ({object_class.name} ({granted}))", rule.origin)

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
        self._resolution.program.diagnostics.error(
            "cil-neverallow",
            f"a rule grants what this forbids: `{rule}`",
            assertion.place.tree.span(assertion.form),
            advice or "narrow the rule, or the assertion if it says more than is meant",
            (("the rule", self._resolution.origins.span(origin)),),
        )


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
