"""Type enforcement rules, found by source type, target type and class.

Rules stay as the policy wrote them, on types and attributes. A look-up goes through the target's attributes and
meets the few sources of each with the source's attributes, so that no rule is ever written out for all the
types it stands for. The rules of a class are sorted into their buckets when the first of them is asked for, and a
bucket is opened when it is first met: a small box never pays for a large policy.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.rules import UNCONDITIONAL, RuleKind, Rules
from selbox.typing import Final

AUDITALLOW_SHIFT = 32
DONTAUDIT_SHIFT = 64
VECTOR_MASK = 0xFFFFFFFF

_SHIFTS = {int(RuleKind.ALLOW): 0, int(RuleKind.AUDITALLOW): AUDITALLOW_SHIFT, int(RuleKind.DONTAUDIT): DONTAUDIT_SHIFT}


_LOW_BYTE = 0 if sys.byteorder == "little" else 3
_TYPES_ONE_BY_ONE = 64
"""Types whose attributes are worked out one by one, before those of all others are worked out together."""
_MEMBERSHIPS_AT_ONCE = 1 << 20
"""Pairs of type and attribute up to which that is done."""

_CLASSES_ONE_BY_ONE: Final = 16
"""Classes whose rules are sought one class at a time, before those of all others are sought together."""
_RARE: Final = 20
"""A class with fewer than one in so many rules has them sought one by one."""

# Most buckets have neither; nothing is ever put into these.
_NO_CONDITIONAL: Final[dict[int, list[tuple[int, int]]]] = {}
_NO_TYPED: Final[dict[tuple[int, int], list[tuple[int, int]]]] = {}


class _Bucket:
    """The rules of one class on one target entry, which is a type or an attribute.

    Attributes:
        packed: source entry -> the vectors of all unconditional access rules in one integer: allow in bits 0 to
            31, auditallow from :data:`AUDITALLOW_SHIFT`, dontaudit from :data:`DONTAUDIT_SHIFT`.
        conditional: source entry -> (condition, packed vector) of each conditional access rule.
        typed: (kind, source entry) -> (condition, resulting type), unconditional ones first.
        rows: the rows of its rules, for explanations.
    """

    __slots__ = ("conditional", "packed", "rows", "typed")

    packed: dict[int, int]
    conditional: dict[int, list[tuple[int, int]]]
    typed: dict[tuple[int, int], list[tuple[int, int]]]

    def __init__(self, rules: Rules, rows: Sequence[int]) -> None:
        self.rows = rows
        self.conditional = _NO_CONDITIONAL
        self.typed = _NO_TYPED
        packed = self.packed = {}
        kinds, sources, datas, conditions = rules.kind, rules.source, rules.data, rules.condition
        for row in rows:
            source, data, condition = sources[row], datas[row], conditions[row]
            shift = _SHIFTS.get(kinds[row])
            if shift is None:
                self._add_typed((kinds[row], source), (condition, data))
            elif condition == UNCONDITIONAL:
                packed[source] = packed.get(source, 0) | data << shift
            else:
                self._add_conditional(source, (condition, data << shift))

    def _add_typed(self, key: tuple[int, int], result: tuple[int, int]) -> None:
        if self.typed is _NO_TYPED:
            self.typed = {}
        results = self.typed.setdefault(key, [])
        results.append(result)
        results.sort(key=_is_conditional)

    def _add_conditional(self, source: int, rule: tuple[int, int]) -> None:
        if self.conditional is _NO_CONDITIONAL:
            self.conditional = {}
        self.conditional.setdefault(source, []).append(rule)


def _is_conditional(result: tuple[int, int]) -> bool:
    return result[0] != UNCONDITIONAL


class RuleIndex:
    """Finds the rules that bear on a pair of types.

    Args:
        policy: whose rules these are.
    """

    def __init__(self, policy: Policy) -> None:
        self._rules = policy.rules
        self._type_count = len(policy.types)
        self._attributes = [(index, each.types) for index, each in enumerate(policy.types) if each.is_attribute]
        self._entries: dict[int, frozenset[int]] = {}
        self._targets: dict[int, tuple[int, ...]] = {}
        self._ruled_targets: frozenset[int] = frozenset()
        self._buckets: dict[int, dict[int, _Bucket | list[int]]] = {}
        self._class_count = len(policy.classes)
        self._low_bytes = b""
        self._by_class: list[list[int]] = []

    def entries(self, type_id: int) -> frozenset[int]:
        """Return the ids under which rules may name a type: itself and its attributes.

        Source: the kernel's ``type_attr_map_array``.
        """
        found = self._entries.get(type_id)
        if found is None:
            if len(self._entries) == _TYPES_ONE_BY_ONE and self._fill_entries():
                return self._entries[type_id]
            attributes = (index for index, types in self._attributes if types >> type_id & 1)
            found = self._entries[type_id] = frozenset((type_id, *attributes))
        return found

    def _fill_entries(self) -> bool:
        """Work out the entries of all types together, unless there are too many; tell whether it was done."""
        if sum(types.bit_count() for _, types in self._attributes) > _MEMBERSHIPS_AT_ONCE:
            return False
        names: list[list[int]] = [[index] for index in range(self._type_count)]
        for index, types in self._attributes:
            for member in members(types):
                names[member].append(index)
        self._entries = dict(enumerate(map(frozenset, names)))
        return True

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
        sources = self.entries(source)
        result = 0
        for bucket in self._met(target, object_class):
            packed = bucket.packed
            for each in packed.keys() & sources:
                result |= packed[each]
            if bucket.conditional:
                conditional = bucket.conditional
                for each in conditional.keys() & sources:
                    for condition, vector in conditional[each]:
                        if active[condition]:
                            result |= vector
        return result

    def recorded_access(
        self, source: int, target: int, object_class: int, active: Sequence[bool], rows: list[int]
    ) -> int:
        """Do what :meth:`access` does, rule by rule, and note the row of each rule that is met, active or not.

        Args:
            source: type id.
            target: type id.
            object_class: class id.
            active: as for :meth:`access`.
            rows: takes the rows, in the order of the policy.
        """
        sources = self.entries(source)
        rules = self._rules
        kinds, entries, conditions, data = rules.kind, rules.source, rules.condition, rules.data
        met = [
            row
            for bucket in self._met(target, object_class)
            for row in bucket.rows
            if entries[row] in sources and kinds[row] in _SHIFTS
        ]
        met.sort()
        rows += met
        result = 0
        for row in met:
            if active[conditions[row]]:
                result |= data[row] << _SHIFTS[kinds[row]]
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
        switched_on = None
        for bucket in self._met(target, object_class):
            if not bucket.typed:
                continue
            for each in self.entries(source):
                for condition, result in bucket.typed.get((kind, each), ()):
                    if condition == UNCONDITIONAL:
                        return result
                    if active[condition]:
                        switched_on = result
        return switched_on

    def _met(self, target: int, object_class: int) -> Iterator[_Bucket]:
        """Yield the buckets of a class that a target type has rules in."""
        buckets = self._buckets.get(object_class)
        if buckets is None:
            buckets = self._buckets[object_class] = self._sort_rules(object_class)
        entries = self._targets.get(target)
        if entries is None:
            entries = self._targets[target] = tuple(self.entries(target) & self._ruled_targets)
        for entry in entries:
            bucket = buckets.get(entry)
            if bucket is not None:
                if isinstance(bucket, list):
                    # Two threads may both open it; they make equal values and either may stay.
                    bucket = buckets[entry] = _Bucket(self._rules, bucket)
                yield bucket

    def _sort_rules(self, object_class: int) -> "dict[int, _Bucket | list[int]]":
        """Sort the rows of the rules of a class by their target entry, still unopened."""
        buckets: defaultdict[int, list[int]] = defaultdict(list)
        targets = self._rules.target
        for row in self._rows(object_class):
            buckets[targets[row]].append(row)
        return dict[int, _Bucket | list[int]](buckets)

    def _rows(self, object_class: int) -> Iterable[int]:
        """Return the rows of the rules of a class."""
        rules = self._rules
        if not self._low_bytes:
            self._ruled_targets = frozenset(rules.target)
            self._low_bytes = rules.object_class.tobytes()[_LOW_BYTE :: rules.object_class.itemsize]
        if object_class >= self._class_count:
            return ()
        if self._by_class or len(self._buckets) >= _CLASSES_ONE_BY_ONE:
            return self._all_rows()[object_class]
        # Bytes are looked through ten times as fast as words; few policies have more classes than a byte tells apart.
        is_wanted = self._low_bytes.translate(bytes(number == object_class & 0xFF for number in range(256)))
        count = len(is_wanted)
        rows = _places(is_wanted) if _RARE * is_wanted.count(1) < count else compress(range(count), is_wanted)
        if self._class_count <= 0x100:
            return rows
        return [row for row in rows if rules.object_class[row] == object_class]

    def _all_rows(self) -> list[list[int]]:
        """Return the rows of the rules of each class, worked out together."""
        if not self._by_class:
            found: list[list[int]] = [[] for _ in range(self._class_count)]
            for row, object_class in enumerate(self._rules.object_class):
                found[object_class].append(row)
            self._by_class = found
        return self._by_class


def _places(marks: bytes) -> Iterator[int]:
    """Yield the places of the ones."""
    place = marks.find(1)
    while place >= 0:
        yield place
        place = marks.find(1, place + 1)
