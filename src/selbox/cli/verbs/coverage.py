"""``selbox coverage``: the table of operations, shown."""

from collections.abc import Sequence

from selbox.cli.output import JsonValue
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual
from selbox.objects.operations import OPERATIONS, Operation, Support
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Lists every operation that selbox knows of: the object class and permissions that it needs, which hook of the kernel it
follows, and how far a box supports it.

`enforced` operations are decided by the policy. `limited` ones too, within limits that the note names. `recorded` ones
are seen and written to the audit log, and go on. `refused` ones fail in every box, whatever the policy. Those
`not mediated` pass unseen.
""",
    examples=(
        Example("Read the whole table:", "selbox coverage | less"),
        Example("What is refused in a box:", "selbox coverage --support refused"),
        Example("The table for a program:", "selbox coverage --json"),
    ),
)

_STYLES = {
    Support.ENFORCED: "green",
    Support.LIMITED: "yellow",
    Support.RECORDED: "cyan",
    Support.REFUSED: "red",
    Support.NOT_MEDIATED: "magenta",
}


class Coverage(NamedTuple):
    """Rows of the table of operations."""

    operations: tuple[Operation, ...]

    @property
    def exit_status(self) -> int:
        """Always 0."""
        return 0

    def to_text(self, terminal: Terminal) -> str:
        """Return a table, and under it how many operations have which support."""
        if not self.operations:
            return "no operations"
        from rich.box import HORIZONTALS
        from rich.table import Table
        from rich.text import Text

        from selbox.cli.tables import drawn

        table = Table(
            box=HORIZONTALS, show_edge=False, pad_edge=False, show_lines=True, expand=True, header_style="bold"
        )
        classes = [name for each in self.operations for name in each.object_class.split()]
        permissions = [name for each in self.operations for name in each.permissions]
        table.add_column("operation", ratio=2)
        table.add_column("class", width=max(map(len, classes)))  # names stay whole, to be searched for
        table.add_column("permissions", width=max(map(len, permissions)))
        table.add_column("support")
        table.add_column("note", ratio=3)
        for each in self.operations:
            support = Text(each.support.value, _STYLES[each.support])
            table.add_row(each.name, each.object_class, " ".join(each.permissions), support, each.note)
        totals = [
            f"{sum(each.support is support for each in self.operations)} {support.value}"
            for support in Support
            if any(each.support is support for each in self.operations)
        ]
        return f"{drawn(table, terminal)}\n\n{len(self.operations)} operations: {', '.join(totals)}"

    def to_json(self) -> JsonValue:
        """Return one object an operation."""
        return [
            {
                "name": each.name,
                "object_class": each.object_class,
                "permissions": each.permissions,
                "label": each.label,
                "support": each.support.value,
                "note": each.note,
                "hook": each.hook,
                "calls": each.calls,
            }
            for each in self.operations
        ]


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox coverage``."""
    parser.add_argument(
        "--support",
        action="append",
        choices=[each.value for each in Support],
        help="only operations with this support; may be given more than once",
    )


def run(arguments: "Namespace") -> Coverage:
    """Pick the rows that were asked for."""
    return coverage([Support(each) for each in arguments.support] if arguments.support else tuple(Support))


def coverage(supports: Sequence[Support]) -> Coverage:
    """Return the operations that have one of the given levels of support."""
    return Coverage(tuple(each for each in OPERATIONS if each.support in supports))
