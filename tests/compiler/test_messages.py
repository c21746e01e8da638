"""Errors tell where, what and what to do; all of a run are told at once."""

import pytest
from tests.compiler.policies import BASE, errors_of

from selbox.diagnostics import Diagnostics, SourceFile, render
from selbox.language.cil import parse


def test_place_underline_and_suggestion() -> None:
    (error,) = errors_of(BASE, "; first line\n  (allow a kernel_tt (file (read)))")
    assert render(error) == (
        "error[cil-unknown-type]: no type `kernel_tt` is declared here\n"
        " --> 1.cil:2:12\n"
        "  |\n"
        "2 |   (allow a kernel_tt (file (read)))\n"
        "  |            ^^^^^^^^^\n"
        "  help: did you mean `kernel_t`?"
    )


def test_permission_suggestion_names_a_permission_of_the_class() -> None:
    (error,) = errors_of(BASE, "(allow a b (file (reed)))")
    assert error.span is not None
    assert (error.span.column, error.span.length) == (19, 4)
    assert error.help == "did you mean `read`?"


def test_a_name_that_is_something_else_is_told_to_be_so() -> None:
    (error,) = errors_of(BASE, "(allow system_u b (file (read)))")
    assert (error.code, error.help) == ("cil-unknown-type", "`system_u` is something else here: user")


def test_the_role_of_objects_is_to_be_declared_where_it_is_named() -> None:
    errors = errors_of(BASE.replace("(role object_r)", ""))
    assert {(each.code, each.help) for each in errors} == {("cil-unknown-role", "declare it: `(role object_r)`")}


def test_that_there_may_be_more_errors_is_told() -> None:
    errors = errors_of(BASE, "".join(f"(allow a x{n} (file (read)))\n" for n in range(60)))
    assert len(errors) == 50
    assert errors[-1].notes == (("these are the first 50 errors; there may be more", None),)
    assert not errors[-2].notes
    assert not errors_of(BASE, "".join(f"(allow a x{n} (file (read)))\n" for n in range(49)))[-1].notes


def test_a_second_declaration_tells_of_the_option_that_allows_it() -> None:
    (type_error,) = errors_of(BASE, "(type a)")
    (user_error,) = errors_of(BASE, "(user system_u)")
    assert "--multiple-declarations" in type_error.help
    assert "--multiple-declarations" not in user_error.help  # it allows types, attributes and roles only


def test_all_errors_of_a_run_in_source_order() -> None:
    errors = errors_of(BASE, "(roletype nor a)\n(allow x a (file (read)))\n(allow a y (file (read)))\n(userrole nou z)")
    assert [error.span.line for error in errors if error.span] == [1, 2, 3, 4]


def test_what_stands_behind_rules_is_found_in_its_place() -> None:
    rules = "(allow a b (file (read)))\n" * 2
    (error,) = errors_of(BASE, f"(optional o\n{rules}stray\n)")
    assert error.code == "cil-stray-text"
    assert error.span is not None
    assert (error.span.line, error.span.length) == (4, len("stray"))


def test_error_inside_a_macro_is_where_its_author_wrote_it() -> None:
    (error,) = errors_of(BASE, "(macro m ((type x))\n  (allow x gone (file (read))))\n(call m (a))\n(call m (b))")
    assert error.span is not None
    assert error.span.place == "1.cil:2:12"


def test_neverallow_shows_both_places() -> None:
    (error,) = errors_of(BASE, "(neverallow c both (file (open)))\n(allow filetype d (file (open read)))")
    assert error.span is not None
    assert error.span.place == "1.cil:1:1"
    (words, rule) = error.notes[0]
    assert (words, rule.place if rule else "") == ("the rule", "1.cil:2:1")


def test_earlier_declaration_is_shown() -> None:
    (error,) = errors_of(BASE + "(type twice)", "(typeattribute twice)")
    assert error.notes[0][1] is not None
    assert error.notes[0][1].source.name == "0.cil"


def test_a_policy_without_its_foundations() -> None:
    codes = {error.code for error in errors_of("(mls true) (type a)")}
    assert codes == {"cil-no-classes", "cil-no-initial-sids", "cil-no-sensitivities"}


def test_limit_of_expansion() -> None:
    macros = "(macro m0 () (allow a b (file (read))))" + "".join(
        f"(macro m{number} ()" + f"(call m{number - 1})" * 10 + ")" for number in range(1, 9)
    )
    assert [each.code for each in errors_of(BASE, macros + "(call m8)")] == ["cil-too-large"]


def test_long_chains_do_not_exhaust_the_stack() -> None:
    count = 3000
    chain = "".join(f"(typeattribute at{n}) (typeattributeset at{n} at{n + 1})" for n in range(count))
    aliases = "".join(f"(typealias al{n}) (typealiasactual al{n} al{n + 1})" for n in range(60))
    text = f"{chain} (typeattribute at{count}) (typeattributeset at{count} a) {aliases} (typealias al60)"
    assert errors_of(BASE, text + "(typealiasactual al60 a) (allow at0 al0 (file (read)))") == []


def test_warnings_are_kept() -> None:
    from selbox.compiler.compile import compile_policy

    diagnostics = Diagnostics()
    text = BASE + "(portcon tcp 70000 (system_u object_r c ((s0) (s0))))"
    compile_policy([parse(SourceFile("x.cil", text))], diagnostics)
    assert [each.code for each in diagnostics.warnings] == ["cil-port-range"]


def test_a_lost_order_is_one_error() -> None:
    assert [each.code for each in errors_of(BASE, "(classorder (dir file))")] == ["cil-bad-order"]


@pytest.mark.parametrize(
    ("text", "help_text"),
    [
        ("(portcon tcp 80-90 (system_u object_r c ((s0) (s0))))", "a range is written `(80 90)`"),
        (
            "(context k (system_u object_r c (s0 s0)))",
            "a level without a name is written in parentheses: `(s0)`",
        ),
        ("(allow a b:file (read))", "a type and a class are written `b (file (PERMISSION…))`"),
        (
            "(genfscon proc / system_u:object_r:c:s0)",
            "a context is written `(system_u object_r c ((LOW) (HIGH)))`",
        ),
        (
            '(filecon "/x" system_u:object_r:c:s0)',
            "it is written (filecon PATTERN KIND CONTEXT|()), and a context (USER ROLE TYPE ((LOW) (HIGH)))",
        ),
    ],
)
def test_who_writes_as_in_other_languages_is_told_how_cil_has_it(text: str, help_text: str) -> None:
    assert [each.help for each in errors_of(BASE, text)] == [help_text]


def test_what_is_no_number_is_not_called_too_great() -> None:
    context = "(system_u object_r c ((s0) (s0)))"
    (word,) = errors_of(BASE, f"(portcon tcp http {context})")
    (great,) = errors_of(BASE, f"(portcon tcp 9999999999 {context})")
    assert word.message == "expected a port (decimal)"
    assert great.message == "expected a port (decimal) of at most 4294967295"


def test_line_marks_tell_where_what_is_wrong_was_written_before_it_was_translated() -> None:
    text = (
        ";;* lms 5 /a/outer.te\n(type z1)\n;;* lms 10 /b/inner.te\n(type z2)\n(allow a nowhere (file (read)))\n"
        ";;* lme\n(allow a absent (file (read)))\n;;* lme\n(allow a none (file (read)))\n"
    )
    inner, outer, unmarked = errors_of(BASE, text)
    assert inner.notes == (("a line mark says that this was written at /b/inner.te:11", None),)
    assert outer.notes == (("a line mark says that this was written at /a/outer.te:10", None),)
    assert "line mark" not in " ".join(words for words, _ in unmarked.notes)
