"""Random policies and random changes of them, as people make them who work on a module."""

from random import Random

BASE = """
(mls true)
(class process (fork transition)) (class file (read write open ioctl)) (class dir (search))
(classorder (process file dir))
(sid kernel) (sidorder (kernel)) (sidcontext kernel (u r a ((s0) (s0))))
(sensitivity s0) (sensitivityorder (s0)) (category c0) (categoryorder (c0)) (sensitivitycategory s0 (c0))
(user u) (role r) (role object_r) (userrole u r) (userrole u object_r) (userlevel u (s0)) (userrange u ((s0) (s0 (c0))))
(type a) (type b) (type c) (type d) (roletype r a) (roletype object_r a) (roletype object_r b)
(typealias also) (typealiasactual also b)
(typeattribute cil_gen_require) (typeattribute some) (typeattributeset some (a b)) (typeattribute none)
(typeattribute rest) (typeattributeset rest (not some))
(boolean flag true)
(allow some rest (file (read))) (allow rest some (dir (search)))
(neverallow c some (process (transition)))
(typetransition a b file c)
"""

MORE = """
(typeattribute held) (typeattributeset held (and (all) (not (some))))
(mlsconstrain (file (read)) (or (eq t1 some) (neq t2 held)))
(neverallow held rest (process (fork))) (neverallow some self (process (transition)))
(allow some self (dir (search)))
(typetransition some d dir "n" a) (typetransition rest some file d)
(booleanif (not flag) (true (allow b some (file (write)))))
(roleattribute ra) (roleattributeset ra (r)) (roletype ra d)
(constrain (dir (search)) (or (eq r1 named) (eq u2 u)))
(role q) (roleattribute named) (roleattributeset named (q)) (roleallow named r) (userrole u named)
(allow late late (file (open))) (typeattribute late)
(rangetransition a b process ((s0) (s0)))
(portcon tcp 80 (u object_r a ((s0) (s0))))
(typeattribute m_typeattr_1) (typeattributeset m_typeattr_1 (not (a))) (neverallow m_typeattr_1 c (dir (search)))
"""

BLOCKS = """
(block tmpl (blockabstract tmpl) (type t) (typeattributeset some t) (allow t b (file (read open)))
    (macro use ((type who)) (allow who t (file (read))) (booleanif flag (true (allow who self (dir (search))))))
    (typetransition t d dir "tmpl" t)
    (booleanif .flag (true (typechange t a file b)) (false (allow t a (dir (search))))))
(block app (blockinherit tmpl) (type own) (allow own t (file (write))) (call use (own)) (call use (a)))
(macro grant ((type who) (type what)) (allow who what (file (read))) (dontaudit who what (file (write)))
    (typetransition who what file c) (optional granted (allow who nowhere (file (open)))))
(context ctx (u object_r a ((s0) (s0))))
(filecon "/ctx" any ctx)
(tunable turn true)
(macro control ((type who)) (allowx who who (ioctl file (1 2))))
(call control (a))
"""

_TYPES = ["a", "b", "c", "d", "x", "y", "z", "also"]
_ATTRIBUTES = ["some", "rest", "none", "held", "late", "g", "h", "m_typeattr_1", "m_typeattr_2"]
_VECTORS = [
    *("(file (read))", "(file (read write))", "(file (open))", "(file (all))", "(file (not (read)))"),
    *("(dir (search))", "(process (fork))", "(process (transition))"),
]


class Author:
    """Writes statements, right and wrong ones.

    Args:
        seed: of what is random.
        scoped: whether to write blocks, macros and the like.
    """

    def __init__(self, seed: int, scoped: bool = False) -> None:
        self._random = Random(seed)  # noqa: S311 - no secret is made of it
        self._choice = self._random.choice
        self._statements = [
            *[self._rule] * 6,
            *[self._transition] * 2,
            *[self._set] * 3,
            *[self._label] * 2,
            *[self._declaration] * 2,
            *[self._conditional, self._other, self._other, self._identity],
            *[self._scoped] * (8 if scoped else 0),
        ]

    def _name(self) -> str:
        if self._random.random() < 0.05:
            return self._choice(["nowhere", "cil_gen_require"])
        return self._choice(_TYPES + _ATTRIBUTES)

    def _rule(self) -> str:
        kind = self._choice(["allow", "allow", "allow", "dontaudit", "auditallow"])
        target = self._choice([self._name(), self._name(), "self"])
        return f"({kind} {self._name()} {target} {self._choice(_VECTORS)})"

    def _transition(self) -> str:
        ends = f"{self._name()} {self._choice([self._name(), self._name(), self._name(), 'self'])}"
        object_class, result = self._choice(["file", "dir"]), self._choice(_TYPES)
        return self._choice(
            [
                f"(typetransition {ends} {object_class} {result})",
                f'(typetransition {ends} {object_class} "{self._choice("pq")}" {result})',
                f"({self._choice(['typechange', 'typemember'])} {ends} {object_class} {result})",
                f"(rangetransition {self._name()} {self._name()} process ((s0) (s0)))",
            ]
        )

    def _expression(self, depth: int = 0) -> str:
        choice = self._random.random()
        if depth > 2 or choice < 0.5:
            return self._choice([f"({self._name()})", f"({self._name()} {self._name()})", "(all)"])
        if choice < 0.7:
            return f"(not {self._expression(depth + 1)})"
        operator = self._choice(["and", "or", "xor"])
        return f"({operator} {self._expression(depth + 1)} {self._expression(depth + 1)})"

    def _set(self) -> str:
        if self._random.random() < 0.3:
            return f"(typeattributeset cil_gen_require {self._name()})"
        held = self._choice([self._name(), self._expression()])
        return f"(typeattributeset {self._choice(_ATTRIBUTES)} {held})"

    def _context(self) -> str:
        role = self._choice(["r", "object_r", "object_r"])
        return f"(u {role} {self._choice('abxy')} ((s0) {self._choice(['(s0)', '(s0 (c0))'])}))"

    def _label(self) -> str:
        context = self._context()
        kind, pattern = self._choice(["any", "file", "dir"]), self._choice(["/a", "/a(/.*)?", "/b.*", "/c/d"])
        return self._choice(
            [
                f'(filecon "{pattern}" {kind} {self._choice([context, "()"])})',
                f'(genfscon {self._choice(["proc", "sysfs"])} "{self._choice(["/", "/x"])}" {context})',
                f"(portcon {self._choice(['tcp', 'udp'])} {self._choice(['22', '80', '(1 9)'])} {context})",
                f"(fsuse {self._choice(['xattr', 'task'])} {self._choice(['ext4', 'xfs'])} {context})",
                f"(netifcon {self._choice('ef')} {context} {context})",
                f"(nodecon (10.0.0.{self._choice('123')}) (255.255.255.255) {context})",
            ]
        )

    def _declaration(self) -> str:
        return self._choice(
            [
                *[f"(type {self._choice('xyz')})"] * 4,
                *[f"(typeattribute {self._choice(['g', 'h', 'm_typeattr_2'])})"] * 2,
                f"(typealias k)(typealiasactual k {self._choice('ax')})",
                f"(boolean {self._choice(['two', 'three'])} {self._choice(['true', 'false'])})",
                "(roleattribute rb)",
            ]
        )

    def _conditional(self) -> str:
        one, other = (self._choice(["flag", "flag", "two", "three"]) for _ in range(2))
        expression = self._choice([one, f"(not {one})", f"(and {one} {other})", f"(or {one} (not {other}))"])
        branches = " ".join(f"({branch} {self._branch()})" for branch in self._choice([["true"], ["true", "false"]]))
        return f"(booleanif {expression} {branches})"

    def _branch(self) -> str:
        rules = [self._choice([self._rule, self._rule, self._transition])() for _ in range(self._choice([0, 1, 2]))]
        return " ".join(rules)

    def _scoped(self) -> str:
        """Return what has an effect elsewhere than where it stands, or names what stands in a block."""
        one, other = self._name(), self._name()
        block = self._choice(["app", "tmpl", "p", "q"])
        inside = " ".join(self._choice([self._rule, self._rule, self._transition, self._set])() for _ in range(2))
        return self._choice(
            [
                f"(call grant ({one} {other}))",
                f"(call control ({one}))",
                f"(call {block}.use ({one}))",
                f"(in {block} {inside} (type {self._choice('vw')}))",
                f"(in after {block} {inside})",
                f"(block {self._choice('pq')} (type {self._choice('tvx')}) {inside})",
                f"(block {self._choice('pq')} (blockinherit {block}) (call use ({one})) {inside})",
                f"(blockinherit {block})",
                f"(tunable {self._choice(['tune', 'turn'])} {self._choice(['true', 'false'])})",
                f"(tunableif {self._choice(['tune', '(not turn)'])} (true {inside})(false (call {block}.use ({one}))))",
                f"(macro {self._choice(['grant', 'late'])} ((type who) (type what)) (allow who what (file (open))))",
                f"(allow {block}.{self._choice('tvx')} {one} (file (open)))",
                f"(typeattributeset some {block}.{self._choice('tvx')})",
                f"(booleanif flag (true (call grant ({one} {other})) {self._rule()}))",
                f"(optional m_optional_1 (call {self._choice(['late', 'grant'])} ({one} {other})))",
                f"(optional {self._choice(['p', 'late', 'app'])} {inside})",
                f"(context {self._choice(['ctx', 'other'])} {self._context()})",
                f'(filecon "/{self._choice("xyz")}" any {self._choice(["ctx", "other"])})',
            ]
        )

    def _identity(self) -> str:
        """Return what is said of roles and users."""
        one, other = (self._choice(["r", "q", "p", "ra", "rb", "named"]) for _ in range(2))
        return self._choice(
            [
                f"(role {self._choice('pq')})",
                f"(roleallow {one} {other})",
                f"(roletransition {one} {self._name()} {self._choice(['file', 'process'])} {self._choice('rqp')})",
                f"(userrole {self._choice('uv')} {one})",
                "(user v)(userrole v r)(userlevel v (s0))(userrange v ((s0) (s0 (c0))))",
                f"(roletype {one} {self._name()})",
            ]
        )

    def _other(self) -> str:
        one, other = self._name(), self._choice([self._name(), "self", "other"])
        numbers = self._choice(["1", "2 (range 3 700)", "(range 0 255)"])
        return self._choice(
            [
                *[f"(roletype {self._choice(['r', 'object_r', 'object_r', 'ra', 'rb', 'named'])} {self._name()})"] * 3,
                f"(typepermissive {self._choice(_TYPES)})",
                f"({self._choice(['allowx', 'dontauditx'])} {one} {other} (ioctl file ({numbers})))",
                f"(typebounds {self._choice('abcd')} {self._choice('xyz')})",
                "(roleattributeset cil_gen_require r)",
                f"(roleattributeset {self._choice(['ra', 'named'])} {self._choice(['r', 'q', 'ra', '(not (r))'])})",
                f"(neverallow {self._name()} {self._name()} {self._choice(_VECTORS)})",
                f"(expandtypeattribute ({self._choice(_ATTRIBUTES)}) {self._choice(['true', 'false'])})",
                f"(constrain (file (write)) (eq t1 {self._name()}))",
                "; a comment",
            ]
        )

    def statement(self, depth: int = 0) -> str:
        """Return a statement, or an optional block of some."""
        if depth < 2 and self._random.random() < 0.12:
            inside = "\n".join(self.statement(depth + 1) for _ in range(self._choice([0, 1, 2, 3])))
            return f"(optional m_optional_{self._choice(range(20))}\n{inside})"
        return self._choice(self._statements)()

    def place(self, lines: list[str]) -> int:
        """Return where in some lines the next one may come."""
        return self._random.randint(0, len(lines))

    def number(self, limit: int) -> int:
        """Return a number below a limit."""
        return self._random.randrange(limit)

    def edited(self, text: str) -> str:
        """Return a text with some lines that have come, gone, moved or changed."""
        lines = text.split("\n")
        for _ in range(self._choice([1, 1, 1, 2, 3])):
            step = self._choice(["add", "add", "remove", "replace", "move"])
            if step == "add":
                lines.insert(self.place(lines), self.statement())
                continue
            taken = lines.pop(self.number(len(lines))) if lines else ""
            if step == "replace":
                lines.insert(self.place(lines), self.statement())
            elif step == "move":
                lines.insert(self.place(lines), taken)
        return "\n".join(lines)
