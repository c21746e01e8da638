"""``selbox setenforce``: enforce denials or only record them, with the words of ``setenforce``."""

from selbox.cli.boxes import add_box_argument
from selbox.cli.boxmode import set_enforcing
from selbox.cli.verb import Example, Manual, UsageError
from selbox.cli.written import Written
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Has denials enforced (`1`, `Enforcing`), or recorded only (`0`, `Permissive`): in a running box that is named; where
none is, in the box that the command runs in, or by a kernel with SELinux; and elsewhere in the only box that is
running.

Inside a box, its policy decides who may (`security { setenforce }`). From outside, its owner and root always may. Both
leave a record of it in the box's audit log.
""",
    examples=(
        Example("Let a box go on, and see what it would deny:", "selbox setenforce 0 web; selbox inspect web --follow"),
        Example("Inside, where the policy allows it:", "selbox setenforce Enforcing"),
    ),
    exit_statuses=(
        ("0", "success"),
        ("1", "it may not be set, the box does not answer, the command line is wrong, or --help was asked for"),
    ),
)

_MODES = {"1": True, "enforcing": True, "0": False, "permissive": False}


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``setenforce``."""
    parser.add_argument("mode", metavar="MODE", help="Enforcing, Permissive, 1 or 0")
    add_box_argument(parser)


def run(arguments: "Namespace") -> Written:
    """Set it. Source: ``setenforce(8)``, which takes the words in any case."""
    value = _MODES.get(arguments.mode.lower())
    if value is None:
        raise UsageError.of(
            "usage", f"`{arguments.mode}` is no mode", help="write Enforcing, Permissive, 1 or 0, then the box"
        )
    set_enforcing(arguments.box, value)
    return Written({"enforcing": value}, ())
