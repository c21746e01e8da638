"""Figures of a measurement: medians with their range, and the table or JSON that shows them."""

import json
import sys
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

JSON_VERSION = 1
_WIDTH_WITHOUT_TERMINAL = 250


class Figures(NamedTuple):
    """Samples of one thing, in one unit."""

    samples: tuple[float, ...]

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.samples)

    def to_text(self, sign: str = "") -> str:
        """Return median and range."""
        low, high = min(self.samples), max(self.samples)
        return f"{sign}{_short(self.middle)} [dim]({_short(low)} to {_short(high)})[/dim]"

    def to_json(self) -> dict[str, object]:
        """Return median, range and samples."""
        return {
            "median": self.middle,
            "min": min(self.samples),
            "max": max(self.samples),
            "samples": list(self.samples),
        }

    def over(self, other: "Figures") -> "Figures":
        """Return the ratios to samples that were taken next to these, one by one."""
        return Figures(tuple(mine / theirs for mine, theirs in zip(self.samples, other.samples, strict=True)))


class Row(NamedTuple):
    """One thing measured in several ways.

    Attributes:
        name: what was measured.
        unit: of the samples.
        figures: samples by way; ratios are taken to the first.
    """

    name: str
    unit: str
    figures: dict[str, Figures]


def _short(value: float) -> str:
    """Return a number with three significant digits, and all those before the point."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def show(
    title: str, rows: Sequence[Row], notes: Sequence[str], *, as_json: bool, also: Sequence[tuple[str, str]] = ()
) -> None:
    """Write rows to standard output: median, and smallest to largest, of each way, and how many times the first it is.

    Args:
        title: of the table.
        rows: what was measured.
        notes: what was left out, and why.
        as_json: one JSON object instead of a table.
        also: more ratios, of one way to another.
    """
    if as_json:
        json.dump(_as_json(title, rows, notes), sys.stdout, indent=1)
        print()
        return
    ways = list(dict.fromkeys(way for row in rows for way in row.figures))
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for way in ways:
        table.add_column(way, justify="right")
    pairs = [*((way, ways[0]) for way in ways[1:]), *also]
    for way, other in pairs:
        table.add_column(f"{way} / {other}", justify="right")
    for row in rows:
        values = [figures.to_text() if (figures := row.figures.get(way)) else "" for way in ways]
        ratios = [
            row.figures[way].over(row.figures[other]).to_text("x") if {way, other} <= row.figures.keys() else ""
            for way, other in pairs
        ]
        table.add_row(f"{row.name}, {row.unit}", *values, *ratios)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL)
    console.print(table)
    for note in notes:
        console.print(note, markup=False)


def _as_json(title: str, rows: Sequence[Row], notes: Sequence[str]) -> dict[str, object]:
    return {
        "version": JSON_VERSION,
        "title": title,
        "rows": [
            {
                "name": row.name,
                "unit": row.unit,
                "ways": {way: figures.to_json() for way, figures in row.figures.items()},
            }
            for row in rows
        ],
        "notes": list(notes),
    }
