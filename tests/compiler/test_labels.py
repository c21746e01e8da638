"""Labels: their order and number are secilc's; what is given twice is dropped with a warning."""

import pytest
from tests.compiler.policies import BASE, compile_texts, compile_with_base
from tests.oracles.secilc import compile_reference, requires_secilc

from selbox.compiler.compile import compile_policy
from selbox.compiler.options import CompileOptions
from selbox.diagnostics import Diagnostics, SourceFile
from selbox.language.cil import parse
from selbox.model.context_text import format_context
from selbox.model.labelling import FileKind
from selbox.model.policy import Policy, Target

CONTEXT = "(system_u object_r c ((s0) (s0)))"
OTHER = "(system_u object_r d ((s0) (s0)))"
OPTIONS = {
    FileKind.FILE: "--",
    FileKind.DIRECTORY: "-d",
    FileKind.CHARACTER: "-c",
    FileKind.BLOCK: "-b",
    FileKind.SOCKET: "-s",
    FileKind.PIPE: "-p",
    FileKind.SYMLINK: "-l",
}


def file_lines(policy: Policy) -> list[str]:
    lines = []
    for each in policy.file_contexts:
        kind = [OPTIONS[each.kind]] if each.kind in OPTIONS else []
        context = format_context(policy, each.context) if each.context else "<<none>>"
        lines.append("\t".join([each.pattern, *kind, context]))
    return lines


@pytest.mark.oracle
@requires_secilc
def test_file_contexts_stand_in_secilcs_order() -> None:
    patterns = ["/z", "/a.*", "/b", "/aaa(/.*)?", "/aa[x]", "/b/c", "/bb", r"/a\.b", r"/a\.b.*", "/", "/z", "/a{2}"]
    text = "".join(f'(filecon "{each}" any {CONTEXT})' for each in patterns)
    text += "".join(f'(filecon "/k" {each.value} {OTHER})' for each in reversed(FileKind)) + '(filecon "/n" file ())'
    assert file_lines(compile_with_base(text)) == compile_reference(BASE, text, read=False).file_contexts.splitlines()


def compile_with(text: str, options: CompileOptions) -> tuple[Policy, list[str]]:
    diagnostics = Diagnostics()
    policy = compile_policy([parse(SourceFile("x.cil", BASE + text))], diagnostics, options)
    return policy, [each.code for each in diagnostics.warnings]


@pytest.mark.parametrize(
    ("statement", "column"),
    [
        ('(filecon "/a" any X)', "file_contexts"),
        ("(genfscon proc / X)", "genfs_contexts"),
        ("(fsuse xattr ext4 X)", "filesystem_uses"),
        ("(portcon tcp 80 X)", "port_contexts"),
        ("(nodecon (10.0.0.0) (255.0.0.0) X)", "node_contexts"),
        ("(netifcon eth0 X X)", "interface_contexts"),
        ("(ibpkeycon fe80:: 0x10 X)", "infiniband_keys"),
        ("(ibendportcon mlx5_0 1 X)", "infiniband_ports"),
        ("(pirqcon 33 X)", "xen_interrupts"),
        ("(iomemcon (0xfebd9 0xfebda) X)", "xen_memory"),
        ("(ioportcon 0xecc0 X)", "xen_ports"),
        ("(pcidevicecon 0xc800 X)", "xen_devices"),
        ('(devicetreecon "/soc/gpio" X)', "xen_device_tree"),
    ],
)
def test_a_second_label_of_the_same_thing_is_dropped(statement: str, column: str) -> None:
    text = statement.replace("X", CONTEXT) + statement.replace("X", OTHER) + statement.replace("X", CONTEXT)
    policy, warnings = compile_with(text, CompileOptions(target=Target.XEN))
    (label,) = getattr(policy, column)
    context = label.interface if column == "interface_contexts" else label.context
    assert policy.types[context.type].name == "c"
    assert warnings == ["cil-duplicate-label", "cil-duplicate-label"]


def test_a_label_of_a_macro_that_is_called_twice_is_one() -> None:
    _, warnings = compile_with(f"(macro m () (portcon tcp 80 {CONTEXT})) (call m) (call m)", CompileOptions())
    assert warnings == []


def test_numbers_of_devices() -> None:
    text = f"(ibpkeycon fe80::1 (0xfe 010) {CONTEXT}) (iomemcon 0x100000000 {CONTEXT}) (pcidevicecon 017 {CONTEXT})"
    policy, _ = compile_with(text, CompileOptions(target=Target.XEN))
    assert policy.infiniband_keys[0].subnet_prefix == bytes.fromhex("fe80000000000000")
    assert (policy.infiniband_keys[0].low, policy.infiniband_keys[0].high) == (254, 8)
    assert policy.xen_memory[0].low == 1 << 32
    assert policy.xen_devices[0].device == 15


def test_xen_labels_are_left_out_of_a_linux_policy() -> None:
    assert compile_with_base(f"(pirqcon 33 {CONTEXT})").xen_interrupts == ()


def test_people_who_log_in() -> None:
    policy = compile_texts(
        BASE,
        "(selinuxuser ann staff_u ((s0) (s0))) (selinuxuserdefault staff_u ((s0) (s0 (c1)))) "
        "(selinuxuser bob system_u ((s0) (s0))) (userprefix staff_u staff)",
    )
    assert [(each.name, policy.users[each.user].name) for each in policy.logins] == [
        ("bob", "system_u"),
        ("ann", "staff_u"),
        ("__default__", "staff_u"),
    ]
    assert policy.logins[2].range.high.categories == 2
    assert [user.prefix for user in policy.users] == [None, "staff"]


def test_types_that_are_never_audited() -> None:
    policy = compile_with_base("(typeneveraudit b)")
    assert [each.name for each in policy.types if each.neveraudit] == ["b"]
