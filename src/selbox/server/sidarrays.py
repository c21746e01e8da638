"""Access decisions by the array of SIDs.

This module imports numpy; only who decides by the array imports this module.
"""

from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.server.accessarrays import AccessDecisions, ArrayDecider
from selbox.server.contextarrays import ContextArrays, ContextTable, Ids
from selbox.server.sidtable import SidTable
from selbox.server.state import PolicyState

Numbers = Sequence[int] | NDArray[np.integer]
"""SIDs or class ids: an array, or what one can be made of."""

_NO_CONTEXT = Context(0, 0, 0)
"""Stands in the rows of SIDs without a context, which are never asked about."""


class SidContexts:
    """The contexts of a server's SIDs as arrays, a row for each SID, which grow with the SIDs.

    May be used from several threads.

    Args:
        sids: the SIDs.

    Attributes:
        sids: as given.
    """

    def __init__(self, sids: SidTable) -> None:
        self.sids = sids
        self._table = ContextTable(sids.policy)
        self._missing: list[int] = []
        self._lock = Lock()

    def arrays(self, *columns: Ids) -> ContextArrays:
        """Return the contexts of at least the given SIDs.

        Raises:
            SelboxError: code ``unknown-sid``.
        """
        highest = max(int(column.max()) for column in columns)
        self.sids.context(highest)
        with self._lock:
            while len(self._table) <= highest:
                self._add(len(self._table))
            arrays, missing = self._table.arrays(), list(self._missing)
        for column in columns:
            wrong = (column < 0) | np.isin(column, missing)
            if wrong.any():
                self.sids.context(int(column[wrong][0]))
        return arrays

    def _add(self, sid: int) -> None:
        try:
            context = self.sids.context(sid)
        except SelboxError:
            self._missing.append(sid)
            context = _NO_CONTEXT
        self._table.add(context)


class SidDecider:
    """Takes access decisions about SIDs, under one state of a security server.

    Args:
        state: the state.
        contexts: of the state's SIDs, where somebody has them already.

    Attributes:
        state, contexts: as given.
    """

    def __init__(self, state: PolicyState, contexts: SidContexts | None = None) -> None:
        self.state = state
        self.contexts = SidContexts(state.sids) if contexts is None else contexts
        self._decider = ArrayDecider(state)

    def decide(self, sources: Numbers, targets: Numbers, object_classes: Numbers) -> AccessDecisions:
        """Decide for each source SID, target SID and class id.

        Raises:
            SelboxError: code ``unknown-sid``.
            ValueError: when they are not of one length.
        """
        asked = _ids(sources), _ids(targets), _ids(object_classes)
        if len({column.shape for column in asked}) != 1:
            raise ValueError("sources, targets and classes are not of one length")
        if not asked[0].size:
            empty = np.zeros(0, dtype=np.uint32)
            return AccessDecisions(empty, empty, empty, self.state.seqno, empty)
        return self._decider.decide(self.contexts.arrays(*asked[:2]), *asked)


def _ids(numbers: Numbers) -> Ids:
    return np.ascontiguousarray(numbers, dtype=np.intp)
