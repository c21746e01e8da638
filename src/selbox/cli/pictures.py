"""Pictures of steps between types: for GraphViz, or as SVG drawn here."""

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from itertools import pairwise

from selbox.typing import Final, NamedTuple

_CHARACTER: Final = 7.3
"""Width of a character of the monospaced letters that types are written in, in pixels."""

_SIZE: Final = 12
_HEIGHT: Final = 22
_ROW: Final = 34
"""Size of the letters, height of a box, and distance of one from the next below it, in pixels."""

_GAP: Final = 110
"""Room between two columns of boxes, in pixels."""

_MARGIN: Final = 16
_HEAD: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" '
    'font-family="monospace" font-size="{2}">'
)
_MARKER: Final = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
)
_SWEEPS: Final = 4
"""How often boxes are put in the order of those that they are joined to."""


class Step(NamedTuple):
    """An arrow of the picture.

    Attributes:
        source: name of the type that it leads from.
        target: name of the type that it leads to.
        note: lines that tell why there is this step; a viewer shows them on demand.
    """

    source: str
    target: str
    note: str = ""


def graphviz(title: str, start: str, steps: Sequence[Step]) -> str:
    """Return a picture in the language of GraphViz.

    Args:
        title: its name.
        start: name of the type that is asked about.
        steps: the arrows.
    """
    lines = [f"digraph {_quoted(title)} {{", "  rankdir=LR;", '  node [shape=box, fontname="monospace"];']
    lines.append(f"  {_quoted(start)} [penwidth=2];")
    for each in steps:
        note = f" [tooltip={_quoted(each.note)}]" if each.note else ""
        lines.append(f"  {_quoted(each.source)} -> {_quoted(each.target)}{note};")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def svg(title: str, start: str, steps: Sequence[Step]) -> str:
    """Return a picture as SVG: types in columns by how many steps they are away from the start.

    Args:
        title: its name.
        start: name of the type that is asked about.
        steps: the arrows.
    """
    columns = _columns(start, steps)
    places: dict[str, tuple[float, float]] = {}
    widths: dict[str, float] = {}
    tallest = max(map(len, columns))
    left = float(_MARGIN)
    for names in columns:
        width = max(len(each) for each in names) * _CHARACTER + 16
        top = _MARGIN + (tallest - len(names)) * _ROW / 2
        for row, name in enumerate(names):
            places[name] = left, top + row * _ROW
            widths[name] = width
        left += width + _GAP
    total = left - _GAP + _MARGIN, tallest * _ROW + 2 * _MARGIN - (_ROW - _HEIGHT)
    return "\n".join(
        [
            _HEAD.format(*total, _SIZE),
            f"<title>{escape(title)}</title>",
            _MARKER,
            '<rect width="100%" height="100%" fill="#fff"/>',
            *(_arrow(each, places, widths) for each in steps),
            *(_box(name, places[name], widths[name], name == start) for name in places),
            "</svg>",
            "",
        ]
    )


def _columns(start: str, steps: Sequence[Step]) -> list[list[str]]:
    """Return the types by how many steps they are away, whichever way the steps lead, each column in a good order."""
    joined: defaultdict[str, set[str]] = defaultdict(set)
    for each in steps:
        joined[each.source].add(each.target)
        joined[each.target].add(each.source)
    columns = [[start]]
    seen = {start}
    while True:
        following = sorted({other for each in columns[-1] for other in joined[each]} - seen)
        if not following:
            break
        seen.update(following)
        columns.append(following)
    for _ in range(_SWEEPS):
        for before, column in pairwise(columns):
            _order(column, before, joined)
        for before, column in pairwise(reversed(columns)):
            _order(column, before, joined)
    return columns


def _order(column: list[str], beside: list[str], joined: dict[str, set[str]]) -> None:
    """Put a column into the order of those that its types are joined to in the column beside it."""
    rows = {name: row / len(beside) for row, name in enumerate(beside)}

    def middle(name: str) -> tuple[float, str]:
        found = [rows[each] for each in joined[name] if each in rows]
        return sum(found) / len(found) if found else 0.0, name

    column.sort(key=middle)


def _box(name: str, place: tuple[float, float], width: float, is_start: bool) -> str:
    x, y = place
    stroke = ' stroke-width="2"' if is_start else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_HEIGHT}" rx="4" fill="#eef3fa" stroke="#345"'
        f'{stroke}/><text x="{x + 8:.1f}" y="{y + _HEIGHT - 7:.1f}">{escape(name)}</text>'
    )


def _arrow(step: Step, places: dict[str, tuple[float, float]], widths: dict[str, float]) -> str:
    (x, y), (to_x, to_y) = places[step.source], places[step.target]
    y, to_y = y + _HEIGHT / 2, to_y + _HEIGHT / 2
    if to_x > x:
        x += widths[step.source]
        bend = (to_x - x) / 2
        path = f"M{x:.1f} {y:.1f}C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
    elif to_x < x:
        to_x += widths[step.target]
        bend = (x - to_x) / 2
        path = f"M{x:.1f} {y:.1f}C{x - bend:.1f} {y:.1f} {to_x + bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
    else:
        x, to_x = x + widths[step.source], to_x + widths[step.target]
        out = max(x, to_x) + _GAP / 3
        path = f"M{x:.1f} {y:.1f}C{out:.1f} {y:.1f} {out:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
    note = f"\n{step.note}" if step.note else ""
    title = f"<title>{escape(f'{step.source} -> {step.target}{note}')}</title>"
    return f'<path d="{path}" fill="none" stroke="#555" stroke-opacity="0.6" marker-end="url(#head)">{title}</path>'
