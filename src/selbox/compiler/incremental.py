"""Compiles a policy again after some of its statements have changed, from what an earlier compilation left.

What it cannot follow makes it give up; the caller then compiles the whole policy. Nothing is reported here: whatever is
wrong, or is to be warned of, that compilation tells.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from selbox.compiler.baseline import Baseline, beyond
from selbox.compiler.mentions import mentions
from selbox.compiler.namespace import NAME_TABLES
from selbox.compiler.neverallow import violation
from selbox.compiler.reassertion import Violation
from selbox.compiler.relinking import Relinking
from selbox.compiler.renewal import Parts
from selbox.compiler.rereading import GiveUpError, Gone, Passage, Reread, reread
from selbox.compiler.windows import Change, Window, windows
from selbox.diagnostics import Diagnostic, SelboxError, SourceFile, Span
from selbox.language.cil import Tree
from selbox.language.cil.tree import LineIndex
from selbox.typing import Final, NamedTuple

MOST_CHARACTERS: Final = 3 << 20
"""Characters that are read again; for more it is no quicker than compiling the whole."""

_MOST_ROUNDS: Final = 4


class Recompiled(NamedTuple):
    """A policy, compiled again.

    Attributes:
        binary: in the kernel's format; empty where there are errors.
        file_contexts: as file_contexts(5) has them.
        windows: what was read again, by the number of the source.
        errors: what is told of rules that violate an assertion.
    """

    binary: bytes
    file_contexts: bytes
    windows: dict[int, list[Window]]
    errors: tuple[Diagnostic, ...] = ()


def recompile(
    baseline: Baseline,
    texts: Sequence[str],
    earlier: Mapping[int, str],
    numbers: Sequence[int | None] | None = None,
    names: Sequence[str] | None = None,
) -> Recompiled | None:
    """Return a policy as it is now, or None when the whole has to be compiled.

    Args:
        baseline: what an earlier compilation left.
        texts: the sources now.
        earlier: by number, the texts of the compilation where they differ.
        numbers: for each source now the number that it had, ascending, and None for one that has come; None when no
            source has come or gone.
        names: of the sources, for messages; where nobody is to be told of anything, None.
    """
    found = _Windows(baseline, texts, earlier, range(len(texts)) if numbers is None else numbers)
    try:
        return _recompiled(found, names or [""] * len(texts))
    except (GiveUpError, SelboxError, OverflowError):  # numbers are kept in columns as wide as those of binary policies
        return None


def _recompiled(found: "_Windows", names: Sequence[str]) -> Recompiled:
    baseline = found.baseline
    if not found.changes:
        return Recompiled(b"".join(baseline.written.sections.values()), baseline.labels.file_contexts, {})
    for _ in range(_MOST_ROUNDS):
        parts = found.parts()
        if not found.widen(parts.reread):
            break
    else:
        raise GiveUpError
    relinking = Relinking(parts)
    sections, file_contexts = relinking.sections(), relinking.file_contexts()
    # A whole compilation tells of violations when it has found nothing else that is wrong.
    violations = relinking.violations()
    if violations:
        return Recompiled(b"", b"", found.windows, found.told(violations, names))
    return Recompiled(b"".join(sections.values()), file_contexts, found.windows)


class _Windows:
    """What is read again: what has changed, and what names something that is declared now, or no longer.

    Args:
        baseline: what an earlier compilation left.
        texts: the sources now.
        earlier: by number, the texts of the compilation where they differ.
        numbers: the numbers that the sources had.

    Attributes:
        baseline: likewise.
        windows: by the number of the source now, in the order of the text.
    """

    def __init__(
        self, baseline: Baseline, texts: Sequence[str], earlier: Mapping[int, str], numbers: Sequence[int | None]
    ) -> None:
        self.baseline = baseline
        self._texts = texts
        self._earlier = earlier
        self._followed: set[str] = set()
        self._known: dict[int, array[int]] = {}
        self._now = {number: now for now, number in enumerate(numbers) if number is not None}
        self._gone = [number for number in range(len(baseline.starts)) if number not in self._now]
        # What has come stands in front of the next source that was there.
        self._numbers: list[int] = []
        following = len(baseline.starts)
        for number in reversed(numbers):
            following = following if number is None else number
            self._numbers.insert(0, following)
        self.windows: dict[int, list[Window]] = {
            now: windows(Change(text, texts[now]), self._starts(now)) for now, text in earlier.items()
        }
        for now, number in enumerate(numbers):
            if number is None:
                self.windows[now] = [Window(0, 0, 0, len(texts[now]))]
        if self.changes:
            for place in baseline.together:
                self._add(place)

    @property
    def changes(self) -> bool:
        """Whether there is anything to read again, or no more."""
        return bool(self._gone) or any(self.windows.values())

    def _starts(self, now: int) -> "array[int]":
        """Return where the top-level statements of a source began; ``now`` is its number now."""
        starts = self._known.get(now)
        if starts is None:
            starts = self._known[now] = array("I")
            starts.frombytes(self.baseline.starts[self._numbers[now]])
        return starts

    def parts(self) -> Parts:
        """Read again what there is to be read."""
        ranges = [(number << 32, number + 1 << 32) for number in self._gone]
        ranges += [
            (self._numbers[now] << 32 | window.start, self._numbers[now] << 32 | window.end)
            for now, found in self.windows.items()
            for window in found
        ]
        ranges.append((beyond(len(self.baseline.starts)), 1 << 63))
        ranges.sort()
        passages = [
            Passage(self._numbers[now] << 32 | window.start, self._text(now, window))
            for now, found in sorted(self.windows.items())
            for window in found
        ]
        if sum(len(passage.text) for passage in passages) > MOST_CHARACTERS:
            raise GiveUpError
        others = array("Q")
        others.frombytes(self.baseline.others)
        if any(bisect_left(others, start) != bisect_left(others, end) for start, end in ranges):
            raise GiveUpError
        gone = _gone(ranges)
        return Parts(self.baseline, reread(self.baseline, passages, gone), passages, gone, ranges)

    def _text(self, now: int, window: Window) -> str:
        """Return what is read again; at the end of a source nothing follows that a comment might reach into."""
        text = self._texts[now]
        is_last = window.now_end == len(text)
        return text[window.now_start : window.now_end] + ("\n" if is_last else "")

    def told(self, violations: Iterable[Violation], names: Sequence[str]) -> tuple[Diagnostic, ...]:
        """Return what is told of rules that violate an assertion, in the order of the sources.

        Args:
            violations: in the order in which a whole compilation finds them.
            names: of the sources.
        """
        found: list[tuple[tuple[int, int], Diagnostic]] = []
        for each in violations:
            assertion = self._at(each.assertion)
            rule = self._at(each.place) if each.offset is None else self._at_read(each.place, each.offset)
            told = violation(each.rule, self._span(names, *assertion), self._span(names, *rule))
            found.append((assertion, told))
        found.sort(key=lambda each: each[0])
        return tuple(dict.fromkeys(diagnostic for _, diagnostic in found))

    def _at(self, place: int) -> tuple[int, int]:
        """Return source and offset of a statement that is not read again."""
        now, offset = self._now[place >> 32], place & 0xFFFF_FFFF
        passed = [window for window in self.windows.get(now, ()) if window.end <= offset]
        return now, offset + (passed[-1].now_end - passed[-1].end if passed else 0)

    def _at_read(self, passage: int, offset: int) -> tuple[int, int]:
        """Return source and offset of a statement that is read again."""
        starts = [(now, window.now_start) for now, found in sorted(self.windows.items()) for window in found]
        now, start = starts[passage]
        return now, start + offset

    def _span(self, names: Sequence[str], now: int, offset: int) -> Span:
        text = self._texts[now]
        return Tree(SourceFile(names[now], text), [], LineIndex(text)).span_at(offset)

    def widen(self, found: Reread) -> bool:
        """Take in what may mean something else now; tell whether there was anything."""
        root = found.program.root
        removed = {name for table, name in found.names.removed if root.own(table, name) is None}
        self._check_meanings(found)
        added = {
            symbol.name.split(".", 1)[0]  # what stands in a block is named with the block's name
            for symbols in found.program.symbols.values()
            for symbol in symbols
            if (NAME_TABLES[symbol.flavour], symbol.name) not in found.names.removed
        }
        widened = False
        for name in added - self._followed:
            for place in self.baseline.dead.get(name, ()):
                widened = self._add(place) or widened
        for name in removed - self._followed:
            for place in self._mentions(name):
                widened = self._add(place) or widened
        self._followed |= added | removed
        return widened

    @staticmethod
    def _check_meanings(found: Reread) -> None:
        """Give up where a name that is declared again means something else than before."""
        for (table, name), flavour in found.names.removed.items():
            symbol = found.program.root.own(table, name)
            if symbol is None:
                continue
            now: object = symbol.flavour
            if symbol.flavour == "typealias":
                now = (symbol.flavour, found.program.actual(symbol).id)
            if now != flavour:
                raise GiveUpError

    def _mentions(self, name: str) -> Iterator[int]:
        """Yield the places of the top-level statements that are not read again and in whose text a name stands."""
        for now, text in enumerate(self._texts):
            windows = self.windows.get(now, ())
            for at in mentions(text, name):
                offset = _earlier_offset(windows, at)
                if offset is not None:
                    starts = self._starts(now)
                    index = bisect_right(starts, offset)
                    if index:
                        yield self._numbers[now] << 32 | starts[index - 1]

    def _add(self, place: int) -> bool:
        """Take in a top-level statement that is as it was; tell whether it was not there already."""
        now, start = self._now.get(place >> 32), place & 0xFFFF_FFFF
        if now is None:
            return False
        known = self.windows.setdefault(now, [])
        if any(window.start <= start < window.end for window in known):
            return False
        starts = self._starts(now)
        index = bisect_right(starts, start)
        end = starts[index] if index < len(starts) else len(self._earlier.get(now, self._texts[now]))
        shift = 0
        for window in known:
            if window.end <= start:
                shift = window.now_end - window.end
        known.append(Window(start, end, start + shift, end + shift))
        known.sort()
        return True


def _earlier_offset(windows: Iterable[Window], at: int) -> int | None:
    """Return where a character stood in the earlier text; None for one that is read again."""
    shift = 0
    for window in windows:
        if window.now_start <= at < window.now_end:
            return None
        if window.now_end <= at:
            shift = window.now_end - window.end
    return at - shift


def _gone(ranges: Sequence[tuple[int, int]]) -> Gone:
    """Return what tells whether a place lies in one of some ranges."""
    if len(ranges) == 1:
        ((start, end),) = ranges
        return lambda place: start <= place < end
    starts = [start for start, _ in ranges]
    ends = [end for _, end in ranges]

    def gone(place: int) -> bool:
        index = bisect_right(starts, place) - 1
        return index >= 0 and place < ends[index]

    return gone
