"""Runs: statements that stand at one place, in order; what a pass asks about each is mostly the same for all."""

from bisect import bisect_left
from collections.abc import Sequence
from heapq import heapify, heappop, heapreplace
from operator import attrgetter

from selbox.compiler.namespace import Place
from selbox.language.cil import Form

Run = tuple[Place, Sequence[Form]]

_OFFSET = attrgetter("offset")


def in_order(runs: Sequence[Run]) -> list[Run]:
    """Return statements as a reader of the expanded policy would meet them.

    What a call or the like brings in comes where that stands: a run is divided where others come in between.

    Args:
        runs: none of them empty.
    """
    waiting = [((*place.path, forms[0].offset), at, 0) for at, (place, forms) in enumerate(runs)]
    heapify(waiting)
    found: list[Run] = []
    while waiting:
        _, at, start = waiting[0]
        place, forms = runs[at]
        end = len(forms)
        following = min(waiting[1:3], default=None)
        if following is not None and following[0] <= (*place.path, forms[-1].offset):
            # Its path begins with that of the run, or it would not come before the end of it.
            end = bisect_left(forms, following[0][len(place.path)], start + 1, key=_OFFSET)
        found.append((place, forms[start:end] if end - start < len(forms) else forms))
        if end < len(forms):
            heapreplace(waiting, ((*place.path, forms[end].offset), at, end))
        else:
            heappop(waiting)
    return found
