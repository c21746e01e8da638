"""What docs/base-policy.md promises of the base policy, asked of selbox and of libsepol."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.policies.deciders import BASE, ORACLE, ROOT, Decider, run_secilc, server_of

from selbox.diagnostics import SelboxError

PAGE = (ROOT / "docs/base-policy.md").read_text()
PAGE_POLICIES = re.findall(r"```cil\n(.*?)```", PAGE, re.DOTALL)

USER_POLICY = """
(block notes (blockinherit domain) (blockinherit private_files) (blockinherit private_ipc) (blockinherit service)
    (blockinherit entry))
(block reader (blockinherit domain))
(call notes.reader (reader.t))
(call notes.client (reader.t))
(type stranger_t) (call domain_type (stranger_t))
(type guest_t) (call domain_type (guest_t)) (call notes.guest (guest_t)) (call notes.start (guest_t))
(type clerk_t) (call domain_type (clerk_t)) (typeattributeset mls_reads_to_clearance clerk_t)
(type backup_t) (call domain_type (backup_t)) (typeattributeset mls_reads_all backup_t)
(call read_files (clerk_t notes.data_t)) (call read_files (backup_t notes.data_t))
(call choose_domain (clerk_t stranger_t))
(type wife_t) (call domain_type (wife_t)) (call user_program (wife_t))
"""


def process(type_name: str, level: str = "s0") -> str:
    return f"system_u:system_r:{type_name}:{level}"


def thing(type_name: str, level: str = "s0") -> str:
    return f"system_u:object_r:{type_name}:{level}"


KERNEL = process("kernel_t", "s0-s15:c0.c1023")
DOMAINS = ("notes.t", "reader.t", "stranger_t", "guest_t")


@pytest.fixture
def decider(decider_for: Callable[[str], Decider]) -> Decider:
    return decider_for(USER_POLICY)


# One row: who, what, class, permissions that are granted, permissions that are not.
Promise = tuple[str, str, str, Sequence[str], Sequence[str]]

PROMISES: dict[str, Promise] = {
    "runs programs": (
        process("stranger_t"),
        thing("bin_t"),
        "file",
        ("getattr", "open", "read", "map", "execute", "execute_no_trans", "entrypoint"),
        ("write", "append", "unlink", "setattr", "relabelto"),
    ),
    "loads libraries": (process("stranger_t"), thing("lib_t"), "file", ("open", "read", "map", "execute"), ("write",)),
    "runs a venv": (process("stranger_t"), thing("software_t"), "file", ("read", "execute"), ("write",)),
    "reads configuration": (process("stranger_t"), thing("etc_t"), "file", ("open", "read"), ("write", "execute")),
    "not the passwords": (process("stranger_t"), thing("secret_t"), "file", (), ("read", "open", "getattr")),
    "passes through homes": (process("stranger_t"), thing("user_home_t"), "dir", ("search",), ("read", "write")),
    "not people's files": (process("stranger_t"), thing("user_home_t"), "file", (), ("read", "open", "write")),
    "passes where nothing labels": (process("stranger_t"), thing("file_t"), "dir", ("search",), ("read", "add_name")),
    "not what nothing labels": (process("stranger_t"), thing("file_t"), "file", (), ("read", "open", "execute")),
    "not a label it does not know": (process("stranger_t"), thing("unlabeled_t"), "file", (), ("read", "getattr")),
    "throws away": (process("stranger_t"), thing("null_device_t"), "chr_file", ("open", "read", "write"), ("setattr",)),
    "its terminal": (process("stranger_t"), thing("devtty_t"), "chr_file", ("open", "read", "write", "ioctl"), ()),
    "no disks": (process("stranger_t"), thing("disk_device_t"), "blk_file", (), ("read", "getattr", "open")),
    "itself": (
        process("stranger_t"),
        process("stranger_t"),
        "process",
        ("fork", "signal", "sigkill", "sigchld", "getattr", "setpgid"),
        ("ptrace", "setexec", "dyntransition", "setcurrent", "execmem"),
    ),
    "its pipes": (process("stranger_t"), process("stranger_t"), "fifo_file", ("read", "write", "getattr"), ()),
    "not another's pipes": (process("stranger_t"), process("notes.t"), "fifo_file", (), ("read", "write")),
    "no memory to share unless asked": (process("stranger_t"), process("stranger_t"), "shm", (), ("create", "read")),
    "asks the server": (
        process("stranger_t"),
        thing("security_t"),
        "security",
        ("check_context", "compute_av"),
        ("setenforce", "load_policy", "setbool"),
    ),
    "inherits from outside": (process("stranger_t"), KERNEL, "fd", ("use",), ()),
    "inherits pipes from outside": (process("stranger_t"), KERNEL, "fifo_file", ("read", "write"), ()),
    "inherits terminals from outside": (process("stranger_t"), KERNEL, "chr_file", ("read", "write", "ioctl"), ()),
    "leaves the outside alone": (
        process("stranger_t"),
        KERNEL,
        "process",
        ("sigchld",),
        ("signal", "sigkill", "signull", "ptrace", "transition", "dyntransition", "getattr"),
    ),
    "no look outside": (process("stranger_t"), KERNEL, "dir", (), ("search", "read", "getattr")),
    "no connection outside": (process("stranger_t"), KERNEL, "unix_stream_socket", ("read", "write"), ("connectto",)),
    "kernel_t runs what it likes": (KERNEL, thing("user_home_t"), "file", ("execute", "execute_no_trans", "write"), ()),
    "kernel_t enters domains": (KERNEL, process("stranger_t", "s3:c1"), "process", ("transition", "sigkill"), ()),
    "kernel_t sets enforcing": (KERNEL, thing("security_t"), "security", ("setenforce",), ()),
    "a reader reads": (process("reader.t"), thing("notes.data_t"), "file", ("open", "read"), ("write", "unlink")),
    "the owner writes": (
        process("notes.t"),
        thing("notes.data_t"),
        "file",
        ("create", "write", "unlink", "rename"),
        ("execute", "relabelto"),
    ),
    "in /tmp": (process("notes.t"), thing("tmp_t"), "dir", ("add_name", "remove_name", "write"), ("rmdir",)),
    "a stranger reads nothing": (process("stranger_t"), thing("notes.data_t"), "file", (), ("read", "open", "getattr")),
    "a client connects": (process("reader.t"), process("notes.t"), "unix_stream_socket", ("connectto",), ()),
    "by the socket's name": (process("reader.t"), thing("notes.socket_t"), "sock_file", ("write",), ("unlink",)),
    "a stranger does not": (process("stranger_t"), process("notes.t"), "unix_stream_socket", (), ("connectto",)),
    "memory of its own": (process("notes.t"), process("notes.t"), "shm", ("create", "read", "write", "destroy"), ()),
    "a guest attaches it": (process("guest_t"), process("notes.t"), "shm", ("read", "write"), ("create", "destroy")),
    "a reader does not": (process("reader.t"), process("notes.t"), "shm", (), ("read", "associate", "getattr")),
    "nor its messages": (process("reader.t"), process("notes.t"), "msgq", (), ("read", "write", "enqueue")),
    "a guest starts it": (process("guest_t"), process("notes.t"), "process", ("transition",), ("ptrace", "signal")),
    "through its entry": (process("notes.t"), thing("notes.exec_t"), "file", ("entrypoint", "execute"), ("write",)),
    "a stranger does not start it": (process("stranger_t"), process("notes.t"), "process", (), ("transition",)),
    "runcon needs setexec": (process("clerk_t"), process("clerk_t"), "process", ("setexec",), ()),
    # Levels
    "the system from a higher level": (process("reader.t", "s3:c5"), thing("lib_t"), "file", ("read", "execute"), ()),
    "the terminal from a higher level": (process("reader.t", "s3"), KERNEL, "fifo_file", ("read", "write"), ()),
    "/dev/null from a higher level": (process("reader.t", "s3"), thing("null_device_t"), "chr_file", ("write",), ()),
    "/tmp from a higher level": (process("notes.t", "s3"), thing("tmp_t"), "dir", ("add_name", "write"), ()),
    "enforcing is asked at every level": (
        process("reader.t", "s3"),
        thing("security_t"),
        "file",
        ("read", "write"),
        (),
    ),
    "reads down": (process("reader.t", "s2"), thing("notes.data_t", "s1"), "file", ("read",), ()),
    "not up": (process("reader.t", "s1"), thing("notes.data_t", "s2"), "file", (), ("read", "open", "getattr")),
    "not another tenant's": (process("reader.t", "s0:c1"), thing("notes.data_t", "s0:c2"), "file", (), ("read",)),
    "not even at a higher level": (process("reader.t", "s5:c1"), thing("notes.data_t", "s0:c2"), "file", (), ("read",)),
    "with both categories": (process("reader.t", "s0:c1,c2"), thing("notes.data_t", "s0:c2"), "file", ("read",), ()),
    "writes at its level": (
        process("notes.t", "s1:c3"),
        thing("notes.data_t", "s1:c3"),
        "file",
        ("write", "create"),
        (),
    ),
    "not down": (process("notes.t", "s1"), thing("notes.data_t", "s0"), "file", ("read",), ("write", "append")),
    "and not up": (process("notes.t", "s0"), thing("notes.data_t", "s1"), "file", (), ("write", "append", "unlink")),
    "works at the lower level": (process("reader.t", "s0-s3"), thing("notes.data_t", "s2"), "file", (), ("read",)),
    "unless it may read to its clearance": (
        process("clerk_t", "s0-s3"),
        thing("notes.data_t", "s2"),
        "file",
        ("read",),
        (),
    ),
    "and no further": (process("clerk_t", "s0-s3"), thing("notes.data_t", "s4"), "file", (), ("read",)),
    "a backup reads all": (process("backup_t"), thing("notes.data_t", "s9:c7"), "file", ("read",), ("write",)),
    "no signals down": (process("notes.t", "s1"), process("notes.t", "s0"), "process", ("getattr",), ("sigkill",)),
    "no signals across": (
        process("notes.t", "s0:c1"),
        process("notes.t", "s0:c2"),
        "process",
        (),
        ("signal", "getattr"),
    ),
    "no memory across": (process("notes.t", "s0:c1"), process("notes.t", "s0:c2"), "shm", (), ("read", "associate")),
    "no connection across": (
        process("reader.t", "s0:c1"),
        process("notes.t", "s0:c2"),
        "unix_stream_socket",
        (),
        ("connectto",),
    ),
    "no change of level": (process("clerk_t"), process("stranger_t", "s1"), "process", (), ("transition",)),
    "a fence": (process("reader.t", "s0"), thing("notes.data_t", "s0-s1"), "file", (), ("read",)),
    "past the fence": (process("reader.t", "s0-s1"), thing("notes.data_t", "s0-s1"), "file", ("read",), ()),
    # Identities
    "no change of user": (process("clerk_t"), "user_u:user_r:wife_t:s0", "process", (), ("transition",)),
    "kernel_t starts people's programs": (KERNEL, "user_u:user_r:wife_t:s0", "process", ("transition",), ()),
}


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES.keys())
def test_promise(decider: Decider, promise: Promise) -> None:
    source, target, object_class, granted, denied = promise
    assert decider.granted(source, target, object_class, (*granted, *denied)) == set(granted)


@pytest.mark.parametrize("name", DOMAINS)
def test_every_domain_is_valid_in_the_kernels_user_and_role(name: str) -> None:
    server = server_of(USER_POLICY)
    assert server.sid_to_context(server.context_to_sid(process(name, "s0-s15:c0.c1023")))


@pytest.mark.parametrize("context", ["user_u:user_r:stranger_t:s0", "user_u:user_r:wife_t:s1", process("bin_t")])
def test_invalid_contexts(context: str) -> None:
    with pytest.raises(SelboxError):
        server_of(USER_POLICY).context_to_sid(context)


def test_people_may_be_in_what_is_open_to_them() -> None:
    assert server_of(USER_POLICY).context_to_sid("user_u:user_r:wife_t:s0:c7")


@pytest.mark.parametrize(
    ("source", "target", "object_class", "result"),
    [
        (KERNEL, thing("notes.exec_t"), "process", process("notes.t", "s0-s15:c0.c1023")),
        (process("guest_t"), thing("notes.exec_t"), "process", process("notes.t")),
        (KERNEL, thing("bin_t"), "process", KERNEL),
        (process("notes.t"), thing("tmp_t"), "file", thing("notes.data_t")),
        (process("notes.t"), thing("tmp_t"), "sock_file", thing("notes.socket_t")),
        (process("notes.t", "s2:c1"), thing("tmp_t"), "dir", thing("notes.data_t", "s2:c1")),
        (process("notes.t"), thing("notes.data_t"), "file", thing("notes.data_t")),
        (process("notes.t"), thing("tmpfs_t"), "file", thing("notes.data_t")),
        (process("notes.t"), thing("run_t"), "sock_file", thing("notes.socket_t")),
    ],
)
def test_labels_of_what_is_made(source: str, target: str, object_class: str, result: str) -> None:
    server = server_of(USER_POLICY)
    class_id = server.class_id(object_class)
    assert class_id is not None
    sid = server.compute_create(server.context_to_sid(source), server.context_to_sid(target), class_id)
    assert server.sid_to_context(sid) == result


BROKEN = {
    "no domain": "(type cat_t) (type x_t) (call domain_type (cat_t)) (call choose_domain (cat_t x_t))",
    "to the unconfined": "(type cat_t) (call domain_type (cat_t)) (call choose_domain (cat_t kernel_t))",
    "setenforce": "(type cat_t) (call domain_type (cat_t)) (allow cat_t security_t (security (setenforce)))",
    "relabel": "(type cat_t) (call domain_type (cat_t)) (allow cat_t etc_t (file (relabelfrom)))",
    "programs": "(type cat_t) (call domain_type (cat_t)) (call manage_files (cat_t bin_t))",
    "secrets": "(type cat_t) (call domain_type (cat_t)) (call read_files (cat_t secret_t))",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_what_no_rule_may_say(text: str) -> None:
    with pytest.raises(SelboxError) as failure:
        server_of(text)
    assert "neverallow" in failure.value.diagnostics[0].code


@pytest.mark.oracle
@ORACLE
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_secilc_agrees_on_what_no_rule_may_say(text: str, tmp_path: Path) -> None:
    assert "neverallow" in run_secilc(text, tmp_path)


def test_an_attribute_lifts_a_prohibition() -> None:
    lifted = BROKEN["setenforce"] + "(typeattributeset policy_administrator cat_t)"
    assert server_of(lifted)


@pytest.mark.parametrize("text", PAGE_POLICIES, ids=range(len(PAGE_POLICIES)))
def test_the_pages_policies_compile(decider_for: Callable[[str], Decider], text: str) -> None:
    assert decider_for(text)


def test_the_page_names_every_macro_and_block() -> None:
    texts = "\n".join(each.read_text() for each in BASE)
    names = re.findall(r"^\((?:macro|block) (\w+)", texts, re.MULTILINE)
    assert [name for name in names if f"`{name}" not in PAGE] == ["may_start"]


def test_the_page_names_every_file() -> None:
    assert [each.name for each in BASE if f"`{each.name}`" not in PAGE] == []


def test_it_can_be_read_in_one_sitting() -> None:
    assert sum(each.stat().st_size for each in BASE) <= 88 * 1024
