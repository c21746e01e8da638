"""Draws outcomes of scenes: faces, bowls, labels and verdicts, as text in colour or as an SVG picture."""

import re
from collections.abc import Sequence
from html import escape, unescape
from io import StringIO

from rich.align import Align
from rich.box import DOUBLE, ROUNDED
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text
from scenes import CHAPTERS, Kind, Outcome

WIDTH = 98
"""Columns of the picture: two scenes side by side."""

_TWO_SCENES = 94
"""Columns from which on two scenes fit side by side."""

_FACES = {
    Kind.DOG: (
        r"  __       __  ",
        r" /  \_____/  \ ",
        r" | | e   e | | ",
        r" \_/   ▼   \_/ ",
        r"    \  m  /    ",
        r"     `---'     ",
    ),
    Kind.SMALL_DOG: (
        r"               ",
        r"    |\___/|    ",
        r"    | e e |    ",
        r"     \ ▾ /     ",
        r"      \m/      ",
        r"               ",
    ),
    Kind.CAT: (
        r"   /\     /\   ",
        r"  /  \___/  \  ",
        r"  |  e   e  |  ",
        r" =|    ▾    |= ",
        r"   \   m   /   ",
        r"    `-----'    ",
    ),
}
"""``e`` is an eye and ``m`` the mouth: a pet that ate smiles."""

_COLOURS = {Kind.DOG: "dark_orange", Kind.SMALL_DOG: "gold1", Kind.CAT: "medium_purple1"}

_FULL_BOWL = (
    r"               ",
    r"    .o0Oo0.    ",
    r"  \_o0O0oO0_/  ",
    r"   \       /   ",
    r"    \_____/    ",
)
_EMPTY_BOWL = (
    r"               ",
    r"               ",
    r"  \_       _/  ",
    r"   \ ' . ' /   ",
    r"    \_____/    ",
)


def _art(lines: Sequence[str], colour: str) -> Text:
    return Text("\n".join(lines), style=f"bold {colour}", justify="left", no_wrap=True)


def _face(outcome: Outcome) -> Text:
    eye, mouth = ("^", "u") if outcome.ate else ("o", "~")
    kind = outcome.scene.pet.kind
    return _art([line.replace("e", eye).replace("m", mouth) for line in _FACES[kind]], _COLOURS[kind])


def _bowl(outcome: Outcome) -> Text:
    for_cats = "cat" in outcome.scene.food.name
    return _art(_EMPTY_BOWL if outcome.ate else _FULL_BOWL, _COLOURS[Kind.CAT if for_cats else Kind.DOG])


def _way(outcome: Outcome) -> Text:
    if outcome.ate:
        return _art(("", "", "", "──────▶", " yummy!"), "green")
    return _art(("", "     ┃", "     ┃", "───▶ ┃", "stop!┃"), "red")


def _label(whose: str, context: str) -> Text:
    """Write a context with the parts that decide in the book in bold: its type and its level."""
    user, role, kind, *level = context.split(":", 3)
    text = Text.assemble(f"{whose} ", (f"{user}:{role}:", "dim"), (kind, "bold cyan"))
    for each in level:
        text.append(":")
        text.append(each, "bold yellow")
    return text


def draw_outcome(outcome: Outcome) -> Panel:
    """Draw one scene: the pet, its food and their labels, what happened, and why."""
    scene = outcome.scene
    stage = Table.grid(expand=True)
    for _ in range(3):
        stage.add_column()
    stage.add_row(Align.center(_face(outcome)), Align.center(_way(outcome)), Align.center(_bowl(outcome)))
    verdict = Text(" ALLOWED ", "bold black on green") if outcome.ate else Text(" DENIED ", "bold white on red")
    words: list[RenderableType] = [
        _label("pet ", outcome.pet_label),
        _label("food", outcome.food_label),
        Text.assemble(verdict, " ", (scene.moral, "italic")),
    ]
    words += [Text(f"because {line}", style="red") for line in outcome.because]
    if not outcome.is_by_the_book:
        expected = "be allowed" if scene.eats else "be denied"
        words.append(Text(f"The book says otherwise: this should {expected}.", style="bold reverse red"))
    return Panel(
        Group(stage, *words),
        title=f"[bold]{scene.pet.name}[/bold] and [bold]{scene.food.name}[/bold]",
        box=ROUNDED,
        border_style="green" if outcome.ate else "red",
    )


def _spread(outcomes: Sequence[Outcome], columns: int) -> Table:
    """Lay scenes out in columns, in reading order."""
    spread = Table.grid(expand=True, padding=(0, 1))
    for _ in range(columns):
        spread.add_column(ratio=1)
    panels: list[RenderableType] = [draw_outcome(each) for each in outcomes]
    for first in range(0, len(panels), columns):
        spread.add_row(*panels[first : first + columns])
    return spread


def draw_book(outcomes: Sequence[Outcome], how: str, width: int) -> Group:
    """Draw the whole book.

    Args:
        outcomes: what came of each scene, in any order; chapters without any are left out.
        how: one line on how the scenes were played; it comes first.
        width: columns to draw in.
    """
    cover = Panel(Align.center(Text("The SELinux Coloring Book, played", "bold")), box=DOUBLE)
    parts: list[RenderableType] = [Text(how), cover]
    for number, chapter in enumerate(CHAPTERS, 1):
        played = [each for each in outcomes if each.scene in chapter.scenes]
        if played:
            parts.append(Rule(Text(f"{number}. {chapter.title}", "bold cyan"), style="cyan"))
            parts.append(_spread(played, 2 if width >= _TWO_SCENES else 1))
    right = sum(each.is_by_the_book for each in outcomes)
    style = "bold green" if right == len(outcomes) else "bold red"
    parts.append(Text(f"{right} of {len(outcomes)} verdicts are the book's.", style))
    return Group(*parts)


def picture(drawing: RenderableType, title: str) -> str:
    """Return a drawing, made for :data:`WIDTH`, as an SVG picture that fetches nothing from the network."""
    console = Console(record=True, file=StringIO(), width=WIDTH, force_terminal=True, color_system="truecolor")
    console.print(drawing)
    exported = console.export_svg(title=title, unique_id="selbox")
    return _EXPORTED_TEXT.sub(_pinned, re.sub(r"@font-face \{.*?\}\s*", "", exported, flags=re.DOTALL))


_EXPORTED_TEXT = re.compile(
    r'<text (class="[^"]*") x="([\d.]+)" (y="[\d.]+") textLength="([\d.]+)" ([^>]*)>([^<]*)</text>'
)
_PIECE = re.compile("[^\xa0\n]+(?:\xa0[^\xa0\n]+)*")


def _pinned(text: re.Match[str]) -> str:
    """Give each piece of a text between wider gaps a place of its own: some viewers drop the spaces of a gap."""
    style, x, y, length, rest, escaped = text.groups()
    content = unescape(escaped)
    cell = float(length) / max(1, cell_len(content))
    return "".join(
        f'<text {style} x="{float(x) + cell * cell_len(content[: piece.start()]):g}" {y} '
        f'textLength="{cell * cell_len(piece[0]):g}" {rest}>{escape(piece[0])}</text>'
        for piece in _PIECE.finditer(content)
    )
