"""What a verb is made of: a manual, arguments, and a function that returns a result."""

from selbox.cli.output import Result
from selbox.diagnostics import Diagnostic, SelboxError
from selbox.typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


class Example(NamedTuple):
    """A command line that can be typed as it stands, and what it does."""

    purpose: str
    command: str


class Manual(NamedTuple):
    """What the manual of a verb says beyond its options.

    Attributes:
        description: paragraphs, separated by empty lines; those whose lines all begin with four spaces are shown so.
        examples: command lines, simplest first.
        exit_statuses: status and meaning where a verb's differ from those of every verb (0, 1 and 2); all of a verb's
            when 0 is among them.
    """

    description: str
    examples: tuple[Example, ...]
    exit_statuses: tuple[tuple[str, str], ...] = ()


class Verb(Protocol):
    """The module of a verb."""

    MANUAL: Manual

    def add_arguments(self, parser: "ArgumentParser") -> None:
        """Declare options and operands. ``--json`` and ``--help`` are every verb's and already there."""
        ...

    def run(self, arguments: "Namespace") -> Result:
        """Do the work and return its result; nothing is printed here.

        Args:
            arguments: what was declared; ``command`` besides (a tuple of words, at least one) where the verb's
                entry in the registry takes a command.

        Raises:
            SelboxError: for every failure that can be foreseen.
        """
        ...


class UsageError(SelboxError):
    """The command line itself is wrong; the program exits 2, or as the verb's entry in the registry says."""


class StatusError(SelboxError):
    """A failure with an exit status of its own, where that of the verb's entry in the registry is too coarse."""

    def __init__(self, *diagnostics: Diagnostic, exit_status: int = 1) -> None:
        super().__init__(*diagnostics)
        self.exit_status = exit_status
