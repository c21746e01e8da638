import pytest

from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.constraint import CompareNames, Comparison, NamesForm, Operand
from selbox.server.reasontext import compared_names_text, denial_texts
from selbox.server.securityserver import SecurityServer

POLICY = """
(handleunknown deny) (mls true)
(class file (read write)) (class process (transition))
(classorder (file process))
(sid kernel) (sidorder (kernel))
(sensitivity s0) (sensitivity s1) (sensitivityorder (s0 s1))
(type a_t) (type b_t) (type c_t) (type parent_t) (type child_t)
(role r) (role q) (user u) (userrole u r) (userrole u q)
(roletype r a_t) (roletype r b_t) (roletype r c_t) (roletype r parent_t) (roletype r child_t) (roletype q b_t)
(userlevel u (s0)) (userrange u ((s0) (s1)))
(sidcontext kernel (u r a_t ((s0) (s0))))
(boolean first false) (boolean second true)
(allow a_t b_t (file (read)))
(allow a_t b_t (process (transition)))
(booleanif (and first second) (true (allow a_t b_t (file (write)))))
; child_t is bounded by parent_t afterwards: the compiler refuses a child that may do more
(allow child_t b_t (file (read)))
(mlsconstrain (file (read)) (or (dom l1 l2) (and (neq t1 a_t) (not (eq u1 u2)))))
"""


@pytest.fixture(scope="module")
def server() -> SecurityServer:
    policy = compile_policy([parse(SourceFile("p.cil", POLICY.lstrip()))])
    types = list(policy.types)
    child = policy.type_ids["child_t"]
    types[child] = types[child]._replace(bounds=policy.type_ids["parent_t"])
    return SecurityServer(policy._replace(types=tuple(types)))


def texts(server: SecurityServer, source: str, target: str, object_class: str, permission: str) -> tuple[str, ...]:
    asked = server.vector(object_class, [permission])
    sids = server.context_to_sid(source), server.context_to_sid(target)
    return denial_texts(server, *sids, asked.object_class, asked.vector)


@pytest.mark.parametrize(
    ("source", "target", "object_class", "permission", "expected"),
    [
        ("u:r:a_t:s0", "u:r:b_t:s0", "file", "read", ()),
        ("u:r:a_t:s0", "u:r:c_t:s0", "file", "read", ("no rule (allow a_t c_t (file (read)))",)),
        (
            "u:r:a_t:s0",
            "u:r:b_t:s1",
            "file",
            "read",
            ("(mlsconstrain (file (read)) (or (dom l1 l2) (and (neq t1 a_t) (not (eq u1 u2))))) at p.cil:17:1",),
        ),
        ("u:r:a_t:s0", "u:q:b_t:s0", "process", "transition", ("no rule (roleallow r q)",)),
        (
            "u:r:child_t:s0",
            "u:r:b_t:s0",
            "file",
            "read",
            ("parent_t, which bounds it, lacks (allow child_t b_t (file (read)))",),
        ),
        ("u:r:a_t:s0", "u:r:b_t:s0", "file", "fly", ("the policy does not define all of (file (fly))",)),
    ],
)
def test_each_reason_is_told_as_policy_writes_it(
    server: SecurityServer, source: str, target: str, object_class: str, permission: str, expected: tuple[str, ...]
) -> None:
    assert texts(server, source, target, object_class, permission) == expected


def test_booleans_that_switch_a_rule_off_are_named(server: SecurityServer) -> None:
    found = texts(server, "u:r:a_t:s0", "u:r:b_t:s0", "file", "write")
    assert "booleans first, second switch off: (allow a_t b_t (file (write)))" in found


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (CompareNames(Operand.TYPE_1, Comparison.EQUAL, 3, ("a_t", "b_t")), "(a_t b_t)"),
        (CompareNames(Operand.TYPE_1, Comparison.EQUAL, 3, ("all",), ("b_t",)), "(all -b_t)"),
        (CompareNames(Operand.TYPE_1, Comparison.EQUAL, 3, ("a_t",), (), NamesForm.COMPLEMENT), "~a_t"),
        # a binary policy keeps no names of users and roles
        (CompareNames(Operand.USER_1, Comparison.EQUAL, 1, ()), "u"),
        (CompareNames(Operand.ROLE_2, Comparison.EQUAL, 6, ()), "(r q)"),
        (CompareNames(Operand.TYPE_1, Comparison.EQUAL, 0, ()), "()"),
        (CompareNames(Operand.TYPE_1, Comparison.EQUAL, 0, tuple("abcdefghij")), "(a b c d e f g h and 2 more)"),
    ],
)
def test_names_of_a_comparison(server: SecurityServer, term: CompareNames, expected: str) -> None:
    assert compared_names_text(server.policy, term) == expected
