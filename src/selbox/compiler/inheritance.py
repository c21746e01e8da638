"""Refuses blocks that inherit themselves, and those that would be copied too often, before anything is copied.

Source: ``cil_check_for_bad_inheritance`` of libsepol.
"""

from selbox.compiler.errors import StatementError
from selbox.compiler.expand import Expander, Inheritance
from selbox.compiler.namespace import Scope, Symbol
from selbox.typing import Final, NamedTuple

LEAST_INHERITANCES: Final = 1024
"""Copies of blocks that a policy may always have."""

MOST_GROWTH: Final = 10
"""How many copies there may be for each ``blockinherit`` of the sources, if that is more."""


class _Step(NamedTuple):
    """A block that a block holds, or that a ``blockinherit`` in it names; None for the root."""

    block: Symbol | None
    inheritance: Inheritance | None


_Steps = dict[Symbol | None, list[_Step]]


def check_inheritance(expander: Expander) -> None:
    """Report every circle of ``blockinherit`` and forget the statement that closes it.

    Raises:
        SelboxError: the blocks would be copied more often than the reference compiler copies them.
    """
    links = [link for link in expander.linked.values() if link is not None]
    most = max(LEAST_INHERITANCES, MOST_GROWTH * len(links))
    count, largest = _count(expander, _steps(links))
    if count > most and largest is not None:
        expander.stop(
            "cil-too-large",
            f"blocks inherit one another without end here: they would be copied more than {most:,} times",
            largest.place,
            largest.form,
            "a block that inherits has all that the inherited block inherits: name only the last one of such a row",
        )


def _steps(links: list[Inheritance]) -> _Steps:
    """Return the blocks that lead to others, by the block or root that they stand in; only those that matter."""
    steps: _Steps = {}
    seen: set[Scope] = set()
    for link in links:
        scope = link.place.scope.declaring
        steps.setdefault(scope.symbol, []).append(_Step(link.block, link))
        while scope.parent is not None and scope.symbol is not None and scope not in seen:
            seen.add(scope)
            around = scope.parent.declaring
            steps.setdefault(around.symbol, []).append(_Step(scope.symbol, None))
            scope = around
    return steps


def _count(expander: Expander, steps: _Steps) -> tuple[int, Inheritance | None]:
    """Return how many copies of blocks a policy would have, and the statement that brings in the most."""
    counts: dict[Symbol | None, int] = {}
    largest: Inheritance | None = None
    most = 0
    way: list[_Step] = []
    met: set[Symbol | None] = set()
    pending: list[tuple[_Step, bool]] = [(_Step(None, None), False)]
    while pending:
        step, leaves = pending.pop()
        block = step.block
        if leaves:
            way.pop()
            taken = [each for each in steps.get(block, ()) if _is_linked(expander, each)]
            counts[block] = sum(counts[each.block] + (each.inheritance is not None) for each in taken)
            for each in taken:
                if each.inheritance is not None and counts[each.block] >= most:
                    most, largest = counts[each.block], each.inheritance
        elif block not in met:
            met.add(block)
            way.append(step)
            pending.append((step, True))
            pending += [(each, False) for each in steps.get(block, ())]
        elif block not in counts:
            _report_circle(expander, [*way, step])
    return counts[None], largest


def _is_linked(expander: Expander, step: _Step) -> bool:
    return step.inheritance is None or expander.linked[id(step.inheritance.form)] is not None


def _report_circle(expander: Expander, way: list[_Step]) -> None:
    """Report the last statement of a circle of inheritance, and forget it.

    Args:
        expander: knows the statement.
        way: steps from the root on; the last one comes to a block that an earlier one came to.
    """
    closing = next(step.inheritance for step in reversed(way) if step.inheritance is not None)
    form, place, block = closing
    expander.linked[id(form)] = None
    error = StatementError(
        "cil-cyclic-inheritance",
        f"block `{block.name}` would inherit itself",
        place,
        form,
        (1,),
        "break the circle of `blockinherit` statements",
        ("the block", block.place, block.form),
    )
    expander.program.diagnostics.extend(error.diagnostics)
