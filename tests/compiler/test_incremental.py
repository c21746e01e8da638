"""What is compiled again after a change is what a whole compilation gives, byte for byte, or it gives up."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selbox.binary.kernel import write_with_place
from selbox.binary.kernel.accesspatch import with_access_rules
from selbox.compiler.baseline import Baseline, baseline_of
from selbox.compiler.compile import compile_resolved
from selbox.compiler.incremental import Change, Window, recompile
from selbox.compiler.options import DEFAULTS, CompileOptions
from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import parse

BASE = """
(mls true)
(class process (fork transition)) (class file (read write open ioctl)) (class dir (search))
(classorder (process file dir))
(sid kernel) (sidorder (kernel)) (sidcontext kernel (u r a ((s0) (s0))))
(sensitivity s0) (sensitivityorder (s0)) (category c0) (categoryorder (c0)) (sensitivitycategory s0 (c0))
(user u) (role r) (userrole u r) (userlevel u (s0)) (userrange u ((s0) (s0)))
(type a) (type b) (type c) (type d) (roletype r a) (typealias also) (typealiasactual also b)
(typeattribute cil_gen_require) (typeattribute some) (typeattributeset some (a b)) (typeattribute none)
(typeattribute rest) (typeattributeset rest (not some))
(boolean flag true)
(allow some rest (file (read))) (allow rest some (dir (search)))
(neverallow c some (process (transition)))
(typetransition a b file c)
"""


def compiled(texts: Sequence[str], options: CompileOptions = DEFAULTS) -> tuple[bytes, Baseline | None]:
    trees = [parse(SourceFile(f"{index}.cil", text)) for index, text in enumerate(texts)]
    policy, resolution = compile_resolved(trees, options=options)
    binary, table = write_with_place(policy)
    return binary, baseline_of(trees, policy, resolution, binary, table)


def again(before: Sequence[str], now: Sequence[str]) -> bytes | None:
    """Return what is compiled again; None when the whole has to be."""
    _, baseline = compiled(before)
    assert baseline is not None
    changes = {index: Change(*pair) for index, pair in enumerate(zip(before, now, strict=True)) if len(set(pair)) > 1}
    found = recompile(baseline, changes)
    return None if found is None else with_access_rules(baseline.binary, baseline.table, found.chains)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", "(allow a b (file (read)))"),
        ("(allow a b (file (read)))", ""),
        ("(allow a b (file (read)))", "(allow a b (file (write)))"),
        ("(allow a b (file (read)))\n(allow a b (file (write)))", "(allow a b (file (write)))"),
        ("(allow a b (file (read)))\n(dontaudit a b (file (write)))", "(dontaudit a b (file (write)))"),
        (
            "(dontaudit a b (file (open)))\n(allow a b (file (read)))\n(allow c c (dir (search)))",
            "(allow a b (file (read)))\n(dontaudit a b (file (open)))\n(allow c c (dir (search)))",
        ),
        (
            "(optional o (allow a b (dir (search))))",
            "(optional o (allow a also (dir (search)))\n(allow d self (file (read))))",
        ),
        ("(optional o (typeattributeset cil_gen_require a))", "(optional o (typeattributeset cil_gen_require b))"),
        ("(optional m_optional_2 (allow a b (file (read))))", "(optional m_optional_3 (allow a b (file (open))))"),
        ("(type x)\n(allow x x (file (read)))", "; first\n(type x)\n(allow x self (file (read open)))\n; last\n"),
        ("(allow a b (file (read)))(type x)", "(allow a c (file (read)))(type x)"),
        ("(allow some self (file (read)))", "(allow some self (file (read)))\n(auditallow some rest (file (open)))"),
        (
            "(optional gone (allow a nowhere (file (read))))",
            "(optional gone (allow a nowhere (file (read)))) (allow a b (dir (search)))",
        ),
        (
            '(filecon "/a(;.*)?" any (u r a ((s0) (s0))))\n',
            '(filecon "/a(;.*)?" any (u r a ((s0) (s0))))\n(allow b c (dir (search)))\n',
        ),
    ],
)
def test_changes_of_access_rules_are_followed(before: str, now: str) -> None:
    for texts, then in (([BASE, before, ""], [BASE, now, ""]), ([before, BASE], [now, BASE])):
        found = again(texts, then)
        assert found is not None
        assert found == compiled(then)[0]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", "(type x)"),
        ("", "(allow a nowhere (file (read)))"),
        ("", "(allow a b (file (fly)))"),
        ("", "(allow a b (file (all)))"),
        ("", "(allow c a (process (transition)))"),
        ("", "(allow a none (file (read)))"),
        ("", "(allow a b (file (read))"),
        ("(type x)", "(type y)"),
        ("(typeattribute own)(allow a own (file (read)))", "(typeattribute own)"),
        (
            "(typeattribute own)(typeattributeset own a)(allow a own (file (read)))",
            "(typeattribute own)(typeattributeset own a)",
        ),
        ("(optional o (allow a nowhere (file (read))))", "(optional o (allow a b (file (read))))"),
        ("(booleanif flag (true (allow a b (file (read)))))", "(booleanif flag (true (allow a b (file (open)))))"),
        ("(typetransition a b dir c)", "(typetransition a b dir d)"),
        ("(optional o (allow a b (file (read))))", "(optional p (allow a b (file (read))))"),
        ("(allow a b (file (read))) ; words", "(allow a b (file (read))) ; words (allow a c (file (read)))"),
    ],
)
def test_other_changes_are_left_to_a_whole_compilation(before: str, now: str) -> None:
    assert again([BASE, before], [BASE, now]) is None


def test_words_about_what_has_changed() -> None:
    text = "(type x)\n(allow a b (file (read)))\n(type y)\n"
    _, baseline = compiled([BASE, text])
    assert baseline is not None
    change = Change(text, text.replace("(file (read))", "(file (read open))"))
    found = recompile(baseline, {1: change})
    assert found is not None
    assert found.windows == {1: Window(9, 35, 40)}
    assert change.now[9:40] == "(allow a b (file (read open)))\n"


@pytest.mark.parametrize(
    "text",
    [
        "(macro m ((type t)) (allow t t (file (read)))) (call m (a))",
        "(optional o) (in o (allow a b (file (read))))",
        "(block x (type t))",
        "(tunable tune true) (tunableif tune (true (allow a b (file (read)))))",
        "(typebounds a b)",
        "(allowx a b (ioctl file (1)))",
        "(deny a b (file (read)))",
    ],
)
def test_policies_whose_rules_have_effects_elsewhere_leave_nothing(text: str) -> None:
    assert compiled([BASE, text])[1] is None


@pytest.mark.parametrize("options", [DEFAULTS._replace(optimize=True), DEFAULTS._replace(expand_size=3)])
def test_options_that_change_rules_leave_nothing(options: CompileOptions) -> None:
    assert compiled([BASE], options)[1] is None


names = st.sampled_from(["a", "b", "c", "d", "also", "some", "rest", "some", "rest", "x", "nowhere", "none"])
permissions = st.sampled_from(
    ["(file (read))", "(file (read write))", "(file (open))", "(dir (search))", "(process (fork))"]
)
rules = st.builds(
    lambda kind, source, target, vector: f"({kind} {source} {target} {vector})",
    st.sampled_from(["allow", "allow", "allow", "dontaudit", "auditallow"]),
    names,
    st.one_of(names, st.just("self")),
    permissions,
)
others = st.sampled_from(
    [
        "(type x)",
        "(roletype r x)",
        "(typeattributeset cil_gen_require x)",
        "(typeattributeset cil_gen_require nowhere)",
        "(typeattributeset some d)",
        "(typetransition c d dir a)",
        "(neverallow d d (dir (search)))",
        "(allow c b (process (transition)))",
        "; a comment",
        "(booleanif flag (true (allow a b (file (write)))))",
    ]
)
plain = st.one_of(rules, rules, rules, others)
optionals = st.builds(
    lambda number, body: f"(optional m_optional_{number}\n" + "\n".join(body) + "\n)",
    st.integers(0, 30),
    st.lists(st.one_of(rules, others), max_size=4),
)
modules = st.lists(st.one_of(plain, plain, optionals), max_size=8)
edits = st.lists(
    st.tuples(st.sampled_from(["remove", "add", "move"]), st.integers(0, 7), st.integers(0, 7), plain), max_size=3
)


def edited(statements: list[str], steps: list[tuple[str, int, int, str]]) -> list[str]:
    result = list(statements)
    for step, first, second, statement in steps:
        if step == "add":
            result.insert(first, statement)
        elif result:
            taken = result.pop(first % len(result))
            if step == "move":
                result.insert(second, taken)
    return result


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(modules, min_size=1, max_size=3), st.integers(0, 2), edits)
def test_compiled_again_or_not_at_all(
    statements: list[list[str]], number: int, steps: list[tuple[str, int, int, str]]
) -> None:
    number %= len(statements)
    changed = list(statements)
    changed[number] = edited(statements[number], steps)
    before = [BASE, *("\n".join(each) + "\n" for each in statements)]
    now = [BASE, *("\n".join(each) + "\n" for each in changed)]
    try:
        compiled(before)
    except SelboxError:
        return
    found = again(before, now)
    try:
        whole = compiled(now)[0]
    except SelboxError:
        assert found is None
        return
    assert found in (None, whole)
