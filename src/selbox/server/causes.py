"""What part of the policy denies recorded accesses, found for very many of them.

An explanation looks at one access from all sides; here each gets the one word that says whose business it is: a rule
that is missing, a boolean, a constraint. What says it is the evaluation that decides.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from enum import Enum
from itertools import combinations, compress

from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.conditionals import active_conditions
from selbox.server.evaluation import Access, evaluate
from selbox.server.explanation import DenialKind
from selbox.server.extendedrules import Entries
from selbox.server.ruleindex import DONTAUDIT_SHIFT, VECTOR_MASK
from selbox.server.state import PolicyState
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.server.causearrays import CauseArrays

ARRAYS_PAY: Final = 1 << 13
"""Accesses, all in all, that are looked up sooner one by one than by the array: numpy and its tables take 0.3 s."""

ARRAYS_SERVE: Final = 1 << 8
"""Accesses at a time that are looked up sooner one by one even when the arrays are there already."""


_TOGETHER: Final = (1, 2, 3)
"""Booleans that are tried together."""
_MOST_SETS: Final = 8
"""Sets of booleans that are found."""
_MOST_TERMS: Final = 6
"""Booleans of one condition that are tried."""


class CauseKind(Enum):
    """What denies an access."""

    ALLOWED = "the policy allows it"
    DONTAUDIT = "no rule allows it, and a dontaudit rule hides the denial"
    RULE = "no rule allows it"
    BOOLEAN = "a boolean is not set as the rule that allows it needs"
    CONSTRAINT = "a constraint forbids it"
    ROLE = "no roleallow rule permits the change of role"
    BOUNDS = "the bounding type may not do it"
    EXTENDED = "no extended rule allows the number"

    __hash__ = object.__hash__  # each is one object; an Enum's own hash is a call for every record of a log


class Cause(NamedTuple):
    """What denies an access.

    Attributes:
        kind: what part of the policy.
        booleans: for ``BOOLEAN`` the booleans each of which alone would allow the access, in the policy's order: ids,
            and the value that each would have to have.
    """

    kind: CauseKind
    booleans: tuple[tuple[int, bool], ...] = ()


_ALLOWED: Final = Cause(CauseKind.ALLOWED)
BY_RULE: Final = Cause(CauseKind.RULE)
BY_DONTAUDIT: Final = Cause(CauseKind.DONTAUDIT)
"""What denies accesses that no rule allows, nor would with booleans set otherwise."""

# In the order in which audit2why looks for them.
_BY_DENIAL: Final = {
    DenialKind.CONSTRAINT: Cause(CauseKind.CONSTRAINT),
    DenialKind.ROLE: Cause(CauseKind.ROLE),
    DenialKind.BOUNDS: Cause(CauseKind.BOUNDS),
    DenialKind.EXTENDED: Cause(CauseKind.EXTENDED),
}


class CauseFinder:
    """Finds causes under one state of a security server.

    Args:
        state: the state.

    Attributes:
        state: as given.

    Source: ``analyze`` and ``check_booleans`` of libselinux's ``audit2why.c``; extended rules are beyond them.
    """

    def __init__(self, state: PolicyState) -> None:
        self.state = state
        self._switches = _Switches(state.policy, state.active, state.entries)
        self._active: dict[tuple[int, ...], Sequence[bool]] = {}
        self._arrays: CauseArrays | None = None
        self._one_by_one = 0
        self._process = state.policy.class_ids.get("process", -1)

    def find(self, accesses: Sequence[Access]) -> list[Cause]:
        """Return what denies each of some accesses to classes and permissions that the policy has."""
        if not self._by_array(accesses):
            return [self._cause(each) for each in accesses]
        ruled = self.arrays().ruled(accesses)
        return [cause or self._cause(access) for access, cause in zip(accesses, ruled, strict=True)]

    def together(self, access: Access) -> list[tuple[tuple[int, bool], ...]]:
        """Return booleans that would allow an access when several are set otherwise, and no fewer of them.

        Args:
            access: one that no rule allows which holds now.

        Returns:
            Sets of two or three booleans, the smallest first: ids, and the values that they would have to have.
        """
        found: list[tuple[int, ...]] = []
        terms = self._switches.terms(access.source.type, access.target.type, access.object_class)
        for size in _TOGETHER:
            for chosen in dict.fromkeys(each for names in terms for each in combinations(names[:_MOST_TERMS], size)):
                if len(found) < _MOST_SETS and not any(set(each) <= set(chosen) for each in found):
                    found += [chosen] if self._opens(chosen, access) else []
        return [tuple((each, not self.state.values[each]) for each in chosen) for chosen in found if len(chosen) > 1]

    def narrowest(self, booleans: Sequence[tuple[int, bool]]) -> list[tuple[int, bool]]:
        """Return booleans, each with a value, those first whose rules are between the fewest types."""
        return sorted(booleans, key=lambda each: self._switches.breadth(each[0]))

    def withheld(self, accesses: Sequence[Access]) -> list[int]:
        """Return for each access the permissions that would be denied even if rules allowed all that it asks for.

        Args:
            accesses: as for :meth:`find`.
        """
        if self._by_array(accesses):
            return self.arrays().withheld(accesses)
        return [self._withheld(each) for each in accesses]

    def arrays(self) -> "CauseArrays":
        """The arrays, which many accesses are looked at by."""
        if self._arrays is None:
            from selbox.server.causearrays import CauseArrays  # numpy: its import takes longer than most logs

            self._arrays = CauseArrays(self.state)
        return self._arrays

    def allowing(self, access: Access, labels: Sequence[int]) -> list[tuple[int, bool, int]]:
        """Return those of some types of objects under which an access would be allowed.

        Returns:
            For each the type, whether the source may not search directories of that type, and how many permissions
            beside those of the access it has on the class.
        """
        state = self.state
        source, target, object_class, vector, _ = access
        directory = state.policy.class_ids.get("dir", object_class)
        search = state.policy.classes[directory].vector(("search",)) if self._can_search else 0
        found: list[tuple[int, bool, int]] = []
        for each in labels:
            label = target._replace(type=each)
            allowed = state.access.compute(source, label, object_class, state.active).allowed
            if not vector & ~allowed:
                reached = state.access.compute(source, label, directory, state.active).allowed if search else 0
                found.append((each, not search & reached, (allowed & ~vector).bit_count()))
        return found

    @property
    def _can_search(self) -> bool:
        policy = self.state.policy
        directory = policy.class_ids.get("dir")
        return directory is not None and "search" in policy.classes[directory].permissions

    def _withheld(self, access: Access) -> int:
        source, target, object_class, vector, _ = access
        rules = {(source.type, target.type, object_class): vector}
        supposing = self.state.access.supposing(rules, (), {})
        return vector & ~supposing.compute(source, target, object_class, self.state.active).allowed

    def _by_array(self, accesses: Sequence[Access]) -> bool:
        """Tell whether accesses are looked up by the array, and count those that are not."""
        count = len(accesses)
        if count >= ARRAYS_SERVE and (self._arrays is not None or self._one_by_one + count >= ARRAYS_PAY):
            return True
        self._one_by_one += count
        return False

    def _cause(self, access: Access) -> Cause:
        source, target, object_class, vector, _ = access
        packed = self.state.access.rules.access(source.type, target.type, object_class, self.state.active)
        if not vector & ~(packed & VECTOR_MASK):
            return self._beyond_rules(access)
        return self._by_rules(access, packed >> DONTAUDIT_SHIFT)

    def _by_rules(self, access: Access, dontaudit: int) -> Cause:
        types = access.source.type, access.target.type
        switches = self._switches.about(*types, access.object_class)
        if switches:
            found = tuple((each, not self.state.values[each]) for each in switches if self._opens((each,), access))
            if found:
                return Cause(CauseKind.BOOLEAN, found)
        return BY_DONTAUDIT if access.vector & dontaudit else BY_RULE

    def _opens(self, booleans: tuple[int, ...], access: Access) -> bool:
        """Tell whether an access would be allowed if some booleans had their other values."""
        active = self._active.get(booleans)
        if active is None:
            values = list(self.state.values)
            for each in booleans:
                values[each] = not values[each]
            active = self._active[booleans] = active_conditions(self.state.policy, values)
        found = self.state.access.compute(access.source, access.target, access.object_class, active)
        return not access.vector & ~found.allowed

    def _beyond_rules(self, access: Access) -> Cause:
        """Return what withholds from an access what rules allow."""
        state = self.state
        if access.number is None or access.object_class not in state.extended.classes:
            types = access.source, access.target, access.object_class
            if not access.vector & ~state.access.compute(*types, state.active).allowed:
                return _ALLOWED
            if access.object_class != self._process and state.policy.types[access.source.type].bounds is None:
                return _BY_DENIAL[DenialKind.CONSTRAINT]  # neither a change of role nor a bounding type is in it
        reasons = evaluate(state.policy, state.access, state.extended, state.active, access).reasons
        kinds = {each.kind for each in reasons}
        return next((cause for kind, cause in _BY_DENIAL.items() if kind in kinds), _ALLOWED)


class _Switches:
    """Finds the booleans that rules which do not hold depend on."""

    def __init__(self, policy: Policy, active: Sequence[bool], entries: Entries) -> None:
        self._policy = policy
        self._active = active
        self._entries = entries
        self._rules: dict[int, dict[int, list[tuple[int, int]]]] | None = None
        self._targets: dict[tuple[int, int], dict[int, set[int]]] = {}
        self._breadths: Counter[int] = Counter()

    def about(self, source: int, target: int, object_class: int) -> list[int]:
        """Return booleans by id, in the policy's order, that rules about two types and a class wait for."""
        return sorted({each for terms in self.terms(source, target, object_class) for each in terms})

    def terms(self, source: int, target: int, object_class: int) -> list[tuple[int, ...]]:
        """Return the booleans of each condition that rules about two types and a class wait for, by id and sorted."""
        key = source, object_class
        targets = self._targets.get(key)
        if targets is None:
            targets = self._targets[key] = self._of_source(source, object_class)
        if not targets:
            return []
        conditions: set[int] = set()
        for entry in targets.keys() & self._entries(target):
            conditions |= targets[entry]
        conditionals = self._policy.conditionals
        expressions = (conditionals[(each - 1) // 2].expression for each in sorted(conditions))
        return [tuple(sorted({term for term in each if isinstance(term, int)})) for each in expressions]

    def breadth(self, boolean: int) -> int:
        """Return between how many types the rules are, all in all, that depend on a boolean."""
        if not self._breadths:
            types, rules = self._policy.types, self._policy.rules
            sizes = [max(1, each.types.bit_count()) if each.is_attribute else 1 for each in types]
            by_condition: Counter[int] = Counter()
            for row in compress(range(len(rules)), rules.condition):
                by_condition[rules.condition[row]] += sizes[rules.source[row]] * sizes[rules.target[row]]
            for number, each in enumerate(self._policy.conditionals):
                pairs = by_condition[2 * number + 1] + by_condition[2 * number + 2]
                self._breadths.update({term: pairs for term in set(each.expression) if isinstance(term, int)})
        return self._breadths[boolean]

    def _of_source(self, source: int, object_class: int) -> dict[int, set[int]]:
        """Return the conditions of the rules about a source and a class, by the target that they name."""
        rules = self._by_class().get(object_class)
        found: dict[int, set[int]] = {}
        if rules:
            for entry in rules.keys() & self._entries(source):
                for target, condition in rules[entry]:
                    found.setdefault(target, set()).add(condition)
        return found

    def _by_class(self) -> dict[int, dict[int, list[tuple[int, int]]]]:
        """Return target and condition of the allow rules that do not hold, by class and source."""
        if self._rules is None:
            found: defaultdict[int, dict[int, list[tuple[int, int]]]] = defaultdict(dict)
            rules, active = self._policy.rules, self._active
            for row in compress(range(len(rules)), rules.condition):
                condition = rules.condition[row]
                if not active[condition] and rules.kind[row] == RuleKind.ALLOW:
                    of_class = found[rules.object_class[row]]
                    of_class.setdefault(rules.source[row], []).append((rules.target[row], condition))
            self._rules = dict(found)
        return self._rules
