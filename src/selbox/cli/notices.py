"""Warnings of a run, as many of them as a person reads."""

from collections.abc import Sequence

from selbox.cli.output import JsonValue
from selbox.diagnostics import Diagnostic, Severity
from selbox.typing import Final

SHOWN: Final = 20
"""Warnings that are shown when not all were asked for."""


def notices(warnings: Sequence[Diagnostic], *, verbose: bool) -> tuple[Diagnostic, ...]:
    """Return the warnings that are shown: the first ones and how many more there are, or all.

    Args:
        warnings: in the order in which they were found.
        verbose: whether all are asked for.
    """
    if verbose or len(warnings) <= SHOWN:
        return tuple(warnings)
    more = f"{len(warnings) - SHOWN} more warnings are not shown"
    return (
        *warnings[:SHOWN],
        Diagnostic("more-warnings", more, help="-v shows all of them", severity=Severity.WARNING),
    )


def warning_values(warnings: Sequence[Diagnostic]) -> JsonValue:
    """Return warnings as JSON says them."""
    return [
        {"code": each.code, "message": each.message, "place": each.span.place if each.span else None}
        for each in warnings
    ]
