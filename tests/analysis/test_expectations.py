"""Expectations held against a policy whose answers are worked out by hand."""

from time import process_time

import pytest

from selbox.analysis import expectations, questions, suspectarrays
from selbox.analysis.coverage import Coverage
from selbox.analysis.expectations import SHOWN, Examiner
from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.language.expectations import parse_expectations
from selbox.model.policy import Policy

POLICY = """
(handleunknown deny) (mls true)
(class file (read write execute entrypoint execute_no_trans ioctl)) (class process (transition signal))
(class dir (search)) (classorder (file process dir))
(sid kernel) (sidorder (kernel))
(sensitivity s0) (sensitivity s1) (sensitivityorder (s0 s1)) (category c0) (category c1) (categoryorder (c0 c1))
(sensitivitycategory s0 (c0 c1)) (sensitivitycategory s1 (c0 c1))
(type init_t) (type web_t) (type db_t) (type web_exec_t) (type page_t) (type table_t) (type new_t) (type tty_t)
(typealias server_t) (typealiasactual server_t web_t)
(typeattribute daemon) (typeattributeset daemon (web_t db_t)) (typepermissive db_t)
(role r) (roletype r init_t) (roletype r daemon)
(user u) (userrole u r) (userlevel u (s0)) (userrange u ((s0) (s1 (c0 c1))))
(sidcontext kernel (u r init_t ((s0) (s0))))
(boolean talks false)
(allow web_t page_t (file (read)))
(allow daemon table_t (file (read)))
(allow init_t web_exec_t (file (execute)))
(allow init_t web_t (process (transition)))
(allow web_t web_exec_t (file (entrypoint)))
(allow web_t self (process (signal)))
(booleanif talks (true (allow web_t table_t (file (write)))) (false (allow web_t page_t (file (write)))))
(typetransition init_t web_exec_t process web_t)
(typetransition web_t page_t file new_t)
(typetransition web_t page_t file "index" table_t)
(typechange web_t tty_t file new_t)
(typemember web_t tty_t dir new_t)
(mlsconstrain (file (read)) (dom l1 l2))
(allow web_t tty_t (file (ioctl)))
(allowx web_t tty_t (ioctl file ((range 0x5401 0x5403) 0x8910)))
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return compile_policy([parse(SourceFile("p.cil", POLICY))])


def reasons(policy: Policy, text: str) -> list[tuple[str, ...]]:
    lines = parse_expectations(SourceFile("t.expect", text))
    return [each.reasons for each in Examiner(policy).examine(lines)]


@pytest.mark.parametrize(
    "line",
    [
        "allow web_t page_t:file { read write }",
        "allow { web_t db_t } table_t:file read",
        "allow daemon table_t:file read",
        "allow server_t self:process signal",
        "allow u:r:web_t:s1:c1 u:object_r:page_t:s0:c1:file read",
        "deny web_t table_t:file write",
        "deny u:r:web_t:s0 u:object_r:page_t:s0:c1:file read",
        "deny { daemon -db_t } page_t:file execute",
        "deny init_t { page_t table_t }:{ file dir } *",
        "only { web_t db_t } page_t:file { read write }",
        "only daemon table_t:file read",
        "boolean talks allows web_t table_t:file write",
        "boolean talks=off allows web_t page_t:file write",
        "transition init_t web_exec_t -> web_t",
        "create web_t page_t:file -> new_t",
        "create web_t page_t:file index -> table_t",
        'create web_t page_t:file "other" -> u:object_r:new_t:s0',
        "relabel web_t tty_t:file -> new_t",
        "member web_t tty_t:dir -> new_t",
        "allow web_t tty_t:file { ioctl ioctl(0x5401-0x5403) ioctl(35088) }",
        "deny web_t tty_t:file { write ioctl(0x5400) ioctl(0x5404) ioctl(0x8911-0x8920) }",
        "only { web_t db_t } tty_t:file ioctl(0x5401)",
        "valid u:r:web_t:s0-s1:c0.c1",
        "invalid u:r:page_t:s0",
        "invalid u:r:web_t:s1-s0",
        "invalid u:nobody_r:web_t:s0",
        "[booleans talks=on]\nallow web_t table_t:file write\n[booleans]\ndeny web_t table_t:file write",
        "[booleans any]\ndeny init_t table_t:file *\nallow web_t page_t:file read",
    ],
)
def test_what_is_met(policy: Policy, line: str) -> None:
    assert not any(reasons(policy, line))


_WEB, _PAGE, _TABLE, _TTY = "u:r:web_t:s0", "u:object_r:page_t:s0", "u:object_r:table_t:s0", "u:object_r:tty_t:s0"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "allow web_t page_t:file { read execute }",
            f"{_WEB} {_PAGE}:file execute is denied: no rule (allow web_t page_t (file (execute)))",
        ),
        (
            "allow u:r:web_t:s0 u:object_r:page_t:s1:file read",
            f"{_WEB} u:object_r:page_t:s1:file read is denied: (mlsconstrain (file (read)) (dom l1 l2)) at p.cil:27:1",
        ),
        (
            "deny web_t page_t:file { read execute }",
            f"{_WEB} {_PAGE}:file read is granted by (allow web_t page_t (file (read))) at p.cil:15:1",
        ),
        (
            "deny db_t page_t:file read",
            f"u:r:db_t:s0 {_PAGE}:file read is denied, but db_t is permissive, so that it goes on",
        ),
        (
            "only db_t table_t:file read",
            f"{_WEB} {_TABLE}:file read is granted by (allow daemon table_t (file (read))) at p.cil:16:1",
        ),
        (
            "[booleans any]\ndeny web_t table_t:file write",
            f"{_WEB} {_TABLE}:file write is granted by (allow web_t table_t (file (write))) if talks at p.cil:21:24",
        ),
        (
            "[booleans any]\nallow web_t page_t:file write",
            f"{_WEB} {_PAGE}:file write is denied: no rule (allow web_t page_t (file (write)))",
        ),
        ("create web_t page_t:file -> page_t", "it is new_t"),
        ("create web_t page_t:file -> u:object_r:new_t:s1", "it is u:object_r:new_t:s0"),
        ("transition init_t web_exec_t -> db_t", "it is web_t"),
        (
            "transition web_t page_t -> web_t",
            f"{_WEB} {_PAGE}:file execute is denied: no rule (allow web_t page_t (file (execute)))",
        ),
        (
            "allow web_t tty_t:file ioctl(0x5403-0x5404)",
            f"{_WEB} {_TTY}:file ioctl(0x5404) is denied: extended rules are about this access, and none allows 0x5404",
        ),
        (
            "deny web_t tty_t:file ioctl(0x8910)",
            f"{_WEB} {_TTY}:file ioctl(0x8910) is granted by (allow web_t tty_t (file (ioctl))) at p.cil:28:1",
        ),
        ("valid u:r:page_t:s0", "role `r` may not take type `page_t`"),
        ("invalid u:r:web_t:s0", "the context is valid"),
    ],
)
def test_what_is_not_met_and_why(policy: Policy, line: str, reason: str) -> None:
    (found,) = reasons(policy, line)
    assert found[0] == reason


def test_of_two_rules_that_read_alike_the_conditional_one_is_known_by_its_condition() -> None:
    both = f"{POLICY}(booleanif (not talks) (true (allow web_t page_t (file (read)))))"
    policy = compile_policy([parse(SourceFile("p.cil", both))])
    for settings in ("", "[booleans any]\n"):
        (found,) = reasons(policy, f"{settings}deny web_t page_t:file read")
        rule = "(allow web_t page_t (file (read)))"
        assert found == (
            f"{_WEB} {_PAGE}:file read is granted by {rule} at p.cil:15:1, {rule} if ! talks at p.cil:30:30",
        )


def test_a_boolean_that_changes_nothing(policy: Policy) -> None:
    (found,) = reasons(policy, "boolean talks allows web_t page_t:file read")
    assert found == (
        f"with talks off: {_WEB} {_PAGE}:file read is granted by (allow web_t page_t (file (read))) at p.cil:15:1",
    )
    (found,) = reasons(policy, "boolean talks allows web_t page_t:file execute")
    assert found == (
        f"with talks on: {_WEB} {_PAGE}:file execute is denied: no rule (allow web_t page_t (file (execute)))",
    )


def test_a_boolean_is_as_before_after_it_was_looked_at(policy: Policy) -> None:
    assert not any(reasons(policy, "boolean talks allows web_t table_t:file write\ndeny web_t table_t:file write"))


def test_many_reasons_are_counted(policy: Policy) -> None:
    (found,) = reasons(policy, "allow init_t { web_t db_t init_t }:process { transition signal }")
    assert len(found) <= SHOWN + 1
    (found,) = reasons(policy, "allow { init_t db_t } { web_exec_t page_t tty_t new_t }:dir search")
    assert len(found) == SHOWN + 1
    assert found[-1] == f"and {8 - SHOWN} more"


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        ("allow web_tt page_t:file read", "unknown-type", 7),
        ("allow { web_t -dbb } page_t:file read", "unknown-type", 16),
        ("allow web_t page_t:fiel read", "unknown-class", 20),
        ("allow web_t page_t:file { read wriet }", "unknown-permission", 32),
        ("boolean talk allows web_t page_t:file read", "unknown-boolean", 9),
        ("[booleans talk=on]\nallow web_t page_t:file read", "unknown-boolean", 11),
        ("allow u:r:nobody_t:s0 page_t:file read", "invalid-context", 7),
        ("allow u:r:page_t:s0 page_t:file read", "invalid-context", 7),
        ("allow web_t page_t:dir ioctl(1)", "unknown-permission", 24),
        ("allow web_t page_t:file ioctl(2-1)", "expectation-syntax", 25),
        ("allow web_t page_t:file ioctl(0x99999)", "expectation-syntax", 25),
        ("allow { web_t -daemon } page_t:file read", "expectation-empty", 9),
        ("deny { -web_t } page_t:file read", "expectation-empty", 8),
        ("deny web_t { page_t -page_t }:file read", "expectation-empty", 14),
        ("allow self page_t:file read", "unknown-type", 7),
        ("[booleans talk=on]\nallow web_t page_t:file read\ndeny web_t page_t:file read", "unknown-boolean", 11),
        ("create daemon page_t:file -> new_t", "unknown-type", 8),
        ("[booleans any]\nvalid u:r:web_t:s0", "expectation-syntax", 1),
    ],
)
def test_unknown_names_are_shown_at_their_place(policy: Policy, line: str, code: str, column: int) -> None:
    with pytest.raises(SelboxError) as caught:
        reasons(policy, "valid u:r:web_t:s0\n" + line)
    (found,) = caught.value.diagnostics
    assert found.span is not None
    assert (found.code, found.span.column) == (code, column)


def test_coverage(policy: Policy) -> None:
    coverage = Coverage(policy)
    text = """
        allow web_t page_t:file read
        deny web_t table_t:file write
        boolean talks allows web_t table_t:file write
        transition init_t web_exec_t -> web_t
        create web_t page_t:file "index" -> table_t
        relabel web_t tty_t:file -> new_t
    """
    list(Examiner(policy, coverage).examine(parse_expectations(SourceFile("t.expect", text))))
    (file,) = coverage.files()
    assert (file.file, file.rules) == ("p.cil", 14)
    assert [(each.origin.line, each.text) for each in file.untouched] == [
        (16, "(allow daemon table_t (file (read)))"),
        (20, "(allow web_t self (process (signal)))"),
        (21, "(allow web_t page_t (file (write)))"),
        (23, "(typetransition web_t page_t file new_t)"),
        (26, "(typemember web_t tty_t dir new_t)"),
        (28, "(allow web_t tty_t (file (ioctl)))"),
    ]


def test_coverage_needs_to_know_the_source(policy: Policy) -> None:
    with pytest.raises(SelboxError) as caught:
        Coverage(policy._replace(origins=()))
    assert caught.value.diagnostics[0].code == "coverage-without-source"


@pytest.mark.parametrize(
    ("line", "numbers", "more"),
    [
        ("allow web_t tty_t:file ioctl(0-0xffff)", [0, 1, 2, 3, 4], 0x10000 - 4 - 5),
        ("allow web_t tty_t:file ioctl(0x5402-0x8910)", [0x5404, 0x5405, 0x5406, 0x5407, 0x5408], 0x350F - 3 - 5),
        ("deny web_t tty_t:file ioctl(0x5403-0xffff)", [0x5403, 0x8910], 0),
        ("deny web_t tty_t:file ioctl(0-0xffff)", [0x5401, 0x5402, 0x5403, 0x8910], 0),
        ("deny db_t tty_t:file ioctl(1-0x8000)", [1, 2, 3, 4, 5], 0x8000 - 5),
        ("allow db_t tty_t:file ioctl(0x10-0xff10)", [0x10, 0x11, 0x12, 0x13, 0x14], 0xFF01 - 5),
        ("allow web_t tty_t:file ioctl(0x5401-0x5403)", [], 0),
        ("deny web_t tty_t:file ioctl(0x5404-0x890f)", [], 0),
    ],
)
def test_a_range_of_extended_permissions_is_asked_about_number_by_number(
    policy: Policy, line: str, numbers: list[int], more: int
) -> None:
    begin = process_time()
    (found,) = reasons(policy, line)
    assert process_time() - begin < 20
    shown = [each for each in found if not each.startswith("and ")]
    assert [each.split("ioctl(")[1].split(")")[0] for each in shown] == [f"{each:#06x}" for each in numbers]
    assert list(found[len(shown) :]) == ([f"and {more} more"] if more else [])


def test_a_range_of_extended_permissions_touches_the_rule_that_grants_them(policy: Policy) -> None:
    for line, touched in (("ioctl(0x5000-0xffff)", True), ("ioctl(0x5404-0x8000)", False)):
        coverage = Coverage(policy)
        lines = parse_expectations(SourceFile("t.expect", f"allow web_t tty_t:file {line}"))
        list(Examiner(policy, coverage).examine(lines))
        (file,) = coverage.files()
        assert any(each.text == "(allow web_t tty_t (file (ioctl)))" for each in file.untouched) is not touched


MANY = """
allow domains domains:process signal
allow domains self:process { signal transition }
allow { web_t db_t } { page_t table_t self }:{ file process } *
deny { web_t init_t } { page_t table_t self }:{ file process } *
deny { web_t db_t } { page_t table_t self }:file { execute ioctl }
only web_t { page_t tty_t }:file { read write }
allow web_t { tty_t page_t }:file { ioctl ioctl(0x5401-0x5500) }
deny daemon { tty_t page_t }:file { write ioctl(0x5401-0x5500) }
boolean talks allows daemon { page_t table_t }:file write
[booleans any]
allow daemon { page_t table_t self }:file { read write }
deny daemon { page_t table_t self }:file { read write }
""".replace("domains", "{ init_t daemon }")


def test_many_questions_by_the_array_are_answered_like_a_few(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one = reasons(policy, MANY)
    assert all(one_by_one)
    monkeypatch.setattr(questions, "_BY_ARRAY", 1)
    assert reasons(policy, MANY) == one_by_one
    monkeypatch.setattr(suspectarrays, "_AT_ONCE", 5)
    assert reasons(policy, MANY) == one_by_one


def test_of_many_denials_the_last_are_counted_only(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "allow { init_t daemon } { init_t daemon page_t }:dir search"
    monkeypatch.setattr(questions, "_BY_ARRAY", 1)
    (all_of_them,) = reasons(policy, line)
    assert all_of_them[-1] == f"and {12 - SHOWN} more"
    monkeypatch.setattr(expectations, "_EXPLAINED", SHOWN + 1)
    assert reasons(policy, line) == [(*all_of_them[:-1], f"and at least {12 - SHOWN} more")]
    (found,) = reasons(policy, "deny db_t { init_t web_t db_t page_t tty_t new_t table_t }:dir search")
    assert found[-1] == f"and {7 - SHOWN} more"


def test_all_pairs_of_hundreds_of_types_are_quick() -> None:
    types = "".join(f"(type t{each}) (typeattributeset many t{each}) (roletype r t{each})" for each in range(400))
    text = f"{POLICY} (typeattribute many) {types} (allow many many (process (signal)))"
    policy = compile_policy([parse(SourceFile("p.cil", text))])
    begin = process_time()
    met, failed = reasons(policy, "allow many many:process signal\nallow many many:process transition")
    assert process_time() - begin < 20
    assert not met
    assert failed[-1] == f"and at least {400 * 400 - SHOWN} more"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("entrypoint execute_no_trans", "entrypoint", "unknown-permission"),
        ("(class process (transition signal))", "(class process (signal))", "unknown-permission"),
    ],
)
def test_transitions_need_their_permissions(old: str, new: str, code: str) -> None:
    text = POLICY.replace(old, new).replace("(allow init_t web_t (process (transition)))", "")
    lacking = compile_policy([parse(SourceFile("p.cil", text))])
    with pytest.raises(SelboxError) as caught:
        reasons(lacking, "transition init_t web_exec_t -> web_t")
    assert caught.value.diagnostics[0].code == code
