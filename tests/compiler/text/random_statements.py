"""Random statements of the kinds that the smaller random policies lack, for round trips of whole policies.

They stand with ``tests.compiler.policies.BASE``, whose names they use.
"""

from hypothesis import strategies as st

TYPES = ("a", "b", "c", "d", "kernel_t")
SETS = (*TYPES, "domain", "filetype", "both")
FILE_KINDS = ("any", "file", "dir", "char", "block", "socket", "pipe", "symlink")

names = st.sampled_from(SETS)
single_types = st.sampled_from(TYPES)
classes = st.sampled_from(["file", "dir", "process"])
levels = st.sampled_from(["(s0)", "(s0 (c0))", "(s1 (c0 c1))", "(s2 (range c1 c3))", "(s1 (c0 c2 c4))"])
ranges = st.one_of(levels.map("({0} {0})".format), st.just("((s0) (s2 (range c0 c4)))"))
contexts = st.builds("(system_u object_r {} {})".format, single_types, st.one_of(st.just("((s0) (s0))"), ranges))
targets = st.one_of(names, st.just("self"))
permissions = st.sampled_from(
    ["(file (read))", "(file (write execute))", "(file (all))", "(dir (search ioctl))", "(process (fork))"]
)
access_rules = st.builds(
    "({} {} {} {})".format, st.sampled_from(["allow", "auditallow", "dontaudit"]), names, targets, permissions
)

_numbers = st.one_of(
    st.integers(0, 0xFFFF).map("{:#x}".format),
    st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0x600)).map(
        lambda pair: f"(range {pair[0]:#x} {min(pair[0] + pair[1], 0xFFFF):#x})"
    ),
)
extended_rules = st.builds(
    "({} {} {} (ioctl {} ({})))".format,
    st.sampled_from(["allowx", "auditallowx", "dontauditx"]),
    names,
    targets,
    st.sampled_from(["file", "dir"]),
    st.lists(_numbers, min_size=1, max_size=4).map(" ".join),
)

transitions = st.one_of(
    st.builds("(rangetransition {} {} {} {})".format, names, names, classes, ranges),
    st.builds("(roletransition system_r {} {} staff_r)".format, names, classes),
    st.builds(
        '(typetransition {} {} {} "{}" {})'.format,
        names,
        names,
        st.sampled_from(["file", "dir"]),
        st.sampled_from(["name", "a b", ".x-y", "k#;()"]),
        single_types,
    ),
    st.sampled_from(["(roleallow system_r staff_r)", "(roleallow staff_r system_r)"]),
)

conditionals = st.builds(
    "(booleanif {} (true {}) (false {}))".format,
    st.sampled_from(["flag", "(not flag)", "(and flag other)", "(xor (not flag) (or other flag))", "(eq flag other)"]),
    access_rules,
    access_rules,
)

expressions = st.recursive(
    st.one_of(
        st.sampled_from(
            ["(eq u1 u2)", "(neq r1 r2)", "(dom r1 r2)", "(eq r1 system_r)", "(neq u2 (system_u staff_u))"]
        ),
        st.builds("({} {} {})".format, st.sampled_from(["eq", "neq"]), st.sampled_from(["t1", "t2"]), names),
        st.just("(eq t1 (a b domain))"),
    ),
    lambda inner: st.one_of(
        inner.map("(not {})".format),
        st.builds("({} {} {})".format, st.sampled_from(["and", "or"]), inner, inner),
    ),
    max_leaves=3,
)
level_expressions = st.builds(
    "({} ({} {}) {})".format,
    st.sampled_from(["and", "or"]),
    st.sampled_from(["eq", "neq", "dom", "domby", "incomp"]),
    st.sampled_from(["l1 l2", "l1 h2", "h1 l2", "h1 h2", "l1 h1", "l2 h2"]),
    expressions,
)
constraints = st.one_of(
    st.builds("(constrain {} {})".format, permissions, expressions),
    st.builds("(mlsconstrain {} {})".format, permissions, level_expressions),
    st.builds("(validatetrans file (or (eq t3 {}) {}))".format, names, expressions),
    st.builds("(mlsvalidatetrans dir {})".format, level_expressions),
)

_addresses = st.one_of(
    st.tuples(*[st.integers(0, 255)] * 4).map(lambda parts: (".".join(map(str, parts)), "255.255.0.0")),
    st.lists(st.sampled_from([0, 0, 1, 0xAB, 0xFFFF]), min_size=8, max_size=8).map(
        lambda words: (":".join(f"{word:x}" for word in words), "ffff:ffff::")
    ),
)


def distinct(statements: st.SearchStrategy[tuple[str, str]], most: int) -> st.SearchStrategy[list[str]]:
    """Draw statements of which no two are about the same thing.

    Args:
        statements: what each is about, and its text.
        most: how many.
    """
    return st.lists(statements, max_size=most, unique_by=lambda pair: pair[0]).map(
        lambda pairs: [text for _, text in pairs]
    )


def _about(form: str, *about: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[str, str]]:
    """Draw a statement whose first fields say what it is about, and whose last is a context."""
    return st.tuples(st.tuples(*about), contexts).map(lambda drawn: (str(drawn[0]), form.format(*drawn[0], drawn[1])))


_defaults = st.one_of(
    st.tuples(st.sampled_from(["user", "role", "type"]), classes, st.sampled_from(["source", "target"])),
    st.tuples(st.just("range"), classes, st.sampled_from(["source low", "target high", "source low-high", "glblub"])),
).map(lambda drawn: (f"{drawn[0]} {drawn[1]}", "(default{} {} {})".format(*drawn)))

settings_statements = st.one_of(
    _defaults,
    st.sampled_from(["open_perms", "extended_socket_class", "ioctl_skip_cloexec"]).map(
        lambda name: (name, f"(policycap {name})")
    ),
    st.sampled_from(TYPES).map(lambda name: (f"permissive {name}", f"(typepermissive {name})")),
    st.sampled_from(
        [
            ("bounds b", "(typebounds a b)"),
            ("bounds staff_r", "(rolebounds system_r staff_r)"),
            ("alias aa", "(typealias aa) (typealiasactual aa a)"),
            ("alias ab", "(typealias ab) (typealiasactual ab a)"),
            ("alias low_s", "(sensitivityalias low_s) (sensitivityaliasactual low_s s0)"),
            ("alias first_c", "(categoryalias first_c) (categoryaliasactual first_c c0)"),
            ("attribute", "(typeattribute none) (typeattribute more) (typeattributeset more (and domain (not a)))"),
            ("common", "(common alone (p q))"),
            ("class", "(class bare ()) (classorder (socket bare))"),
        ]
    ),
)

kernel_labels = st.one_of(
    _about("(fsuse xattr {} {})", st.sampled_from(["ext4", "9p"])),
    _about("(fsuse trans {} {})", st.just("tmpfs")),
    _about("(fsuse task {} {})", st.just("pipefs")),
    _about(
        '(genfscon {} "{}" {} {})',
        st.sampled_from(["proc", "sysfs"]),
        st.sampled_from(["/", "/a", "/a b"]),
        st.just("any"),
    ),
    _about('(genfscon fuse "{}" {} {})', st.sampled_from(["/x", "/y"]), st.sampled_from(["file", "dir"])),
    _about(
        "(portcon {} {} {})",
        st.sampled_from(["tcp", "udp", "dccp", "sctp"]),
        st.sampled_from(["80", "(1 1023)", "(81 90)", "65535"]),
    ),
    _addresses.flatmap(lambda pair: _about("(nodecon ({}) ({}) {})", st.just(pair[0]), st.just(pair[1]))),
    _about("(netifcon {0} {1} (system_u object_r c ((s0) (s0))))", st.sampled_from(["eth0", "lo"])),
    _about("(ibpkeycon {} {} {})", st.sampled_from(["fe80::", "fec0::"]), st.sampled_from(["5", "(1 4)"])),
    _about("(ibendportcon {} {} {})", st.sampled_from(["mlx4_0", "mlx5_1"]), st.sampled_from(["1", "255"])),
)

xen_labels = st.one_of(
    _about("(pirqcon {} {})", st.sampled_from(["0", "33"])),
    _about("(ioportcon {} {})", st.sampled_from(["0xecc0", "(0x1000 0x1fff)"])),
    _about("(iomemcon {} {})", st.sampled_from(["0xfebe0", "(0xfebe1000 0xfebe1fff0)"])),
    _about("(pcidevicecon {} {})", st.sampled_from(["0xc800", "0x1"])),
    _about('(devicetreecon "{}" {})', st.sampled_from(["/this is/a/path", "/x"])),
)

other_statements = st.one_of(
    st.sampled_from(["staff_u", "system_u"]).map(lambda user: (f"prefix {user}", f"(userprefix {user} staff)")),
    st.sampled_from(["root", "joe"]).map(lambda login: (login, f"(selinuxuser {login} system_u ((s0) (s0 (c0))))")),
    st.just(("default", "(selinuxuserdefault staff_u ((s0) (s0)))")),
    _about(
        '(filecon "{}" {} {})',
        st.sampled_from(["/", "/.*", "/a", "/a/b(/.*)?", r"/a\.b", "/a b", "/a/[bc]", "/x{2}", "/é"]),
        st.sampled_from(FILE_KINDS),
    ),
    _about("(netifcon {0} {1} {1})", st.sampled_from(["eth*", "wlan?", "eth1?"])),
    st.just(("none", '(filecon "/none" any ())')),
)

_BOOLEANS = "(boolean flag true) (boolean other false)"

rule_lists = st.lists(
    st.one_of(access_rules, access_rules, extended_rules, transitions, conditionals, constraints), max_size=10
)


def _policies(labels: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[str]:
    parts = st.tuples(rule_lists, distinct(settings_statements, 6), distinct(labels, 6))
    return parts.map(lambda lists: "\n".join([_BOOLEANS, *(line for lines in lists for line in lines)]))


kernel_policies = _policies(kernel_labels)
"""Statements to compile together with ``BASE``, all of which a kernel policy holds."""

policies = _policies(st.one_of(kernel_labels, other_statements))
"""The same with statements for user space."""

xen_policies = _policies(xen_labels)
"""Statements of a policy for Xen."""
