"""What ``audit2why`` and ``audit2allow -w`` do."""

import re
import sys
from collections import Counter

from selbox.audit.accesslines import AccessLine, LoggedAccess
from selbox.cli.audit2whytext import WhyTexts
from selbox.cli.auditinput import Log, load_server
from selbox.cli.output import JsonValue
from selbox.cli.progress import Progress
from selbox.cli.terminal import Terminal
from selbox.diagnostics import Diagnostic
from selbox.explain.loggedcauses import LoggedCause, LoggedCauses
from selbox.store.booleandescriptions import BooleanDescriptions
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import Namespace


_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a log may hold that would move a terminal's cursor."""


class Why(NamedTuple):
    """What denies an access, and how often the log tells of it, first in which line."""

    access: LoggedAccess
    cause: LoggedCause
    line: int
    times: int


class Whys(NamedTuple):
    """What was found.

    Attributes:
        found: each access, when a program asked for JSON; else the texts have been written already.
        notices: what was passed over.
        lines: how many lines the log had.
        broken: how many of them told of an access and could not be read.
    """

    found: tuple[Why, ...]
    notices: tuple[Diagnostic, ...]
    lines: int
    broken: int

    @property
    def exit_status(self) -> int:
        """0, as audit2why ends also when there was nothing to explain."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return nothing: the texts have been written as they came."""
        return ""

    def to_json(self) -> JsonValue:
        """Return the causes, with the numbers of lines that were read and that could not be."""
        return {"causes": [_plain(each) for each in self.found], "lines": self.lines, "broken": self.broken}


def _plain(why: Why) -> JsonValue:
    access, cause = why.access, why.cause
    return {
        "source": access.scontext,
        "target": access.tcontext,
        "object_class": access.tclass,
        "permissions": access.permissions,
        "number": access.number,
        "granted": access.granted,
        "cause": cause.kind.name.lower() if cause.kind is not None else None,
        "booleans": [{"name": name, "value": value} for name, value in cause.booleans],
        "fault": None if cause.unknown is None else {"code": cause.unknown.code, "name": cause.unknown.word},
        "line": why.line,
        "times": why.times,
    }


def explain_log(arguments: "Namespace") -> Whys:
    """Explain each access of a log; as text, they are written as they come."""
    log = Log(arguments)
    counts: Counter[LoggedAccess] = Counter()
    first: dict[LoggedAccess, tuple[LoggedCause, int]] = {}
    watched = sys.stdout.isatty()
    with Progress() as progress:
        server = load_server(arguments, progress)
        causes, texts = LoggedCauses(server), WhyTexts(server, BooleanDescriptions().describe)
        for batch in log.found(progress):
            lines = [each for each in batch if isinstance(each, AccessLine)]
            found = causes.find([each.access for each in lines])
            log.note(found)
            if not arguments.json:
                text = "".join(texts.texts(lines, found))
                if watched:
                    text = _CONTROL.sub(lambda each: f"\\x{ord(each[0]):02x}", text)
                sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
                sys.stdout.buffer.flush()
                continue
            counts.update(each.access for each in lines)
            for line, cause in zip(lines, found, strict=True):
                first.setdefault(line.access, (cause, line.line))
    whys = tuple(Why(access, *first[access], times) for access, times in counts.items())
    return Whys(whys, log.notices(), log.reader.lines, log.reader.broken)
