"""Tries CIL: text to trees, by both readers, and with a small complete policy to a compiled one."""

import re
import sys
from random import Random

from common import Harness, instrumented, main

with instrumented():
    from selbox.compiler.compile import compile_policy
    from selbox.diagnostics import SelboxError, SourceFile
    from selbox.language.cil import Form, parse
    from selbox.language.cil.reader import read_carefully
    from selbox.language.cil.tree import written_out

BASE = """\
(handleunknown allow) (mls true)
(common file_common (read write)) (class file (open)) (classcommon file file_common)
(class process (fork transition)) (classorder (process file))
(sid kernel) (sid security) (sidorder (kernel security))
(sensitivity s0) (sensitivity s1) (sensitivityorder (s0 s1))
(category c0) (category c1) (category c2) (categoryorder (c0 c1 c2))
(sensitivitycategory s0 (range c0 c2)) (sensitivitycategory s1 (range c0 c2))
(role object_r) (role r) (user u) (userrole u r) (userrole u object_r)
(userlevel u (s0)) (userrange u ((s0) (s1 (range c0 c2))))
(type t) (type a) (type b) (typeattribute x) (typeattributeset x (a b))
(roletype r x) (roletype r t) (roletype object_r x)
(boolean flag true)
(sidcontext kernel (u r t ((s0) (s1 (range c0 c2)))))
(sidcontext security (u object_r a ((s0) (s0))))
(allow t x (file (read write)))
"""

KEYWORDS = """
allow allowx and auditallow auditallowx block blockabstract blockinherit boolean booleanif bounds call category
categoryalias categoryaliasactual categoryorder categoryset class classcommon classmap classmapping classorder
classpermission classpermissionset common constrain context defaultrange defaultrole defaulttype defaultuser deny
devicetreecon dontaudit dontauditx eq expandtypeattribute false filecon fsuse genfscon glblub handleunknown ibendportcon
ibpkeycon in incomp iomemcon ioportcon ipaddr ioctl level levelrange macro mls mlsconstrain mlsvalidatetrans netifcon
neverallow neverallowx nlmsg nodecon not notself optional or other pcidevicecon permissionx pirqcon policycap portcon
range rangetransition role roleallow roleattribute roleattributeset rolebounds roletransition roletype selinuxuser
selinuxuserdefault self sensitivity sensitivityalias sensitivityaliasactual sensitivitycategory sensitivityorder sid
sidcontext sidorder string source target tcp true tunable tunableif type typealias typealiasactual typeattribute
typeattributeset typebounds typechange typemember typepermissive typetransition udp unordered user userattribute
userattributeset userbounds userlevel userprefix userrange userrole validatetrans xattr xor all before after low high
low-high dom domby neq t1 t2 u1 u2 r1 r2 l1 h1 l2 h2 sctp dccp any dir file char pipe socket symlink task trans
""".split()  # noqa: SIM905 - one word a line would be a page of them
_NAMES = [
    "t",
    "a",
    "b",
    "x",
    "r",
    "u",
    "s0",
    "s1",
    "c0",
    "c2",
    "flag",
    "file",
    "process",
    "read",
    "open",
    "object_r",
    "n",
]
_SHARING = ("allow", "auditallow", "dontaudit", "neverallow", "filecon")
_TOKEN = re.compile(r'"[^"\n]*"|;[^\n]*|[()]|[^\s()";]+|\s+|.')


def run(content: bytes) -> None:
    """Read a text by both readers, then compile it with the base.

    Raises:
        SelboxError: when either refuses.
    """
    source = SourceFile("fuzz.cil", content.decode("utf-8", "replace"))
    try:
        tree = parse(source)
    except SelboxError:
        assert not is_taken(source), "the quick reader refuses what the careful one takes"
        raise
    careful = read_carefully(source)
    forms = [form for form in written_out(tree.forms) if isinstance(form, Form)]
    assert careful == forms
    assert [each.offset for each in walk(careful)] == [each.offset for each in walk(forms)]
    compile_policy([parse(SourceFile("base.cil", BASE)), tree])


def is_taken(source: SourceFile) -> bool:
    """Tell whether the careful reader takes a text."""
    try:
        read_carefully(source)
    except SelboxError:
        return False
    return True


def walk(forms: list[Form]) -> list[Form]:
    """Return all forms of a tree whose places are kept: those that end a rule may be shared by many."""
    found = list(forms)
    for form in found:
        if form.keyword not in _SHARING:
            found += [item for item in form if isinstance(item, Form)]
    return found


def mutate(content: bytes, number: int, most: int) -> bytes:
    """Change words, or take out, double or move a form, so that parentheses mostly stay balanced."""
    random = Random(number)  # noqa: S311 - to vary inputs, not to keep a secret
    tokens = _TOKEN.findall(content.decode("utf-8", "replace"))
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if not tokens:
            tokens = ["(", random.choice(KEYWORDS), " ", random.choice(_NAMES), ")"]
        place = random.randrange(len(tokens))
        begin, end = form_around(tokens, place)
        other = random.randrange(len(tokens) + 1)
        match random.randrange(7):
            case 0:
                tokens[place] = random.choice(_NAMES)
            case 1:
                tokens[place] = random.choice(KEYWORDS)
            case 2:
                del tokens[begin:end]
            case 3:
                tokens[other:other] = tokens[begin:end]
            case 4:
                tokens[begin:end] = ["(", random.choice(KEYWORDS), " ", *tokens[begin:end], ")"]
            case 5:
                tokens[place:place] = [" ", random.choice(_NAMES), " "]
            case _:
                moved = tokens[begin:end]
                del tokens[begin:end]
                other = min(other, len(tokens))
                tokens[other:other] = moved
    return "".join(tokens).encode()[:most]


def form_around(tokens: list[str], place: int) -> tuple[int, int]:
    """Return where the form that begins at or after a token begins and ends; the token alone when none does."""
    begin = next((index for index in range(place, min(place + 8, len(tokens))) if tokens[index] == "("), place)
    depth = 0
    for index in range(begin, len(tokens)):
        depth += (tokens[index] == "(") - (tokens[index] == ")")
        if depth <= 0:
            return begin, index + 1
    return begin, len(tokens)


HARNESS = Harness(
    "cil", run, 4096, tuple(word.encode() for word in (*KEYWORDS, *_NAMES, "(", ")", '"', ";", "0x10")), mutate
)

if __name__ == "__main__":
    sys.exit(main(HARNESS, sys.argv[1:]))
