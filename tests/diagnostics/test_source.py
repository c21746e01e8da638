from time import process_time

import pytest

from selbox.diagnostics import SourceFile


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one\ntwo\r\n\nfour", ["", "one", "two", "", "four", ""]),
        ("one\n", ["", "one", ""]),
        ("", ["", ""]),
        ("a page\fends\x0bnothing\u2028here\n", ["", "a page\fends\x0bnothing\u2028here", ""]),
    ],
)
def test_lines_end_where_they_are_counted(text: str, lines: list[str]) -> None:
    assert [SourceFile("name", text).line_text(line) for line in range(len(lines))] == lines


def test_many_lines_of_a_long_text_are_cheap() -> None:
    source = SourceFile("long", "(allow a b (file (read)))\n" * 400_000)
    begin = process_time()
    for line in range(390_000, 390_100):
        assert source.line_text(line)
    assert process_time() - begin < 2
