"""Questions of expectations that may fail, found by the array.

This module imports numpy; only who has many questions imports this module.
"""

from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from selbox.analysis.questions import Question, Questions
from selbox.model.context import Context
from selbox.server.accessarrays import AccessDecisions
from selbox.server.decision import PERMISSIVE_FLAG
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

_AT_ONCE: Final = 1 << 16
"""Questions whose columns are made together, or those of one source where they are more."""


def suspects(questions: Questions, server: SecurityServer, *, granted: bool) -> Iterator[Question]:
    """Yield the questions that may fail, in order; one without extended permissions does.

    Args:
        questions: all of them; there is at least one about each source.
        server: decides.
        granted: whether everything is expected to be granted; else nothing is, nor goes on because its source is
            permissive.
    """
    wanted = questions.wanted
    sids = {each: server.sid_for(each) for each in (*questions.sources, *questions.targets)}
    step = max(1, _AT_ONCE // questions.of_a_source)
    for start in range(0, len(questions.sources), step):
        sources = questions.sources[start : start + step]
        columns = _columns(questions, sources, sids)
        decisions = server.compute_access_arrays(*columns)
        vectors = np.resize(np.array([each.vector for each in wanted], dtype=np.uint32), len(columns[0]))
        refined = np.resize(np.array([each.numbers is not None for each in wanted]), len(columns[0]))
        fails = _failing(decisions, vectors, refined, granted=granted)
        for index in np.flatnonzero(fails).tolist():
            row, place = divmod(index, questions.of_a_source)
            target, asked = divmod(place, len(wanted))
            source = sources[row]
            # Past the targets that all sources have is the source itself.
            found = questions.targets[target] if target < len(questions.targets) else source
            yield Question(source, found, wanted[asked])


def _columns(
    questions: Questions, sources: Sequence[Context], sids: dict[Context, int]
) -> "tuple[array[int], array[int], array[int]]":
    """Return the SIDs of the sources, of the targets, and the classes of all questions about some sources."""
    wanted = questions.wanted
    classes = array("q", [each.object_class for each in wanted])
    common = array("q", [sids[each] for each in questions.targets for _ in wanted])
    columns = array("q"), array("q"), array("q")
    for source in sources:
        sid = array("q", [sids[source]])
        columns[0].extend(sid * questions.of_a_source)
        columns[1].extend(common)
        if questions.with_self:
            columns[1].extend(sid * len(wanted))
    columns[2].extend(classes * (len(columns[0]) // len(wanted)))
    return columns


def _failing(
    decisions: AccessDecisions, vectors: NDArray[np.uint32], refined: NDArray[np.bool_], *, granted: bool
) -> NDArray[np.bool_]:
    given = decisions.allowed & vectors
    fails: NDArray[np.bool_]
    if granted:
        fails = (given != vectors) | refined
    else:
        fails = (given != 0) | (decisions.flags & np.uint32(PERMISSIVE_FLAG) != 0)
    return fails
