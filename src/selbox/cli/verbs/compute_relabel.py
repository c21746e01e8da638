"""``selbox compute_relabel``: the context to relabel an object to, as ``compute_relabel`` prints it."""

from selbox.cli.answerers import WHO_ANSWERS
from selbox.cli.computed import EXIT_STATUSES, ComputedContext, add_arguments, computed
from selbox.cli.verb import Example, Manual
from selbox.model.rules import RuleKind
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["MANUAL", "add_arguments", "run"]

MANUAL = Manual(
    description=f"""
Prints the context that an object, the target, is to be relabelled to for a subject, the source: what a policy's
typechange rules say, such as for the terminal of who logs in.
{WHO_ANSWERS}
""",
    examples=(
        Example(
            "The label of a terminal for a user:",
            "selbox compute_relabel --policy policy.33 "
            "user_u:user_r:user_t:s0 system_u:object_r:tty_device_t:s0 chr_file",
        ),
    ),
    exit_statuses=EXIT_STATUSES,
)


def run(arguments: "Namespace") -> ComputedContext:
    """Compute."""
    return computed(RuleKind.TYPE_CHANGE, arguments)
