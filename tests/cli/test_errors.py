import re

from selbox.cli.errors import diagnostic_text
from selbox.cli.terminal import Terminal
from selbox.diagnostics import Diagnostic, Severity, SourceFile, Span, render

SOURCE = SourceFile("my.cil", "(allow a_t b_t (file (read)))\n")
DIAGNOSTIC = Diagnostic(
    "cil-unknown-type",
    "`b_t` is not a type",
    Span(SOURCE, 1, 12, 3),
    "did you mean `a_t`?",
    (("declared here", Span(SOURCE, 1, 8, 3)),),
)


def test_without_colour_it_is_the_plain_rendering() -> None:
    assert diagnostic_text(DIAGNOSTIC, Terminal(False, 80)) == render(DIAGNOSTIC)


def test_colour_adds_nothing_but_colour() -> None:
    painted = diagnostic_text(DIAGNOSTIC, Terminal(True, 80))
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == render(DIAGNOSTIC)
    assert painted.startswith("\x1b[1;31merror[cil-unknown-type]\x1b[0m: ")
    assert "\x1b[1;36mhelp:\x1b[0m did you mean" in painted


def test_a_warning_is_not_red() -> None:
    painted = diagnostic_text(DIAGNOSTIC._replace(severity=Severity.WARNING), Terminal(True, 80))
    assert painted.startswith("\x1b[1;33mwarning[")
    assert "31m" not in painted
