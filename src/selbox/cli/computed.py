"""What ``compute_create``, ``compute_relabel`` and ``compute_member`` share: a context of two others and a class."""

from selbox.cli.answerers import answers, given_policy, with_status
from selbox.cli.output import JsonValue
from selbox.cli.policyarguments import add_policy_arguments
from selbox.cli.terminal import Terminal
from selbox.diagnostics import SelboxError
from selbox.model.rules import RuleKind
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.userspace.answers import Answers

EXIT_STATUSES = (
    ("0", "success"),
    ("1", "the command line or the policy is wrong, or --help was asked for"),
    ("2", "the policy does not define the class"),
    ("3", "it cannot be computed; for a context: the one that the policy leads to is not valid"),
    ("4", "the source context is not valid"),
    ("5", "the target context is not valid"),
)
"""Exit statuses of the originals."""

_UNKNOWN_CLASS, _FAILED, _BAD_SOURCE, _BAD_TARGET = 2, 3, 4, 5


class ComputedContext(NamedTuple):
    """A context.

    Attributes:
        context: its text, in canonical form.
    """

    context: str

    @property
    def exit_status(self) -> int:
        """0: what cannot be computed is no result."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return the context."""
        return self.context

    def to_json(self) -> JsonValue:
        """Return the context."""
        return {"context": self.context}


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of the originals, and those that name a policy."""
    add_policy_arguments(parser)
    parser.add_argument("scontext", help="context of the source: the subject")
    parser.add_argument("tcontext", help="context of the target: the object, or what a new one is made in")
    parser.add_argument("tclass", help="class of the object")


def asked(arguments: "Namespace") -> "Answers":
    """Return who answers, after a look at contexts and class in the order of the originals.

    Raises:
        StatusError: with the exit statuses of the originals.
        SelboxError: when there is no policy.
    """
    found = answers(given_policy(arguments))
    try:
        found.canonical_context(arguments.scontext)
    except SelboxError as error:
        raise with_status(error, _BAD_SOURCE, "invalid source context") from None
    try:
        found.canonical_context(arguments.tcontext)
    except SelboxError as error:
        raise with_status(error, _BAD_TARGET, "invalid target context") from None
    try:
        found.check_class(arguments.tclass)
    except SelboxError as error:
        raise with_status(error, _UNKNOWN_CLASS) from None
    return found


def computed(kind: RuleKind, arguments: "Namespace", name: str | None = None) -> ComputedContext:
    """Compute a context.

    Raises:
        StatusError: with the exit statuses of the originals.
        SelboxError: when there is no policy.
    """
    found = asked(arguments)
    try:
        return ComputedContext(found.compute(kind, arguments.scontext, arguments.tcontext, arguments.tclass, name))
    except SelboxError as error:
        raise failed(error) from None


def failed(error: SelboxError) -> SelboxError:
    """Return the error for an answer that cannot be given, with its exit status."""
    return with_status(error, _FAILED)
