from time import process_time

import pytest

from selbox.diagnostics import Diagnostic, SourceFile, Span, render


def shown(text: str, column: int, length: int = 1) -> list[str]:
    """Return the line and its underline, without the gutter."""
    span = Span(SourceFile("name", text), 1, column, length)
    return [each[4:] for each in render(Diagnostic("code", "words", span)).split("\n")[3:]]


def test_all_parts_of_a_diagnostic() -> None:
    source = SourceFile("web.cil", "(type a)\n\t(tpye b)\n")
    diagnostic = Diagnostic(
        "code",
        "`tpye` is no statement",
        Span(source, 2, 3, 4),
        "did you mean `type`?",
        (("as here", Span(source, 1, 2, 4)), ("and nowhere", None)),
    )
    assert render(diagnostic).split("\n") == [
        "error[code]: `tpye` is no statement",
        " --> web.cil:2:3",
        "  |",
        "2 |  (tpye b)",
        "  |   ^^^^",
        "  note: as here",
        " --> web.cil:1:2",
        "  |",
        "1 | (type a)",
        "  |  ^^^^",
        "  note: and nowhere",
        "  help: did you mean `type`?",
    ]


def test_what_cannot_be_printed_is_escaped_and_the_underline_stays_under_it() -> None:
    junk = b"\x00\xff ok \x1b[2J\xc3\xa4 ".decode(errors="surrogateescape") + "\u202e\U000e0001"
    assert shown(junk + "bad end", len(junk) + 1, 3) == [
        "\\x00\\xff ok \\x1b[2Jä \\u202e\\U000e0001bad end",
        " " * 37 + "^^^",
    ]
    assert shown("a\udcfe\udcffb", 2, 2) == ["a\\xfe\\xffb", " ^^^^^^^^"]


@pytest.mark.parametrize(
    ("column", "length", "line", "underline"),
    [
        (1, 3, "x" * 120 + "…", "^^^"),
        (80, 1000, "x" * 120 + "…", " " * 79 + "^" * 41),
        (120, 1, "x" * 120 + "…", " " * 119 + "^"),
        (121, 1, "…" + "x" * 120 + "…", " " * 41 + "^"),
        (5000, 1000, "…" + "x" * 120 + "…", " " * 41 + "^" * 80),
        (10_000, 1, "…" + "x" * 41, " " * 41 + "^"),
        (10_001, 1, "…" + "x" * 40, " " * 41 + "^"),
    ],
)
def test_of_a_long_line_the_part_around_the_place_is_shown(column: int, length: int, line: str, underline: str) -> None:
    assert shown("x" * 10_000, column, length) == [line, underline]


def test_a_line_of_megabytes_is_cheap() -> None:
    source = SourceFile("long", "\udcff" * 10_000_000)
    begin = process_time()
    text = "".join(
        render(Diagnostic("code", f"`{source.text}` is no word", Span(source, 1, 1 + each, 9_000_000)))
        for each in range(5)
    )
    assert process_time() - begin < 5
    assert len(text) < 5 * 3000


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("`" + "a b " * 100 + "`, of two", "`" + ("a b " * 100)[:199] + "…" + ("a b " * 100)[-49:] + "`, of two"),
        ("cannot read " + "p" * 301 + ": gone", "cannot read " + "p" * 200 + "…" + "p" * 49 + ": gone"),
        ("`a`" + " and so on" * 50 + " `b`", "`a`" + " and so on" * 50 + " `b`"),
        ("one\ntwo\x07\udc80", "one\ntwo\\x07\\x80"),
    ],
)
def test_what_a_message_quotes_is_cut_and_escaped(message: str, expected: str) -> None:
    assert render(Diagnostic("code", message)) == f"error[code]: {expected}"


def test_a_message_of_nothing_but_quotes_ends_somewhere() -> None:
    assert len(render(Diagnostic("code", "`" * 1_000_000))) < 10_000
