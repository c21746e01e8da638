"""The options that name a policy."""

import os

from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

VARIABLE: Final = "SELBOX_POLICY"
"""Names policy files where no --policy does, with colons between them."""


def add_policy_arguments(parser: "ArgumentParser") -> None:
    """Declare the options that name a policy."""
    parser.add_argument(
        "--policy",
        action="append",
        metavar="POLICY",
        help="CIL or a module package, or one kernel policy; may be given more than once",
    )
    parser.add_argument("--no-base", action="store_true", help="leave the base policy out")


def policy_paths(arguments: "Namespace") -> list[str]:
    """Return the files of the policy that is given, by option or by variable; none when neither names any."""
    if arguments.policy is not None:
        return list(arguments.policy)
    return [each for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]
