"""What is withheld from what rules of a policy grant: by constraints, levels, role changes and bounds.

A decision looks at the types in a rule, and at little else of them than in which sets they are that constraints name.
Types that are alike in that, and are asked about with like contexts, are one kind; kinds are some hundred.

This module imports numpy; only who compares what policies grant imports it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from selbox.analysis.differences.accessarrays import AccessRules, Keys, Vectors, with_common_bits
from selbox.analysis.differences.numbering import Numbering
from selbox.model.bitset import members
from selbox.model.constraint import CompareNames, Operand
from selbox.model.context import Context
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

TYPE_OPERANDS: Final = frozenset({Operand.TYPE_1, Operand.TYPE_2, Operand.TYPE_3})
"""Operands of constraints that are types."""

_CODES_MARKED: Final = 1 << 24
"""Codes that are marked, a byte for each, to find out which there are; if there may be more, they are sorted."""


class Withholding:
    """Withholds what one policy withholds.

    Args:
        numbering: of both policies.
        side: which of them it is.
        policy: the policy.
        contexts: what its types are asked about with, by id; None for attributes.
    """

    def __init__(self, numbering: Numbering, side: int, policy: Policy, contexts: Sequence[Context | None]) -> None:
        self._numbering = numbering
        self._side = side
        self._policy = policy
        self._finder = SecurityServer(policy).cause_finder()
        self._classes = np.full(len(numbering.classes), -1, dtype=np.int64)
        self._classes[numbering.classes_of[side]] = np.arange(len(policy.classes))
        named = _named(policy)
        self._contexts: list[Context] = []
        self._kinds = np.full(len(numbering.types), -1, dtype=np.int64)
        numbers: dict[tuple[object, ...], int] = {}
        places: list[list[int]] = []
        for index, context in enumerate(contexts):
            if context is not None:
                bounded = index if policy.types[index].bounds is not None else -1
                kind = numbers.setdefault(
                    (context.user, context.role, context.range, named[index], bounded), len(numbers)
                )
                self._kinds[numbering.sets_of[side][index]] = kind
                if kind == len(places):
                    places.append([])
                places[kind].append(len(self._contexts))
                self._contexts.append(context)
        # Of each kind one type, and another one where there is one.
        self._firsts = np.array([each[0] for each in places], dtype=np.int64)
        self._seconds = np.array([each[-1] for each in places], dtype=np.int64)

    def granted(self, rules: AccessRules, vectors: Vectors) -> Vectors:
        """Return what is left of what rules say.

        Args:
            rules: where they say something.
            vectors: what the rules of this policy say there, by the bits that both policies have in common.
        """
        count = len(self._firsts)
        end = len(self._policy.classes) * count * count * 2
        rows = np.flatnonzero(vectors)
        source, target = rules.source[rows], rules.target[rows]
        object_class = self._classes[rules.object_class[rows]]
        pairs = self._kinds[source] * count + self._kinds[target]
        codes, number = _numbered(
            (object_class * count * count + pairs) * 2 + (source == target),
            end,
        )
        result = np.zeros(len(vectors), dtype=np.uint64)
        result[rows] = vectors[rows] & ~self._withheld(codes)[number]
        return result

    def _withheld(self, codes: Keys) -> Vectors:
        """Return what is withheld by codes of a class, two kinds of types and whether it is one type."""
        count = len(self._firsts)
        pairs, is_same = np.divmod(codes, 2)
        pairs, target = np.divmod(pairs, count)
        object_class, source = np.divmod(pairs, count)
        targets = np.where((source == target) & (is_same == 0), self._seconds[target], self._firsts[target])
        defined = np.array([(1 << len(each.permissions)) - 1 for each in self._policy.classes], dtype=np.uint64)
        withheld = self._finder.arrays().withheld_from(
            self._contexts, self._firsts[source], targets, object_class, defined[object_class]
        )
        return with_common_bits(self._numbering, self._side, object_class, withheld)


def _named(policy: Policy) -> list[int]:
    """Return for each type in which of the sets it is that constraints name, as a bitset."""
    terms = (term for each in policy.constraints for term in each.expression if isinstance(term, CompareNames))
    sets = dict.fromkeys(term.ids for term in terms if term.left in TYPE_OPERANDS)
    result = [0] * len(policy.types)
    for number, each in enumerate(sets):
        for index in members(each):
            result[index] |= 1 << number
    return result


def _numbered(codes: Keys, end: int) -> tuple[Keys, NDArray[np.int64]]:
    """Return codes once each, and for each of the given ones which of these it is; all are below ``end``."""
    if end > _CODES_MARKED:
        return np.unique(codes, return_inverse=True)
    is_there = np.zeros(end, dtype=bool)
    is_there[codes] = True
    distinct = np.flatnonzero(is_there)
    numbers = np.zeros(end, dtype=np.int64)
    numbers[distinct] = np.arange(len(distinct))
    return distinct, numbers[codes]
