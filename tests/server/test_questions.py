"""Questions as text. Expected answers follow the kernel's selinuxfs, and what was recorded of it."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.server.random_policies import PERMISSIONS, contexts, policies
from tests.strength import tries

from selbox.compiler.compile import compile_policy
from selbox.compiler.options import CompileOptions
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy
from selbox.server import questions
from selbox.server.questions import Questions

UNCHECKED = CompileOptions(disable_neverallow=True)
CIL = """
(handleunknown {unknown})(mls true)
(sid kernel)(sid unlabeled)(sidorder (kernel unlabeled))
(sidcontext kernel (u r init_t ((s0) (s0))))(sidcontext unlabeled (u object_r file_t ((s0) (s0))))
(class file (read write))(class process (fork transition))(class dir (search))(class db_table (select))
(classorder (file process dir db_table))
(sensitivity s0)(sensitivity s1)(sensitivityalias low)(sensitivityaliasactual low s0)(sensitivityorder (s0 s1))
(category c0)(category c1)(category c2)(categoryalias red)(categoryaliasactual red c1)(categoryorder (c0 c1 c2))
(sensitivitycategory s0 (range c0 c2))(sensitivitycategory s1 (range c0 c2))
(type init_t)(type file_t)(type note_t)(type secret_t)(typealias old_t)(typealiasactual old_t file_t)
(type wide_t)(typepermissive wide_t)
(role object_r)(role r)(roletype r init_t)(roletype r wide_t)(roletype object_r file_t)
(user u)(userrole u r)(userrole u object_r)(userlevel u (s0))(userrange u ((s0) (s1 (range c0 c2))))
(user v)(userrole v r)(userrole v object_r)(userlevel v (s0))(userrange v ((s0) (s0)))
(allow init_t file_t (file (read write)))(auditallow init_t file_t (file (write)))
(dontaudit init_t file_t (dir (search)))
(typetransition init_t file_t file note_t)(typetransition init_t file_t file "a b+c" secret_t)
(typetransition init_t file_t file "n\u00e4me" secret_t)
(typetransition init_t file_t process secret_t)
(typechange init_t file_t dir note_t)(typemember init_t file_t dir note_t)
(defaultrange db_table glblub)
"""
SOURCE, TARGET = "u:r:init_t:s0", "u:object_r:file_t:s0"


def make_policy(unknown: str = "deny") -> Policy:
    return compile_policy([parse(SourceFile("policy.cil", CIL.format(unknown=unknown)))])


@pytest.fixture(scope="module")
def policy() -> Policy:
    return make_policy()


def answer(policy: Policy, kind: str, *columns: str, enforcing: bool = True) -> str:
    """Return the answer's columns, separated by blanks."""
    question = "\t".join(columns)
    asked = Questions(policy, kind, enforcing)
    assert asked.well_formed([question]) == 1
    (line,) = asked.answer([question])
    assert line.startswith(f"{question}\t")
    return line.removeprefix(f"{question}\t").replace("\t", " ")


@pytest.mark.parametrize(
    ("source", "target", "object_class", "expected"),
    [
        (SOURCE, TARGET, "file", "3 ffffffff 2 ffffffff 1 0"),
        (SOURCE, TARGET, "dir", "0 ffffffff 0 fffffffe 1 0"),
        ("u:r:wide_t:s0", TARGET, "dir", "0 ffffffff 0 ffffffff 1 1"),
        (SOURCE, "u:object_r:old_t:low:red", "file", "3 ffffffff 2 ffffffff 1 0"),
        (SOURCE, TARGET, "1", "3 ffffffff 2 ffffffff 1 0"),
        (SOURCE, TARGET, "0", "0 ffffffff 0 ffffffff 1 0"),
        (SOURCE, TARGET, "5", "0 ffffffff 0 ffffffff 1 0"),
        (SOURCE, TARGET, "65535", "0 ffffffff 0 ffffffff 1 0"),
        (SOURCE, TARGET, "65536", "ERR:EINVAL"),
        (SOURCE, TARGET, "-1", "ERR:EINVAL"),
        (SOURCE, TARGET, "\u0661", "ERR:EINVAL"),
        (SOURCE, TARGET, "", "ERR:EINVAL"),
        (SOURCE, TARGET, "fil", "ERR:EINVAL"),
        (SOURCE, TARGET, "FILE", "ERR:EINVAL"),
        ("", TARGET, "file", "ERR:EINVAL"),
        (SOURCE, "", "file", "ERR:EINVAL"),
        (SOURCE, "u:object_r:file_t", "file", "ERR:EINVAL"),
        (f" {SOURCE}", "u:object_r:file_t:s0 ", "file", "3 ffffffff 2 ffffffff 1 0"),
        (SOURCE, "u:object_r: file_t:s0", "file", "ERR:EINVAL"),
        (SOURCE, "u:object_r:f\u00efle_t:s0", "file", "ERR:EINVAL"),
        ("u:r:file_t:s0", TARGET, "file", "ERR:EINVAL"),
        ("v:r:init_t:s0:c0", TARGET, "file", "ERR:EINVAL"),
    ],
)
def test_access(policy: Policy, source: str, target: str, object_class: str, expected: str) -> None:
    assert answer(policy, "access", source, target, object_class) == expected


def test_the_number_that_no_class_has_where_unknown_classes_are_allowed() -> None:
    policy = make_policy("allow")
    assert answer(policy, "access", SOURCE, TARGET, "0") == "ffffffff ffffffff 0 ffffffff 1 0"
    assert answer(policy, "access", SOURCE, TARGET, "9") == "0 ffffffff 0 ffffffff 1 0"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ((SOURCE, TARGET, "file"), "u:object_r:note_t:s0"),
        ((SOURCE, TARGET, "1"), "u:object_r:note_t:s0"),
        ((SOURCE, TARGET, "99"), "u:object_r:file_t:s0"),
        ((SOURCE, TARGET, "nofile"), "ERR:EINVAL"),
        ((SOURCE, TARGET, "file", ""), "u:object_r:note_t:s0"),
        ((SOURCE, TARGET, "file", "other"), "u:object_r:note_t:s0"),
        ((SOURCE, TARGET, "file", "a+b%2bc"), "u:object_r:secret_t:s0"),
        ((SOURCE, TARGET, "file", "%61%20b%2Bc"), "u:object_r:secret_t:s0"),
        ((SOURCE, TARGET, "file", "a b+c"), "u:object_r:note_t:s0"),
        ((SOURCE, TARGET, "file", "a+b%2bc%00d"), "u:object_r:secret_t:s0"),
        ((SOURCE, TARGET, "file", "n\u00e4me"), "u:object_r:secret_t:s0"),
        ((SOURCE, TARGET, "file", "n%c3%a4me"), "u:object_r:secret_t:s0"),
        ((SOURCE, TARGET, "file", "n%e4me"), "u:object_r:note_t:s0"),
        ((SOURCE, TARGET, "file", "%2"), "ERR:EINVAL"),
        ((SOURCE, TARGET, "file", "%zz"), "ERR:EINVAL"),
        ((SOURCE, TARGET, "file", "%+1"), "ERR:EINVAL"),
        (("u:r:init_t:s0-s1", TARGET, "process"), "ERR:EACCES"),
        (("u:r:init_t:s0", "u:object_r:file_t:s1", "db_table"), "ERR:EINVAL"),
        (("u:r:init_t:s0-s1", "u:object_r:file_t:s1", "db_table"), "u:object_r:file_t:s1"),
    ],
)
def test_create(policy: Policy, columns: tuple[str, ...], expected: str) -> None:
    assert answer(policy, "create", *columns) == expected


def test_permissive_passes_contexts_that_are_not_valid_but_not_ranges_that_are_none(policy: Policy) -> None:
    assert answer(policy, "create", SOURCE, TARGET, "process", enforcing=False) == "u:r:secret_t:s0"
    wrong = ("u:r:init_t:s0", "u:object_r:file_t:s1", "db_table")
    assert answer(policy, "create", *wrong, enforcing=False) == "ERR:EINVAL"


def test_relabel_and_member(policy: Policy) -> None:
    target = "v:object_r:file_t:s0"
    assert answer(policy, "relabel", "u:r:init_t:s0-s1", target, "dir") == "u:object_r:note_t:s0"
    assert answer(policy, "member", "u:r:init_t:s0-s1", target, "dir") == "v:object_r:note_t:s0"
    assert answer(policy, "member", SOURCE, target, "nodir") == "ERR:EINVAL"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u:object_r:old_t:low:c2,red,c0-s0:c0.c2", "u:object_r:file_t:s0:c0.c2"),
        ("u:object_r:file_t:s0:c0.red", "u:object_r:file_t:s0:c0,c1"),
        ("u:object_r:file_t:s0-s0", "u:object_r:file_t:s0"),
        ("u:r:init_t:s0-s1:c0,c2", "u:r:init_t:s0-s1:c0,c2"),
        ("v:r:init_t:s0-s1", "ERR:EINVAL"),
        ("v:object_r:init_t:s0-s1", "v:object_r:init_t:s0-s1"),
        ("u:object_r:file_t:s1-s0", "ERR:EINVAL"),
        ("u:object_r:file_t:s0:c1.c1", "ERR:EINVAL"),
        ("u:object_r:file_t:s0:", "ERR:EINVAL"),
        ("u:object_r:file_t:s0-", "ERR:EINVAL"),
        ("u:object_r:file_t:", "ERR:EINVAL"),
        ("u:object_r:file_t", "ERR:EINVAL"),
        ("u:object_r", "ERR:EINVAL"),
        ("u", "ERR:EINVAL"),
        (":::", "ERR:EINVAL"),
        (" u:object_r:file_t:s0", "ERR:EINVAL"),
        ("u:object_r:file_t:s0:c0\0", "ERR:EINVAL"),
    ],
)
def test_context(policy: Policy, text: str, expected: str) -> None:
    assert answer(policy, "context", text) == expected


def test_a_policy_without_levels_wants_none() -> None:
    text = CIL.format(unknown="deny").replace("(mls true)", "(mls false)")
    policy = compile_policy([parse(SourceFile("policy.cil", text))])
    assert answer(policy, "context", "u:object_r:old_t") == "u:object_r:file_t"
    assert answer(policy, "context", TARGET) == "ERR:EINVAL"
    assert answer(policy, "access", "u:r:init_t", "u:object_r:file_t", "file") == "3 ffffffff 2 ffffffff 1 0"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("access", f"{SOURCE}\t{TARGET}"),
        ("access", f"{SOURCE}\t{TARGET}\tfile\tname"),
        ("create", f"{SOURCE}\t{TARGET}\tfile\tname\t"),
        ("relabel", SOURCE),
        ("member", f"{SOURCE}\t{TARGET}\tfile\tname"),
        ("context", f"{SOURCE}\t{TARGET}"),
    ],
)
def test_the_first_line_with_wrong_columns_is_found(policy: Policy, kind: str, line: str) -> None:
    good = SOURCE if kind == "context" else f"{SOURCE}\t{TARGET}\tfile"
    asked = Questions(policy, kind)
    assert asked.well_formed([good, "", good]) == 3
    assert asked.well_formed([good, "", line, good]) == 2


def test_empty_lines_are_no_questions(policy: Policy) -> None:
    question = f"{SOURCE}\t{TARGET}\tfile"
    assert Questions(policy, "relabel").answer(["", question, ""]) == [f"{question}\tu:object_r:file_t:s0"]
    assert Questions(policy, "access").answer([""]) == []


@settings(
    max_examples=tries(60),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(policies(), st.lists(contexts, min_size=3, max_size=6, unique=True))
def test_many_at_once_are_answered_as_one_by_one(monkeypatch: pytest.MonkeyPatch, cil: str, texts: list[str]) -> None:
    compiled = compile_policy([parse(SourceFile("policy.cil", cil))], options=UNCHECKED)
    classes = (*PERMISSIONS, "2", "nothing")
    lines = [f"{source}\t{target}\t{name}" for source in texts for target in texts for name in classes]
    single = Questions(compiled, "access")
    one_by_one = [answer for line in lines for answer in single.answer([line])]
    monkeypatch.setattr(questions, "_ARRAYS_FROM", 1)
    monkeypatch.setattr(questions, "_ARRAYS_WORTH", 2)
    monkeypatch.setattr("selbox.server.questionarrays._CONTEXTS_KEPT", 6)
    monkeypatch.setattr("selbox.server.contexttexts._PARTS_KEPT", 3)
    asked = Questions(compiled, "access")
    assert asked.answer(lines) == one_by_one
    assert asked.answer(lines[:200]) == one_by_one[:200]
    assert asked.answer(lines[5:10]) == one_by_one[5:10]
