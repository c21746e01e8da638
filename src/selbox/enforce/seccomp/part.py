"""What one family of calls has the filter do."""

from collections.abc import Callable, Mapping

from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction, Label
from selbox.typing import Final, NamedTuple

Program = tuple[Instruction | Label, ...]
"""Instructions that decide about one call by its registers; they end at one of the labels below."""

ALLOW: Final = "allow"
"""The kernel runs the call, and nobody is asked."""

NOTIFY: Final = "notify"
"""The supervisor is asked."""

PRETEND: Final = "pretend"
"""The call returns 0 without being run."""


class TransactionRange(NamedTuple):
    """Descriptor numbers, ``first`` to before ``end``, kept for selinuxfs transactions, whose calls are notified."""

    first: int
    end: int


class FilterSettings(NamedTuple):
    """What the filter of one box depends on.

    Attributes:
        transactions: the descriptors whose reading, writing and copying is notified.
        spared: calls that are not notified, since the policy grants to everybody what they would be asked for.
    """

    transactions: TransactionRange
    spared: frozenset[str] = frozenset()


def _none(_settings: FilterSettings) -> Mapping[str, Program]:
    return {}


class FilterPart(NamedTuple):
    """The calls of one family of handlers. No call stands in two parts.

    Attributes:
        notified: calls that the supervisor is always asked about.
        conditional: makes, for a box's settings, the programs of the calls that are notified for some arguments only.
        refused: calls that fail in the filter itself, by errno, so that they do even when the supervisor is gone.
    """

    notified: tuple[str, ...] = ()
    conditional: Callable[[FilterSettings], Mapping[str, Program]] = _none
    refused: Mapping[int, tuple[str, ...]] = {}

    def handled(self, settings: FilterSettings) -> tuple[str, ...]:
        """Return the calls that need a handler."""
        return (*self.notified, *self.conditional(settings))


def when_equal(argument: int, *values: int, then: str = NOTIFY) -> Program:
    """Return a program that goes to ``then`` when the low word of an argument is one of the values; else allows."""
    return (
        Instruction(bpf.LOAD_WORD, bpf.low_word(argument)),
        *(Instruction(bpf.JUMP_IF_EQUAL, value, then) for value in values),
        Instruction(bpf.JUMP, 0, ALLOW),
    )


def when_transaction(settings: FilterSettings, argument: int) -> Program:
    """Return a program that notifies when an argument is one of the descriptors of transactions; else allows."""
    return (
        Instruction(bpf.LOAD_WORD, bpf.low_word(argument)),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.first, "", ALLOW),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, settings.transactions.end, ALLOW, NOTIFY),
    )
