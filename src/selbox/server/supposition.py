"""The evaluation that decides, under contexts, booleans or a policy that are a little different: what if?"""

from collections.abc import Mapping, Sequence

from selbox.model.constraint import CompareNames, Constraint, ConstraintTerm, Operand
from selbox.model.policy import Policy
from selbox.server.access import AccessComputer
from selbox.server.evaluation import Access, evaluate
from selbox.server.explanation import DenialReason
from selbox.server.extendedrules import ExtendedRuleIndex
from selbox.server.proposal import (
    AddExtendedRule,
    AddRoleAllow,
    AddRule,
    AddToAttribute,
    Change,
    ChangeSource,
    ChangeTarget,
)
from selbox.typing import NamedTuple

_TYPES = frozenset({Operand.TYPE_1, Operand.TYPE_2})


class Supposition(NamedTuple):
    """A question about access, with changes that were made to it.

    Attributes:
        access: what is asked.
        active: which conditional rules hold.
        changes: what has been changed.
    """

    access: Access
    active: Sequence[bool]
    changes: tuple[Change, ...] = ()

    def with_change(self, change: Change, active: Sequence[bool] | None = None) -> "Supposition":
        """Return it with one more change.

        Args:
            change: the change.
            active: which conditional rules hold then, where it changes booleans.
        """
        access = self.access
        if isinstance(change, ChangeSource):
            access = access._replace(source=change.context)
        elif isinstance(change, ChangeTarget):
            access = access._replace(target=change.context)
        return Supposition(access, self.active if active is None else active, (*self.changes, change))


class Suppositions:
    """Decides about suppositions.

    Args:
        policy: the policy as it is.
        computer: decides about access vectors by it.
        extended: decides about extended permissions by it.
    """

    def __init__(self, policy: Policy, computer: AccessComputer, extended: ExtendedRuleIndex) -> None:
        self._policy = policy
        self._computer = computer
        self._extended = extended

    def reasons_against(self, supposition: Supposition) -> tuple[DenialReason, ...]:
        """Decide about a supposition.

        Returns:
            Why something of what it asks for is denied; nothing when all is allowed.
        """
        access = supposition.access
        computer = _changed_access(self._policy, self._computer, supposition.changes, access.object_class)
        if access.number is None:
            # The evaluation that notes nothing is quicker, and says whether there is anything to note.
            types = access.source, access.target, access.object_class
            if not access.vector & ~computer.compute(*types, supposition.active).allowed:
                return ()
        numbers = [each for each in supposition.changes if isinstance(each, AddExtendedRule)]
        return evaluate(self._policy, computer, self._extended, supposition.active, access, numbers).reasons


def _changed_access(
    policy: Policy, access: AccessComputer, changes: Sequence[Change], object_class: int
) -> AccessComputer:
    rules: dict[tuple[int, int, int], int] = {}
    for each in changes:
        if isinstance(each, AddRule):
            key = each.source, each.target, each.object_class
            rules[key] = rules.get(key, 0) | each.permissions
    role_allows = [(each.source, each.target) for each in changes if isinstance(each, AddRoleAllow)]
    memberships = [each for each in changes if isinstance(each, AddToAttribute)]
    return access.supposing(rules, role_allows, _changed_constraints(policy, memberships, object_class))


def _changed_constraints(
    policy: Policy, memberships: Sequence[AddToAttribute], object_class: int
) -> Mapping[int, Constraint]:
    """Return the constraints of a class that name attributes which get further types.

    The rules on these attributes are left as they are: whatever they would allow besides changes nothing for the worse.
    """
    added: dict[str, int] = {}
    for each in memberships:
        name = policy.types[each.attribute].name
        added[name] = added.get(name, 0) | 1 << each.type
    if not added:
        return {}
    changed: dict[int, Constraint] = {}
    for number, constraint in enumerate(policy.constraints):
        if constraint.object_class == object_class:
            expression = tuple(_with_types(term, added) for term in constraint.expression)
            if expression != constraint.expression:
                changed[number] = constraint._replace(expression=expression)
    return changed


def _with_types(term: ConstraintTerm, added: Mapping[str, int]) -> ConstraintTerm:
    if not isinstance(term, CompareNames) or term.left not in _TYPES:
        return term
    ids = term.ids
    for name in term.names:
        ids |= added.get(name, 0)
    return term._replace(ids=ids)
