"""``selbox ps``: the running boxes and their processes, with contexts."""

import os

from selbox.cli.boxes import find_box, is_inside, running_boxes
from selbox.cli.boxprocesses import labelled_processes, process_lines
from selbox.cli.boxtext import BoxRow, heading, look_at
from selbox.cli.output import JsonValue
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual
from selbox.diagnostics import Diagnostic, SelboxError
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.analysis.table import Table

MANUAL = Manual(
    description="""
Shows the boxes that are running, and under each its processes as `ps -eZ` shows them: security context, number,
terminal, processor time, name. A box is asked by its name (`selbox run --name NAME`), or by the number of its
supervisor, which is the process `selbox run` or `selbox shell` itself.

Everybody sees boxes of their own; root sees those of all. In a box itself, `ps -eZ` shows its processes.
""",
    examples=(
        Example("All boxes:", "selbox ps"),
        Example("One of them:", "selbox run --name web -- sleep 60 & sleep 1; selbox ps web"),
        Example("For a script:", "selbox ps --csv"),
    ),
)


class Boxes(NamedTuple):
    """The running boxes.

    Attributes:
        boxes: in the order of their numbers.
        notices: what is said of those that do not answer.
    """

    boxes: tuple[BoxRow, ...]
    notices: tuple[Diagnostic, ...]

    @property
    def exit_status(self) -> int:
        """Always 0."""
        return 0

    def to_text(self, terminal: Terminal) -> str:
        """Return a heading and a line for each process of each box."""
        if not self.boxes and not self.notices:
            return "no box of yours is running"
        parts = ["\n".join([heading(each, terminal), *process_lines(each.processes)]) for each in self.boxes]
        return "\n\n".join(parts)

    def to_json(self) -> JsonValue:
        """Return the boxes."""
        return {
            "boxes": [
                {
                    "name": each.box.name,
                    **{key: each.status[key] for key in ("pid", "user", "command", "since", "enforcing")},
                    "denials": {key: each.status["denials"][key] for key in ("times", "kinds")},
                    "processes": [process._asdict() for process in each.processes],
                }
                for each in self.boxes
            ]
        }

    def to_table(self) -> "Table":
        """Return a row for each process."""
        from selbox.analysis.table import Table

        columns = ("box", "supervisor", "enforcing", "context", "pid", "terminal", "seconds", "command")
        rows = [
            (row.box.name, row.box.pid, bool(row.status["enforcing"]), each.context, each.pid, *each[2:])
            for row in self.boxes
            for each in row.processes
        ]
        return Table(columns, rows)


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox ps``."""
    parser.add_argument("boxes", nargs="*", metavar="BOX", help="name or number of a box; all where none is named")


def run(arguments: "Namespace") -> Boxes:
    """Look for them."""
    if is_inside():
        find_box(None)
    boxes = [find_box(each) for each in arguments.boxes] if arguments.boxes else running_boxes()
    labelled = labelled_processes() if boxes else {}
    rows: list[BoxRow] = []
    notices: list[Diagnostic] = []
    for each in boxes:
        try:
            rows.append(look_at(each, labelled))
        except SelboxError as error:
            if os.path.exists(f"/proc/{each.pid}"):
                notices += error.diagnostics
    return Boxes(tuple(rows), tuple(notices))
