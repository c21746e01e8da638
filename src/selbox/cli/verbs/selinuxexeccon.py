"""``selbox selinuxexeccon``: the context that a program would run in, as ``selinuxexeccon`` prints it."""

import os
import stat

from selbox.cli.answerers import WHO_ANSWERS, answers, given_policy, with_status
from selbox.cli.computed import ComputedContext
from selbox.cli.policyarguments import add_policy_arguments
from selbox.cli.verb import Example, Manual
from selbox.diagnostics import SelboxError
from selbox.model.rules import RuleKind
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.model.policy import Policy
    from selbox.userspace.answers import Answers

MANUAL = Manual(
    description=f"""
Prints the context of the process that runs COMMAND, a path, when it is started from the context FROMCON, or from that
of this command.
{WHO_ANSWERS}

The file's own context counts, as in the original. Where it carries none, or none that the policy given knows, it is
the context that the policy's file contexts give the path, together with those of --file-contexts; the file need not
be there then.
""",
    examples=(
        Example(
            "The domain of a service that init starts:",
            "selbox selinuxexeccon --policy policy.33 --file-contexts file_contexts "
            "/usr/sbin/sshd system_u:system_r:init_t:s0",
        ),
        Example("In a box, from the context of this command:", "selbox run -- selbox selinuxexeccon /bin/ls"),
    ),
    exit_statuses=(
        ("0", "success"),
        ("255", "anything else, --help among it"),
    ),
)


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selinuxexeccon``, and those that name a policy."""
    add_policy_arguments(parser)
    parser.add_argument(
        "--file-contexts", metavar="FILE", help="further contexts of files, as file_contexts(5) has them"
    )
    parser.add_argument("command", help="path of the program")
    parser.add_argument("fromcon", nargs="?", help="context that it is started from")


def run(arguments: "Namespace") -> ComputedContext:
    """Compute."""
    policy = given_policy(arguments)
    if policy is not None and arguments.file_contexts is not None:
        from selbox.store.policyfiles import labelled_policy

        policy = labelled_policy(policy, arguments.file_contexts)
    found = answers(policy)
    source = _source(arguments.fromcon, found)
    target = _file_context(arguments.command, policy, found)
    return ComputedContext(found.compute(RuleKind.TYPE_TRANSITION, source, target, "process"))


def _source(given: str | None, found: "Answers") -> str:
    if given is None:
        from selbox.userspace.contexts import current_context

        return current_context()
    try:
        return found.canonical_context(given)
    except SelboxError as error:
        raise with_status(error, 255, "invalid from context") from None


def _file_context(path: str, policy: "Policy | None", found: "Answers") -> str:
    """Return the context of a file.

    Raises:
        SelboxError: ``no-security-context``, when neither the file nor the policy says one.
            ``system-call-failed``, when there is no such file, and no policy to say what it would have.
    """
    from selbox.userspace.contexts import file_context

    if policy is None:
        try:
            return file_context(path)
        except OSError as error:
            raise SelboxError.of("system-call-failed", f"{error.strerror or error}: `{path}`") from None
    try:
        return found.canonical_context(file_context(path))
    except (OSError, SelboxError):
        context = _context_by_path(path, policy)
    if context is None:
        raise SelboxError.of(
            "no-security-context",
            f"neither `{path}` nor the policy's file contexts say which context it has",
            help="a kernel policy has no file contexts: name a file of them with --file-contexts",
        )
    return context


def _context_by_path(path: str, policy: "Policy") -> str | None:
    from selbox.model.context_text import format_context
    from selbox.store.filecontexts import FileContexts

    real = os.path.realpath(path)
    entry = FileContexts.of(policy).lookup(real, stat.S_IFREG)
    return None if entry is None or entry.context is None else format_context(policy, entry.context)
