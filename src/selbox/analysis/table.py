"""A table: what an analysis answers in columns, as text, CSV, records, or HTML in a notebook."""

from collections.abc import Sequence

from selbox.typing import Final, NamedTuple

Cell = None | bool | int | str | tuple[str, ...]
"""What stands in a table: nothing, a truth value, a number, words, or several names."""

SHOWN_IN_NOTEBOOK: Final = 200
"""Rows that a notebook shows; of more it says how many there are."""

_QUOTED: Final = frozenset('",\n\r')


class Table(NamedTuple):
    r"""Rows of equal length under the names of their columns.

    ::

        table = Table(("type", "permissive"), [("httpd_t", False)])
        table.csv()      # 'type,permissive\nhttpd_t,false\n'
        table.records()  # [{'type': 'httpd_t', 'permissive': False}]
        table            # the last line of a notebook's cell: shown as a table

    Attributes:
        columns: their names, as words for programs (``object_class``).
        rows: the cells of each row.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]

    def csv(self) -> str:
        r"""Return a heading and the rows as comma-separated values, each line ended by ``\n``.

        Nothing is an empty field, truth values are ``true`` and ``false``, several names have blanks between them.

        Source: RFC 4180, but for the ends of lines.
        """
        lines = [",".join(map(_quoted, self.columns))]
        lines += [",".join([_quoted(_plain(each)) for each in row]) for row in self.rows]
        return "\n".join([*lines, ""])

    def records(self) -> list[dict[str, Cell]]:
        """Return a dictionary for each row, as JSON and data frames take it."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def _repr_html_(self) -> str:
        """Return what a notebook shows: at most :data:`SHOWN_IN_NOTEBOOK` rows."""
        from html import escape  # its entities cost more than a search, and only notebooks need them

        heading = "".join(f"<th>{escape(each)}</th>" for each in self.columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(_plain(each))}</td>' for each in row)}</tr>\n"
            for row in self.rows[:SHOWN_IN_NOTEBOOK]
        )
        count = len(self.rows)
        shown = f"{SHOWN_IN_NOTEBOOK} of {count}" if count > SHOWN_IN_NOTEBOOK else str(count)
        caption = f"<p>{shown} row{'' if count == 1 else 's'}</p>"
        return f"<table>\n<thead><tr>{heading}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n{caption}"


def _plain(cell: Cell) -> str:
    """Return a cell as words."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return " ".join(cell) if isinstance(cell, tuple) else str(cell)


def _quoted(field: str) -> str:
    return field if _QUOTED.isdisjoint(field) else '"' + field.replace('"', '""') + '"'
