"""``selbox denials``: what a log of denials comes to, for a person who has to do something about it."""

import json
import sys

from selbox.analysis.advice import Advisor
from selbox.analysis.denials import AdvisedDenial, Denials, advised
from selbox.analysis.table import Cell, Table
from selbox.audit.accesslines import AccessLine, LoggedAccess
from selbox.audit.events import CompanionLine, Events
from selbox.audit.logreader import EventLine
from selbox.cli.auditinput import (
    WHICH_LOGS,
    WHICH_POLICY,
    Log,
    add_file_contexts_argument,
    add_follow_argument,
    add_input_arguments,
    file_contexts,
    load_server,
)
from selbox.cli.denialstext import denial_lines, denials_text
from selbox.cli.output import ENVELOPE_VERSION, JsonValue
from selbox.cli.progress import Progress
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual
from selbox.diagnostics import Diagnostic
from selbox.explain.loggedcauses import LoggedCause, LoggedCauses
from selbox.store.filelabels import FileLabels
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description=f"""
Says what the denials of a log come to, one entry for each cause: how often and since when, which program, which object,
the likely reason, and what to do about it: the label that a file's path gives it, the label of a port, a boolean, or a
rule. What is said to allow an access has been tried. Those causes come first that have most records.

With --follow, each new cause is told as soon as it comes up.
{WHICH_LOGS}{WHICH_POLICY}""",
    examples=(
        Example("What is wrong on this system?", "selbox denials -a"),
        Example("What does a log come to under a policy?", "selbox denials -p policy.33 -i audit.log"),
        Example("What goes wrong while I try this?", "selbox denials --follow -i /var/log/audit/audit.log"),
        Example("The same for a spreadsheet:", "selbox denials -i audit.log --csv > denials.csv"),
    ),
)

_TOP: Final = 20
_MOST_EVENTS: Final = 50
_COLUMNS: Final = (
    *("source", "target", "object_class", "permissions", "cause", "times", "permissive", "first", "last"),
    *("programs", "objects", "booleans", "advice", "line"),
)


class Denied(NamedTuple):
    """What was found.

    Attributes:
        denials: with advice; the most frequent first.
        happened: what happened to the policy.
        notices: what was passed over.
        lines: how many lines the log had.
        broken: how many of them told of an access and could not be read.
        top: denials that are shown as text.
    """

    denials: tuple[AdvisedDenial, ...]
    happened: tuple[EventLine, ...]
    notices: tuple[Diagnostic, ...]
    lines: int
    broken: int
    top: int

    @property
    def exit_status(self) -> int:
        """0 whether there are denials or not."""
        return 0

    def to_text(self, terminal: Terminal) -> str:
        """Return an entry for each cause."""
        return denials_text(self.denials, self.happened, self.top, terminal)

    def to_json(self) -> JsonValue:
        """Return the denials, what happened to the policy, and the numbers of lines."""
        return {
            "denials": [_plain(each) for each in self.denials],
            "events": [{"line": each.line, "kind": each.kind, "fields": dict(each.fields)} for each in self.happened],
            "lines": self.lines,
            "broken": self.broken,
        }

    def to_table(self) -> Table:
        """Return a row for each cause."""
        return Table(_COLUMNS, [_row(each) for each in self.denials])


def _plain(advised_denial: AdvisedDenial) -> JsonValue:
    denial, advice = advised_denial
    return {
        "source": denial.source,
        "target": denial.target,
        "object_class": denial.object_class,
        "permissions": denial.permissions,
        "cause": denial.cause.name.lower() if denial.cause is not None else None,
        "unknown": denial.unknown or None,
        "booleans": [{"name": name, "value": value} for name, value in denial.booleans],
        "times": denial.times,
        "permissive": denial.permissive,
        "first": denial.first,
        "last": denial.last,
        "programs": [each._asdict() for each in denial.programs],
        "objects": [each._asdict() for each in denial.objects],
        "line": denial.line,
        "advice": [each._asdict() for each in advice],
    }


def _row(advised_denial: AdvisedDenial) -> tuple[Cell, ...]:
    denial, advice = advised_denial
    first, last = (None if each is None else f"{each:.3f}" for each in (denial.first, denial.last))
    return (
        *(denial.source, denial.target, denial.object_class, denial.permissions),
        denial.cause.name.lower() if denial.cause is not None else None,
        *(denial.times, denial.permissive, first, last),
        tuple(each.name for each in denial.programs),
        tuple(each.name for each in denial.objects),
        tuple(f"{name}={'on' if value else 'off'}" for name, value in denial.booleans),
        "; ".join(each.text for each in advice),
        denial.line,
    )


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox denials``."""
    add_input_arguments(parser)
    add_follow_argument(parser)
    add_file_contexts_argument(parser)
    parser.add_argument("--top", type=int, default=_TOP, metavar="NUMBER", help=f"causes that are shown ({_TOP})")


def run(arguments: "Namespace") -> Denied:
    """Read the log and group its denials."""
    log, events = Log(arguments, companions=True), Events()
    denials, happened = Denials(events.facts), list[EventLine]()
    with Progress() as progress:
        server = load_server(arguments, progress)
        causes = LoggedCauses(server)
        labels = FileLabels(server.policy, file_contexts(arguments))
        advisor = Advisor(server, labels.label, events.facts)
        teller = _Teller(advisor, events, as_json=arguments.json) if arguments.follow else None
        for batch in log.found(progress):
            lines = [each for each in batch if isinstance(each, AccessLine)]
            found = causes.find([each.access for each in lines])
            log.note(found)
            for line in denials.add(lines, found):
                events.want(line)
            events.add(each for each in batch if isinstance(each, CompanionLine))
            happened += (each for each in batch if isinstance(each, EventLine))
            del happened[_MOST_EVENTS:]
            if teller is not None:
                teller.tell(lines, found)
    ready = denials.denials()
    advisor.look_over([each.rule for each in ready if each.cause is not None])
    ready = [each._replace(booleans=advisor.narrowest(each.booleans)) for each in ready]
    advice = tuple(advised(ready, advisor.of))
    notices = (*log.notices(denials.others), *labels.faults)
    return Denied(advice, tuple(happened), notices, log.reader.lines, log.reader.broken, arguments.top)


class _Teller:
    """Tells of each new cause as it comes up."""

    def __init__(self, advisor: Advisor, events: Events, *, as_json: bool) -> None:
        self._advisor = advisor
        self._events = events
        self._as_json = as_json
        self._told: set[tuple[str, ...]] = set()
        self._terminal = Terminal.of(sys.stdout, {})

    def tell(self, lines: list[AccessLine], causes: list[LoggedCause]) -> None:
        """Write what is new among some accesses."""
        for line, cause in zip(lines, causes, strict=True):
            key = _cause_key(line.access, cause)
            if line.access.granted or key in self._told:
                continue
            self._told.add(key)
            alone = Denials(self._events.facts)
            alone.add([line], [cause])
            (denial,) = alone.denials()
            self._advisor.look_over([denial.rule])
            denial = denial._replace(booleans=self._advisor.narrowest(denial.booleans))
            (entry,) = advised([denial], self._advisor.of)
            self._write(entry)

    def _write(self, entry: AdvisedDenial) -> None:
        if self._as_json:
            value = {"selbox": ENVELOPE_VERSION, "verb": "denials", "result": _plain(entry)}
            sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write("\n".join((*denial_lines(len(self._told), entry, self._terminal), "", "")))
        sys.stdout.flush()


def _cause_key(access: LoggedAccess, cause: LoggedCause) -> tuple[str, ...]:
    kind = cause.unknown.word if cause.unknown is not None else str(cause.kind)
    return access.scontext, access.tcontext, access.tclass, kind, *access.permissions
