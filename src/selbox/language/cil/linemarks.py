"""Line marks: comments that say from which line of which other text what follows was translated.

``;;* lmx LINE FILE`` begins what all comes from that one line, ``;;* lms LINE FILE`` what comes line by line from there
on, and ``;;* lme`` ends either; they may nest. Android's policies have them round their assertions.

Source: libsepol's ``cil_parser.c``, which refuses a mark of any other form.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from selbox.typing import Final, NamedTuple

_SIGN: Final = ";;*"
_MARK: Final = re.compile(r"^;;\*(.*)", re.MULTILINE)
_START: Final = re.compile(r'[ \t]*lm([sx])[ \t]+([0-9]{1,10})[ \t]+(?:"([^"]*)"|([^ \t\r();"]+))[ \t\r]*')
_BEGINNING: Final = re.compile(r"[ \t]*lm[sx]\b")
_END: Final = re.compile(r"[ \t]*lme[ \t\r]*")
_FORM: Final = (
    "a line mark is `;;* lmx LINE FILE`, `;;* lms LINE FILE` or `;;* lme`; a comment begins with `;` and anything else"
)


class MarkFault(NamedTuple):
    """A line mark that is none, or that lacks the other one of its pair.

    Attributes:
        offset: where it stands in the text, in characters.
        length: characters of its line.
        message: what is wrong, as a sentence.
        help: what to do about it.
    """

    offset: int
    length: int
    message: str
    help: str = ""


class _Region(NamedTuple):
    """What a mark says of the lines after it.

    Attributes:
        first: the first of them, from 1.
        file: the text that they come from; empty where nothing is said.
        line: where they come from in it.
        counts: whether the next line comes from the next line, or from the same.
    """

    first: int
    file: str
    line: int
    counts: bool

    def origin(self, line: int) -> int:
        """Return from which line of its file a line comes."""
        return self.line + (line - self.first if self.counts else 0)


_UNMARKED: Final = _Region(1, "", 0, counts=False)


def mark_faults(text: str) -> list[MarkFault]:
    """Return what is wrong with the line marks of a text, in the order of the text."""
    if ";" not in text or _SIGN not in text:  # to look for one character is ten times as quick, and most have none
        return []
    return [each for each in _marks(text) if isinstance(each, MarkFault)]


def written_at(text: str, line: int) -> str:
    """Return where a line of a text, from 1, was written before it was translated: ``FILE:LINE``, or nothing."""
    region = _UNMARKED
    for each in _regions(text):
        if each.first > line:
            break
        region = each
    return f"{region.file}:{region.origin(line)}" if region.file else ""


@lru_cache(maxsize=4)
def _regions(text: str) -> tuple[_Region, ...]:
    """Return the regions of a text; remembered, since many messages are about one text."""
    return tuple(each for each in _marks(text) if isinstance(each, _Region)) if _SIGN in text else ()


def _marks(text: str) -> Iterator[_Region | MarkFault]:
    """Yield what each mark begins, or what is wrong with it."""
    outer: list[tuple[int, int, _Region, int]] = []
    region = _UNMARKED
    line, counted = 1, 0
    repeated = 0  # lines since the mark of the innermost region that come from one line with others before them
    for match in _MARK.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        if _BEGINNING.match(match[1]) is not None:
            outer.append((match.start(), line, region, repeated))
        start, is_end = _START.fullmatch(match[1]), _END.fullmatch(match[1]) is not None
        if start and int(start[2]) < 1 << 32:
            region = _Region(line + 1, start[3] or start[4] or "", int(start[2]), start[1] == "s")
            repeated = 0
            yield region
        elif is_end and outer:
            # What comes after an inner region counts its lines as well, and the marks, but not those from one line.
            _, began, around, before = outer.pop()
            gone = repeated if region.counts else line - began - 1
            origin = around.origin(line + 1) - (gone if around.counts else 0)
            region = around._replace(first=line + 1, line=origin)
            repeated = before + gone
            yield region
        elif is_end:
            yield MarkFault(match.start(), len(match[0]), "this line mark ends what no line mark begins")
        else:
            yield MarkFault(match.start(), len(match[0]), "this is not a line mark, but begins like one", _FORM)
    for offset, *_ in outer:
        length = text.find("\n", offset) - offset
        yield MarkFault(offset, max(length, len(_SIGN)), "no `;;* lme` ends what this line mark begins")
