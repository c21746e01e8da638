"""``selbox getsebool``: the booleans of a policy, as ``getsebool`` prints them."""

from collections.abc import Mapping

from selbox.cli.answerers import WHO_ANSWERS, answers, given_policy
from selbox.cli.boxes import add_box_option, ask_box
from selbox.cli.boxforms import BOOLEANS
from selbox.cli.output import JsonValue
from selbox.cli.policyarguments import add_policy_arguments
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import Diagnostic, did_you_mean
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.userspace.answers import BooleanState

MANUAL = Manual(
    description=f"""
Prints whether booleans of a policy are on or off: those that are named, in that order, or with -a all, sorted. Of a
policy that is given these are its defaults; of a system, or of a running box that --box names, the values in force,
and a value that the next commit puts in force stands behind the word pending.
{WHO_ANSWERS}
""",
    examples=(
        Example("All booleans of a kernel policy:", "selbox getsebool -a --policy policy.33"),
        Example("Two of them:", "selbox getsebool --policy policy.33 httpd_enable_cgi ftpd_full_access"),
        Example("Those of a box that is running:", "selbox getsebool -a --box web"),
    ),
    exit_statuses=(
        ("0", "success"),
        ("255", "a boolean that is named is not there; those before it are printed"),
        ("1", "the command line or the policy is wrong, or --help was asked for"),
    ),
)

_NOT_THERE = 255


class Booleans(NamedTuple):
    """Values of booleans.

    Attributes:
        states: by name, in the order in which they are shown.
        notices: what is said of one that is not there.
    """

    states: "tuple[tuple[str, BooleanState], ...]"
    notices: tuple[Diagnostic, ...] = ()

    @property
    def exit_status(self) -> int:
        """255 when a boolean is not there, else 0."""
        return _NOT_THERE if self.notices else 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return a line for each."""
        if not self.states and not self.notices:
            return "No booleans"
        lines = []
        for name, (active, pending) in self.states:
            tail = f" pending: {_word(pending)}" if pending != active else ""
            lines.append(f"{name} --> {_word(active)}{tail}")
        return "\n".join(lines)

    def to_json(self) -> JsonValue:
        """Return name, value and pending value of each."""
        return {"booleans": [{"name": name, **state._asdict()} for name, state in self.states]}


def _word(value: bool) -> str:
    return "on" if value else "off"


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``getsebool``, and those that name a policy."""
    add_policy_arguments(parser)
    add_box_option(parser)
    parser.add_argument("-a", action="store_true", dest="everything", help="show all booleans")
    parser.add_argument("booleans", nargs="*", metavar="boolean", help="name of a boolean")


def run(arguments: "Namespace") -> Booleans:
    """Look them up."""
    names: list[str] = arguments.booleans
    if arguments.everything == bool(names):
        raise UsageError.of("usage", "name booleans, or ask for all with -a", help="selbox getsebool -a")
    known = _known(arguments)
    if arguments.everything:
        return Booleans(tuple(sorted(known.items())))
    missing = next((name for name in names if name not in known), None)
    if missing is None:
        return Booleans(tuple((name, known[name]) for name in names))
    found = tuple((name, known[name]) for name in names[: names.index(missing)])
    said = Diagnostic("unknown-boolean", f"the policy has no boolean `{missing}`", help=did_you_mean(missing, known))
    return Booleans(found, (said,))


def _known(arguments: "Namespace") -> "Mapping[str, BooleanState]":
    if arguments.box is None:
        return answers(given_policy(arguments)).booleans()
    if arguments.policy:
        raise UsageError.of("usage", "--policy and --box are two who answer", help="leave one out")
    from selbox.userspace.answers import BooleanState

    values = ask_box(arguments.box, "booleans", BOOLEANS)
    return {name: BooleanState(each["active"], each["pending"]) for name, each in values.items()}
