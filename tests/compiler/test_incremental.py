"""What is compiled again after a change is what a whole compilation gives, byte for byte, or it gives up."""

import marshal
from array import array

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.compiler.changing_policies import BASE, BLOCKS, MORE, Author
from tests.compiler.recompiling import again, compiled, followed, succeeds, whole
from tests.strength import tries

from selbox.compiler.baseline import Baseline
from selbox.compiler.incremental import recompile
from selbox.compiler.options import DEFAULTS, CompileOptions
from selbox.compiler.windows import Change, Window, windows
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse

CONTEXT = "(u object_r a ((s0) (s0 (c0))))"


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
        ("", "(allow a b (file (not (read))))"),
        ("(allow a b (file (read))) ; words", "(allow a b (file (read))) ; words (allow a c (file (read)))"),
        ("(optional o (typeattributeset cil_gen_require a))", "(optional o (typeattributeset cil_gen_require b))"),
        ("(optional m_optional_2 (allow a b (file (read))))", "(optional m_optional_3 (allow a b (file (open))))"),
        ("(allow a b (file (read)))(type x)", "(allow a c (file (read)))(type x)"),
        ("(allow some self (file (read)))", "(allow some self (file (read)))\n(auditallow some rest (file (open)))"),
        ("(optional gone (allow a nowhere (file (read))))", "(optional gone (allow a b (file (read))))"),
        (f'(filecon "/a(;.*)?" any {CONTEXT})\n', f'(filecon "/a(;.*)?" any {CONTEXT})\n(allow b c (dir (search)))\n'),
        # types and attributes
        ("", "(type x)"),
        ("(type x)", ""),
        ("(type x)", "(type y)"),
        ("(type x)\n(allow x x (file (read)))", "; first\n(type x)\n(allow x self (file (read open)))\n; last\n"),
        ("", "(type x)(roletype object_r x)(typeattributeset some x)(allow x some (file (read)))"),
        ("(allow some self (file (open)))", "(allow some self (file (open)))\n(typeattributeset some (d))"),
        ("(typeattributeset some (d))", ""),
        ("", "(typeattribute own)(typeattributeset own a)(allow a own (file (read)))"),
        ("(typeattribute own)(allow a own (file (read)))", "(typeattribute own)"),
        ("(allow a none (file (read)))", "(allow a none (file (read)))\n(typeattributeset none c)"),
        ("(allow a none (file (read)))\n(typeattributeset none c)", "(allow a none (file (read)))"),
        ("", "(typealias k)(typealiasactual k c)(allow k a (dir (search)))"),
        ("(optional o (allow a x (file (read))))", "(optional o (allow a x (file (read))))\n(type x)"),
        ("(optional o (allow a x (file (read))))\n(type x)", "(optional o (allow a x (file (read))))"),
        ("", "(typepermissive a)"),
        ("", "(typebounds c d)"),
        (
            "(typebounds c d)(type x)(typebounds d x)",
            "(type x)(typebounds c x)(typebounds x d)(allow x b (dir (search)))",
        ),
        (
            "(type x)(typebounds a x)(typeattributeset some x)(type y)",
            "(type x)(typebounds a x)(typeattributeset some (x y))(type y)",
        ),
        (
            "(boolean o true)(typebounds c d)(booleanif o (true (allow c a (file (open)))))",
            "(boolean o true)(typebounds c d)(booleanif o (true (allow c a (file (open)))(allow d a (file (open)))))",
        ),
        # extended rules
        ("", "(allowx a b (ioctl file (1)))"),
        ("(allowx a b (ioctl file (1)))(type x)", "(type y)(type x)"),
        (
            "(allowx a b (ioctl file (1)))(type x)",
            "(type x)(auditallowx c b (ioctl file ((range 2 0x2ff))))(allowx a b (ioctl file (3 0x300)))",
        ),
        (
            "(typeattribute g)(allowx g self (ioctl file (5)))(allowx none rest (ioctl file (6)))",
            "(type x)(typeattribute g)(typeattributeset g (x a))(allowx g self (ioctl file (5)))",
        ),
        (
            "(optional o (allowx some x (ioctl file (not (1)))))(permissionx p (ioctl file (9)))",
            "(optional o (allowx some x (ioctl file (not (1)))))(permissionx p (ioctl file (9 10)))(type x)",
        ),
        ("(permissionx p (ioctl file (9)))(dontauditx some other p)", "(permissionx p (ioctl file (8)))(type x)"),
        # transitions, conditionals, labels
        ("", "(typetransition a b dir d)(typechange a b file c)"),
        ("(typetransition a b dir d)", "(typetransition a b dir c)"),
        ("", "(type x)(typetransition a b dir x)"),
        ("", "(typechange a b dir c)(typetransition a b dir d)(typemember a b dir d)"),
        ("", "(booleanif flag (true (typechange a b dir c)(typetransition a c dir d)(typechange d b dir c)))"),
        (
            "(booleanif flag (true (typechange rest b file c) (allow some self (file (open)))))",
            (
                "(type x)(typeattributeset some x)\n"
                "(booleanif flag (true (typechange rest b file c) (allow some self (file (open)))))"
            ),
        ),
        ("(type x)(type y)(typechange rest b file x)", "(type y)(type x)(typechange rest b file x)"),
        ("", '(typetransition a some dir "x" d)'),
        ("", "(rangetransition a some process ((s0) (s0)))"),
        ("", "(booleanif flag (true (allow a b (file (read)))))"),
        ("(booleanif flag (true (allow a b (file (read)))))", "(booleanif flag (true (allow a b (file (open)))))"),
        ("", "(boolean more true)(booleanif (and flag more) (false (typetransition a b dir d)))"),
        ("", f'(filecon "/x" any {CONTEXT})(filecon "/x/y" dir ())'),
        (f'(filecon "/x" any {CONTEXT})', ""),
        ("", f'(genfscon proc "/" {CONTEXT})(portcon tcp 22 {CONTEXT})(fsuse xattr ext4 {CONTEXT})'),
        (
            "(roleattribute ra)(roleattributeset ra r)(roletype ra b)",
            "(roleattribute ra)(roletype ra b)(roleattributeset ra (r))(type y)",
        ),
        (
            "(roleattribute ra)(roleattributeset ra r)(optional o (roleattributeset ra object_r)(roletype ra b))",
            "(optional o (roleattributeset ra object_r)(roletype ra b))",
        ),
        (
            "(role q)(roleattribute ra)(roleallow ra r)(optional o (roleattributeset ra q)(allow a b (file (open))))",
            "(role q)(roleattribute ra)(roleallow ra r)(optional o (roleattributeset ra q)(allow a b (dir (search))))",
        ),
        ("(roletype r b)", f'(roletype r c)(genfscon proc "/" {CONTEXT})'),
    ],
)
def test_changes_are_followed(before: str, now: str) -> None:
    for texts, then in (([BASE, before, ""], [BASE, now, ""]), ([before, BASE], [now, BASE])):
        assert followed(texts, then) == compiled(then)[0]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", "(allow a nowhere (file (read)))"),
        ("", "(allow a b (file (fly)))"),
        ("", "(allow a b (file (read))"),
        ("", "(type a)"),
        ("(typeattribute own)\n(allow a own (file (read)))", "(allow a own (file (read)))"),
        ("(type x)\n(allow x x (file (read)))", "(allow x x (file (read)))"),
        ("", "(class other (read))"),
        ("", "(neverallow d d (dir (search)))"),
        ("(typebounds c d)", "(typebounds c d)(allow d d (process (fork)))"),
        (
            "(typebounds c d)(allow c b (process (fork)))\n(allow d b (process (fork)))(type x)",
            "(typebounds c d)(allow d b (process (fork)))(type x)",
        ),
        ("(typebounds d c)(type x)", "(typebounds c d)\n(typebounds d c)(type x)"),
        ("(typebounds c d)(type x)", "(typebounds c d)(typebounds a d)(type x)"),
        ("", "(typetransition a b file d)"),
        ("(roletype r b)\n(sid s)(sidorder (kernel s))(sidcontext s (u r b ((s0) (s0))))", ""),
        (f'(filecon "/x" any {CONTEXT})', f'(filecon "/x" any {CONTEXT})\n(filecon "/x" any ())'),
    ],
)
def test_what_is_wrong_or_not_followed_is_left_to_a_whole_compilation(before: str, now: str) -> None:
    assert followed([BASE, before], [BASE, now]) is None


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", "(type x)\n(typeattributeset some x)\n (allow c x (process (transition)))"),
        (
            "(type x)\n(allow c x (process (transition)))",
            "(type x)\n; words\n(allow c x (process (transition)))\n(typeattributeset some x)",
        ),
        (
            "",
            (
                "(allow some a (process (transition)))\n(allow c a (process (transition fork)))\n"
                "(booleanif flag (true\n(allow c b (process (transition)))))\n"
                "(allow c some (process (transition)))(optional o\n(allow rest a (process (all))))"
            ),
        ),
        (
            "(neverallow held self (file (open)))\n(typeattribute held)\n(allow held self (file (read open)))",
            (
                "(neverallow held self (file (open)))\n(typeattribute held)\n(allow held self (file (read open)))\n"
                "\n(typeattributeset held (b c a))(allow a a (file (open)))"
            ),
        ),
        (
            "(neverallow two other (dir (search)))\n(typeattribute two)",
            (
                "(neverallow two other (dir (search)))\n(typeattribute two)\n"
                "(allow d a (dir (search)))(typeattributeset two (d a))(allow d self (dir (search)))"
            ),
        ),
    ],
)
def test_violated_assertions_are_told_of_as_by_a_whole_compilation(before: str, now: str) -> None:
    for texts, then in (([BASE, before, ""], [BASE, now, ""]), ([before, BASE], [now, BASE])):
        told = followed(texts, then)
        assert told == whole(then)
        assert told is None or told.errors


def test_windows_are_whole_statements() -> None:
    text = "(type x)\n(allow a b (file (read)))\n(type y)\n"
    tree = parse(SourceFile("", text))
    _, baseline = compiled([BASE, text])
    assert baseline is not None
    now = text.replace("(file (read))", "(file (read open))")
    found = recompile(baseline, [BASE, now], {1: text})
    assert found is not None
    assert found.windows == {1: [Window(9, 35, 9, 40)]}
    assert now[9:40] == "(allow a b (file (read open)))\n"
    assert tree.starts().tolist() == [0, 9, 35]


def test_changes_far_apart_are_read_apart() -> None:
    statements = [f"(allow type_{index} other_type (file (read)))\n" for index in range(3000)]
    starts = array("I", [0])
    for statement in statements:
        starts.append(starts[-1] + len(statement))
    starts.pop()
    text = "".join(statements)
    now = "(type first)\n" + text.replace("type_1499 other", "type_1499 another") + "(type last)\n"
    found = windows(Change(text, now), starts)
    assert len(found) == 3
    read = "".join(now[window.now_start : window.now_end] for window in found)
    assert len(read) < 4000
    at = done = 0
    for window in found:
        assert text[done : window.start] == now[at : window.now_start]
        done, at = window.end, window.now_end
    assert text[done:] == now[at:]


M = "(macro m ((type t)) (allow t b (file (read))) (dontaudit t b (file (open))))"
B = "(block x (blockabstract x) (type t) (allow t b (file (read))))"

T = "(tunable u true)(tunableif u (true (booleanif flag (true (allow a b (file (read)))))))"


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", f"{M}(call m (a))"),
        (f"{M}(call m (a))", ""),
        (f"{M}(call m (a))", f"{M}(call m (c))(call m (d))"),
        (f"{M}(call m (a))", f"(dontaudit a b (file (write))){M}(call m (a))"),
        (f"{M}(call m (a))\n(allow c d (dir (search)))", f"{M}(call m (a))\n(allow c d (file (read)))"),
        (M.replace("b", "a"), M),
        (f"{B}(block y (blockinherit x))", f"{B}(block y (blockinherit x))(allow y.t a (file (open)))"),
        (f"{B}(block y (blockinherit x))", f"(block z (blockinherit x)){B}(block y (blockinherit x) (type own))"),
        (f"{B}(block y)(in y (blockinherit x))", f"{B}(block y)(in y (blockinherit x) (allow t d (file (read))))"),
        (f"{B}(blockinherit x)", f"{B}(type u)(blockinherit x)(booleanif flag (true (allow t c (dir (search)))))"),
        ("(optional o (allow a y.t (file (read))))", "(optional o (allow a y.t (file (read))))(block y (type t))"),
        ("(optional o) (in o (allow a b (file (read))))", "(optional o) (in o (allow a b (file (open))))"),
        (f'(context k {CONTEXT})(filecon "/k" any k)', f'(context k {CONTEXT})(filecon "/k(/.*)?" any k)(type u)'),
        (f"{M}(call m (some))", f"{M}(call m (some))(type u)(typeattributeset some u)"),
        (
            "(classmap k (one))(classmapping k one (file (read)))",
            "(classmap k (one))(classmapping k one (dir (search)))",
        ),
        (
            "(tunable u true)(tunableif u (true (allow a b (file (read))))(false (type x)))",
            "(tunable u false)(tunableif u (true (allow a b (file (read))))(false (type x)))",
        ),
        (
            "(tunable u true)(tunableif (not u)(true (allow d b (file (read)))))(optional o(allow d x (dir (search))))",
            "(tunable v true)(tunableif v(true (type x)(typechange d b file a)))(optional o(allow d x (dir (search))))",
        ),
        (
            f"{T}(booleanif flag (true (allow c b (file (read)))))(type x)",
            f"{T}(booleanif flag (true (allow c b (file (read)))(allow a d (file (open)))))(type x)",
        ),
        ("(block y (type t))(allow a y.t (file (read)))", "(block y (type t)(type u))(allow a y.t (file (open)))"),
    ],
)
def test_changes_of_what_has_effects_elsewhere_are_followed(before: str, now: str) -> None:
    for texts, then in (([BASE, before, ""], [BASE, now, ""]), ([before, BASE], [now, BASE])):
        assert followed(texts, then) == compiled(then)[0]


def test_a_block_of_the_name_of_an_optional_block_is_left_to_a_whole_compilation() -> None:
    assert followed([BASE, "(optional o)", "(type x)"], [BASE, "(optional o)", "(block o (type t))"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "(block x (type t) (neverallow t b (file (write))))",
        "(role q)(rolebounds r q)",
        "(neverallowx a b (ioctl file (1)))",
        "(booleanif flag (true (allowx a b (ioctl file (1)))))",
        "(deny a b (file (read)))",
    ],
)
def test_policies_whose_rules_have_effects_elsewhere_leave_nothing(text: str) -> None:
    assert compiled([BASE, text])[1] is None


@pytest.mark.parametrize("options", [DEFAULTS._replace(optimize=True), DEFAULTS._replace(expand_size=3)])
def test_options_that_change_rules_leave_nothing(options: CompileOptions) -> None:
    assert compiled([BASE], options)[1] is None


@settings(max_examples=tries(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 1 << 32), st.booleans())
def test_compiled_again_or_not_at_all(seed: int, scoped: bool) -> None:
    author = Author(seed, scoped)
    before = [BASE + MORE, BLOCKS if scoped else "", "", ""]
    for _ in range(20):
        number = 1 + author.number(3)
        lines = before[number].split("\n")
        lines.insert(author.place(lines), author.statement())
        trial = [*before[:number], "\n".join(lines), *before[number + 1 :]]
        if succeeds(trial):
            before = trial
    turned = author.number(4)
    before = before[turned:] + before[:turned]
    _, baseline = compiled(before)
    if baseline is None:
        return
    baseline = Baseline.of_plain(marshal.loads(marshal.dumps(baseline.plain())))  # noqa: S302 - just made
    for _ in range(6):
        now = list(before)
        for _ in range(1 + author.number(2)):
            number = author.number(4)
            now[number] = author.edited(now[number])
        numbers: list[int | None] = list(range(4))
        if author.number(3) == 0:
            number = author.number(4)
            del now[number], numbers[number]
        if author.number(3) == 0:
            number = author.number(5)
            now.insert(number, "\n".join(author.statement() for _ in range(3)))
            numbers.insert(number, None)
        found = again(baseline, before, now, numbers)
        assert found in (None, whole(now))
