"""All that decisions are taken from, at one moment."""

from collections.abc import Callable, Sequence

from selbox.model.policy import Policy
from selbox.server.access import AccessComputer
from selbox.server.classes import ClassMap
from selbox.server.conditionals import active_conditions
from selbox.server.extendedrules import Entries, ExtendedRuleIndex
from selbox.server.report import BoundsExceeded
from selbox.server.ruleindex import RuleIndex
from selbox.server.sidtable import SidTable
from selbox.server.transition import ContextComputer


class PolicyState:
    """A policy, made ready to decide by, under one setting of its booleans.

    INVARIANT: nothing in it is ever replaced; a change of the server installs another state whole. So a decision that
    takes the server's state once sees one policy and one setting of the booleans.

    Source: the kernel's ``struct selinux_policy``.

    Args:
        policy: the policy.
        sids: its SIDs.
        seqno: number of the state.
        values: of the booleans, by id.
        base: a state of the same policy, from which everything but the booleans is taken over.
        report: called with what bounding types withhold.

    Attributes:
        policy, sids, seqno, values: as given.
        active: which conditional rules hold; see :func:`selbox.server.conditionals.active_conditions`.
        classes: numbers of classes and permissions, also of those that the policy does not define.
        access, contexts, extended: what computes access vectors, new contexts and extended permissions.
        entries: gives the ids under which rules may name a type: itself and its attributes.
        permissive, neveraudit: ids of the types that are so.
    """

    __slots__ = (
        "access",
        "active",
        "classes",
        "contexts",
        "entries",
        "extended",
        "neveraudit",
        "permissive",
        "policy",
        "seqno",
        "sids",
        "values",
    )

    classes: ClassMap
    access: AccessComputer
    contexts: ContextComputer
    extended: ExtendedRuleIndex
    entries: Entries
    permissive: frozenset[int]
    neveraudit: frozenset[int]

    def __init__(
        self,
        policy: Policy,
        sids: SidTable,
        seqno: int,
        values: Sequence[bool],
        base: "PolicyState | None" = None,
        report: Callable[[BoundsExceeded], None] | None = None,
    ) -> None:
        self.policy = policy
        self.sids = sids
        self.seqno = seqno
        self.values = tuple(values)
        self.active = active_conditions(policy, self.values)
        if base is None:
            self._build(policy, report)
            return
        self.classes, self.access, self.contexts, self.extended = (
            base.classes,
            base.access,
            base.contexts,
            base.extended,
        )
        self.entries = base.entries
        self.permissive, self.neveraudit = base.permissive, base.neveraudit

    def _build(self, policy: Policy, report: Callable[[BoundsExceeded], None] | None) -> None:
        rules = RuleIndex(policy)
        self.classes = ClassMap(policy)
        self.access = AccessComputer(policy, rules, report)
        self.contexts = ContextComputer(policy, rules)
        self.extended = ExtendedRuleIndex(policy, rules.entries)
        self.entries = rules.entries
        self.permissive = frozenset(index for index, each in enumerate(policy.types) if each.permissive)
        self.neveraudit = frozenset(index for index, each in enumerate(policy.types) if each.neveraudit)

    @classmethod
    def first(cls, policy: Policy, report: Callable[[BoundsExceeded], None] | None = None) -> "PolicyState":
        """Return the state of a policy that is loaded first: its booleans have their defaults."""
        return cls(policy, SidTable(policy), 1, [each.default for each in policy.booleans], report=report)

    def with_values(self, values: Sequence[bool]) -> "PolicyState":
        """Return the state that follows when booleans are set."""
        return PolicyState(self.policy, self.sids, self.seqno + 1, values, self)
