"""Differences beside those that SETools finds: in a policy with a statement of every kind, and in random ones."""

from pathlib import Path

import pytest
from tests.analysis.flowpolicies import flow_policy
from tests.compiler.policies import compile_texts
from tests.oracles.commandlines import EVERYTHING, CommandLine, by_selbox, by_setools, everything
from tests.oracles.secilc import requires_setools

from selbox.analysis.differences.compare import KINDS
from selbox.binary.kernel import write_policy

pytestmark = [pytest.mark.oracle, requires_setools]

CHANGES = (
    ("(handleunknown deny)", "(handleunknown allow)"),
    ("(policycap open_perms)", "(policycap network_peer_controls)"),
    ("(common file (ioctl read", "(common file (watch ioctl read"),
    ("(class passwd (passwd))", "(class passwd (passwd chsh))"),
    ("(class blk_file ())", "(class blk_file ())(class key (view))"),
    ("netlink_route_socket passwd))", "netlink_route_socket passwd key))"),
    ("(sensitivityaliasactual secret s2)", "(sensitivityaliasactual secret s1)"),
    ("(categoryaliasactual blue c1)", "(categoryaliasactual blue c2)"),
    ("(sensitivitycategory s0 (c0 c1 c2 c3 c4))", "(sensitivitycategory s0 (c0 c2 c3 c4))"),
    ("(typealias web_t)\n(typealiasactual web_t httpd_t)\n", "(typealias web_t)\n(typealiasactual web_t init_t)\n"),
    ("(type unused_t)", "(type unused_t)(type fresh_t)(type bound_t)(type every_t)"),
    ("(typepermissive init_t)", "(typepermissive httpd_t)"),
    ("(typebounds httpd_t httpd_child_t)", "(typebounds every_t httpd_child_t)(typebounds httpd_t bound_t)"),
    ("(typeattributeset domain (init_t httpd_t", "(typeattributeset domain (fresh_t httpd_t"),
    ("(typeattribute nobody)", "(typeattribute nobody)(typeattribute somebody)(typeattributeset somebody (fresh_t))"),
    ("(roletype web_r httpd_t)", "(roletype web_r fresh_t)"),
    ("(role idle_r)", "(role busy_r)"),
    ("(roleallow web_r system_r)", "(roleallow web_r busy_r)"),
    ("(roletransition system_r etc_t process web_r)", "(roletransition system_r etc_t process busy_r)"),
    ("(roletransition system_r file_type file web_r)", "(roletransition web_r file_type file system_r)"),
    ("(user guest_u)", "(user visitor_u)"),
    ("(userrole guest_u web_r)", "(userrole visitor_u web_r)(userrole web_u busy_r)"),
    ("(userlevel guest_u", "(userlevel visitor_u"),
    ("(userrange guest_u", "(userrange visitor_u"),
    ("(userlevel web_u (s0))", "(userlevel web_u (s0 (c2)))"),
    ("(userrange web_u ((s0) (s0 (c0 c2 c3))))", "(userrange web_u ((s0) (s1 (c0 c2 c3))))"),
    ("(neq u2 guest_u)", "(neq u2 visitor_u)"),
    ("(boolean can_tmp true)", "(boolean can_tmp false)(boolean fourth true)"),
    ("(allow init_t domain (process (transition)))", "(allow init_t domain (process (transition sigchld)))"),
    ("(allow domain etc_t (file (read getattr open)))", "(allow web_domain etc_t (file (read getattr open)))"),
    ("(allow init_t file_type (file (execute_no_trans)))", "(allow kernel_t file_type (file (execute_no_trans)))"),
    ("(auditallow httpd_t shadow_t (file (read)))", "(auditallow httpd_t shadow_t (file (read write)))"),
    ("(dontaudit domain unused_t (dir (search add_name)))", "(dontaudit domain unused_t (dir (search)))"),
    ("(allowx httpd_t port_t (ioctl tcp_socket (0x5401)))", "(allowx httpd_t port_t (ioctl tcp_socket (0x5402)))"),
    ("(allowx init_t etc_t (ioctl file (range", "(allowx kernel_t etc_t (ioctl file (range"),
    ("tcp_socket ((range 0x5401 0x5402))))", "tcp_socket ((range 0x5401 0x5403))))"),
    ("(dontauditx httpd_t port_t", "(dontauditx init_t port_t"),
    ("(typetransition init_t etc_t process httpd_t)", "(typetransition init_t etc_t process httpd_child_t)"),
    ('(typetransition domain tmp_t dir "upload" httpd_tmp_t)', '(typetransition domain tmp_t dir "upload" etc_t)'),
    ('"two words"', '"three words"'),
    ("(typechange init_t tty_t", "(typechange kernel_t tty_t"),
    ("(typemember domain tmp_t dir httpd_tmp_t)", "(typemember domain tmp_t dir etc_t)"),
    ("process ((s0) (s1 (c0 c2 c3))))", "process ((s0) (s1 (c0 c2 c4))))"),
    ("(rangetransition web_domain etc_t", "(rangetransition web_domain tmp_t"),
    ("(true (allow httpd_t shadow_t (file (read open)))", "(true (allow httpd_t shadow_t (file (read getattr)))"),
    ("(false (typechange httpd_child_t tty_t", "(false (typechange httpd_t tty_t"),
    ("(booleanif (xor can_shadow third)", "(booleanif (or can_shadow third)"),
    ("(neq r1 web_r)", "(eq r1 web_r)"),
    ("(mlsconstrain (file (read))", "(mlsconstrain (file (read getattr))"),
    ("(validatetrans file (or (eq u1 u2)", "(validatetrans file (or (eq r1 r2)"),
    ("(mlsvalidatetrans file (or (eq l1 l2)", "(mlsvalidatetrans file (or (eq h1 h2)"),
    ("(defaultuser file source)", "(defaultuser file target)"),
    ("(defaultrole (file dir) target)", "(defaultrole file target)(defaulttype file source)"),
    ("(defaultrange file target low-high)", "(defaultrange file target low)"),
    ("(defaultrange dir source high)", "(defaultrange dir target high)"),
    ("(sidcontext security sys_ctx)", "(sidcontext security wide_ctx)"),
    ("(fsuse xattr ext4 sys_ctx)", "(fsuse xattr xfs sys_ctx)"),
    ("(fsuse task sockfs sys_ctx)", "(fsuse task sockfs wide_ctx)"),
    ('(genfscon proc "/sys" dir wide_ctx)', '(genfscon proc "/sys" dir sys_ctx)'),
    ('(genfscon proc "/bdev" block wide_ctx)', '(genfscon proc "/bdev" file wide_ctx)'),
    ("(portcon tcp 80 sys_ctx)", "(portcon tcp 80 wide_ctx)"),
    ("(portcon tcp (8000 8080) sys_ctx)", "(portcon tcp (8000 8081) sys_ctx)"),
    ("(portcon udp (1 1023) wide_ctx)", "(portcon udp (1 1023) sys_ctx)"),
    ("(nodecon (10.0.0.0) (255.0.0.0) sys_ctx)", "(nodecon (10.0.0.0) (255.0.0.0) wide_ctx)"),
    ("(nodecon (fe80::) (ffc0::) wide_ctx)", "(nodecon (fd00::) (ff00::) wide_ctx)"),
    ("(netifcon lo sys_ctx wide_ctx)", "(netifcon lo wide_ctx sys_ctx)"),
    ("(netifcon eth0 sys_ctx sys_ctx)", "(netifcon eth1 sys_ctx sys_ctx)"),
    ("(allow init_t self", "(allow every_t all_t (file (all)))(allow every_t all_t (dir (all)))(allow init_t self"),
    ("(typeattribute web_domain)", "(typeattribute web_domain)(typeattribute all_t)(typeattributeset all_t (all))"),
    ("(ibpkeycon fe80:: (1 0xff) sys_ctx)", "(ibpkeycon fe80:: (1 0xff) wide_ctx)"),
    ("(ibpkeycon fe80:: 0x1234 sys_ctx)", "(ibpkeycon fe80:: 0x1235 sys_ctx)"),
    ("(ibendportcon mlx5_0 1 sys_ctx)", "(ibendportcon mlx5_0 1 wide_ctx)(ibendportcon mlx5_0 2 sys_ctx)"),
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    directory = tmp_path_factory.mktemp("pair")
    text = EVERYTHING.read_text()
    for old, new in CHANGES:
        assert old in text, old
        text = text.replace(old, new)
    changed = directory / "changed.33"
    changed.write_bytes(write_policy(compile_texts(text), 32))
    return everything(directory), changed


def options() -> list[str]:
    letters = ["-A", "-c", "-t", "-a", "-r", "-u", "-b", "-T", "--stats", "--allow --portcon --bool"]
    return ["", *letters, *(f"--{kind}" for kind in KINDS)]


@pytest.mark.parametrize("words", options())
def test_every_kind_differs_as_setools_says(words: str, pair: tuple[Path, Path]) -> None:
    command = CommandLine("sediff", (*words.split(), "{0}", "{1}"))
    ours = by_selbox(command, *pair)
    assert ours.lines == by_setools(command, *pair).lines
    assert ours.status == (0 if "neverallow" in words else 1)
    backwards = CommandLine("sediff", (*words.split(), "{1}", "{0}"))
    assert by_selbox(backwards, *pair).lines == by_setools(backwards, *pair).lines


def test_a_policy_does_not_differ_from_itself(pair: tuple[Path, Path]) -> None:
    command = CommandLine("sediff", ("{0}", "{0}"))
    assert by_selbox(command, *pair) == by_setools(command, *pair) == (0, ())


@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_rules_of_random_policies_differ_as_setools_says(seed: int, tmp_path: Path) -> None:
    paths = tmp_path / "left.33", tmp_path / "right.33"
    for number, path in enumerate(paths):
        path.write_bytes(write_policy(compile_texts(flow_policy(seed + number)), 33))
    command = CommandLine("sediff", ("--allow", "-T", "{0}", "{1}"))
    assert by_selbox(command, *paths).lines == by_setools(command, *paths).lines
