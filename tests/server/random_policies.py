"""Random small policies in CIL, for comparisons with other security servers."""

from hypothesis import strategies as st

TYPES = ("ta", "tb", "tc", "td", "te")
ATTRIBUTES = ("a0", "a1")
ROLES = ("ra", "rb")
USERS = ("ua", "ub")
BOOLEANS = ("b0", "b1")
PERMISSIONS = {
    "file": ("read", "write", "getattr", "relabelto", "ioctl"),
    "process": ("signal", "transition", "dyntransition", "fork"),
    "unix_stream_socket": ("connectto", "read"),
}
FILE_NAMES = ("log", "tmp")
_WRITTEN_RANGES = (
    "((s0) (s0))",
    "((s0) (s0 (c0)))",
    "((s0 (c0)) (s1 (c0 c1)))",
    "((s1) (s1 (c0 c1 c2)))",
    "((s0) (s1))",
)
LEVELS = ("s0", "s0:c0", "s0:c1", "s0:c0,c1", "s1", "s1:c0", "s1:c0.c2")

_PREAMBLE = """\
(mls true)(policycap open_perms)
(sid kernel)(sid security)(sid unlabeled)(sidorder (kernel security unlabeled))
(sensitivity s0)(sensitivity s1)(sensitivityorder (s0 s1))
(category c0)(category c1)(category c2)(categoryorder (c0 c1 c2))
(sensitivitycategory s0 (c0 c1))(sensitivitycategory s1 (c0 c1 c2))
(role object_r)
(userlevel ua (s0))(userrange ua ((s0) (s1 (c0 c1 c2))))(userlevel ub (s0 (c0)))(userrange ub ((s0 (c0)) (s1 (c0 c1))))
(userrole ua object_r)(userrole ub object_r)(userrole ua ra)(roletype ra ta)
(allow ta ta (process (fork)))
"""

_ALONE = """\
(handleunknown deny)
(sidcontext kernel (ua ra ta ((s0) (s0))))(sidcontext unlabeled (ua object_r ta ((s0) (s0))))
"""

_OMNIPOTENT = """\
(handleunknown allow)(type tu)(typeattribute every)(typeattributeset every (tu ta tb tc td te))
(sidcontext kernel (ua object_r tu ((s0) (s0))))(sidcontext security (ua object_r tu ((s0) (s0))))
(sidcontext unlabeled (ua object_r tu ((s0) (s0))))
(typealias alias)(typealiasactual alias ta)(sensitivityalias low)(sensitivityaliasactual low s0)
(categoryalias first)(categoryaliasactual first c0)
"""
"""For a kernel, whose own processes must go on under the policy: all of them are ``tu``, which may do everything."""

IOCTLS = (0x1200, 0x1201, 0x1234, 0x12FF, 0x1300, 0x3400, 0x34FE, 0x34FF, 0x3500, 0xFF00, 0xFFFF)
"""Numbers of ``ioctl`` commands in, beside and at the ends of what rules are about; all mean nothing to a file."""

_NAMES = st.sampled_from(TYPES + ATTRIBUTES)
_CLASSES = st.sampled_from(sorted(PERMISSIONS))
_TYPE_RULES = st.sampled_from(["typetransition", "typechange", "typemember"])
_EQUALITIES = st.sampled_from(["eq", "neq"])


def _subset(names: tuple[str, ...], least: int = 0) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), min_size=least, max_size=len(names), unique=True)


def _class_permissions(object_class: str) -> st.SearchStrategy[str]:
    chosen = _subset(PERMISSIONS[object_class], 1)
    return chosen.map(lambda permissions: f"({object_class} ({' '.join(permissions)}))")


@st.composite
def _access_rules(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["allow", "allow", "allow", "auditallow", "dontaudit"]))
    target = draw(st.one_of(_NAMES, st.just("self")))
    return f"({kind} {draw(_NAMES)} {target} {draw(_CLASSES.flatmap(_class_permissions))})"


def _comparisons(is_mls: bool, parties: str = "12") -> st.SearchStrategy[str]:
    both = st.builds("({0} {1}1 {1}2)".format, _EQUALITIES, st.sampled_from("urt"))
    named = [
        st.builds("({} {}{} {})".format, _EQUALITIES, st.just(kind), st.sampled_from(parties), names)
        for kind, names in (
            ("u", st.sampled_from(USERS)),
            ("r", st.sampled_from(ROLES)),
            ("t", _NAMES),
            ("t", _subset(TYPES, 1).map(lambda names: f"({' '.join(names)})")),
        )
    ]
    roles = st.sampled_from(["(dom r1 r2)", "(domby r1 r2)", "(incomp r1 r2)"])
    if not is_mls:
        return st.one_of(both, roles, *named)
    pairs = ["l1 l2", "l1 h2", "h1 l2", "h1 h2", "l1 h1", "l2 h2"]
    levels = st.builds(
        "({} {})".format, st.sampled_from(["eq", "neq", "dom", "domby", "incomp"]), st.sampled_from(pairs)
    )
    return st.one_of(both, roles, levels, levels, levels, *named)


def _expressions(is_mls: bool, parties: str = "12") -> st.SearchStrategy[str]:
    return st.recursive(
        _comparisons(is_mls, parties),
        lambda inner: st.one_of(
            inner.map(lambda one: f"(not {one})"),
            st.tuples(st.sampled_from(["and", "or"]), inner, inner).map(lambda parts: f"({' '.join(parts)})"),
        ),
        max_leaves=4,
    )


@st.composite
def _constraints(draw: st.DrawFn, for_kernel: bool) -> str:
    is_mls = draw(st.booleans())
    keyword = "mlsconstrain" if is_mls else "constrain"
    expression = draw(_expressions(is_mls))
    expression = f"(or (eq t1 tu) {expression})" if for_kernel else expression
    return f"({keyword} {draw(_CLASSES.flatmap(_class_permissions))} {expression})"


@st.composite
def _validate_transitions(draw: st.DrawFn) -> str:
    is_mls = draw(st.booleans())
    keyword = "mlsvalidatetrans" if is_mls else "validatetrans"
    return f"({keyword} {draw(_CLASSES)} {draw(_expressions(is_mls, '123'))})"


_CONDITIONS = st.recursive(
    st.sampled_from(BOOLEANS),
    lambda inner: st.one_of(
        inner.map(lambda one: f"(not {one})"),
        st.tuples(st.sampled_from(["and", "or", "xor", "eq", "neq"]), inner, inner).map(
            lambda parts: f"({' '.join(parts)})"
        ),
    ),
    max_leaves=3,
)


@st.composite
def _conditionals(draw: st.DrawFn) -> str:
    some_rules = st.lists(_access_rules(), min_size=1, max_size=3).map(" ".join)
    branches = [f"({branch} {draw(some_rules)})" for branch in ("true", "false")]
    return f"(booleanif {draw(_CONDITIONS)} {' '.join(branches)})"


@st.composite
def _type_rules(draw: st.DrawFn) -> list[str]:
    """Draw type rules that do not contradict one another: one for a class, or one for each pair of types."""
    lines: list[str] = []
    for kind, object_class in draw(st.lists(st.tuples(_TYPE_RULES, _CLASSES), max_size=5, unique=True)):
        if draw(st.booleans()):
            lines.append(f"({kind} {draw(_NAMES)} {draw(_NAMES)} {object_class} {draw(st.sampled_from(TYPES))})")
            continue
        pairs = st.tuples(st.sampled_from(TYPES), st.sampled_from(TYPES))
        for source, target in draw(st.lists(pairs, max_size=8, unique=True)):
            first, second = (
                f"({kind} {source} {target} {object_class} {draw(st.sampled_from(TYPES))})" for _ in range(2)
            )
            is_switched = draw(st.booleans())
            lines.append(f"(booleanif b0 (true {first}) (false {second}))" if is_switched else first)
    return lines


_NUMBERS = st.sampled_from(IOCTLS).map(hex)
_SPANS = st.tuples(st.sampled_from(IOCTLS), st.sampled_from(IOCTLS)).map(
    lambda ends: f"(range {min(ends):#x} {max(ends):#x})"
)
_SETS = st.one_of(
    st.lists(_NUMBERS, min_size=1, max_size=4, unique=True).map(lambda numbers: f"({' '.join(numbers)})"),
    _SPANS.map(lambda span: f"({span})"),
    st.just("(all)"),
    st.just("((range 0x1200 0x12ff))"),
    st.just("(not ((range 0x3400 0x34ff)))"),
)


@st.composite
def _extended_rules(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["allowx", "allowx", "allowx", "auditallowx", "dontauditx"]))
    target = draw(st.one_of(_NAMES, st.just("self")))
    return f"({kind} {draw(_NAMES)} {target} (ioctl file {draw(_SETS)}))"


@st.composite
def _bounds(draw: st.DrawFn) -> list[str]:
    """Draw bounds of some types by types that come before them."""
    children = draw(_subset(TYPES[1:]))
    parents = (TYPES[draw(st.integers(0, TYPES.index(child) - 1))] for child in children)
    return [f"(typebounds {parent} {child})" for parent, child in zip(parents, children, strict=True)]


_SIDES = st.sampled_from(["source", "target"])
_DEFAULTS = st.one_of(
    st.tuples(st.sampled_from(["defaultuser", "defaultrole", "defaulttype"]), _SIDES),
    st.tuples(
        st.just("defaultrange"),
        st.one_of(
            st.tuples(_SIDES, st.sampled_from(["low", "high", "low-high"])).map(" ".join),
            st.just("glblub"),
        ),
    ),
)


def _distinct(*key: st.SearchStrategy[str], most: int = 4) -> st.SearchStrategy[list[tuple[str, ...]]]:
    """Draw keys of rules of which there may be one each."""
    return st.lists(st.tuples(*key), max_size=most, unique=True)


@st.composite
def _new_contexts(draw: st.DrawFn) -> list[str]:
    """Draw what new contexts follow beside type rules."""
    types = st.sampled_from(TYPES)
    lines = [
        f"({keyword} {object_class} {side})"
        for object_class in PERMISSIONS
        for keyword, side in draw(st.lists(_DEFAULTS, max_size=2, unique_by=lambda each: each[0]))
    ]
    lines += [
        f'(typetransition {source} {target} {object_class} "{name}" {draw(types)})'
        for source, target, object_class, name in draw(_distinct(types, types, _CLASSES, st.sampled_from(FILE_NAMES)))
    ]
    lines += [
        f"(rangetransition {source} {target} {object_class} {draw(st.sampled_from(_WRITTEN_RANGES))})"
        for source, target, object_class in draw(_distinct(types, types, _CLASSES))
    ]
    roles = st.sampled_from(ROLES)
    lines += [
        f"(roletransition {role} {target} {object_class} {draw(roles)})"
        for role, target, object_class in draw(_distinct(roles, types, _CLASSES, most=3))
    ]
    return lines


@st.composite
def policies(draw: st.DrawFn, for_kernel: bool = False) -> str:
    """Draw the text of a policy that secilc accepts, with ``-N``: a bounded type may have more than its bounds.

    Args:
        draw: given by hypothesis.
        for_kernel: whether a running kernel is to take it.
    """
    lines = [_PREAMBLE, _OMNIPOTENT if for_kernel else _ALONE]
    lines += [f"(class {name} ({' '.join(permissions)}))" for name, permissions in PERMISSIONS.items()]
    lines.append(f"(classorder ({' '.join(PERMISSIONS)}))")
    if for_kernel:
        lines += [f"(allow tu every ({name} ({' '.join(permissions)})))" for name, permissions in PERMISSIONS.items()]
        lines += [f"(allow {name} every (process (transition)))" for name in draw(_subset(TYPES))]
    for keyword, names in (("type", TYPES), ("typeattribute", ATTRIBUTES), ("role", ROLES), ("user", USERS)):
        lines += [f"({keyword} {name})" for name in names]
    lines += [f"(typepermissive {name})" for name in draw(_subset(TYPES)) if name != TYPES[0]]
    lines += [f"(boolean {name} {str(draw(st.booleans())).lower()})" for name in BOOLEANS]
    lines += [f"(typeattributeset {name} ({' '.join(draw(_subset(TYPES, 1)))}))" for name in ATTRIBUTES]
    lines += [f"(roletype {role} {name})" for role in ROLES for name in draw(_subset(TYPES))]
    lines += [f"(userrole {user} {role})" for user in USERS for role in draw(_subset(ROLES))]
    lines += [f"(roleallow {source} {target})" for source in ROLES for target in draw(_subset(ROLES))]
    for statements, most in (
        (_access_rules(), 14),
        (_extended_rules(), 6),
        (_conditionals(), 2),
        (_constraints(for_kernel), 4),
        (_validate_transitions(), 2),
    ):
        lines += draw(st.lists(statements, max_size=most))
    lines += draw(_type_rules()) + draw(_new_contexts())
    # libsepol 3.4 follows a null pointer where a bounding type is denied something.
    return "\n".join(lines + draw(_bounds()) if for_kernel else lines)


_LEVELS = st.sampled_from(LEVELS)
_RANGES = st.one_of(_LEVELS, st.tuples(_LEVELS, _LEVELS).map("-".join))
_CONTEXT_ROLES = st.sampled_from((*ROLES, "object_r"))

contexts = st.tuples(st.sampled_from(USERS), _CONTEXT_ROLES, st.sampled_from(TYPES), _RANGES).map(":".join)
"""Texts of contexts, of which some are not valid in some policies."""
