"""What rules alone say of very many recorded accesses, and what would be withheld from them all the same.

This module imports numpy; only who has thousands of accesses imports this module.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from selbox.model.context import Context
from selbox.server.accessarrays import AccessArrayComputer
from selbox.server.causes import BY_DONTAUDIT, BY_RULE, Cause
from selbox.server.constraintarrays import Pairs
from selbox.server.contextarrays import ContextTable, Ids
from selbox.server.evaluation import Access
from selbox.server.rulearrays import DONTAUDIT_SHIFT, RuleArrays, Vectors
from selbox.server.ruleindex import VECTOR_MASK
from selbox.server.state import PolicyState
from selbox.typing import Final

_RULED: Final = None, BY_RULE, BY_DONTAUDIT


class CauseArrays:
    """Looks at accesses by the array, under one state of a security server.

    Args:
        state: the state.
    """

    def __init__(self, state: PolicyState) -> None:
        self._policy = state.policy
        self._state = state
        self._computer = AccessArrayComputer(state.policy, state.access.rules, state.active)

    @cached_property
    def _waiting(self) -> RuleArrays:
        state = self._state
        return RuleArrays(state.policy, [not each for each in state.active], state.access.rules)

    def ruled(self, accesses: Sequence[Access]) -> list[Cause | None]:
        """Return what denies each access, None where rules that hold, or that wait for booleans, allow it.

        Args:
            accesses: accesses to classes and permissions that the policy has; at least one.
        """
        sources, targets, object_classes, asked, _ = zip(*accesses, strict=True)
        source_types = np.array([each.type for each in sources], dtype=np.intp)
        target_types = np.array([each.type for each in targets], dtype=np.intp)
        classes, vectors = np.array(object_classes, dtype=np.intp), np.array(asked, dtype=np.uint64)
        holding, _ = self._computer.rules.access(source_types, target_types, classes)
        waiting, _ = self._waiting.access(source_types, target_types, classes)
        missing = vectors & ~(holding | waiting) & np.uint64(VECTOR_MASK)
        is_hidden = (vectors & holding >> np.uint64(DONTAUDIT_SHIFT)) != 0
        kinds = np.where(missing != 0, 1 + is_hidden, 0)
        return [_RULED[each] for each in kinds.tolist()]

    def withheld(self, accesses: Sequence[Access]) -> list[int]:
        """Return for each access the permissions that would be denied even if rules allowed all that it asks for.

        Args:
            accesses: accesses to classes and permissions that the policy has; at least one.
        """
        sources, targets, object_classes, vectors, _ = zip(*accesses, strict=True)
        both = sources + targets
        # Equal contexts are mostly one object, and objects are told apart in a fraction of the time.
        _, first, rows = np.unique(np.array([id(each) for each in both]), return_index=True, return_inverse=True)
        contexts = [both[place] for place in first.tolist()]
        asked, classes = np.array(vectors, dtype=np.uint64), np.array(object_classes, dtype=np.intp)
        source_rows, target_rows = rows.reshape(2, -1)
        found: list[int] = self.withheld_from(contexts, source_rows, target_rows, classes, asked).tolist()
        return found

    def withheld_from(
        self, contexts: Sequence[Context], sources: Ids, targets: Ids, object_classes: Ids, vectors: Vectors
    ) -> Vectors:
        """Return the permissions that would be denied even if rules allowed all that is asked for.

        Args:
            contexts: contexts.
            sources: which of them are the sources.
            targets: which of them are the targets.
            object_classes: ids of classes that the policy has.
            vectors: what is asked for, of permissions that the classes have. All of one length.
        """
        table = ContextTable(self._policy)
        for each in contexts:
            table.add(each)
        arrays = table.arrays()
        left = vectors.copy()
        pairs = Pairs(arrays, sources, targets, arrays.type[sources], arrays.type[targets])
        self._computer.withhold(pairs, object_classes, left)
        return vectors & ~left
