"""Warnings about sources in plain values, as they are kept from one run to the next."""

from collections.abc import Callable, Iterable, Sequence

from selbox.diagnostics import Diagnostic, Severity, SourceFile, Span

Place = tuple[int, int, int, int]
"""Number of a source, line, column and length."""

Warned = tuple[str, str, Place | None, str, tuple[tuple[str, Place | None], ...]]
"""A warning, in the order of :class:`selbox.diagnostics.Diagnostic`."""


def plain_warnings(warnings: Iterable[Diagnostic], sources: Sequence[SourceFile]) -> tuple[Warned, ...] | None:
    """Return warnings in plain values; None when one is about something else than the sources."""
    numbers = {id(source): number for number, source in enumerate(sources)}

    def plain(span: Span | None) -> Place | None:
        return None if span is None else (numbers[id(span.source)], span.line, span.column, span.length)

    try:
        return tuple(
            (
                each.code,
                each.message,
                plain(each.span),
                each.help,
                tuple((words, plain(at)) for words, at in each.notes),
            )
            for each in warnings
        )
    except KeyError:
        return None


def whole_warnings(warned: Iterable[Warned], span: Callable[[Place | None], Span | None]) -> list[Diagnostic]:
    """Return the warnings that plain values stand for.

    Args:
        warned: the plain values.
        span: gives a place as it is now; what it raises goes on to the caller.
    """
    return [
        Diagnostic(
            code, message, span(place), advice, tuple((words, span(each)) for words, each in notes), Severity.WARNING
        )
        for code, message, place, advice, notes in warned
    ]
