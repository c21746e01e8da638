"""Tables by rich, which takes 100 ms to import: only verbs that draw import this module."""

from io import StringIO

from rich.console import Console, RenderableType

from selbox.cli.terminal import Terminal


def drawn(drawing: RenderableType, terminal: Terminal) -> str:
    """Return a rich drawing as text for the terminal, without a final newline."""
    console = Console(
        file=StringIO(),
        width=terminal.width,
        force_terminal=terminal.colour,
        no_color=not terminal.colour,
        highlight=False,
        markup=False,
    )
    with console.capture() as capture:
        console.print(drawing)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").split("\n"))
