"""What a policy may not say: the code of our error, and that secilc refuses it too."""

import pytest
from tests.compiler.policies import BASE, codes_with_base, errors_of
from tests.oracles.secilc import compile_reference, requires_secilc

from selbox.compiler.options import CompileOptions

CONTEXT = "(system_u object_r c ((s0) (s0)))"
OTHER_CONTEXT = "(system_u object_r d ((s0) (s0)))"

REFUSED = [
    ("(allow a nowhere (file (read)))", "cil-unknown-type"),
    ("(allow a b (nofile (read)))", "cil-unknown-class"),
    ("(allow a b (file (fly)))", "cil-unknown-permission"),
    ("(allow a b nosuchset)", "cil-unknown-classpermission"),
    ("(allow a b (file ()))", "cil-syntax"),
    ("(allow a b (file (read not (write))))", "cil-syntax"),
    ("(allow a b ((file (read)) (dir (search))))", "cil-syntax"),
    ("(allow a (b) (file (read)))", "cil-syntax"),
    ("(allow self a (file (read)))", "cil-unknown-type"),
    ("(type a)", "cil-duplicate-name"),
    ("(type self)", "cil-bad-name"),
    ("(type 9x)", "cil-bad-name"),
    ("(type x.y)", "cil-bad-name"),
    ("(type)", "cil-syntax"),
    ("(foo)", "cil-unknown-statement"),
    ("()", "cil-syntax"),
    ("((type x))", "cil-syntax"),
    ("(typeattribute x) (typeattribute y) (typeattributeset x y) (typeattributeset y x)", "cil-cyclic-set"),
    ("(typeattribute x) (typeattributeset x x)", "cil-cyclic-set"),
    ("(typeattributeset a b)", "cil-not-an-attribute"),
    ("(typeattribute x) (typeattributeset x ())", "cil-syntax"),
    ("(typeattribute x) (typeattributeset x (a and b))", "cil-syntax"),
    ("(typeattribute x) (typeattributeset x (and a b c))", "cil-syntax"),
    ("(typealias x)", "cil-alias-without-meaning"),
    ("(typealias x) (typealiasactual x y) (typealias y) (typealiasactual y x)", "cil-cyclic-alias"),
    ("(typealias x) (typealiasactual x a) (typealiasactual x b)", "cil-duplicate-alias"),
    ("(typealias x) (typealiasactual x domain)", "cil-wrong-kind"),
    ("(typetransition a b process domain)", "cil-attribute-not-allowed"),
    ("(typetransition a b process c) (typetransition a b process d)", "cil-conflicting-transition"),
    ("(typetransition domain b process c) (typetransition a b process d)", "cil-conflicting-transition"),
    ('(typetransition a b file "x" c) (typetransition domain b file "x" d)', "cil-conflicting-transition"),
    (
        "(rangetransition a b process ((s0) (s0))) (rangetransition a b process ((s1) (s1)))",
        "cil-conflicting-transition",
    ),
    (
        "(roletransition system_r a process staff_r) (roletransition system_r domain process system_r)",
        "cil-conflicting-role-transition",
    ),
    ("(class k (x))", "cil-not-ordered"),
    ("(classorder (dir file))", "cil-bad-order"),
    ("(sensitivityorder (s0 s0))", "cil-bad-order"),
    ("(classcommon file file_common)", "cil-duplicate-common"),
    ("(class k (read)) (classorder (socket k)) (classcommon k file_common)", "cil-duplicate-name"),
    ("(classmap m (x)) (classmapping m y (file (read)))", "cil-unknown-permission"),
    ("(classmap m (x)) (allow a b (m (x)))", "cil-empty-set"),
    ("(classpermission cp) (allow a b cp)", "cil-empty-set"),
    ("(classpermission cp) (classpermissionset cp cp)", "cil-cyclic-set"),
    ("(level l (s0 (c9)))", "cil-unknown-category"),
    ("(level l (s0 (range c3 c1)))", "cil-bad-range"),
    ("(levelrange l ((s1) (s0)))", "cil-bad-range"),
    ("(user nolevel) (userrange nolevel ((s0) (s0)))", "cil-no-userlevel"),
    ("(user norange) (userlevel norange (s0))", "cil-no-userrange"),
    ("(context x (staff_u system_r kernel_t ((s0) (s0))))", "cil-invalid-context"),
    ("(context x (system_u system_r c ((s0) (s0))))", "cil-invalid-context"),
    ("(context x (staff_u staff_r a ((s1) (s1))))", "cil-invalid-context"),
    ("(context x (system_u object_r domain ((s0) (s0))))", "cil-attribute-not-allowed"),
    ("(context x (system_u object_r c))", "cil-syntax"),
    (f"(sidcontext kernel {CONTEXT})", "cil-duplicate-context"),
    (f'(filecon "/x" filee {CONTEXT})', "cil-syntax"),
    (f"(portcon icmp 5 {CONTEXT})", "cil-syntax"),
    (f"(nodecon (10.0.0.300) (255.0.0.0) {CONTEXT})", "cil-bad-address"),
    (f"(nodecon (10.0.0.0) (ffff::) {CONTEXT})", "cil-bad-address"),
    ("(ipaddr x foo)", "cil-bad-address"),
    ("(boolean x maybe)", "cil-syntax"),
    ("(boolean x true) (booleanif y (true (allow a b (file (read)))))", "cil-unknown-boolean"),
    ("(boolean x true) (booleanif (and x) (true (allow a b (file (read)))))", "cil-syntax"),
    ("(boolean x true) (booleanif x (true (type q)))", "cil-misplaced"),
    ('(boolean x true) (booleanif x (true (typetransition a b file "x" c)))', "cil-misplaced"),
    ("(block x) (block x)", "cil-duplicate-name"),
    ("(blockinherit nob)", "cil-unknown-block"),
    ("(block x (blockinherit x))", "cil-cyclic-inheritance"),
    ("(block x (blockinherit y)) (block y (blockinherit x))", "cil-cyclic-inheritance"),
    ("(block x (block y (blockinherit x)))", "cil-cyclic-inheritance"),
    ("(block x (optional o (blockinherit y))) (block y (block z (blockinherit x)))", "cil-cyclic-inheritance"),
    ("(block x) (in x (blockinherit y)) (block y (blockinherit x))", "cil-cyclic-inheritance"),
    ("(block x (block i)) (block y (blockinherit x)) (block z (blockinherit y.i))", "cil-unknown-block"),
    ("(block b0)" + "".join(f"(block b{n} (blockinherit b{n - 1}))" for n in range(1, 46)), "cil-too-large"),
    ("(macro m () (call n)) (macro n () (call m)) (call n)", "cil-recursive-call"),
    ("(macro m ((type x))) (call m)", "cil-wrong-arguments"),
    ("(macro m ((type x)) (allow x x (file (read)))) (call m (nowhere))", "cil-unknown-type"),
    ("(macro m ((type x))) (call m (nowhere))", "cil-unknown-type"),
    ("(type x) (macro m ((type x)) (allow x x (file (read)))) (call m (nowhere))", "cil-unknown-type"),
    ("(macro m ((class c) (level l))) (call m (nofile (s0)))", "cil-unknown-class"),
    ("(macro m ((foo x))) (call m (a))", "cil-syntax"),
    ("(block x) (macro m ((block y))) (call m (x))", "cil-syntax"),
    ("(macro m () (block x))", "cil-misplaced"),
    ("(macro m () (type dup)) (call m) (call m)", "cil-duplicate-name"),
    ("(block x) (call x)", "cil-not-a-macro"),
    ("(in nowhere (type x))", "cil-bad-insertion"),
    ("(block x) (in after x (blockinherit y)) (block y)", "cil-misplaced"),
    ("(block x) (in after x (blockabstract x))", "cil-misplaced"),
    ("(macro m ()) (in m (block x))", "cil-misplaced"),
    ("(macro m ()) (in m (blockinherit x)) (block x)", "cil-misplaced"),
    ("(macro m ()) (in m (tunableif t (true (macro n ())))) (tunable t true)", "cil-misplaced"),
    ("(block x (block y)) (block z (optional o (blockinherit x)))", "cil-misplaced"),
    ("(block x (macro m ())) (optional o (blockinherit x))", "cil-misplaced"),
    ("(block x (tunable t true)) (optional o (blockinherit x))", "cil-misplaced"),
    ("(classorder (file nowhere))", "cil-bad-order"),
    ("(optional o (classorder (unordered nowhere)))", "cil-bad-order"),
    ("(defaultuser () source)", "cil-syntax"),
    ("(defaultrange () source low)", "cil-syntax"),
    ("(allow a b (file (())))", "cil-syntax"),
    ("(constrain (file (read)) (eq t1 ()))", "cil-syntax"),
    ('(class x ("/y")) (classorder (file x))', "cil-bad-name"),
    ("(tunable t false) (tunableif t (true (nonsense)))", "cil-unknown-statement"),
    ("(tunable t false) (tunableif t (true ()))", "cil-syntax"),
    ("(boolean eq true)", "cil-bad-name"),
    ("(category range) (categoryorder (c0 range))", "cil-bad-name"),
    ("(block x (category q))", "cil-misplaced"),
    ("(optional o (block x))", "cil-misplaced"),
    ("(constrain (file (read)) (eq u1 r2))", "cil-syntax"),
    ("(constrain (file (read)) (dom t1 t2))", "cil-syntax"),
    ("(constrain (file (read)) (eq t1 nothing))", "cil-unknown-type"),
    ("(neverallow kernel_t c (file (read)))", "cil-neverallow"),
    ("(neverallow a self (process (fork)))", "cil-neverallow"),
    ("(allow a c (file (ioctl))) (neverallowx a c (ioctl file (0x10)))", "cil-neverallow"),
    (
        "(allow a c (file (ioctl))) (allowx domain c (ioctl file (1))) (neverallowx a c (ioctl file ((range 0 2))))",
        "cil-neverallow",
    ),
    ("(allow a self (file (ioctl))) (neverallowx domain self (ioctl file ((all))))", "cil-neverallow"),
    ("(allowx a b (ioctl file ()))", "cil-syntax"),
    ("(allowx a b (ioctl file 0x10))", "cil-syntax"),
    ("(allowx a b (ioctl (file) (0x10)))", "cil-syntax"),
    ("(allowx a b (getattr file (0x10)))", "cil-syntax"),
    ("(allowx a b (ioctl file (0x10000)))", "cil-bad-number"),
    ("(allowx a b (ioctl file (zero)))", "cil-bad-number"),
    ("(allowx a b (ioctl file ((range 5))))", "cil-syntax"),
    ("(allowx a b (ioctl process (5)))", "cil-wrong-kind"),
    ("(allowx a b nothing)", "cil-unknown-permissionx"),
    ("(permissionx px (ioctl file (5))) (permissionx px (ioctl file (5)))", "cil-duplicate-name"),
    ("(permissionx px (ioctl file 5))", "cil-syntax"),
    ("(expandtypeattribute a true)", "cil-not-an-attribute"),
    ("(selinuxuserdefault system_u ((s0) (s0))) (selinuxuserdefault staff_u ((s0) (s0)))", "cil-duplicate-setting"),
    (f"(ibpkeycon nonsense 1 {CONTEXT})", "cil-bad-address"),
    (f"(pirqcon 0x3 {CONTEXT})", "cil-bad-number"),
    (f"(portcon tcp 0x50 {CONTEXT})", "cil-bad-number"),
    (f"(portcon tcp (1 2 3) {CONTEXT})", "cil-syntax"),
    ("(optional o (type q)) (optional o (type r)) (in o (type s))", "cil-ambiguous-name"),
    ("(expandtypeattribute () true)", "cil-syntax"),
    ("(macro m ((context x)))", "cil-syntax"),
    (
        "(boolean x true) (typebounds a b) (booleanif x (true (allow a c (file (open))))) (allow b c (file (open)))",
        "cil-bounds",
    ),
    ("(common k ())", "cil-syntax"),
    ("(classmap k ())", "cil-syntax"),
    (f"(type {'a' * 2048})", "cil-bad-name"),
    (f"(constrain (file (read)) {'(and (eq t1 t2) ' * 5}(eq t1 t2){')' * 5})", "cil-too-deep"),
    (f"(boolean x true) (booleanif {'(and x ' * 10}x{')' * 10} (true (allow a b (file (read)))))", "cil-too-deep"),
    ("(typebounds a b) (typebounds b a)", "cil-bounds"),
    ("(typebounds c d) (allow d a (file (read)))", "cil-bounds"),
    ("(role x) (rolebounds system_r x) (roletype x c)", "cil-bounds"),
    ("(defaultuser file source) (defaultuser file target)", "cil-conflicting-default"),
    ("(handleunknown allow)", "cil-duplicate-setting"),
    ("(policycap nonsense)", "cil-unknown-policycap"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_refused_with_its_code(text: str, code: str) -> None:
    assert code in codes_with_base(text)


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("text", [text for text, _ in REFUSED])
def test_secilc_refuses_it_too(text: str) -> None:
    assert compile_reference(BASE, text, read=False).error


REFUSED_WITH_OPTIONS = [
    ("-m", CompileOptions(multiple_declarations=True), "(type z) (typeattribute z)", "cil-duplicate-name"),
    ("-m", CompileOptions(multiple_declarations=True), "(user z) (user z)", "cil-duplicate-name"),
    ("-P", CompileOptions(preserve_tunables=True), "(tunable t true) (tunableif t (true (type q)))", "cil-misplaced"),
    (
        "-P",
        CompileOptions(preserve_tunables=True),
        "(tunable t true) (boolean u true) (booleanif u (true (tunableif t (true (allow a b (file (open)))))))",
        "cil-misplaced",
    ),
    ("-P", CompileOptions(preserve_tunables=True), "(tunable t true) (boolean t true)", "cil-duplicate-name"),
    ("-Q", CompileOptions(qualified_names=True), "(block x)", "cil-misplaced"),
    ("-Q", CompileOptions(qualified_names=True), "(type .x)", "cil-bad-name"),
    ("-Q", CompileOptions(qualified_names=True), "(type x.y) (allow .x.y a (file (read)))", "cil-unknown-type"),
]


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize(("word", "options", "text", "code"), REFUSED_WITH_OPTIONS)
def test_refused_with_options(word: str, options: CompileOptions, text: str, code: str) -> None:
    assert code in [each.code for each in errors_of(BASE, text, options=options)]
    assert compile_reference(BASE, text, read=False, options=[word]).error
