"""Identity, privileges, namespaces, and what is the whole machine's."""

import os

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import PYTHON, make_box, needs_python

pytestmark = [
    pytest.mark.enforcement,
    needs_python,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities that policy could deny"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type yard_t) (call file_type (yard_t))
(call read_files (cat_t yard_t))
"""

GRANTS = """
(allow cat_t self (capability (setuid setgid setpcap sys_chroot sys_admin sys_time)))
(allow cat_t self (cap_userns (sys_admin)))
(allow cat_t self (capability2 (syslog)))
(allow cat_t kernel_t (system (syslog_read)))
(allow cat_t self (user_namespace (create)))
"""

PROBES = """
import ctypes, os, struct, time
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in words]
    if libc.syscall(ctypes.c_long(number), *words) < 0:
        raise OSError(ctypes.get_errno(), "")
clock = ctypes.create_string_buffer(208)
def tell(name, probe):
    pid = os.fork()
    if pid == 0:
        try:
            probe()
            print(name, "done", flush=True)
        except OSError as error:
            print(name, error.errno, flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
tell("setuid", lambda: os.setuid(65534))
tell("setuid same", lambda: os.setuid(0))
tell("setreuid", lambda: os.setreuid(-1, 65534))
tell("setresuid same", lambda: os.setresuid(0, -1, 0))
tell("setfsuid", lambda: call(122, 65534))
tell("setresgid", lambda: os.setresgid(-1, 65534, -1))
tell("setgroups", lambda: os.setgroups([1, 2]))
tell("bounding set", lambda: call(157, 24, 30, 0, 0, 0))
tell("chroot", lambda: os.chroot("/"))
name = os.uname().nodename.encode()
tell("hostname", lambda: call(170, name, len(name)))
tell("no time", lambda: call(227, 0, struct.pack("=qq", int(time.time()), 10**9)))
tell("clock", lambda: call(159, struct.pack("=I204x", 0x4000)))
tell("ask clock", lambda: call(159, clock))
tell("kernel log", lambda: call(103, 3, ctypes.create_string_buffer(64), 64))
tell("mount namespace", lambda: call(272, 0x00020000))
tell("user namespace", lambda: call(272, 0x10000000))
tell("both namespaces", lambda: call(272, 0x10020000))
tell("pid namespace", lambda: call(272, 0x20000000))
tell("ipc namespace", lambda: call(272, 0x08000000))
"""

DENIED = """setuid 1
setuid same done
setreuid 1
setresuid same done
setfsuid done
setresgid 1
setgroups 1
bounding set 1
chroot 1
hostname 1
no time 22
clock 1
ask clock done
kernel log 13
mount namespace 1
user namespace 13
both namespaces 13
pid namespace 1
ipc namespace 1
"""


def prepared(factory: pytest.TempPathFactory, rules: str) -> tuple[Box, tuple[str, ...]]:
    box = make_box(factory, POLICY + rules, None)
    box.file("probes.py", PROBES)
    return box, ("--domain", "cat_t", f"--label={box.directory}=system_u:object_r:yard_t:s0")


def test_privileges_are_policys_to_give(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, "(allow cat_t self (capability2 (syslog)))")
    outcome = box.run(str(PYTHON), "-I", "probes.py", options=options)
    assert (outcome.output, outcome.errors) == (DENIED, "")
    asked = [(each.tclass, each.permissions[0], each.field("capability")) for each in outcome.records]
    uid, gid = ("capability", "setuid", "7"), ("capability", "setgid", "6")
    assert asked == [
        *(uid, uid, uid, uid, gid, gid),
        ("capability", "setpcap", "8"),
        ("capability", "sys_chroot", "18"),
        ("capability", "sys_admin", "21"),
        ("capability", "sys_time", "25"),
        ("system", "syslog_read", None),
        ("capability", "sys_admin", "21"),
        ("user_namespace", "create", None),
        ("user_namespace", "create", None),
        ("capability", "sys_admin", "21"),
        ("capability", "sys_admin", "21"),
    ]


def test_what_policy_grants_is_done(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, GRANTS)
    outcome = box.run(str(PYTHON), "-I", "probes.py", options=options)
    lines = dict(line.rsplit(" ", 1) for line in outcome.output.splitlines())
    expected = dict.fromkeys(lines, "done") | {"no time": "22", "clock": "22"}
    assert lines == expected, "the clock is to tick at no pace at all, which the kernel refuses"
    assert outcome.records == ()


def test_within_a_namespace_of_users_its_own_class_is_asked(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, "(allow cat_t self (user_namespace (create)))")
    script = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.unshare(0x10020000), ctypes.get_errno())\n"
        "print(libc.unshare(0x10000000), libc.unshare(0x00020000), ctypes.get_errno())\n"
    )
    outcome = box.run(str(PYTHON), "-I", "-c", script, options=options)
    assert outcome.output == "-1 1\n0 -1 1\n"
    assert [(each.tclass, each.permissions) for each in outcome.records] == [("cap_userns", ("sys_admin",))] * 2


def test_a_capability_that_is_not_held_is_no_event(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, _ = prepared(tmp_path_factory, "")
    outcome = Box(box.directory, POLICY, 65534).run(
        *(str(PYTHON), "-I", "-c", "import os\ntry: os.setuid(0)\nexcept OSError as error: print(error.errno)"),
        options=("--domain", "cat_t"),
    )
    assert (outcome.output, outcome.records) == ("1\n", ())
