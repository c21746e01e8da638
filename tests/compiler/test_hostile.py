"""Chains and bombs: the work that a policy takes stays in proportion to its size. Work is counted, not timed."""

from typing import Any

import pytest
from tests.compiler.policies import BASE, compile_texts, compile_with_base, errors_of
from tests.oracles.secilc import compile_reference, requires_secilc

from selbox.binary.kernel.writer import write_policy
from selbox.compiler import attributes, optionals
from selbox.compiler.compile import compile_resolved
from selbox.compiler.expand import Expander, Frame
from selbox.compiler.neverallow import check_neverallows
from selbox.compiler.options import CompileOptions
from selbox.compiler.program import Program
from selbox.compiler.resolution import Resolution
from selbox.compiler.watching import WatchedProgram
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy
from selbox.model.rules import Rules

CHAINS = {
    "types": ("(type t{n})", "(allow t{n} t{m} (file (read)))"),
    "attributes": ("(typeattribute t{n})", "(typeattributeset t{n} t{m})"),
    "aliases": ("(typealias t{n})", "(typealiasactual t{n} a) (typepermissive t{m})"),
    "roles": ("(role t{n})", "(roletype t{n} a) (roleallow t{n} t{m})"),
    "levels": ("(level t{n} (s0))", "(rangetransition a b process (t{m} t{m}))"),
    "calls": ("(type t{n})", "(call allowed (t{m}))"),
    "permissions": ("(classpermission t{n}) (classpermissionset t{n} (file (read)))", "(allow a b t{m})"),
    "conditions": ("(boolean t{n} true)", "(booleanif t{m} (true (allow a b (file (read)))))"),
}
MACRO = "(macro allowed ((type x)) (allow x a (file (read))))"


def chain(kind: str, length: int, backwards: bool) -> str:
    declares, needs = CHAINS[kind]
    links = [f"(optional o{n} {declares} {needs})".format(n=n, m=n + 1) for n in range(length)]
    return MACRO + "\n".join(reversed(links) if backwards else links)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", CHAINS)
def test_a_row_of_optional_blocks_falls_in_few_rounds(
    kind: str, backwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[Program] = []

    def counted(program: Program, **arguments: Any) -> Resolution:
        rounds.append(program)
        return Resolution(program, **arguments)

    monkeypatch.setattr(optionals, "Resolution", counted)
    length = 60
    policy = compile_with_base(chain(kind, length, backwards))
    assert not any(each.name.startswith("t") and each.name[1:].isdigit() for each in policy.types)
    assert len(rounds) <= 5
    assert sum(each.tried for each in rounds if isinstance(each, WatchedProgram)) <= 3 * length


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", CHAINS)
def test_a_row_of_optional_blocks_leaves_what_it_leaves_elsewhere(kind: str, backwards: bool) -> None:
    text = chain(kind, 12, backwards) + "(optional kept (type last) (allow last a (file (read))))"
    assert write_policy(compile_with_base(text), 33) == compile_reference(BASE, text).binary


def test_nested_optional_blocks_go_with_the_outer_one() -> None:
    inner = "(optional i{n} (type u{n}))".format
    links = [f"(optional o{n} (type t{n}) (roletype system_r u{n + 1}) {inner(n=n)})" for n in range(20)]
    policy = compile_with_base("".join(links))
    assert not any(each.name[1:].isdigit() for each in policy.types)


def test_a_name_that_is_declared_twice_stays_for_those_that_need_it() -> None:
    links = [f"(optional o{n} (type t{n}) (typepermissive t{n + 1}))" for n in range(20)]
    text = "".join(links) + "(optional twice (type t10)) (optional gone (type t8) (typepermissive t20))"
    policy = compile_texts(BASE, text, options=CompileOptions(multiple_declarations=True))
    assert sorted(each.name for each in policy.types if each.permissive) == sorted(f"t{n}" for n in range(1, 11))


def test_aliases_of_aliases_are_followed_once() -> None:
    count = 3000
    text = "".join(f"(typealias al{n}) (typealiasactual al{n} al{n + 1})" for n in range(count))
    tree = parse(SourceFile("x.cil", BASE + text + f"(typealias al{count}) (typealiasactual al{count} a)"))
    policy, resolution = compile_resolved([tree])
    assert {symbol.actual and symbol.actual.name for symbol in resolution.program.symbols["typealias"]} == {"a"}
    assert sum(len(each.aliases) for each in policy.types) == count + 1


def test_bounds_of_bounds_are_followed_once() -> None:
    count = 3000
    types = "".join(f"(type t{n})" for n in range(count))
    bounds = "".join(f"(typebounds t{n} t{n + 1})" for n in range(count - 1))
    assert errors_of(BASE, types + bounds) == []
    errors = errors_of(BASE, types + bounds + f"(typebounds t{count - 1} t0)")
    assert [each.code for each in errors] == ["cil-bounds"]


MACROS = "(macro m0 ((type x)) (allow x x (file (read))))" + "".join(
    f"(macro m{n} ((type x)) (call m{n - 1} (x)) (call m{n - 1} (x)))" for n in range(1, 41)
)
BLOCKS = [f"(block b{n} (block l (blockinherit b{n - 1})) (block r (blockinherit b{n - 1})))" for n in range(1, 41)]
BOMBS = {
    "macros": (MACROS + "(call m40 (a))", "(call m40 (a))"),
    "macros in a macro": (MACROS + "(macro outer () (optional o (call m40 (a)))) (call outer)", "(call outer)"),
    "blocks": ("(block b0)" + "".join(BLOCKS), "(blockinherit b39)"),
    "blocks, the last one first": ("".join(reversed(BLOCKS)) + "(block b0)", "(blockinherit b39)"),
    "a large block": (
        "(block b0 "
        + "(allow a b (file (read)))" * 1000
        + ")"
        + "".join(f"(block b{n} (blockinherit b0))" for n in range(1, 1000)),
        "(block b0 ",
    ),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_are_refused_before_they_go_off(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, shown = BOMBS[kind]
    walked: list[int] = []
    walk = Expander.walk

    def counted(self: Expander, frames: list[Frame]) -> None:
        walked.append(sum(len(parent) for _, _, parent in frames))
        walk(self, frames)

    monkeypatch.setattr(Expander, "walk", counted)
    (error,) = errors_of(BASE, text)
    assert error.code == "cil-too-large"
    assert error.span is not None
    assert text.startswith(shown, error.span.column - 1)
    assert sum(walked) < (200_000 if kind == "a large block" else 1000)


def nested(calls: int, innermost: str) -> str:
    """Return macros that call one another, and a call of the first."""
    macros = "".join(f"(macro m{n} ((type x)) (call m{n + 1} (x)))" for n in range(calls - 1))
    return f"{macros}(macro m{calls - 1} ((type x)) {innermost})(call m0 (a))"


def test_calls_nest_a_thousand_deep() -> None:
    policy = compile_texts(BASE, nested(1000, "(allow x b (file (write)))"))
    a, b = policy.type_ids["a"], policy.type_ids["b"]
    assert any((rule.source, rule.target) == (a, b) for rule in policy.rules)
    (error,) = errors_of(BASE, nested(1002, "(allow x b (file (write)))"))
    assert error.code == "cil-too-deep"


_LEAF = "(macro leaf ((type x)) (allow x b (file (read))))"


def test_what_is_called_deep_down_is_looked_up_at_once() -> None:
    policy = compile_texts(BASE, _LEAF + nested(900, "(call leaf (x))" * 3000))
    a, b = policy.type_ids["a"], policy.type_ids["b"]
    assert sum((rule.source, rule.target) == (a, b) for rule in policy.rules) >= 3000


def test_macros_of_a_block_that_are_called_deep_down_count_many_times() -> None:
    macros, call = nested(900, "(call leaf (x))" * 5000).rsplit("(call m0", 1)
    (error,) = errors_of(BASE, f"(block k {_LEAF}{macros})(call k.m0{call}")
    assert error.code == "cil-too-large"


def test_what_brings_in_much_but_has_an_end_is_taken() -> None:
    blocks = "(block b0 (type x))" + "".join(f"(block b{n} (blockinherit b{n - 1}))" for n in range(1, 44))
    macros = MACROS[: MACROS.index("(macro m13 ")]
    policy = compile_with_base(blocks + macros + "(call m12 (a))")
    assert sum(each.name.endswith(".x") for each in policy.types) == 44


def test_a_parameter_that_stands_for_nothing_is_looked_up_once_in_each_call() -> None:
    macros = "(macro m0 ((type x)) (allow x x (file (read))))" + "".join(
        f"(macro m{n} ((type x)) (call m{n - 1} (x)))" for n in range(1, 60)
    )
    assert {each.code for each in errors_of(BASE, macros + "(call m59 (nowhere))")} == {"cil-unknown-type"}


def assertions_of(policy: Policy, resolution: Resolution) -> int:
    """Return how many rows are looked at closely for the assertions of a policy."""
    looked: list[int] = []

    class Data(list[int]):
        def __getitem__(self, row: Any) -> Any:
            looked.append(row)
            return super().__getitem__(row)

    rules = policy.rules
    counted = Rules()
    for column in Rules.__slots__:
        setattr(counted, column, getattr(rules, column))
    setattr(counted, "data", Data(rules.data))  # noqa: B010 - it is no array, but read as one
    check_neverallows(resolution, policy._replace(rules=counted))
    return len(looked)


def test_assertions_look_at_the_rules_of_their_few_types_only() -> None:
    count = 200
    domains = " ".join(f"d{n}" for n in range(count))
    text = "".join(
        f"(type d{n}) (type p{n}) (allow d{n} p{n} (file (write))) (allow d{n} p{(n + 1) % count} (file (read)))"
        f"(typeattribute not{n}) (typeattributeset not{n} (and (every) (not (d{n}))))"
        f"(neverallow not{n} p{n} (file (write)))"
        for n in range(count)
    )
    tree = parse(SourceFile("x.cil", BASE + text + f"(typeattribute every) (typeattributeset every ({domains}))"))
    policy, resolution = compile_resolved([tree])
    assert assertions_of(policy, resolution) <= 4 * count


def test_violations_end_at_the_limit_of_errors() -> None:
    types = "".join(f"(type d{n}) (allow d{n} a (file (write))) (neverallow d{n} a (file (write)))" for n in range(200))
    assert len(errors_of(BASE, types)) == 50


@pytest.mark.oracle
@requires_secilc
def test_attributes_are_written_out_pair_by_pair() -> None:
    types = "".join(f"(type d{n})" for n in range(30))
    names = " ".join(f"d{n}" for n in range(30))
    rules = "(allow every every (file (read))) (allow every a (file (write))) (dontaudit both every (dir (search)))"
    rules += (
        "(classmap m (p)) (classmapping m p (file (open))) (classmapping m p (dir (search))) (allow every both (m (p)))"
    )
    rules += "(boolean flag true) (booleanif flag (true (allow every both (m (p))) (typechange every both process a)))"
    text = f"{types} (typeattribute every) (typeattributeset every ({names})) {rules}"
    policy = compile_texts(BASE, text, options=CompileOptions(expand_size=100))
    assert write_policy(policy, 33) == compile_reference(BASE, text, options=["-X", "100"]).binary


def test_names_that_were_meant_are_looked_for_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    guessed: list[str] = []

    def guess(name: str, known: object) -> str:  # noqa: ARG001 - the names do not matter here
        guessed.append(name)
        return ""

    monkeypatch.setattr("selbox.compiler.program.did_you_mean", guess)
    assert len(errors_of(BASE, "".join(f"(allow a no{n} (file (read)))" for n in range(60)))) == 50
    assert len(guessed) == 10


@pytest.mark.parametrize("most", [15, 16])
def test_attributes_are_not_written_out_without_end(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    options = CompileOptions(expand_generated=True)
    before = len(compile_with_base("", options).rules)
    monkeypatch.setattr(attributes, "_MOST_WRITTEN", most + before)
    monkeypatch.setattr(attributes, "_MOST_TIMES", 1)
    cil = """
        (type t1) (type t2) (type t3) (type t4)
        (typeattribute x_typeattr_1) (typeattributeset x_typeattr_1 (t1 t2 t3 t4))
        (allow x_typeattr_1 x_typeattr_1 (file (read)))
    """
    codes = [each.code for each in errors_of(BASE, cil, options=options)]
    assert codes == ([] if most == 16 else ["cil-too-large"])
