"""``deny`` rules: they take permissions out of the allow rules of a policy, and leave nothing else behind.

Each allow rule that grants some of what is denied gives way to rules that grant the rest, with new attributes for the
sets of types that no declared attribute stands for. Source: what ``cil_deny.c`` of libsepol describes.
"""

from collections.abc import Iterator

from selbox.compiler.classes import Classes, Vectors
from selbox.compiler.identities import Identities
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.program import Program
from selbox.compiler.targets import LOWEST_SPECIAL, NOT_SELF, OTHER, SELF, target_of
from selbox.language.cil import Form
from selbox.model.bitset import members
from selbox.model.rules import Rule, RuleKind, Rules
from selbox.typing import NamedTuple


class Deny(NamedTuple):
    """A ``deny`` statement, resolved: what is taken away, by class; the target may stand for types of the source."""

    source: int
    target: int
    vectors: Vectors


class DenyRules:
    """The deny rules of a policy, in the order of the statements."""

    def __init__(self, program: Program, classes: Classes) -> None:
        self._program = program
        self._classes = classes
        self.statements: list[Deny] = []

    def collect(self, only_optional: bool) -> None:
        """Take in every deny rule."""
        self._program.run("deny", self._deny, only_optional)

    def _deny(self, form: Form, place: Place) -> None:
        source = self._program.resolve("type", form, place, 1)
        target = target_of(self._program, form, place)
        target_id = target if isinstance(target, int) else target.id
        self.statements.append(Deny(source.id, target_id, self._classes.vectors(form, place, 3)))


def apply_denials(denials: list[Deny], rules: Rules, count: int, sets: "TypeSets") -> tuple[Rules, int]:
    """Return rules without what is denied.

    Args:
        denials: in the order in which they apply.
        rules: rows of access rules first, then others; targets may be values of :mod:`selbox.compiler.targets`.
        count: how many rows are of access rules.
        sets: what types and attributes there are; takes new ones.

    Returns:
        The rules, arranged likewise, and how many are of access rules.
    """
    touched = {class_id for denial in denials for class_id, _ in denial.vectors}
    kept: list[int] = []
    allowed: list[Rule] = []
    for row in range(count):
        if rules.kind[row] == RuleKind.ALLOW and rules.object_class[row] in touched:
            allowed.append(rules[row])
        else:
            kept.append(row)
    for denial in denials:
        for class_id, vector in denial.vectors:
            allowed = [
                left
                for rule in allowed
                for left in (_without(rule, denial, vector, sets) if rule.object_class == class_id else (rule,))
            ]
    result = rules.select(kept)
    for rule in allowed:
        result.append(*rule)
    new_count = len(result)
    rest = rules.select(range(count, len(rules)))
    for column in Rules.__slots__:
        getattr(result, column).extend(getattr(rest, column))
    return result, new_count


def _without(rule: Rule, denial: Deny, vector: int, sets: "TypeSets") -> Iterator[Rule]:
    """Yield what is left of an allow rule."""
    denied = rule.data & vector
    if not denied or not _overlap(rule, denial, sets):
        yield rule
        return
    if rule.data & ~vector:
        yield rule._replace(data=rule.data & ~vector)
    for source, target in _pairs_left(rule, denial, sets):
        if source is not None and target is not None:
            yield rule._replace(source=source, target=target, data=denied)


def _overlap(rule: Rule, denial: Deny, sets: "TypeSets") -> bool:
    """Tell whether a source and a target are both in a rule and in what is denied."""
    for source in members(sets.bits(rule.source) & sets.bits(denial.source)):
        if sets.targets(rule.source, rule.target, source) & sets.targets(denial.source, denial.target, source):
            return True
    return False


_Pair = tuple[int | None, int | None]
"""Ids of a source and a target; None stands for no type at all."""


def _pairs_left(rule: Rule, denial: Deny, sets: "TypeSets") -> Iterator[_Pair]:
    """Yield the sources and targets that keep the permissions that are denied to others."""
    only_allowed = sets.minus(rule.source, denial.source)
    both = sets.both(rule.source, denial.source)
    yield only_allowed, rule.target
    if rule.target in (NOT_SELF, OTHER) or denial.target in (NOT_SELF, OTHER):
        yield from _special_pairs_left(rule, denial, sets, only_allowed, both)
    elif rule.target == SELF:
        if denial.target != SELF:
            yield sets.minus(both, denial.target), SELF
    elif denial.target == SELF:
        among_targets = sets.both(both, rule.target)
        yield sets.minus(both, rule.target), rule.target
        yield among_targets, sets.minus(rule.target, both)
        if sets.count(among_targets) > 1:
            yield among_targets, OTHER
    else:
        yield both, sets.minus(rule.target, denial.target)


def _special_pairs_left(
    rule: Rule, denial: Deny, sets: "TypeSets", only_allowed: int | None, both: int | None
) -> Iterator[_Pair]:
    """Yield likewise where a target is every type but the source, or every one of the source's attribute."""
    if rule.target == NOT_SELF:
        if denial.target == OTHER:
            yield both, sets.others(denial.source)
        elif denial.target != NOT_SELF:
            undenied = sets.others(denial.target)
            yield from _around(both, denial.target, undenied, sets.minus(undenied, both), sets)
    elif rule.target == OTHER:
        yield only_allowed, both
        if denial.target == OTHER:
            yield both, only_allowed
        elif denial.target != NOT_SELF:
            undenied = sets.minus(rule.source, denial.target)
            yield from _around(both, denial.target, undenied, sets.minus(only_allowed, denial.target), sets)
    else:
        yield sets.both(both, rule.target), SELF
        if denial.target == OTHER:
            yield both, sets.minus(rule.target, denial.source)


def _around(
    both: int | None, target: int, undenied: int | None, outside: int | None, sets: "TypeSets"
) -> Iterator[_Pair]:
    """Yield what is left to sources whose targets were all but themselves, when one target is denied.

    Args:
        both: sources of the rule and of what is denied.
        target: the denied target.
        undenied: targets that are not denied.
        outside: those of them that are no such source.
        sets: what types and attributes there are.
    """
    sources = sets.minus(both, target)
    yield sets.both(both, target), undenied
    yield sources, outside
    if sets.count(sources) > 1:
        yield sources, OTHER


class TypeSets:
    """Sets of types by the ids of what stands for them; makes attributes for those that nothing stands for.

    Args:
        identities: types and attributes.
        numbered: their symbols by id; new attributes are added at the end.
    """

    def __init__(self, identities: Identities, numbered: list[Symbol]) -> None:
        self._types = identities.types
        self._numbered = numbered
        self._made = 0
        self._named: dict[int, int] = {}
        for symbol in numbered:
            if symbol.flavour == "typeattribute" and symbol.place.scope.parent is None:
                self._named.setdefault(self._types.bits(symbol), symbol.id)

    def bits(self, number: int) -> int:
        """Return the types that an id stands for."""
        return self._types.bits(self._numbered[number])

    def targets(self, source: int, target: int, one: int) -> int:
        """Return the types that a rule's target stands for where one of its source types acts."""
        if target < LOWEST_SPECIAL:
            return self.bits(target)
        if target == SELF:
            return 1 << one
        return (self._types.universe if target == NOT_SELF else self.bits(source)) & ~(1 << one)

    def count(self, number: int | None) -> int:
        """Return how many types an id stands for."""
        return 0 if number is None else self.bits(number).bit_count()

    def both(self, first: int | None, second: int | None) -> int | None:
        """Return what stands for the types of both."""
        if first is None or second is None or first == second:
            return first if first == second else None
        return self._standing_for(self.bits(first) & self.bits(second), first)

    def minus(self, first: int | None, second: int | None) -> int | None:
        """Return what stands for the types of one that are not types of another."""
        if first is None or second is None:
            return first
        return self._standing_for(self.bits(first) & ~self.bits(second), first)

    def others(self, number: int) -> int | None:
        """Return what stands for all types that are not types of one."""
        return self._standing_for(self._types.universe & ~self.bits(number), number)

    def _standing_for(self, bits: int, near: int) -> int | None:
        if not bits:
            return None
        if bits.bit_count() == 1:
            return bits.bit_length() - 1
        known = self._named.get(bits)
        return self._make(bits, self._numbered[near]) if known is None else known

    def _make(self, bits: int, near: Symbol) -> int:
        """Declare an attribute right behind another type or attribute; return its id."""
        self._made += 1
        number = len(self._numbered)
        attribute = Symbol(
            f"deny_rule_attr_{number}", "typeattribute", near.place, near.form, (*near.order, -self._made)
        )
        attribute.id = number
        self._numbered.append(attribute)
        self._types.assign(attribute, bits)
        self._named[bits] = number
        return number
