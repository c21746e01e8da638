"""Lines of expectation files, read."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.expectations import (
    Access,
    AccessExpectation,
    BooleanExpectation,
    Demand,
    Expectation,
    LabelExpectation,
    LabelKind,
    TransitionExpectation,
    ValidityExpectation,
    Word,
    parse_expectations,
)


def parsed(text: str) -> list[Expectation]:
    return parse_expectations(SourceFile("t.expect", text))


def only(text: str) -> Expectation:
    (found,) = parsed(text)
    return found


def texts(words: tuple[Word, ...]) -> list[str]:
    return [each.text for each in words]


def access_texts(access: Access) -> list[list[str]]:
    return [texts(each) for each in access]


@pytest.mark.parametrize(
    ("line", "access"),
    [
        ("allow a_t b_t:file read", [["a_t"], ["b_t"], ["file"], ["read"]]),
        ("allow a_t self:process { fork signal }", [["a_t"], ["self"], ["process"], ["fork", "signal"]]),
        ("allow { a -b } { c d } :file *", [["a", "-b"], ["c", "d"], ["file"], ["*"]]),
        ("allow { a -b } { c d }:{ file dir } { read }", [["a", "-b"], ["c", "d"], ["file", "dir"], ["read"]]),
        ("allow a b:{ file dir } read", [["a"], ["b"], ["file", "dir"], ["read"]]),
        (
            "allow u:r:t:s0:c1-s1:c1.c3,c5 u:object_r:o:s0:c1:file read",
            [["u:r:t:s0:c1-s1:c1.c3,c5"], ["u:object_r:o:s0:c1"], ["file"], ["read"]],
        ),
    ],
)
def test_accesses(line: str, access: list[list[str]]) -> None:
    found = only(line).what
    assert isinstance(found, AccessExpectation)
    assert found.demand is Demand.ALLOW
    assert access_texts(found.access) == access


def test_the_other_lines() -> None:
    lines = parsed(
        "deny a b:file read\nonly { a } b:file read\n"
        "boolean x allows a b:file read\nboolean y=off allows a b:file read\n"
        'transition a p -> b\ncreate a d:dir -> c\ncreate a d:file "x y" -> c\nrelabel a d:chr_file -> c\n'
        "member a d:dir -> c\nvalid u:r:t\ninvalid u:r:t"
    )
    whats = [each.what for each in lines]
    assert [type(each) for each in whats] == [
        *(AccessExpectation, AccessExpectation, BooleanExpectation, BooleanExpectation, TransitionExpectation),
        *(LabelExpectation, LabelExpectation, LabelExpectation, LabelExpectation),
        *(ValidityExpectation, ValidityExpectation),
    ]
    assert [each.demand for each in whats if isinstance(each, AccessExpectation)] == [Demand.DENY, Demand.ONLY]
    booleans = [(each.boolean.text, each.value) for each in whats if isinstance(each, BooleanExpectation)]
    assert booleans == [("x", True), ("y", False)]
    labels = [(each.kind, each.name) for each in whats if isinstance(each, LabelExpectation)]
    kinds = LabelKind
    assert labels == [(kinds.CREATE, None), (kinds.CREATE, "x y"), (kinds.RELABEL, None), (kinds.MEMBER, None)]
    assert [each.valid for each in whats if isinstance(each, ValidityExpectation)] == [True, False]


def test_sections_comments_and_places() -> None:
    lines = parsed(
        '# a file\nallow a b:file read  # why\n\n[booleans x=on y=off]\ncreate a b:file "#" -> c\n'
        "[booleans any]\ndeny a b:file read\n[booleans]\n  deny a b:file read"
    )
    settings = [
        None if each.settings is None else [(word.text, value) for word, value in each.settings] for each in lines
    ]
    assert settings == [[], [("x", True), ("y", False)], None, []]
    assert lines[0].text == "allow a b:file read"
    assert [each.span.place for each in lines] == ["t.expect:2:1", "t.expect:5:1", "t.expect:7:1", "t.expect:9:3"]
    assert isinstance(lines[1].what, LabelExpectation)
    assert lines[1].what.name == "#"


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        ("alow a b:file read", 1, "`alow` begins no expectation"),
        ("allow a b file", 9, "`b` has no class"),
        ("allow a :file read", 9, "the target is missing"),
        ("allow a b:file", 1, "expected a permission"),
        ("allow a b:file { read", 1, "expected a permission, or `}`"),
        ("allow a b:file { }", 18, "expected a permission between the braces"),
        ("allow a { b } file read", 15, "expected `:` and a class"),
        ("allow a b:file read write", 21, "expected the end of the line, found `write`"),
        ("transition a b c", 16, "expected `->`"),
        ("create a b:{ c d } -> e", 16, "a label is of one target and one class"),
        ("boolean x=maybe allows a b:file read", 9, "`maybe` is no value of a boolean"),
        ("boolean x a b:file read", 11, "expected `allows`"),
        ("[booleans x=maybe]", 11, "`x=maybe` sets no boolean"),
        ("[booleans x=on", 2, "the line begins with `[` and does not end with `]`"),
        ("[bools]", 2, "`bools` is no section"),
    ],
)
def test_what_is_wrong_is_shown_at_its_place(line: str, column: int, words: str) -> None:
    with pytest.raises(SelboxError) as caught:
        parsed("valid a:b:c\n" + line)
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("expectation-syntax", words)
    assert found.span is not None
    assert (found.span.line, found.span.column) == (2, column)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n[booleans]\n"])
def test_a_file_without_expectations_is_no_success(text: str) -> None:
    with pytest.raises(SelboxError) as caught:
        parsed(text)
    assert caught.value.diagnostics[0].message == "`t.expect` has no expectation"


def test_every_wrong_line_is_told_of() -> None:
    with pytest.raises(SelboxError) as caught:
        parsed("nothing\nvalid a:b:c\nvalid\n")
    assert [each.span.line for each in caught.value.diagnostics if each.span] == [1, 3]


@given(st.text(st.sampled_from('allow deny{}[]:->"# \n\tabx=on*'), max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    found: list[Expectation] = []
    with suppress(SelboxError):  # whatever else is raised fails the test
        found = parsed(text)
    assert all(each.text in text for each in found)
