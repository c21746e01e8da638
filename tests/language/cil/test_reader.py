from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.diagnostics import Diagnostic, SelboxError, SourceFile
from selbox.language.cil import Form, Tree, parse
from selbox.language.cil.fastreader import read_fast
from selbox.language.cil.reader import read_carefully
from selbox.language.cil.tree import MAXIMUM_DEPTH, MAXIMUM_NESTING, RuleRun, written_out


def read(text: str) -> Tree:
    return parse(SourceFile("x.cil", text))


def errors(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(SelboxError) as caught:
        read(text)
    return caught.value.diagnostics


def place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    assert diagnostic.span is not None
    return diagnostic.code, diagnostic.span.line, diagnostic.span.column


def test_forms_atoms_strings_comments_and_line_marks() -> None:
    text = ';;* lmx 1 foo.te\n(allow a b ; why (not)\n\t(file (read write))) (filecon "/a b(;)?" any ())\n;;* lme\n'
    assert read(text).forms == [
        ["allow", "a", "b", ["file", ["read", "write"]]],
        ["filecon", "/a b(;)?", "any", []],
    ]


def test_strings_may_hold_what_symbols_may_not() -> None:
    assert read('(filecon "/usr\\.d/é(.*)?" file ())').forms == [["filecon", "/usr\\.d/é(.*)?", "file", []]]
    assert read("(a) ; é").forms == [["a"]]


def test_spans() -> None:
    tree = read('(type x)\n  (filecon "/a (b" any\n  (u r (t) ((s0) (s0))))')
    form = tree.forms[1]
    assert isinstance(form, Form)
    assert tree.span(form)[1:] == (2, 3, 20)
    assert tree.span(form, 1)[1:] == (2, 12, 7)
    assert tree.span(form, 3)[1:] == (3, 3, 21)
    assert tree.span(form, 3, 2, 0)[1:] == (3, 9, 1)
    assert tree.span(form, 3, 3, 1, 0)[1:] == (3, 19, 2)


def test_unclosed_parenthesis_names_its_opener() -> None:
    (error,) = errors("(type a)\n(allow a b (file (read))\n(type c)\n")
    assert place(error) == ("cil-unbalanced", 2, 1)
    assert error.notes[0][1] is not None
    assert error.notes[0][1].line == 3


def test_a_byte_that_is_no_text_is_named() -> None:
    (error,) = errors(b"(type caf\xe9)".decode(errors="surrogateescape"))
    assert (error.code, error.message) == ("cil-stray-text", "unexpected byte 0xe9")


def test_every_fault_is_reported() -> None:
    found = errors('(type a))\n(type \\ b)\nloose\n(filecon "/x any)\n(type d)')
    assert [place(each) for each in found] == [
        ("cil-unbalanced", 1, 9),
        ("cil-stray-text", 2, 7),
        ("cil-stray-text", 3, 1),
        ("cil-unterminated-string", 4, 10),
    ]


@pytest.mark.parametrize("separator", ["", "\n"])
def test_depth_is_bounded(separator: str) -> None:
    good = separator.join(["(a "] * MAXIMUM_DEPTH) + ")" * MAXIMUM_DEPTH
    assert len(read(good).forms) == 1
    (error,) = errors(separator.join(["(a "] * 100_000) + ")" * 100_000)
    assert error.code == "cil-too-deep"


@pytest.mark.parametrize("separator", ["", "\n"])
def test_optional_blocks_nest_as_deep_as_translated_modules_have_them(separator: str) -> None:
    def nested(optionals: int, others: int) -> str:
        return separator.join(["(optional a "] * optionals + ["(a "] * others) + ")" * (optionals + others)

    assert len(read(nested(MAXIMUM_NESTING - 100, 100)).forms) == 1
    for text in (nested(MAXIMUM_NESTING, 100), nested(100, MAXIMUM_DEPTH + 1), nested(100_000, 0)):
        (error,) = errors(text)
        assert error.code == "cil-too-deep"


PIECES = st.sampled_from(
    [
        "(",
        ")",
        " ",
        "\n",
        "a",
        "bc_t",
        '"',
        ";",
        "\\",
        "\t",
        "é",
        "(allow",
        "(allow a b",
        " (c (p)))",
        "()",
        '"x y"',
        "\x0b",
        "\x1c",
        ".",
        "\n(type a)\n",
        "\n(optional bc_t\n",
        "\n(typeattributeset a (",
        " ))\n",
        '\n(filecon "x y" any ',
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_both_readers_agree(text: str) -> None:
    fast = read_fast(text)
    try:
        careful = read_carefully(SourceFile("x", text))
    except SelboxError:
        assert fast is None
        return
    if fast is not None:
        assert written_out(fast) == careful
        assert offsets(written_out(fast)) == offsets(careful)


@pytest.mark.parametrize(
    "line",
    [
        "(type a\x1c)",
        "(type \x1ca)",
        "(allow a b\x1c (c (p)))",
        "(allow a b (c (p\x0b)))",
        "(allow a b (c (\\p)))",
        "(optional a\x1cb\n)",
        "(typeattributeset a (b\x0bc))",
        '(filecon "x" any\x0b (u r t ((s0) (s0))))',
        '(filecon "x" \xe4 (u r t ((s0) (s0))))',
        "(roletype r t\x7f)",
        "(type )",
        "(typeattributeset a ()",
        "(class a ())",
        "(typeattributeset  a  ( b  c ) )",
        "  (allow a  b (c (p)))",
    ],
)
def test_both_readers_agree_about_odd_characters_and_blanks(line: str) -> None:
    for text in (line, f"(type a)\n{line}\n"):
        try:
            careful = read_carefully(SourceFile("x", text))
        except SelboxError:
            assert read_fast(text) is None
        else:
            fast = read_fast(text)
            assert fast is None or written_out(fast) == careful
            assert fast is None or offsets(written_out(fast)) == offsets(careful)


def offsets(forms: Iterable[Form | str]) -> list[object]:
    """Return the offsets of all forms but those inside of rules, which rules share."""
    return [
        (form.offset, [] if form.keyword in ("allow", "dontaudit") else offsets(form))
        for form in forms
        if isinstance(form, Form)
    ]


@pytest.mark.parametrize(
    ("around", "runs"),
    [
        ("{}", 1),
        ("(optional a\n{}(optional b\n{}))", 2),
        ("(booleanif (a)\n(true\n{}\n)\n(false\n{}\n)\n)", 2),
        ("(block a\n{})", 0),
        ("(macro a (b)\n{})", 0),
        ("(class a\n(optional b\n{}))", 0),
        ("(call a\n(booleanif b\n(true\n{}\n)))", 0),
    ],
)
def test_rules_are_put_together_only_where_statements_stand(around: str, runs: int) -> None:
    rules = "(allow a b (c (p)))\n    (dontaudit a b (c (p)))\n(type t)\n"
    text = around.replace("{}", rules)
    forms = read(text).forms
    assert _runs(forms) == runs
    careful = read_carefully(SourceFile("x", text))
    assert written_out(forms) == careful
    assert offsets(written_out(forms)) == offsets(careful)


def _runs(forms: Iterable[Form | RuleRun | str]) -> int:
    return sum(1 if isinstance(form, RuleRun) else _runs(form) for form in forms if not isinstance(form, str))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(SelboxError):
        assert all(isinstance(form, Form) for form in written_out(read(text).forms))


trees = st.recursive(
    st.sampled_from(["allow", "a.b", "*", "/x", "c0", "-"]), lambda inner: st.lists(inner, max_size=5), max_leaves=30
)


@given(st.lists(st.lists(trees, max_size=4), max_size=5), st.sampled_from([" ", "\n", "\t ", "\n ; c\n"]))
def test_what_is_written_is_read(forms: list[list[object]], blank: str) -> None:
    def write(item: object) -> str:
        return f"({blank.join(map(write, item))})" if isinstance(item, list) else str(item)

    text = blank.join(write(form) for form in forms)
    tree = read(text)
    assert written_out(tree.forms) == forms
    assert all(text[offset] == "(" for offset in tree.starts())
