"""Access vectors of many sources, targets and classes at once, in arrays.

This module imports numpy; only who decides by the array imports this module.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from selbox.model.policy import HandleUnknown, Policy
from selbox.server.constraintarrays import ConstraintArrays, Pairs
from selbox.server.contextarrays import ContextArrays, Ids, Truths
from selbox.server.decision import GRANTS_ALL, NEVERAUDIT_FLAG, PERMISSIVE_FLAG
from selbox.server.rulearrays import DONTAUDIT_SHIFT, RuleArrays, Vectors
from selbox.server.ruleindex import VECTOR_MASK, RuleIndex
from selbox.server.state import PolicyState
from selbox.typing import NamedTuple

_ROWS_AT_ONCE = 1 << 16
"""Decisions taken together: their intermediate arrays stay in the processor's cache."""
_LOW = np.uint64(VECTOR_MASK)
_SHIFT = np.uint64(DONTAUDIT_SHIFT)


class VectorArrays(NamedTuple):
    """Access vectors, an entry for each decision.

    Attributes:
        allowed, auditallow, auditdeny: as in :class:`selbox.server.access.AccessVectors`, of type ``uint32``.
    """

    allowed: NDArray[np.uint32]
    auditallow: NDArray[np.uint32]
    auditdeny: NDArray[np.uint32]


class AccessArrayComputer:
    """Computes access vectors by the array, from one policy under one setting of its booleans.

    Args:
        policy: the policy.
        rules: its access rules, for the classes that are too large for arrays.
        active: which conditional rules hold.
    """

    def __init__(self, policy: Policy, rules: RuleIndex, active: Sequence[bool]) -> None:
        self._policy = policy
        self._index = rules
        self._active = active
        types = policy.types
        self._bounds = np.array([-1 if each.bounds is None else each.bounds for each in types], dtype=np.intp)
        self._has_bounds = bool((self._bounds >= 0).any())
        self._process = policy.class_ids.get("process", -1)
        names = policy.classes[self._process].permissions if self._process >= 0 else ()
        changes = sum(1 << bit for bit, name in enumerate(names) if name in ("transition", "dyntransition"))
        self._role_change = np.uint64(changes)
        self._may_change = np.eye(len(policy.roles), dtype=bool)
        for each in policy.role_allows:
            self._may_change[each.source, each.target] = True

    @cached_property
    def rules(self) -> RuleArrays:
        """The rules; who asks what is withheld from them alone does not need them, but for bounds."""
        return RuleArrays(self._policy, self._active, self._index)

    @cached_property
    def _constraints(self) -> ConstraintArrays:
        return ConstraintArrays(self._policy)

    def compute(self, contexts: ContextArrays, sources: Ids, targets: Ids, classes: Ids) -> VectorArrays:
        """Compute what :meth:`AccessComputer.compute` computes, for each source, target and class.

        Args:
            contexts: the contexts.
            sources: rows of the sources.
            targets: rows of the targets.
            classes: ids of classes that the policy has. All of one length.

        Source: the kernel's ``context_struct_compute_av``.
        """
        count = len(sources)
        result = VectorArrays(*(np.empty(count, dtype=np.uint32) for _ in range(3)))
        for start in range(0, count, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            some, others = sources[rows], targets[rows]
            pairs = Pairs(contexts, some, others, contexts.type[some], contexts.type[others])
            packed, auditallow = self.rules.access(pairs.source_types, pairs.target_types, classes[rows])
            result.allowed[rows] = packed & _LOW
            result.auditallow[rows] = auditallow
            result.auditdeny[rows] = ~(packed >> _SHIFT)
        # Of random questions rules allow few: what is left is worked on together, whatever part it comes from.
        granted = np.flatnonzero(result.allowed)
        for start in range(0, len(granted), _ROWS_AT_ONCE):
            places = granted[start : start + _ROWS_AT_ONCE]
            some, others = sources[places], targets[places]
            pairs = Pairs(contexts, some, others, contexts.type[some], contexts.type[others])
            vectors = result.allowed[places].astype(np.uint64)
            self.withhold(pairs, classes[places], vectors)
            result.allowed[places] = vectors
        return result

    def withhold(self, pairs: Pairs, classes: Ids, vectors: Vectors) -> None:
        """Take out of allow rules' vectors what constraints, role changes and type bounds withhold.

        Args:
            pairs: contexts.
            classes: ids of classes that the policy has.
            vectors: what rules allow, or are supposed to; changed in place. All of one length.
        """
        self._constraints.withhold(pairs, classes, vectors)
        is_change = (classes == self._process) & ((vectors & self._role_change) != 0)
        if is_change.any():
            roles = pairs.contexts.role
            is_change &= ~self._may_change[roles[pairs.sources], roles[pairs.targets]]
            vectors[is_change] &= ~self._role_change
        if self._has_bounds:
            self._bound(pairs, classes, vectors)

    def _bound(self, pairs: Pairs, classes: Ids, vectors: Vectors) -> None:
        """Withhold what the bounding types may not do.

        Source: the kernel's ``type_attribute_bounds_av``.
        """
        is_bound: Truths = self._bounds[pairs.source_types] >= 0
        places = np.flatnonzero(is_bound & (vectors != 0))
        if not len(places):
            return
        bound = pairs.select(places)
        bounding_targets = self._bounds[bound.target_types]
        bounding = bound._replace(
            source_types=self._bounds[bound.source_types],
            target_types=np.where(bounding_targets >= 0, bounding_targets, bound.target_types),
        )
        ruled, _ = self.rules.access(bounding.source_types, bounding.target_types, classes[places])
        ruled &= _LOW
        self.withhold(bounding, classes[places], ruled)
        vectors[places] &= ruled


class AccessDecisions(NamedTuple):
    """The security server's answers about many sources, targets and classes, an entry for each.

    Attributes:
        allowed, auditallow, auditdeny, flags: as in :class:`selbox.server.decision.AccessDecision`, of type ``uint32``.
        seqno: number of the one policy state that all were taken under.
    """

    allowed: NDArray[np.uint32]
    auditallow: NDArray[np.uint32]
    auditdeny: NDArray[np.uint32]
    seqno: int
    flags: NDArray[np.uint32]


class ArrayDecider:
    """Takes access decisions by the array, under one state of a security server.

    Args:
        state: the state.
    """

    def __init__(self, state: PolicyState) -> None:
        self._state = state
        self._computer = AccessArrayComputer(state.policy, state.access.rules, state.active)
        self._flags = np.zeros(len(state.policy.types), dtype=np.uint32)
        self._flags[list(state.permissive)] |= np.uint32(PERMISSIVE_FLAG)
        self._flags[list(state.neveraudit)] |= np.uint32(NEVERAUDIT_FLAG)

    def decide(self, contexts: ContextArrays, sources: Ids, targets: Ids, classes: Ids) -> AccessDecisions:
        """Decide what :func:`selbox.server.securityserver.decide_access` decides, for each source, target and class.

        Args:
            contexts: the contexts.
            sources: rows of the sources.
            targets: rows of the targets.
            classes: class ids. All of one length.
        """
        state = self._state
        class_count = len(state.policy.classes)
        is_known = (classes >= 0) & (classes < class_count)
        known = slice(None) if is_known.all() else np.flatnonzero(is_known)
        vectors = self._computer.compute(contexts, sources[known], targets[known], classes[known])
        if not isinstance(known, slice):
            whole = [np.full(len(classes), value, dtype=np.uint32) for value in (0, 0, VECTOR_MASK)]
            for column, part in zip(whole, vectors, strict=True):
                column[known] = part
            vectors = VectorArrays(*whole)
        if state.policy.handle_unknown is HandleUnknown.ALLOW:
            unknown = [state.classes.unknown_permissions(each) for each in range(class_count)]
            by_class = np.array([*unknown, VECTOR_MASK], dtype=np.uint32)
            vectors.allowed[:] |= by_class[np.where(is_known, classes, class_count)]
        flags = self._flags[contexts.type[sources]]
        if self._flags.any():
            is_silent = (flags & NEVERAUDIT_FLAG) != 0
            vectors.auditallow[is_silent] = 0
            vectors.auditdeny[is_silent] = 0
            vectors.allowed[flags == GRANTS_ALL] = VECTOR_MASK
        return AccessDecisions(*vectors, state.seqno, flags)
