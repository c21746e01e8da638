"""``selbox inspect``: a running box from outside: its processes, its access vector cache and its denials."""

import time
from collections.abc import Iterator

from selbox.audit.summary import printable
from selbox.cli.boxes import BoxClient, add_box_argument, find_box
from selbox.cli.boxforms import DENIALS
from selbox.cli.boxprocesses import labelled_processes, process_lines
from selbox.cli.boxtext import BoxRow, heading, look_at
from selbox.cli.denialtext import denial_lines, with_object_name
from selbox.cli.output import JsonValue
from selbox.cli.terminal import BOLD, DIM, Terminal
from selbox.cli.verb import Example, Manual
from selbox.typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Shows a running box: whether it enforces, its policy, its processes with their security contexts, what its access
vector cache does (as `avcstat` shows it), booleans that are not as the policy has them by default, and its last
denials with their reasons.

With --follow each denial is shown as soon as it is there, until the box ends or Ctrl-C is typed; with --json each is a
line of its own then.

Everybody may ask boxes of their own; root those of all. The box goes on meanwhile.
""",
    examples=(
        Example("The only box that is running:", "selbox inspect"),
        Example("One by its name, with its last 50 denials:", "selbox inspect web --last 50"),
        Example("Watch what it denies, in another terminal:", "selbox inspect web --follow"),
    ),
)

_CACHE = ("lookups", "hits", "misses", "allocations", "reclaims", "frees")


class Inspected(NamedTuple):
    """What a box told.

    Attributes:
        row: the box.
        last: how many of its last denials are shown.
    """

    row: BoxRow
    last: int

    @property
    def exit_status(self) -> int:
        """Always 0."""
        return 0

    def to_text(self, terminal: Terminal) -> str:
        """Return it in sections."""
        status = self.row.status
        policy, cache = status["policy"], status["avc"]
        levels = "MLS" if policy["mls"] else "no MLS"
        words = f"{policy['types']} types, {policy['classes']} classes, {policy['booleans']} booleans, {levels}"
        lines = [
            heading(self.row, terminal),
            _title("policy", terminal) + f"{words}, what it does not know: {printable(policy['handle_unknown'])}",
            "",
            *process_lines(self.row.processes),
            "",
            _title("avc", terminal) + f"{cache['entries']} entries",
            " ".join(f"{each:>11}" for each in _CACHE),
            " ".join(f"{cache[each]:>11}" for each in _CACHE),
        ]
        changed = {name: each["active"] for name, each in status["booleans"].items() if _is_changed(each)}
        if changed:
            words = ", ".join(f"{printable(name)} {_word(value)}" for name, value in changed.items())
            lines += ["", _title("booleans that are not as by default", terminal) + words]
        return "\n".join([*lines, "", *self._denials(terminal)])

    def _denials(self, terminal: Terminal) -> list[str]:
        denials = self.row.status["denials"]
        times, kinds = denials["times"], denials["kinds"]
        shown = self._shown()
        lines = [_title("denials", terminal) + f"{times} of {kinds} kind{'s' * (kinds != 1)}"]
        if shown:
            lines[0] += f"; the last {len(shown)}" if len(shown) < times else ""
        for each in shown:
            lines += _timed_lines(each, terminal)
        return lines

    def _shown(self) -> list[dict[str, Any]]:
        last: list[dict[str, Any]] = self.row.status["denials"]["last"]
        return last[max(0, len(last) - self.last) :]

    def to_json(self) -> JsonValue:
        """Return all that the box told."""
        status = self.row.status
        denials = {**status["denials"], "last": self._shown()}
        processes = [each._asdict() for each in self.row.processes]
        return {**status, "name": self.row.box.name, "denials": denials, "processes": processes}


class FollowedDenial(NamedTuple):
    """One denial, as soon as it is there."""

    denial: dict[str, Any]

    @property
    def exit_status(self) -> int:
        """Always 0."""
        return 0

    def to_text(self, terminal: Terminal) -> str:
        """Return its time and its lines."""
        return "\n".join(_timed_lines(self.denial, terminal))

    def to_json(self) -> JsonValue:
        """Return all of it."""
        return self.denial


class Followed(NamedTuple):
    """Denials, as they come.

    Attributes:
        client: the box.
        last: how many of its last denials come first.
    """

    client: BoxClient
    last: int

    @property
    def exit_status(self) -> int:
        """Always 0."""
        return 0

    def events(self) -> Iterator[FollowedDenial]:
        """Return one after the other, until the box ends."""
        try:
            for each in self.client.ask("follow", DENIALS, last=self.last):
                yield FollowedDenial(each)
            for each in self.client.denials():
                yield FollowedDenial(each)
        finally:
            self.client.close()

    def to_text(self, terminal: Terminal) -> str:
        """Return the lines of all, when the box has ended."""
        return "\n".join(each.to_text(terminal) for each in self.events())

    def to_json(self) -> JsonValue:
        """Return all, when the box has ended."""
        return [each.to_json() for each in self.events()]


def _timed_lines(denial: dict[str, Any], terminal: Terminal) -> list[str]:
    first, *rest = denial_lines(with_object_name(denial), terminal)
    moment = time.strftime("%T", time.localtime(denial["time"]))
    return [f"{terminal.paint(moment, DIM)} {first}", *rest]


def _title(words: str, terminal: Terminal) -> str:
    return terminal.paint(words, BOLD) + ": "


def _word(value: bool) -> str:
    return "on" if value else "off"


def _is_changed(boolean: dict[str, bool]) -> bool:
    return boolean["active"] != boolean["default"]


def _number(word: str) -> int:
    number = int(word)
    if number < 0:
        raise ValueError(word)
    return number


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox inspect``."""
    add_box_argument(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on with each denial as soon as it is there")
    parser.add_argument(
        "--last",
        type=_number,
        metavar="N",
        help="show the last N denials, of the 64 that a box keeps; 10, or 0 with -f",
    )


def run(arguments: "Namespace") -> Inspected | Followed:
    """Ask the box."""
    box = find_box(arguments.box)
    if arguments.follow:
        return Followed(BoxClient(box), arguments.last or 0)
    return Inspected(look_at(box, labelled_processes()), 10 if arguments.last is None else arguments.last)
