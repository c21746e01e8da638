"""Finds what has changed between two texts, in whole top-level statements."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

from selbox.typing import Final, NamedTuple

_CHUNK: Final = 1 << 16
_SMALL: Final = 1 << 14
"""Characters that are read again without a look for what is the same among them."""

_ANCHOR: Final = 1 << 10
"""Characters that must be the same in both texts for what is around them to be compared apart."""


class Change(NamedTuple):
    """A source that is not as it was: its earlier text, and the one now."""

    earlier: str
    now: str


class Window(NamedTuple):
    """A part of a source that is read again: whole top-level statements, before and now.

    Attributes:
        start, end: offsets of its beginning and behind its end in the earlier text.
        now_start, now_end: likewise in the text now.
    """

    start: int
    end: int
    now_start: int
    now_end: int


def windows(change: Change, starts: "array[int]") -> list[Window]:
    """Return what has changed, in the order of the texts; what lies between is the same.

    Args:
        change: both texts.
        starts: where the top-level statements of the earlier text begin.
    """
    return list(_windows(change, starts, Window(0, len(change.earlier), 0, len(change.now))))


def _windows(change: Change, starts: "array[int]", whole: Window) -> Iterator[Window]:
    pending = [whole]
    while pending:
        window = _narrowed(change, starts, pending.pop())
        if window.start == window.end and window.now_start == window.now_end:
            continue
        anchor = _anchor(change, starts, window)
        if anchor is None:
            yield window
            continue
        before, after = anchor
        pending.append(Window(before, window.end, after, window.now_end))
        pending.append(Window(window.start, before, window.now_start, after))


def _narrowed(change: Change, starts: "array[int]", window: Window) -> Window:
    """Return a window without the top-level statements that are the same at its beginning and at its end."""
    earlier, now = change
    start, end, now_start, now_end = window
    shorter = min(end - start, now_end - now_start)
    same = _same(
        shorter, lambda first, last: earlier[start + first : start + last] == now[now_start + first : now_start + last]
    )
    if same == end - start == now_end - now_start:
        return Window(end, end, now_end, now_end)
    index = bisect_right(starts, start + same)
    begin = max(starts[index - 1] if index else 0, start)
    shorter -= begin - start
    now_start += begin - start
    tail = _same(
        shorter, lambda first, last: earlier[end - last : end - first] == now[now_end - last : now_end - first]
    )
    index = bisect_left(starts, end - tail)
    stop = min(starts[index] if index < len(starts) else len(earlier), end)
    return Window(begin, stop, now_start, now_end - (end - stop))


def _anchor(change: Change, starts: "array[int]", window: Window) -> tuple[int, int] | None:
    """Return where in a large window both texts have the same statements, as offsets in each; None where none are."""
    if min(window.end - window.start, window.now_end - window.now_start) < _SMALL:
        return None
    for part in (2, 4, 1, 3, 5):
        wanted = window.start + (window.end - window.start) * part // 6
        index = bisect_left(starts, wanted)
        if index == len(starts) or not window.start < starts[index] < window.end - _ANCHOR:
            continue
        at = starts[index]
        found = change.now.find(change.earlier[at : at + _ANCHOR], window.now_start, window.now_end)
        if found > window.now_start:
            return at, found
    return None


def _same(length: int, equal: Callable[[int, int], bool]) -> int:
    """Return how many of the first ``length`` characters are the same.

    Args:
        length: characters to look at.
        equal: tells whether those from one index up to another are.
    """
    done = 0
    while done < length and equal(done, min(done + _CHUNK, length)):
        done = min(done + _CHUNK, length)
    step = min(_CHUNK, length - done)
    while step:
        if done + step <= length and equal(done, done + step):
            done += step
        else:
            step //= 2
    return done
