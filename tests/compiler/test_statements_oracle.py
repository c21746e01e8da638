"""Each kind of statement means what secilc takes it to mean."""

import pytest
from tests.compiler.policies import BASE, compile_with_base
from tests.oracles.policylines import policy_lines
from tests.oracles.secilc import compile_reference, requires_secilc, requires_setools

from selbox.binary.kernel import read_policy, write_policy
from selbox.compiler.options import CompileOptions
from selbox.compiler.parameters import PARAMETER_TABLES
from selbox.diagnostics import SourceFile
from selbox.language.cil import Form, parse
from selbox.language.cil.statements import USAGE
from selbox.language.cil.tree import written_out
from selbox.model.policy import HandleUnknown, Target

CONTEXT = "(system_u object_r c ((s0) (s0 (c1))))"

POLICIES = {
    "base": "",
    "sets": """
        (typeattribute x1) (typeattributeset x1 (and both (not domain)))
        (typeattribute x2) (typeattributeset x2 (xor domain (a c)))
        (typeattribute x3) (typeattributeset x3 (all))
        (typeattribute x4) (typeattributeset x4 (not (or a b)))
        (typeattribute x5) (typeattributeset x5 a) (typeattributeset x5 (b c))
        (typeattribute x6) (typeattributeset x6 (and (x5 d) (x4 a)))
        (allow x1 x2 (file (read))) (allow x3 x4 (file (write))) (allow x5 x6 (file (open)))""",
    "aliases": """
        (typealias a_alias) (typealiasactual a_alias a) (typealias twice) (typealiasactual twice a_alias)
        (allow a_alias twice (file (open)))
        (sensitivityalias low) (sensitivityaliasactual low s0) (categoryalias pets) (categoryaliasactual pets c1)
        (level pet_level (low (pets))) (sidcontext extra (system_u object_r c (pet_level pet_level)))
        (sid extra) (sidorder (unlabeled extra))""",
    "access rules": """
        (allow a b (file (read write))) (allow a b (file (open))) (dontaudit a b (file (getattr)))
        (auditallow domain filetype (dir (search))) (allow a self (process (fork)))
        (allow domain self (process (sigkill)))""",
    "permissions": """
        (allow a b (file (all))) (allow a c (file (not (read))))
        (allow a d (file (and (all) (not (read write)))))
        (allow b a (file (xor (read write) (write open)))) (allow b c (file (or (read) (write))))""",
    "class permission sets": """
        (classpermission rw) (classpermissionset rw (file (read write))) (classpermissionset rw (dir (search)))
        (allow a b rw) (classmap things (look touch))
        (classmapping things look (file (read getattr))) (classmapping things look (dir (search)))
        (classmapping things touch rw) (allow b c (things (look))) (allow c d (things (all)))
        (allow d d (things (not (look))))
        (classpermission nested) (classpermissionset nested (things (touch))) (allow d a nested)""",
    "type rules": """
        (typetransition a b process c) (typetransition domain filetype file d) (typechange a b file c)
        (typemember a b dir c) (typetransition a b file "name.txt" c) (typetransition a c dir name d)
        (typetransition domain d dir "*" a)
        (classmap things (look)) (classmapping things look (file (read))) (classmapping things look (dir (search)))
        (typechange c d things a)""",
    "roles": """
        (role extra_r) (role more_r) (roleattribute some) (roleattributeset some (extra_r more_r))
        (roletype some filetype) (roleallow system_r some) (roleallow some staff_r)
        (roletransition system_r a process extra_r) (roletransition some domain process staff_r)
        (userrole system_u some)""",
    "default levels that their sensitivities do not allow": """
        (sensitivity s9) (sensitivityorder (s2 s9)) (sensitivitycategory s9 (c0)) (level odd (s9 (c3)))
        (user odd_u) (userrole odd_u system_r) (userlevel odd_u (s9 (c4))) (userrange odd_u ((s0) (s9 (c0))))
        (user more_u) (userrole more_u system_r) (userlevel more_u odd) (userrange more_u ((s0) (s9)))""",
    "users": """
        (user extra_u) (user more_u) (userattribute people) (userattributeset people (extra_u more_u))
        (userrole people staff_r) (userlevel extra_u (s1)) (userrange extra_u ((s0) (s2 (c0 c4))))
        (level l1 (s1 (c1))) (userlevel more_u l1) (levelrange lr (l1 (s2 (all)))) (userrange more_u lr)
        (userprefix extra_u user) (selinuxuser name extra_u ((s1) (s1))) (selinuxuserdefault more_u lr)""",
    "levels": """
        (categoryset evens (c0 c2 c4)) (categoryset odds (not evens)) (categoryset some (and (range c1 c3) odds))
        (level l1 (s1 evens)) (level l2 (s2 (odds evens))) (level l3 (s1 (some c0)))
        (levelrange r1 ((s0) l1)) (rangetransition a b process r1)
        (rangetransition domain filetype file (l1 l2)) (rangetransition a c dir ((s1 c1) (s1 (c1))))
        (rangetransition a d dir ((s0 some) (s1 (all))))""",
    "conditionals": """
        (boolean on true) (boolean off false) (boolean third false)
        (booleanif on (true (allow a b (file (open)))))
        (booleanif (and on (not off)) (true (allow a c (file (open)))) (false (allow a d (file (open)))))
        (booleanif (xor on (or off third)) (false (dontaudit a b (dir (search)))))
        (booleanif (eq on off) (true (typetransition a b dir c)) (false (typetransition a b dir d)))
        (booleanif (neq third off) (true (auditallow domain c (file (read)))))
        (macro m ((type x)) (allow x x (socket (listen)))) (booleanif off (true (call m (a))))""",
    "tunables": """
        (tunable yes true) (tunable no false)
        (tunableif yes (true (type yes_t) (allow yes_t a (file (read)))) (false (type no_t)))
        (tunableif (and yes no) (true (type no2_t)) (false (allow b b (file (open)))))
        (macro m ((type x)) (tunableif (or yes no) (true (allow x x (socket (listen)))))) (call m (c))""",
    "optionals": """
        (optional keeps (type k) (allow k a (file (read))) (typeattributeset domain k))
        (optional drops (type gone) (allow gone absent (file (read))))
        (optional outer (type out) (allow out out (file (read)))
            (optional inner (allow out absent (file (read)))) (allow a out (file (open))))
        (optional chained (allow a gone (file (read))) (type chain))
        (optional after (allow a chain (file (read))))
        (optional badperm (allow a b (file (fly))))
        (optional badcall (call nomacro (a)))""",
    "blocks": """
        (block one (type t) (role r) (roletype r t) (block two (type t) (type u) (allow t u (file (read)))
            (allow .a one.t (file (open)))))
        (allow one.t one.two.t (file (write))) (allow .one.two.u a (dir (search)))
        (block three (type a) (allow a .a (file (read))) (boolean flag true)
            (booleanif flag (true (allow a b (file (read))))))""",
    "inheritance": """
        (block template (blockabstract template) (type t) (allow t t (file (read))) (allow t own (file (write)))
            (block inner (type deep) (allow t deep (file (open)))))
        (block heir (type own) (blockinherit template)) (block heir2 (type own) (blockinherit template))
        (block middle (blockabstract middle) (type own) (blockinherit template) (type mid))
        (block last (blockinherit middle) (allow mid t (socket (listen))))""",
    "abstract blocks inside of what is inherited": """
        (block outer (block inner (blockabstract inner) (type t) (allow t a (file (read)))))
        (block heir (blockinherit outer)) (block further (blockinherit heir))
        (block strict (blockinherit outer) (blockabstract inner))
        (block named (type t) (block marks (blockabstract .named) (type u))) (block other (blockinherit named))
        (block none (blockabstract none) (block nested (blockabstract nested) (type n)))
        (block some (blockinherit none) (allow a n.t (file (open))) (block n (type t)))""",
    "in": """
        (block target (type t)) (in target (allow t a (file (read))) (type added))
        (in before target (allow added t (file (write)))) (in after target (allow t t (file (open))))
        (block template (blockabstract template) (type base)) (in template (type more))
        (block heir (blockinherit template) (allow base more (file (read))))
        (in after heir (allow more base (dir (search))))
        (optional opt (type o)) (in opt (allow o o (file (read))))
        (block has (macro m ((type x)) (allow x x (file (read))))) (in has.m (allow x a (dir (search)))) (call has.m
            (d))""",
    "macros": """
        (macro rw ((type source) (type target)) (allow source target (file (read write))))
        (call rw (a b)) (call rw (domain filetype))
        (macro declares ((type x)) (type made) (allow made x (file (read)))) (block here (call declares (a)))
        (block there (call declares (b)) (allow made made (file (open))))
        (block lib (type a) (macro uses () (allow a c (socket (listen)))) (macro shadow ((type a)) (allow a a (dir
            (search)))))
        (call lib.uses) (call lib.shadow (d))
        (macro outer ((type x)) (call rw (x c)) (call inner (x))) (macro inner ((type y)) (allow y y (socket
            (connect))))
        (call outer (d))
        (block caller (type local) (call needs)) (macro needs () (allow local a (dir (search))))""",
    "macro parameters": """
        (macro m1 ((role r) (user u)) (userrole u r)) (call m1 (staff_r system_u))
        (macro m2 ((level l) (levelrange lr)) (rangetransition a b process lr) (rangetransition a c process ((s0) l)))
        (call m2 ((s1 (c1)) ((s0) (s2 (c1)))))
        (macro m3 ((class k) (classpermission cp)) (allow a b cp) (typetransition a b k c))
        (call m3 (dir (file (read open)))) (classpermission named) (classpermissionset named (socket (listen)))
        (call m3 (socket named))
        (macro m4 ((categoryset cs) (sensitivity s) (category k)) (rangetransition b c process ((s cs) (s cs)))
            (rangetransition b d process ((s (k)) (s (k)))))
        (call m4 ((c1 c2) s1 c3)) (categoryset set (c0 c4)) (macro m5 ((categoryset cs))
            (rangetransition c d process ((s0 cs) (s1 cs))))
        (call m5 (set))
        (macro m6 ((name n)) (typetransition a b dir n c)) (call m6 ("some.name")) (macro m7 ((string s)) (call m6 (s)))
        (call m7 (other))
        (macro m8 ((classmap cm)) (allow d d (cm (look)))) (classmap things (look)) (classmapping things look (file
            (read)))
        (call m8 (things))
        (macro m9 ((ipaddr ip)) (nodecon ip (255.255.255.0) CTX)) (call m9 (10.1.2.0)) (ipaddr named_ip 10.2.3.0)
            (call m9 (named_ip))
        (macro m10 ((boolean x)) (booleanif x (true (allow d c (file (open)))))) (boolean flag false) (call m10
            (flag))""".replace("CTX", CONTEXT),
    "constraints": """
        (constrain (file (read write)) (or (eq u1 u2) (and (eq r1 system_r) (not (neq t1 domain)))))
        (constrain (process (all)) (eq t1 (a b filetype))) (constrain (dir (search)) (dom r1 r2))
        (constrain (file (open)) (eq u1 (system_u staff_u))) (constrain (file (open)) (incomp r1 r2))
        (mlsconstrain (file (read)) (or (dom l1 l2) (and (domby h1 l2) (incomp l1 h1))))
        (mlsconstrain (dir (search)) (and (eq l1 h1) (or (neq l2 h2) (eq h1 h2))))
        (classpermission set) (classpermissionset set (file (write))) (classpermissionset set (socket (listen)))
        (constrain set (eq r1 r2))
        (validatetrans file (or (eq t3 domain) (eq u1 u2))) (mlsvalidatetrans dir (or (dom l1 l2) (eq t3 a)))
        (roleattribute ra) (roleattributeset ra (system_r staff_r)) (constrain (socket (listen)) (eq r2 ra))""",
    "labels": """
        (filecon "/etc(/.*)?" any CTX) (filecon "/x" file ()) (context named CTX)
        (genfscon proc "/" named) (genfscon sysfs "/a/b" CTX) (fsuse xattr ext4 named) (fsuse task pipefs named)
        (fsuse trans tmpfs named) (portcon tcp 80 named) (portcon udp (1000 2000) named) (portcon dccp 5 named)
        (portcon sctp 6 named)
        (nodecon (10.0.0.0) (255.0.0.0) named) (ipaddr addr 192.168.0.0) (ipaddr mask 255.255.0.0)
            (nodecon addr mask named)
        (nodecon (fe80::) (ffff::) named) (netifcon eth0 named CTX)""".replace("CTX", CONTEXT),
    "settings": """
        (defaultuser file source) (defaultrole (dir socket) target) (defaulttype process source)
        (defaultrange file target low) (defaultrange dir source low-high) (defaultrange socket glblub)
        (policycap open_perms) (policycap network_peer_controls) (typepermissive b) (expandtypeattribute domain true)
        (expandtypeattribute (filetype both) false)""",
    "extended rules": """
        (allow domain filetype (file (ioctl))) (allowx a c (ioctl file (0x1234 4660 010 (range 0x5400 0x54ff))))
        (allowx a c (ioctl file ((range 0x5600 0x56ff) (range 0x5700 0x57fe)))) (allowx a c (ioctl file (0x57ff)))
        (auditallowx domain filetype (ioctl file ((not (range 0 0xfff0)))))
        (dontauditx b d (ioctl dir ((and (range 0x10 0x2010) (not (0x20 0x30))))))
        (permissionx px (ioctl file ((xor (range 0x100 0x1ff) (or (range 0x180 0x27f) 0x10))))) (allowx b self px)
        (dontauditx domain self px) (allowx b d (ioctl file ((all)))) (classmap ioctls (all_of))
        (classmapping ioctls all_of (file (ioctl))) (classmapping ioctls all_of (dir (ioctl read)))
        (allowx domain a (ioctl ioctls (0x8910))) (macro m ((type x) (class k)) (allowx x d (ioctl k (0x42))))
        (call m (c dir)) (block blk (permissionx inner (ioctl file (1 2))) (allowx .a .b inner)) (allowx c c blk.inner)
        (typeattribute empty) (allowx empty a px) (allowx a empty px)""",
    "extended assertions that hold": """
        (allow a c (file (ioctl))) (allowx a c (ioctl file ((not (0x10)))))
        (neverallowx a c (ioctl file (0x10))) (neverallowx domain self (ioctl file (0x10)))
        (neverallowx b filetype (ioctl file ((all))))""",
    "attributes": """
        (typeattribute unused) (typeattributeset unused a) (typeattribute only_set) (typeattributeset only_set domain)
        (typeattribute in_rule) (typeattributeset in_rule (a b)) (allow in_rule c (file (open)))
        (typeattribute in_dontaudit) (typeattributeset in_dontaudit (a b)) (dontaudit c in_dontaudit (file (open)))
        (typeattribute as_self) (typeattributeset as_self (c d)) (allow as_self self (file (open)))
        (typeattribute none) (allow none c (file (open))) (allow c none (dir (search)))
        (typeattribute constrained) (typeattributeset constrained c) (constrain (file (write)) (neq t2 constrained))
        (typeattribute asserted) (typeattributeset asserted d) (neverallow asserted b (file (open)))
        (typeattribute one_typeattr_1) (typeattributeset one_typeattr_1 (not in_rule))
        (neverallow one_typeattr_1 b (process (fork)))
        (typeattribute inner_typeattr) (typeattributeset inner_typeattr (c d))
        (typeattribute two_typeattr_2) (typeattributeset two_typeattr_2 (and (all) (not unused)))
        (neverallow two_typeattr_2 a (file (execute)))
        (typeattribute three_typeattr_3) (typeattributeset three_typeattr_3 (a c))
        (allow three_typeattr_3 d (file (read)))
        (typeattribute expanded) (typeattributeset expanded (a b)) (expandtypeattribute expanded true)
        (allow expanded c (socket (listen))) (constrain (file (open)) (neq t1 expanded))
        (typeattribute kept) (typeattributeset kept a) (expandtypeattribute (kept unused) false)
        (type moved) (allow moved kept (file (open))) (typetransition moved in_rule process moved)""",
    "conditions that say the same": """
        (boolean on true) (boolean off false) (booleanif (and on off) (true (allow a b (file (open)))))
        (booleanif (and off on) (false (allow a c (file (open))))) (booleanif (not on) (true (allow a d (file (open)))))
        (booleanif on (true (allow b c (file (open))))) (booleanif (or on on) (false (allow b d (file (open)))))
        (booleanif (not (xor on off)) (true (allow c d (file (open)))) (false (allow c c (file (open)))))
        (booleanif (xor on off) (true (allow c a (file (open)))))
        (booleanif (neq off on) (true (allow c b (file (open)))))""",
    "rules that others say already": """
        (boolean on true) (allow domain filetype (file (read write open))) (allow a c (file (read write)))
        (allow a filetype (file (open execute))) (allow domain c (file (write))) (dontaudit a c (dir (search)))
        (dontaudit domain filetype (dir (search add_name))) (auditallow a c (file (read)))
        (booleanif on (true (allow a d (file (read execute))) (allow domain filetype (dir (search))))
            (false (allow a d (file (read)))))
        (booleanif (not on) (true (allow a c (dir (search add_name))) (allow domain c (dir (search)))))
        (boolean off false) (booleanif off (true (allow b c (file (read)))) (false (allow b c (file (open)))))
        (allow domain filetype (file (ioctl))) (allowx domain filetype (ioctl file ((range 0x1000 0x10ff) 1)))
        (allowx a c (ioctl file (0x1001 0x2001))) (allowx b c (ioctl file (0x1001))) (allowx a d (ioctl file (1)))
        (typeattribute same) (typeattributeset same filetype) (allow domain same (socket (listen)))
        (allow b d (socket (listen connect))) (typetransition a c process d)""",
    "bounds": "(typebounds a b) (allow a c (file (read))) (allow b c (file (read)))",
    "bounds in both branches": """
        (typebounds a b) (boolean x true) (boolean y true) (booleanif x (true (allow a c (file (read)))) (false
        (allow a c (file (read))))) (allow b c (file (read))) (booleanif y (true (allow b c (file (read)))))""",
    "what is taken with a warning": """
        (defaultrange file glblub low) (policycap OPEN_PERMS) (portcon tcp 70000 (system_u object_r c ((s0) (s0))))""",
    "generated attribute": """
        (typeattribute cil_gen_require) (typeattributeset cil_gen_require a) (typeattributeset cil_gen_require domain)
        (typeattributeset cil_gen_require (c d)) (allow cil_gen_require b (file (read)))""",
    "bounds of roles and users": """
        (role wide_r) (roletype wide_r domain) (role narrow_r) (roletype narrow_r a) (rolebounds wide_r narrow_r)
        (user wide_u) (userrole wide_u system_r) (userrole wide_u staff_r) (userlevel wide_u (s0))
        (userrange wide_u ((s0) (s1))) (userbounds wide_u narrow_u) (user narrow_u) (userrole narrow_u staff_r)
        (userlevel narrow_u (s0)) (userrange narrow_u ((s0) (s0)))""",
    "Infiniband": """
        (ibpkeycon fe80:: (0x10 0xff) CTX) (ibpkeycon fe80:: 0xffff CTX) (ibpkeycon 2001:db8:: 7 CTX)
        (ibpkeycon fe80::1 (010 020) CTX) (ibendportcon mlx5_1 255 CTX) (ibendportcon mlx5_0 2 CTX)
        (ibendportcon mlx5_0 1 CTX)""".replace("CTX", CONTEXT),
    "order of labels": """
        (portcon tcp 80 CTX) (portcon udp 80 CTX) (portcon sctp 80 CTX) (portcon dccp 80 CTX) (portcon tcp (1 1000) CTX)
        (portcon tcp (5 10) CTX) (portcon udp (5 10) CTX) (portcon tcp 3 CTX) (nodecon (10.0.0.0) (255.0.0.0) CTX)
        (nodecon (10.1.0.0) (255.255.0.0) CTX) (nodecon (fe80::) (ffff::) CTX) (nodecon (fe80::) (ffff:ff00::) CTX)
        (nodecon (10.0.0.0) (255.255.0.0) CTX) (nodecon (::) (ffff:f000::) CTX) (netifcon lo CTX CTX)
        (netifcon eth1 CTX CTX) (netifcon eth0 CTX CTX) (genfscon sysfs "/b" CTX) (genfscon proc "/b" file CTX)
        (genfscon proc "/" dir CTX) (genfscon proc "/B" CTX) (fsuse task pipefs CTX) (fsuse trans tmpfs CTX)
        (fsuse xattr xfs CTX) (fsuse xattr ext4 CTX) (fsuse trans devpts CTX) (portcon tcp 80 CTX)""".replace(
        "CTX", CONTEXT
    ),
    "deep expressions": f"""
        (constrain (file (read)) {"(and (eq t1 t2) " * 4}(eq r1 r2){")" * 4}) (boolean x true) (boolean y false)
        (constrain (file (write)) {"(or " * 9}(eq u1 u2){" (eq r1 r2))" * 9})
        (booleanif {"(and x " * 9}y{")" * 9} (true (allow a b (file (read)))))
        (booleanif {"(xor " * 30}y{" x)" * 30} (true (allow a c (file (read)))))
        (block b (policycap open_perms))""",
    "passing neverallow": "(neverallow c both (file (open))) (neverallow filetype self (file (read)))",
    "orders": """
        (class zebra (run)) (class yak (run)) (classorder (unordered zebra yak)) (class more (run)) (classorder
            (socket more))
        (sid first) (sidorder (first kernel)) (category c9) (categoryorder (c4 c9)) (sensitivity s9)
        (sensitivityorder (s2 s9)) (sensitivitycategory s9 (c9)) (level high (s9 (c9)))
        (rangetransition a b process (high high))""",
}


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize("name", POLICIES)
def test_policy_means_what_secilc_makes_of_it(name: str) -> None:
    reference = compile_reference(BASE, POLICIES[name])
    assert reference.error == ""
    ours = policy_lines(compile_with_base(POLICIES[name]))
    assert sorted(ours ^ reference.lines) == []


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("name", POLICIES)
def test_binary_is_secilcs_byte_for_byte(name: str) -> None:
    reference = compile_reference(BASE, POLICIES[name], read=False)
    assert write_policy(compile_with_base(POLICIES[name]), 33) == reference.binary


OPTIONS: dict[str, tuple[list[str], CompileOptions, str]] = {
    "attributes of fewer than three types": (["-X", "3"], CompileOptions(expand_size=3), POLICIES["attributes"]),
    "attributes of any size": (["-X", "0"], CompileOptions(expand_size=0), POLICIES["attributes"]),
    "generated attributes": (["-G"], CompileOptions(expand_generated=True), POLICIES["attributes"]),
    "no dontaudit": (
        ["-D"],
        CompileOptions(disable_dontaudit=True),
        POLICIES["attributes"] + POLICIES["extended rules"],
    ),
    "no neverallow": (
        ["-N"],
        CompileOptions(disable_neverallow=True),
        "(neverallow kernel_t c (file (read))) (typebounds c d) (allow d a (file (read)))",
    ),
    "no levels": (["-M", "false"], CompileOptions(mls=False), POLICIES["constraints"] + POLICIES["levels"]),
    "multiple declarations": (
        ["-m"],
        CompileOptions(multiple_declarations=True),
        """(type z) (type z) (typeattribute za) (typeattributeset za a) (typeattribute za) (typeattributeset za b)
        (macro m () (type made)) (call m) (call m) (allow za made (file (open))) (block q (type z) (type z))
        (optional o (type late) (allow late gone (file (open)))) (type late) (allow late late (file (open)))""",
    ),
    "tunables kept": (
        ["-P"],
        CompileOptions(preserve_tunables=True),
        """(tunable on true) (boolean b false) (tunableif (and on b) (true (allow a b (file (open))))
        (false (typetransition a b file c))) (macro m ((type x)) (tunableif on (false (allow x x (file (open))))))
        (call m (c)) (block q (tunable t false) (tunableif t (true (call m2)))) (macro m2 () (allow a c (dir (search))))
        (booleanif on (true (allow b c (file (open)))))""",
    ),
    "names with dots": (
        ["-Q"],
        CompileOptions(qualified_names=True),
        """(type x.y) (allow x.y a (file (read))) (macro m.n ((type p.q)) (allow p.q a (file (open)))) (call m.n (a))
        (call m.n (x.y)) (optional o.p (type u.v) (allow u.v x.y (file (open)))) (optional o.q (type gone.t)
        (allow gone.t not.there (file (open)))) (type z.) (role r.r) (roletype r.r x.y) (typealias al.ias)
        (typealiasactual al.ias x.y) (boolean b.o true) (booleanif b.o (true (allow al.ias a (file (open)))))""",
    ),
    "unknown classes": (["-U", "reject"], CompileOptions(handle_unknown=HandleUnknown.REJECT), ""),
}


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize("name", OPTIONS)
def test_options_mean_what_secilc_makes_of_them(name: str) -> None:
    words, options, text = OPTIONS[name]
    reference = compile_reference(BASE, text, options=words)
    assert reference.error == ""
    policy = compile_with_base(text, options)
    assert sorted(policy_lines(policy) ^ reference.lines) == []
    assert write_policy(policy, 33) == reference.binary


@pytest.mark.oracle
@requires_secilc
@pytest.mark.parametrize("name", POLICIES)
def test_optimized_binary_is_secilcs_byte_for_byte(name: str) -> None:
    reference = compile_reference(BASE, POLICIES[name], read=False, options=["-O"])
    policy = compile_with_base(POLICIES[name], CompileOptions(optimize=True))
    assert write_policy(policy, 33) == reference.binary


@pytest.mark.oracle
@requires_secilc
def test_dontaudit_rules_that_are_left_out_later_are_those_that_secilc_leaves_out() -> None:
    words, _, text = OPTIONS["no dontaudit"]
    reference = compile_reference(BASE, text, options=words)
    policy = read_policy(write_policy(compile_with_base(text), 33), "with dontaudit rules")
    left = read_policy(write_policy(policy.without_dontaudit(), 33), "without them")
    assert sorted(policy_lines(left) ^ reference.lines) == []


XEN = """
    (pirqcon 33 CTX) (pirqcon 5 CTX) (iomemcon (0xfebe0 0xfebff) CTX) (iomemcon 0x100000000 CTX) (iomemcon 0xfe CTX)
    (ioportcon (0xecc0 0xecdf) CTX) (ioportcon 0x60 CTX) (pcidevicecon 0xc800 CTX) (pcidevicecon 010 CTX)
    (devicetreecon "/soc/gpio" CTX) (devicetreecon "/soc" CTX) (pirqcon 33 CTX)""".replace("CTX", CONTEXT)


@pytest.mark.oracle
@requires_secilc
def test_labels_of_a_xen_policy_are_secilcs() -> None:
    reference = compile_reference(BASE, XEN, read=False, options=["-t", "xen", "-c", "30"])
    assert reference.error == ""
    theirs = read_policy(reference.binary, "secilc")
    ours = compile_with_base(XEN, CompileOptions(target=Target.XEN))
    for column in ("xen_interrupts", "xen_memory", "xen_ports", "xen_devices", "xen_device_tree"):
        assert [label[:-1] for label in getattr(ours, column)] == [label[:-1] for label in getattr(theirs, column)]
        assert getattr(ours, column)
    assert theirs.target is Target.XEN


LATER_THAN_ORACLE = {"deny", "typeneveraudit"}
"""Statements that the reference compiler at hand does not know; their own tests count what they do by hand."""


def keywords(form: "list[Form | str]") -> set[str]:
    found = {form.keyword} if isinstance(form, Form) else set()
    for item in form:
        if isinstance(item, Form):
            found |= keywords(item)
    return found


def test_every_statement_and_operator_is_compared_with_the_oracle() -> None:
    texts = [BASE, XEN, *POLICIES.values(), *(text for _, _, text in OPTIONS.values())]
    found = set().union(*(keywords(written_out(parse(SourceFile("x.cil", text)).forms)) for text in texts))
    operators = {"and", "or", "xor", "not", "all", "range", "eq", "neq", "dom", "domby", "incomp"}
    assert (set(USAGE) | operators) - found == LATER_THAN_ORACLE
    kinds = {kind for text in texts for kind in PARAMETER_TABLES if f"(({kind} " in text or f" ({kind} " in text}
    assert set(PARAMETER_TABLES) - kinds <= KINDS_OF_THE_GUIDE


KINDS_OF_THE_GUIDE = {"typealias", "sensitivityalias", "categoryalias", "bool"}
"""Kinds of parameters that the reference guide names and the reference compiler does not know."""
