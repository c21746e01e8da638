"""Takes out of a policy what other rules of it say already.

Source: ``policydb_optimize`` of libsepol: a permission of a rule goes when a rule over attributes that hold the rule's
source and target grants it too, always or in the same branch.
"""

from collections.abc import Iterable, Iterator

from selbox.compiler.slots import slot
from selbox.model.bitset import includes, members
from selbox.model.extended import ExtendedRule, ExtendedSpecifier
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS, UNCONDITIONAL, Rules
from selbox.typing import Final

_Pair = tuple[int, int]
_Table = dict[_Pair, dict[int, dict[int, int]]]
"""Permissions by kind and class, source, and target."""

_SLOTS: Final = 1 << 20
_NO_ROWS: Final[dict[int, int]] = {}


def optimize(policy: Policy) -> Policy:
    """Return a policy that decides alike, without the permissions that its rules repeat."""
    covering = _Covering(policy)
    rules = _access_rules(policy, covering)
    extended = tuple(_extended_rules(policy.extended_rules, covering))
    used = {(condition - 1) // 2 for condition in rules.condition if condition}
    used |= {(each.condition - 1) // 2 for each in extended if each.condition}
    final = {0: 0}
    for new, old in enumerate(sorted(used)):
        final[2 * old + 1] = 2 * new + 1
        final[2 * old + 2] = 2 * new + 2
    for row, condition in enumerate(rules.condition):
        if condition:
            rules.condition[row] = final[condition]
    return policy._replace(
        rules=rules,
        extended_rules=tuple(each._replace(condition=final[each.condition]) for each in extended),
        conditionals=tuple(policy.conditionals[old] for old in sorted(used)),
    )


class _Covering:
    """Which attributes hold all types of a type or attribute."""

    def __init__(self, policy: Policy) -> None:
        self._types = policy.types
        self._attributes = [(index, each.types) for index, each in enumerate(policy.types) if each.is_attribute]
        self._known: dict[int, tuple[int, ...]] = {}

    def of(self, number: int) -> tuple[int, ...]:
        """Return the ids of what covers a type or attribute, itself included."""
        known = self._known.get(number)
        if known is None:
            bits = self._types[number].types
            found = {number, *(index for index, types in self._attributes if includes(types, bits))}
            known = self._known[number] = tuple(sorted(found))
        return known

    def is_attribute(self, number: int) -> bool:
        """Tell whether an id is an attribute's."""
        return self._types[number].is_attribute


def _access_rules(policy: Policy, covering: _Covering) -> Rules:
    """Return the rules with what is left of their permissions."""
    old = policy.rules
    always: _Table = {}
    branches: dict[int, list[int]] = {}
    for row, condition in enumerate(old.condition):
        kind = old.kind[row]
        if kind not in ACCESS_KINDS:
            continue
        if condition != UNCONDITIONAL:
            branches.setdefault(condition, []).append(row)
            continue
        targets = always.setdefault((kind, old.object_class[row]), {}).setdefault(old.source[row], {})
        targets[old.target[row]] = targets.get(old.target[row], 0) | old.data[row]
    _reduce(always, covering)
    left = {row: data for rows in branches.values() for row, data in _left_of_branch(old, rows, always, covering)}
    rules = Rules()
    for row in _order(old, covering):
        kind, source, target, object_class, data, condition, origin = old[row]
        if kind in ACCESS_KINDS:
            if condition == UNCONDITIONAL:
                data &= always[kind, object_class].get(source, _NO_ROWS).get(target, 0)
            else:
                data = left[row]
            if not data:
                continue
        rules.append(kind, source, target, object_class, data, condition, origin)
    return rules


def _order(old: Rules, covering: _Covering) -> Iterator[int]:
    """Yield rows; of conditional ones those over attributes first, turned round, as the reference compiler has them."""
    conditional = [row for row, condition in enumerate(old.condition) if condition != UNCONDITIONAL]
    general = {
        row for row in conditional if covering.is_attribute(old.source[row]) or covering.is_attribute(old.target[row])
    }
    # Rows of one key stand together where the first of them stood, for that one may be gone.
    always: dict[tuple[int, ...], list[int]] = {}
    for row, condition in enumerate(old.condition):
        if condition == UNCONDITIONAL:
            key = (old.kind[row], old.source[row], old.target[row], old.object_class[row])
            always.setdefault(key, []).append(row)
    for rows in always.values():
        yield from rows
    yield from (row for row in reversed(conditional) if row in general)
    yield from (row for row in conditional if row not in general)


def _reduce(always: _Table, covering: _Covering) -> None:
    """Take out of every rule what another one covers, one after the other: of two that say the same, the later stays.

    They come one after the other as in the reference compiler's table.
    """
    for (_, object_class), by_source in always.items():
        pairs = [(source, target) for source, targets in by_source.items() for target in targets]
        pairs.sort(key=lambda pair: (slot((object_class + 1, pair[1] + 1, pair[0] + 1), _SLOTS), pair))
        for source, target in pairs:
            data = by_source[source][target]
            for one, other, covered in _covered(by_source, source, target, covering):
                if (one, other) != (source, target):
                    data &= ~covered
            by_source[source][target] = data


def _covered(
    by_source: dict[int, dict[int, int]], source: int, target: int, covering: _Covering
) -> Iterator[tuple[int, int, int]]:
    """Yield the rules over whatever holds a source and a target."""
    for one in covering.of(source):
        targets = by_source.get(one)
        if targets:
            for other in covering.of(target):
                data = targets.get(other)
                if data:
                    yield one, other, data


def _left_of_branch(old: Rules, rows: list[int], always: _Table, covering: _Covering) -> Iterator[tuple[int, int]]:
    """Yield the rows of a branch with what is left of their permissions."""
    data = {row: old.data[row] for row in rows}
    general: dict[_Pair, list[int]] = {}
    for row in rows:
        if covering.is_attribute(old.source[row]) or covering.is_attribute(old.target[row]):
            general.setdefault((old.kind[row], old.object_class[row]), []).append(row)
    for row in rows:
        key = (old.kind[row], old.object_class[row])
        source, target = old.source[row], old.target[row]
        for _, _, covered in _covered(always.get(key, {}), source, target, covering):
            data[row] &= ~covered
        for other in general.get(key, ()):
            pair = (old.source[other], old.target[other])
            if pair != (source, target) and pair[0] in covering.of(source) and pair[1] in covering.of(target):
                data[row] &= ~data[other]
    yield from data.items()


_ExtendedKey = tuple[int, int, int, int]


def _extended_rules(rules: Iterable[ExtendedRule], covering: _Covering) -> Iterator[ExtendedRule]:
    """Yield extended rules with what is left of their numbers."""
    left = list(rules)
    always: dict[_ExtendedKey, list[int]] = {}
    for index, rule in enumerate(left):
        if rule.condition == UNCONDITIONAL:
            always.setdefault((rule.kind, rule.object_class, rule.source, rule.target), []).append(index)
    for index, rule in enumerate(left):
        for source in covering.of(rule.source):
            for target in covering.of(rule.target):
                if rule.condition == UNCONDITIONAL and (source, target) == (rule.source, rule.target):
                    continue
                others = always.get((rule.kind, rule.object_class, source, target))
                if others:
                    # The reference compiler looks at the first rule of a key only: whole drivers, or the last one.
                    left[index] = _without(left[index], left[others[-1]])
        if left[index].permissions:
            yield left[index]


def _without(rule: ExtendedRule, other: ExtendedRule) -> ExtendedRule:
    """Return a rule without the numbers that another rule covers."""
    if rule.specifier == other.specifier and rule.driver == other.driver:
        return rule._replace(permissions=rule.permissions & ~other.permissions)
    covered = (
        rule.specifier is ExtendedSpecifier.IOCTL_FUNCTION
        and other.specifier is ExtendedSpecifier.IOCTL_DRIVER
        and rule.driver in members(other.permissions)
    )
    return rule._replace(permissions=0) if covered else rule
