"""Type enforcement rules, found by source type, target type and class.

Rules stay as the policy wrote them, on types and attributes. A look-up goes through the target's attributes and
meets the few sources of each with the source's attributes, so that no rule is ever written out for all the
types it stands for. A class is indexed when it is first asked for: a small box never pays for a large policy.
"""

from collections.abc import Sequence

from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.rules import UNCONDITIONAL, RuleKind

AUDITALLOW_SHIFT = 32
DONTAUDIT_SHIFT = 64
VECTOR_MASK = 0xFFFFFFFF

_SHIFTS = {int(RuleKind.ALLOW): 0, int(RuleKind.AUDITALLOW): AUDITALLOW_SHIFT, int(RuleKind.DONTAUDIT): DONTAUDIT_SHIFT}


class _ClassRules:
    """The rules of one class.

    Attributes:
        packed: target entry -> source entry -> the vectors of all unconditional access rules in one integer:
            allow in bits 0 to 31, auditallow from :data:`AUDITALLOW_SHIFT`, dontaudit from :data:`DONTAUDIT_SHIFT`.
        conditional: target entry -> source entry -> (condition, packed vectors) of each conditional access rule.
        typed: kind -> target entry -> source entry -> (condition, resulting type), unconditional ones first.
    """

    __slots__ = ("conditional", "packed", "typed")

    def __init__(self, policy: Policy, rows: Sequence[int]) -> None:
        self.packed: dict[int, dict[int, int]] = {}
        self.conditional: dict[int, dict[int, list[tuple[int, int]]]] = {}
        self.typed: dict[int, dict[int, dict[int, list[tuple[int, int]]]]] = {}
        rules = policy.rules
        kinds, sources, targets, data, conditions = rules.kind, rules.source, rules.target, rules.data, rules.condition
        packed, shifts = self.packed, _SHIFTS
        for row in rows:
            kind, source, target, condition = kinds[row], sources[row], targets[row], conditions[row]
            shift = shifts.get(kind)
            if shift is None:
                by_source = self.typed.setdefault(kind, {}).setdefault(target, {})
                by_source.setdefault(source, []).append((condition, data[row]))
            elif condition != UNCONDITIONAL:
                by_source = self.conditional.setdefault(target, {})
                by_source.setdefault(source, []).append((condition, data[row] << shift))
            else:
                vectors = packed.get(target)
                if vectors is None:
                    packed[target] = {source: data[row] << shift}
                else:
                    vectors[source] = vectors.get(source, 0) | data[row] << shift
        for by_target in self.typed.values():
            for by_source in by_target.values():
                for results in by_source.values():
                    results.sort(key=lambda result: result[0] != UNCONDITIONAL)


class RuleIndex:
    """Finds the rules that bear on a pair of types.

    Args:
        policy: whose rules these are.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._entries = _entries_of_types(policy)
        self._entry_sets: dict[int, frozenset[int]] = {}
        self._classes: dict[int, _ClassRules] = {}
        self._rows: dict[int, list[int]] | None = None

    def entries(self, type_id: int) -> frozenset[int]:
        """Return the ids under which rules may name a type: itself and its attributes.

        Source: the kernel's ``type_attr_map_array``.
        """
        found = self._entry_sets.get(type_id)
        if found is None:
            found = self._entry_sets[type_id] = frozenset(self._entries[type_id])
        return found

    def access(self, source: int, target: int, object_class: int, active: Sequence[bool]) -> int:
        """Return what the access rules say, in one integer.

        Args:
            source: type id.
            target: type id.
            object_class: class id.
            active: from :func:`selbox.server.conditionals.active_conditions`.

        Returns:
            The union of the allow vectors in bits 0 to 31, of auditallow from :data:`AUDITALLOW_SHIFT`, of
            dontaudit from :data:`DONTAUDIT_SHIFT`.

        Source: the kernel's ``context_struct_compute_av`` and ``cond_compute_av``.
        """
        rules = self._classes.get(object_class) or self._index(object_class)
        sources = self.entries(source)
        unconditional, conditional = rules.packed, rules.conditional
        result = 0
        for entry in self._entries[target]:
            vectors = unconditional.get(entry)
            if vectors is not None:
                for each in vectors.keys() & sources:
                    result |= vectors[each]
            switched = conditional.get(entry)
            if switched is not None:
                for each in switched.keys() & sources:
                    for condition, vector in switched[each]:
                        if active[condition]:
                            result |= vector
        return result

    def inactive_conditions(
        self, source: int, target: int, object_class: int, active: Sequence[bool], vector: int
    ) -> dict[int, int]:
        """Return the allow rules that would grant a part of ``vector``, were the booleans set otherwise.

        Returns:
            The value of the ``condition`` column -> the access vector that its rules would grant.
        """
        rules = self._classes.get(object_class) or self._index(object_class)
        sources = self.entries(source)
        result: dict[int, int] = {}
        for entry in self._entries[target]:
            switched = rules.conditional.get(entry, {})
            for each in switched.keys() & sources:
                for condition, packed in switched[each]:
                    if not active[condition] and packed & vector:
                        result[condition] = result.get(condition, 0) | packed & vector
        return result

    def resulting_type(
        self, kind: RuleKind, source: int, target: int, object_class: int, active: Sequence[bool]
    ) -> int | None:
        """Return the type that a type rule gives, or None where no rule applies.

        An unconditional rule comes before the conditional ones.

        Args:
            kind: ``TYPE_TRANSITION``, ``TYPE_MEMBER`` or ``TYPE_CHANGE``.
            source: type id.
            target: type id.
            object_class: class id.
            active: from :func:`selbox.server.conditionals.active_conditions`.

        Source: the look-ups in the kernel's ``security_compute_sid``.
        """
        rules = self._classes.get(object_class) or self._index(object_class)
        by_target = rules.typed.get(kind)
        if by_target is None:
            return None
        sources = self.entries(source)
        conditional = None
        for entry in self._entries[target]:
            by_source = by_target.get(entry)
            if by_source is None:
                continue
            for each in by_source.keys() & sources:
                for condition, result in by_source[each]:
                    if condition == UNCONDITIONAL:
                        return result
                    if active[condition]:
                        conditional = result
        return conditional

    def _index(self, object_class: int) -> _ClassRules:
        # Two threads may both do this; they make equal values and either may stay.
        rows = self._rows
        if rows is None:
            rows = {}
            for row, each in enumerate(self._policy.rules.object_class):
                if each in rows:
                    rows[each].append(row)
                else:
                    rows[each] = [row]
            self._rows = rows
        result = self._classes[object_class] = _ClassRules(self._policy, rows.get(object_class, ()))
        return result


def _entries_of_types(policy: Policy) -> list[list[int]]:
    entries = [[index] for index in range(len(policy.types))]
    for index, each in enumerate(policy.types):
        if each.is_attribute:
            for type_id in members(each.types):
                entries[type_id].append(index)
    return entries
