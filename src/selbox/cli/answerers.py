"""Who answers the commands that libselinux's programs have their names from: a policy that is given, or the system."""

from selbox.cli.policyarguments import VARIABLE, policy_paths
from selbox.cli.progress import Progress
from selbox.cli.verb import StatusError
from selbox.diagnostics import Diagnostic, SelboxError
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import Namespace

    from selbox.model.policy import Policy
    from selbox.userspace.answers import Answers

WHO_ANSWERS: Final = f"""
The policy is given by --policy: CIL and module packages, which are compiled with the base policy of selbox unless
they are complete, or one kernel policy. Where none is given, the variable {VARIABLE} names files, with colons between
them; and where that is not set, the system is asked as the original asks it: the box that the command runs in, or a
kernel with SELinux.
"""
"""A paragraph for manuals."""


def given_policy(arguments: "Namespace") -> "Policy | None":
    """Load the policy that is given; None when none is.

    Raises:
        SelboxError: with everything that is wrong with it.
    """
    paths = policy_paths(arguments)
    if not paths:
        return None
    from selbox.store.policycache import PolicyCache
    from selbox.store.policyfiles import load_policy

    with Progress() as progress:
        progress.stage("reading the policy")
        return load_policy(paths, base=not arguments.no_base, cache=PolicyCache.of_user(), progress=progress)


def answers(policy: "Policy | None") -> "Answers":
    """Return who answers: a policy, or, for None, the system.

    Raises:
        SelboxError: code ``no-policy``, when the system has no SELinux.
    """
    if policy is not None:
        from selbox.userspace.answers import PolicyAnswers

        return PolicyAnswers(policy)
    from selbox.userspace.selinuxfs import SystemAnswers, is_there

    if is_there():
        return SystemAnswers()
    raise SelboxError.of(
        "no-policy",
        "no policy is given, and neither a box nor a kernel with SELinux is there to be asked",
        help=f"name a policy with --policy, or in the variable {VARIABLE}",
    )


def with_status(error: SelboxError, status: int, words: str = "") -> StatusError:
    """Return an error that ends the program with a status.

    Args:
        error: what went wrong.
        status: exit status.
        words: what to say before the message of the first diagnostic.
    """
    first, *rest = error.diagnostics
    if words:
        first = Diagnostic(first.code, f"{words}: {first.message}", first.span, first.help, first.notes)
    return StatusError(first, *rest, exit_status=status)
