"""Random rules of every kind, with random options: what secilc makes of them, byte for byte."""

import random

import pytest
from tests.compiler.policies import BASE, compile_with_base, errors_of
from tests.oracles.secilc import compile_reference, requires_secilc

from selbox.binary.kernel import write_policy
from selbox.compiler.options import CompileOptions

TYPES = ["a", "b", "c", "d", "kernel_t"]
ATTRIBUTES = ["domain", "filetype", "both", "x1", "x2", "x3_typeattr_1", "x4_typeattr_2", "b1.x5"]
PERMISSIONS = ["read", "write", "open", "execute", "getattr", "ioctl", "create", "entrypoint"]
DECLARATIONS = """
    (typeattribute x1) (typeattribute x2) (typeattribute x3_typeattr_1) (typeattribute x4_typeattr_2)
    (block b1 (typeattribute x5)) (typeattributeset x1 a) (boolean p true) (boolean q false) (boolean r true)
    (classpermission cp) (classpermissionset cp (file (read open))) (classpermissionset cp (dir (add_name)))
    (classmap mp (one two)) (classmapping mp one (file (write))) (classmapping mp two cp)
    (classmap mi (x)) (classmapping mi x (file (ioctl))) (classmapping mi x (dir (ioctl)))
    (permissionx px (ioctl file ((range 0x10 0x120))))"""


class Author:
    """Writes random statements."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - nothing secret

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def type(self) -> str:
        return self.one(*TYPES, *ATTRIBUTES, *ATTRIBUTES)

    def target(self) -> str:
        return self.one(*TYPES, *ATTRIBUTES, *ATTRIBUTES, "self")

    def permissions(self) -> str:
        return f"({' '.join(self.random.sample(PERMISSIONS, self.random.randrange(1, 5)))})"

    def numbers(self, depth: int = 2) -> str:
        kind = self.random.randrange(8) if depth else 0
        if kind < 3:
            listed = [f"0x{self.random.choice([0, 1, 0xFF, 0x100, 0x1FF, 0x234, 0xFFFF]):x}" for _ in range(2)]
            return f"({' '.join(listed)} {self.random.randrange(0x8000)})"
        if kind == 3:
            low = self.random.choice([0, 0x80, 0x100, 0x1234])
            return f"((range 0x{low:x} 0x{low + self.random.choice([0, 0x7F, 0xFF, 0x1FF, 0x300]):x}))"
        if kind == 4:
            return f"((not {self.numbers(depth - 1)}))"
        if kind == 5:
            return "((all))"
        return f"(({self.one('and', 'or', 'xor')} {self.numbers(depth - 1)} {self.numbers(depth - 1)}))"

    def access_rule(self) -> str:
        return f"({self.one('allow', 'allow', 'dontaudit', 'auditallow')} {self.type()} {self.target()} " + (
            f"(file {self.permissions()}))"
            if self.random.random() < 0.7
            else self.one("cp)", "(mp (one)))", "(mp (all)))", "(mp (two one)))", "(dir (search)))", "(process (all)))")
        )

    def type_rule(self) -> str:
        keyword, object_class = (
            self.one("typetransition", "typechange", "typemember"),
            self.one("file", "dir", "process"),
        )
        return f"({keyword} {self.type()} {self.target()} {object_class} {self.one(*TYPES)})"

    def expression(self, depth: int = 2) -> str:
        kind = self.random.randrange(6) if depth else 0
        if kind < 2:
            return self.one("p", "q", "r")
        operator = self.one("and", "or", "xor", "eq", "neq")
        return f"({operator} {self.expression(depth - 1)} {self.expression(depth - 1)})"

    def branch(self) -> str:
        return self.access_rule() if self.random.random() < 0.8 else self.type_rule()

    def statement(self) -> str:
        kind = self.random.randrange(16)
        if kind < 5:
            return self.access_rule()
        if kind < 7:
            permissions = self.one("px", *(f"(ioctl {name} {self.numbers()})" for name in ("file", "dir", "mi")))
            return f"({self.one('allowx', 'auditallowx', 'dontauditx')} {self.type()} {self.target()} {permissions})"
        if kind < 9:
            return f"(booleanif {self.expression()} (true {self.branch()} {self.branch()}) (false {self.branch()}))"
        if kind == 9:
            return self.type_rule()
        return self.one(
            f'(typetransition {self.type()} {self.target()} file "{self.one("n", "m")}" {self.one(*TYPES)})',
            f"(rangetransition {self.type()} {self.type()} process ((s0) (s{self.random.randrange(3)})))",
            f"(neverallow {self.type()} {self.target()} (file ({self.one(*PERMISSIONS)})))",
            f"(neverallowx {self.type()} {self.target()} (ioctl file {self.numbers()}))",
            f"(constrain (file {self.permissions()}) (or (eq t1 {self.type()}) (neq t2 ({self.type()} a))))",
            f"(constrain {self.one('cp', '(mp (all))', '(mp (two one))')} (neq t1 {self.type()}))",
            f"(expandtypeattribute {self.one(*ATTRIBUTES)} {self.one('true', 'false')})",
            f"(typeattributeset {self.one(*ATTRIBUTES[3:])} (and {self.one(*TYPES, 'both')} (not {self.one(*TYPES)})))",
            f"(roletransition system_r {self.type()} process staff_r)",
            "(mlsconstrain (dir (search)) (or (dom l1 l2) (eq r1 r2)))",
        )

    def options(self) -> tuple[list[str], CompileOptions]:
        words: list[str] = []
        options = CompileOptions()
        if self.random.random() < 0.3:
            words, options = [*words, "-O"], options._replace(optimize=True)
        if self.random.random() < 0.3:
            words, options = [*words, "-G"], options._replace(expand_generated=True)
        if self.random.random() < 0.3:
            size = self.random.randrange(4)
            words, options = [*words, "-X", str(size)], options._replace(expand_size=size)
        if self.random.random() < 0.4:
            words, options = [*words, "-N"], options._replace(disable_neverallow=True)
        return words, options


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("seed", range(30))
def test_random_rules_are_what_secilc_makes_of_them(seed: int) -> None:
    author = Author(seed)
    text = DECLARATIONS + "\n".join(author.statement() for _ in range(author.random.randrange(3, 16)))
    words, options = author.options()
    reference = compile_reference(BASE, text, read=False, options=words)
    refused = errors_of(BASE, text, options=options)
    assert bool(refused) == bool(reference.error), (text, reference.error)
    if not refused:
        assert write_policy(compile_with_base(text, options), 33) == reference.binary, text
