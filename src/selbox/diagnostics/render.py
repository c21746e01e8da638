"""Diagnostics as text: the message, the place, the line with its underline, and help."""

from selbox.diagnostics.diagnostic import Diagnostic
from selbox.diagnostics.source import Span


def _excerpt(span: Span) -> list[str]:
    text = span.source.line_text(span.line)
    if not text:
        return [f"  --> {span.place}"]
    gutter = " " * len(str(span.line))
    shown = text.expandtabs(1)
    length = max(1, min(span.length, len(shown) - span.column + 1))
    return [
        f"{gutter}--> {span.place}",
        f"{gutter} |",
        f"{span.line} | {shown}",
        f"{gutter} | {' ' * (span.column - 1)}{'^' * length}",
    ]


def render(diagnostic: Diagnostic) -> str:
    """Return a diagnostic as the lines that a terminal shows, without a final newline.

    The first line is ``error[CODE]: MESSAGE``; the place and help follow where they are known.
    """
    lines = [f"{diagnostic.severity.value}[{diagnostic.code}]: {diagnostic.message}"]
    if diagnostic.span is not None:
        lines += _excerpt(diagnostic.span)
    for words, span in diagnostic.notes:
        lines.append(f"  note: {words}")
        if span is not None:
            lines += _excerpt(span)
    if diagnostic.help:
        lines.append(f"  help: {diagnostic.help}")
    return "\n".join(lines)
