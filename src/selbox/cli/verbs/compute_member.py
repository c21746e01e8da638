"""``selbox compute_member``: the context of a subject's own member of an object, as ``compute_member`` prints it."""

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
Prints the context of a subject's own member of an object that everybody sees under one name, such as a directory of
temporary files for each: what a policy's typemember rules say.
{WHO_ANSWERS}
""",
    examples=(
        Example(
            "The label of the directory that a user sees as /tmp:",
            "selbox compute_member --policy policy.33 user_u:user_r:user_t:s0 system_u:object_r:tmp_t:s0 dir",
        ),
    ),
    exit_statuses=EXIT_STATUSES,
)


def run(arguments: "Namespace") -> ComputedContext:
    """Compute."""
    return computed(RuleKind.TYPE_MEMBER, arguments)
