"""Initial SIDs. The file has their numbers, and their names are those of the object manager."""

from collections.abc import Iterable

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.contexts import Symbols, context_bytes, read_context
from selbox.binary.kernel.output import u32s
from selbox.model.context import Context
from selbox.model.initialsids import INITIAL_SIDS
from selbox.model.labelling import InitialSid
from selbox.model.policy import Policy, Target

_MOST_NUMBERS = 1024


def read_initial_sids(
    cursor: Cursor, target: Target, symbols: Symbols
) -> tuple[tuple[InitialSid, ...], tuple[int, ...]]:
    """Read the initial SIDs.

    Returns:
        The initial SIDs by id, without a context where the file leaves the number out; and the ids as they came.
    """
    cursor.section = "initial SIDs"
    contexts: dict[int, Context] = {}
    for _ in range(cursor.count(32)):
        number = cursor.u32()
        if not 1 <= number <= _MOST_NUMBERS or number in contexts:
            cursor.corrupt(f"an initial SID has number {number}, or has it again", cursor.offset - 4)
        contexts[number] = read_context(cursor, symbols)
    names = INITIAL_SIDS[target]
    initial_sids = tuple(
        InitialSid(names[number - 1] if number <= len(names) else f"unknown{number}", contexts.get(number))
        for number in range(1, max(contexts, default=0) + 1)
    )
    return initial_sids, tuple(number - 1 for number in contexts)


def initial_sids_bytes(policy: Policy) -> bytes:
    """Return the initial SIDs that have a context, in the order of the file that the policy was read from."""
    contexts = {index: each.context for index, each in enumerate(policy.initial_sids) if each.context is not None}
    order: Iterable[int] = contexts
    if policy.binary_form is not None and contexts.keys() == set(policy.binary_form.initial_sids):
        order = policy.binary_form.initial_sids
    parts = [u32s(index + 1) + context_bytes(contexts[index], policy.mls) for index in order]
    return u32s(len(parts)) + b"".join(parts)
