"""Diagnostics on standard error, in colour where the terminal has it."""

from collections.abc import Iterable

from selbox.cli.terminal import BOLD, CYAN, RED, YELLOW, Terminal
from selbox.diagnostics import Diagnostic, Severity, render
from selbox.typing import TextIO


def _painted(line: str, accent: str, terminal: Terminal) -> str:
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    if body.startswith(("help:", "note:")):
        return indent + terminal.paint(body[:5], BOLD, CYAN) + body[5:]
    if body.startswith("--> "):
        return indent + terminal.paint("-->", CYAN) + body[3:]
    if body.startswith("|") and body.endswith("^"):
        return indent + terminal.paint("|", CYAN) + terminal.paint(body[1:], BOLD, accent)
    return line


def diagnostic_text(diagnostic: Diagnostic, terminal: Terminal) -> str:
    """Return a diagnostic as the terminal shows it, without a final newline."""
    first, *rest = render(diagnostic).split("\n")
    accent = RED if diagnostic.severity is Severity.ERROR else YELLOW
    head, colon, message = first.partition(": ")
    lines = [terminal.paint(head, BOLD, accent) + colon + terminal.paint(message, BOLD)]
    return "\n".join(lines + [_painted(line, accent, terminal) for line in rest])


def write_diagnostics(diagnostics: Iterable[Diagnostic], stream: TextIO, terminal: Terminal) -> None:
    """Write diagnostics one under the other."""
    stream.writelines(diagnostic_text(each, terminal) + "\n" for each in diagnostics)
