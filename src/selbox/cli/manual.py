"""Manuals in the shape of man pages: NAME, SYNOPSIS, DESCRIPTION, OPTIONS, EXIT STATUS, EXAMPLES."""

from collections.abc import Mapping, Sequence

from selbox.cli.registry import Entry
from selbox.cli.terminal import BOLD, DIM, Terminal
from selbox.cli.verb import Manual

_WIDEST = 92
_INDENT = 4
_AS_IT_STANDS = " " * 4
"""What every line of a paragraph begins with that is not to be laid out again."""

_COMMON_STATUSES = (
    ("0", "success"),
    ("1", "a policy, file, context or machine is not as it must be; the message says what to do"),
    ("2", "the command line is wrong"),
)


def _wrapped(text: str, indent: int, terminal: Terminal) -> list[str]:
    from textwrap import wrap  # only help pays for it

    width = max(40, min(terminal.width, _WIDEST))
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        if lines:
            lines.append("")
        margin = " " * indent
        if all(line.startswith(_AS_IT_STANDS) for line in paragraph.strip("\n").split("\n")):
            lines += [margin + line for line in paragraph.strip("\n").split("\n")]
            continue
        lines += wrap(" ".join(paragraph.split()), width, initial_indent=margin, subsequent_indent=margin)
    return lines


def _section(title: str, lines: Sequence[str], terminal: Terminal) -> str:
    return "\n".join([terminal.paint(title, BOLD), *lines, ""])


def _listed(pairs: Sequence[tuple[str, str]], terminal: Terminal) -> list[str]:
    """Lay out terms with their explanations beneath."""
    lines: list[str] = []
    for term, explanation in pairs:
        lines.append(" " * _INDENT + terminal.paint(term, BOLD))
        lines += _wrapped(explanation, 2 * _INDENT, terminal)
    return lines


def option_text(flags: Sequence[str], operand: str, explanation: str) -> tuple[str, str]:
    """Return the heading of an option or operand, such as ``-o, --output FILE``, with its explanation."""
    heading = ", ".join(flags)
    return (f"{heading} {operand}".strip() if heading else operand, explanation)


def verb_manual(
    verb: str,
    summary: str,
    synopsis: Sequence[str],
    options: Sequence[tuple[str, str]],
    manual: Manual,
    terminal: Terminal,
) -> str:
    """Return the manual of a verb, with a final newline.

    Args:
        verb: its name.
        summary: its line in the registry.
        synopsis: lines of the synopsis.
        options: headings with their explanations, as :func:`option_text` makes them.
        manual: the rest.
        terminal: what it is laid out for.
    """
    own = dict(manual.exit_statuses)
    common = () if "0" in own else _COMMON_STATUSES
    statuses = [(status, own.pop(status, meaning)) for status, meaning in common] + list(own.items())
    examples: list[str] = []
    for each in manual.examples:
        examples += _wrapped(each.purpose, _INDENT, terminal)
        examples += [" " * 2 * _INDENT + terminal.paint("$ ", DIM) + each.command, ""]
    return "\n".join(
        [
            _section("NAME", _wrapped(f"selbox {verb} - {summary}", _INDENT, terminal), terminal),
            _section("SYNOPSIS", [" " * _INDENT + line for line in synopsis], terminal),
            _section("DESCRIPTION", _wrapped(manual.description, _INDENT, terminal), terminal),
            _section("OPTIONS", _listed(options, terminal), terminal),
            _section("EXIT STATUS", _listed(statuses, terminal), terminal),
            _section("EXAMPLES", examples[:-1], terminal),
        ]
    )


def overview(verbs: Mapping[str, Entry], terminal: Terminal) -> str:
    """Return what ``selbox --help`` says, with a final newline."""
    width = max(map(len, verbs))
    listed = [f"    {terminal.paint(name.ljust(width), BOLD)}  {entry.summary}" for name, entry in verbs.items()]
    return "\n".join(
        [
            _section("NAME", ["    selbox - SELinux in user space"], terminal),
            _section(
                "SYNOPSIS", ["    selbox VERB [ARGUMENT…]", "    selbox help VERB", "    selbox --version"], terminal
            ),
            _section("VERBS", listed, terminal),
            _section("EXIT STATUS", _listed(_COMMON_STATUSES, terminal), terminal).rstrip("\n") + "\n",
        ]
    )
