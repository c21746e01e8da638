"""``selbox compute_create``: the context of a new process or object, as ``compute_create`` prints it."""

from selbox.cli import computed
from selbox.cli.answerers import WHO_ANSWERS
from selbox.cli.verb import Example, Manual
from selbox.model.rules import RuleKind
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description=f"""
Prints the context of a new object: what a policy's transitions of types, roles and ranges, and its defaults, make of
a source context, the subject, and a target context: of a process the program that it runs, of a file the directory
that it is made in. OBJNAME is the new object's name, for transitions that ask for one, as in `compute_create` of
libselinux 3.5 and newer.
{WHO_ANSWERS}
""",
    examples=(
        Example(
            "The domain that a program of a type runs in:",
            "selbox compute_create --policy policy.33 "
            "system_u:system_r:init_t:s0 system_u:object_r:sshd_exec_t:s0 process",
        ),
        Example(
            "The label of a file with a name:",
            "selbox compute_create --policy policy.33 "
            "system_u:system_r:init_t:s0 system_u:object_r:etc_t:s0 file resolv.conf",
        ),
    ),
    exit_statuses=computed.EXIT_STATUSES,
)


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``compute_create``."""
    computed.add_arguments(parser)
    parser.add_argument("objname", nargs="?", help="name of the new object")


def run(arguments: "Namespace") -> computed.ComputedContext:
    """Compute."""
    return computed.computed(RuleKind.TYPE_TRANSITION, arguments, arguments.objname)
