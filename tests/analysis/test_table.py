"""Tables in their forms."""

import csv
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from selbox.analysis.table import SHOWN_IN_NOTEBOOK, Table

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def test_each_kind_of_cell_has_its_words() -> None:
    table = Table(("name", "set", "on", "line"), [("a", ("x", "y"), True, 3), ("b", (), False, None)])
    assert table.csv() == "name,set,on,line\na,x y,true,3\nb,,false,\n"


@given(st.lists(st.tuples(WORDS, WORDS)))
def test_python_reads_the_same_cells_from_csv(rows: list[tuple[str, str]]) -> None:
    read = list(csv.reader(StringIO(Table(("one", "two"), rows).csv(), newline="")))
    assert read == [["one", "two"], *map(list, rows)]


def test_records_keep_values() -> None:
    assert Table(("name", "line"), [("a", None), ("b", 2)]).records() == [
        {"name": "a", "line": None},
        {"name": "b", "line": 2},
    ]


def test_a_notebook_shows_marks_as_they_are() -> None:
    html = Table(("<b>",), [("a & b",)])._repr_html_()
    assert "<th>&lt;b&gt;</th>" in html
    assert "<td>a &amp; b</td>" in html
    assert "<p>1 row</p>" in html


def test_a_notebook_shows_the_first_rows_of_many() -> None:
    html = Table(("n",), [(each,) for each in range(SHOWN_IN_NOTEBOOK + 5)])._repr_html_()
    assert html.count("<td>") == SHOWN_IN_NOTEBOOK
    assert f"<p>{SHOWN_IN_NOTEBOOK} of {SHOWN_IN_NOTEBOOK + 5} rows</p>" in html
