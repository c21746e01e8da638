"""Statements in the order in which a reader of the expanded policy meets them."""

from collections.abc import Sequence
from random import Random

import pytest
from tests.compiler.policies import BASE, compile_texts
from tests.oracles.secilc import compile_reference, requires_secilc

from selbox.binary.kernel import write_policy
from selbox.compiler.namespace import Place, Scope
from selbox.compiler.runs import Run, in_order
from selbox.diagnostics import SourceFile
from selbox.language.cil import Form, parse
from selbox.model.labelling import FileKind

TREE = parse(SourceFile("runs.cil", ""))


def run(path: tuple[int, ...], *offsets: int) -> Run:
    forms = []
    for offset in offsets:
        form = Form(["allow"])
        form.offset = offset
        forms.append(form)
    return Place(Scope(None), TREE, path=path), forms


def flat(runs: Sequence[Run]) -> list[tuple[int, ...]]:
    return [(*place.path, form.offset) for place, forms in runs for form in forms]


def test_run_is_divided_where_others_come_in() -> None:
    around = run((0,), 1, 5, 9, 20)
    called, inner = run((0, 7), 3, 30), run((0, 7, 4), 100)
    assert flat(in_order([around, called, inner])) == [
        (0, 1),
        (0, 5),
        (0, 7, 3),
        (0, 7, 4, 100),
        (0, 7, 30),
        (0, 9),
        (0, 20),
    ]


def test_run_that_nothing_comes_into_stays_one() -> None:
    one, other = run((0,), 1, 5), run((1,), 0, 2)
    found = in_order([other, one])
    assert [forms is runs[1] for (_, forms), runs in zip(found, [one, other], strict=True)] == [True, True]


def test_runs_in_any_order_are_sorted() -> None:
    random = Random(5)  # noqa: S311 - no secret is made of it
    for _ in range(50):
        paths = {tuple(random.randrange(6) for _ in range(random.randint(1, 4))) for _ in range(12)}
        runs = [run(path, *sorted(random.sample(range(0, 60, 2), 4))) for path in paths]
        found = flat(in_order(runs))
        assert found == sorted(flat(runs))


RULES = (
    "(allow {0} {1} (file (read)))",
    "(auditallow {0} {1} (file (write)))",
    "(dontaudit {0} {1} (file (open)))",
    "(typetransition {0} {1} file a)",
    "(typechange {0} {1} file a)",
    "(typemember {0} {1} file a)",
    "(roleallow system_r staff_r)",
    "(roleallow staff_r system_r)",
    "(roletransition staff_r {1} process staff_r)",
    "(rangetransition {0} {1} file ((s0) (s0)))",
    '(typetransition {0} {1} file "n" a)',
    "(allowx {0} {1} (ioctl file (0x{2})))",
    "(constrain (file (read)) (eq t1 {0}))",
)
"""Rules of few types: whichever of one source, target and class comes first is the first in the file."""


class Writer:
    """Writes policies whose rules are brought to where they count by everything that can."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - no secret is made of it
        self._optionals = 0

    def rule(self, names: str, conditional: bool = False) -> str:
        choice = self._random.choice
        return choice(RULES[:3] if conditional else RULES).format(choice(names), choice(names), choice("1234"))

    def body(self, names: str, macros: int, depth: int = 0, conditional: bool = False) -> str:
        """Return statements that may call so many of the macros."""
        return " ".join(self.statement(names, macros, depth, conditional) for _ in range(self._random.randint(1, 4)))

    def statement(self, names: str, macros: int, depth: int, conditional: bool) -> str:
        random = self._random
        kind = random.random()
        if kind < 0.5 or depth > 2:
            return self.rule(names, conditional)
        if kind < 0.7 and macros:
            # In a conditional only the first macros may be called: they have nothing but rules of its kind.
            called = random.randrange(min(macros, 2) if conditional else macros)
            return f"(call m{called} ({random.choice(names)}))"
        if kind < 0.85:
            tunable, inner = (
                random.choice(["yes", "no"]),
                [self.body(names, macros, depth + 1, conditional) for _ in "12"],
            )
            return f"(tunableif {tunable} (true {inner[0]}) (false {inner[1]}))"
        if conditional:
            return self.rule(names, conditional)
        if kind < 0.93:
            branches = [self.body(names, macros, depth + 1, conditional=True) for _ in "12"]
            flag = random.choice(["flag", "(not flag)", "other"])
            one, other = (f"{self.rule(names, conditional=True)} {each}" for each in branches)
            return f"(booleanif {flag} (true {one}) (false {other}))"
        self._optionals += 1
        fails = random.choice(["", "(allow gone gone (file (read)))"])
        return f"(optional o{self._optionals} {self.body(names, macros, depth + 1)} {fails})"

    def policy(self) -> str:
        random = self._random
        parts = [
            f"(macro m{number} ((type x)) {self.body('abx', number, conditional=number < 2)})" for number in range(4)
        ]
        for name in ("b0", "b1"):
            inherits = random.choice(["", "(blockinherit ab)", "(blockinherit ac)"])
            parts.append(f"(block {name} (type own) {self.body('ab', 4)} {inherits} {self.body('ab', 4)})")
        inherits = random.choice(["", "(blockinherit ac)"])
        parts.append(f"(block ab (blockabstract ab) {self.body('ab', 4)} {inherits} {self.body('ab', 4)})")
        parts.append(f"(block ac (blockabstract ac) {self.body('ab', 4)})")
        for _ in range(random.randint(0, 3)):
            where = random.choice(["b0", "before b0", "after b0", "ab", "after ab", "ac", "m3"])
            parts.append(f"(in {where} {self.body('ab', 2)})")
        parts += [self.body("ab", 4) for _ in range(2)]
        random.shuffle(parts)
        return "(boolean flag true) (boolean other false) (tunable yes true) (tunable no false)\n" + "\n".join(parts)


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("seed", range(12))
def test_what_is_brought_in_counts_where_it_is_brought_to(seed: int) -> None:
    text = Writer(seed).policy()
    reference = compile_reference(BASE, text, read=False)
    assert not reference.error
    assert write_policy(compile_texts(BASE, text), 33) == reference.binary


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "(block k (block n)) (in k (type i)) (in k.n (type j)) (in k (type h))", id="the last in is first"
        ),
        pytest.param(
            "(block k) (in k.n (type i)) (in k (block n)) (in k (type j))", id="in a block that another in brings"
        ),
        pytest.param("(block k) (in after k (type i)) (in k (type j)) (in after k (type h))", id="after"),
        pytest.param(
            "(tunable yes true) (block k (tunableif yes (true (type g) (tunableif yes (true (type h))) (type i)))"
            " (tunableif yes (true (type j))) (type l))",
            id="a tunableif in a tunableif",
        ),
        pytest.param(
            "(tunable yes true) (block k (tunableif yes (true (type g)))) (in k (type h)) (block n (blockinherit k))",
            id="a tunableif comes before in",
        ),
        pytest.param(
            "(tunable yes true) (macro m () (tunableif yes (true (type g) (tunableif yes (true (type h))))) (type i)"
            " (tunableif yes (true (type j)))) (in m (type l)) (block n (call m))",
            id="a tunableif in a macro",
        ),
    ],
)
def test_types_are_declared_in_order(text: str) -> None:
    reference = compile_reference(BASE, text, read=False)
    assert not reference.error
    assert write_policy(compile_texts(BASE, text), 33) == reference.binary


@pytest.mark.oracle
@requires_secilc
def test_kind_of_files_is_kept_where_secilc_loses_it() -> None:
    """A label whose kind is lost holds for every kind: the same as one that names none."""
    kind, context = "(block k) (in k (genfscon proc /x {}{}))", "(system_u object_r c ((s0) (s0)))"
    reference = compile_reference(BASE, kind.format("dir ", context), read=False)
    policy = compile_texts(BASE, kind.format("dir ", context))
    assert [each.kind for each in policy.genfs_contexts] == [FileKind.DIRECTORY]
    assert write_policy(compile_texts(BASE, kind.format("", context)), 33) == reference.binary
