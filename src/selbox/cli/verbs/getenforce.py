"""``selbox getenforce``: whether denials are enforced, as ``getenforce`` prints it."""

from selbox.cli.boxes import add_box_argument
from selbox.cli.boxmode import enforcing
from selbox.cli.output import JsonValue
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual
from selbox.diagnostics import SelboxError
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Prints `Enforcing` or `Permissive`: of a running box that is named; where none is, of the box that the command runs in,
or of a kernel with SELinux; and elsewhere of the only box that is running. Where there is none of these it prints
`Disabled`, as on a kernel without SELinux.
""",
    examples=(
        Example("In a box, or of the only one:", "selbox getenforce"),
        Example("Of one of several:", "selbox getenforce web"),
    ),
    exit_statuses=(
        ("0", "it was printed"),
        ("2", "the box does not answer, the command line is wrong, or --help was asked for"),
    ),
)


class Mode(NamedTuple):
    """Whether denials are enforced; None where there is no SELinux at all."""

    enforcing: bool | None

    @property
    def exit_status(self) -> int:
        """Always 0."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return the word for it."""
        return "Disabled" if self.enforcing is None else "Enforcing" if self.enforcing else "Permissive"

    def to_json(self) -> JsonValue:
        """Return ``enforcing``: true, false, or null where nothing decides."""
        return {"enforcing": self.enforcing}


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the argument of ``getenforce``."""
    add_box_argument(parser)


def run(arguments: "Namespace") -> Mode:
    """Ask."""
    try:
        return Mode(enforcing(arguments.box))
    except SelboxError as error:
        if arguments.box is None and error.diagnostics[0].code == "no-box":
            return Mode(None)
        raise
