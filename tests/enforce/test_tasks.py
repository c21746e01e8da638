"""What one process may ask of another and set of it: groups, sessions, scheduling, limits, capabilities."""

import os

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import CALL, PYTHON, USERS, make_box, needs_python

pytestmark = [pytest.mark.enforcement, needs_python]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type yard_t) (call file_type (yard_t))
(call read_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call domain_transition (cat_t dog_exec_t dog_t))
"""

PROBES = (
    CALL
    + """
import os, resource, struct, subprocess, sys
os.setpgid(0, 0)
dog = subprocess.Popen(["./dog"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
dog.stdout.readline()
pid = dog.pid
buffer = ctypes.create_string_buffer(4096)
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
probes = {
    "getpgid": lambda: os.getpgid(pid) == os.getpgrp(),
    "getsession": lambda: os.getsid(pid) == os.getsid(0),
    "getsched": lambda: (os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority,
        os.sched_getaffinity(pid) == os.sched_getaffinity(0), os.sched_rr_get_interval(pid) >= 0,
        call(315, pid, buffer, 48, 0), call(252, 1, pid)) == (0, 0, True, True, 0, call(252, 1, 0)),
    "getsched group": lambda: call(252, 2, os.getpgrp()) > 0,
    "setsched": lambda: (os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0)),
        os.sched_setparam(pid, os.sched_param(0)), os.sched_setaffinity(pid, os.sched_getaffinity(0)),
        os.setpriority(os.PRIO_PROCESS, pid, 7), os.getpriority(os.PRIO_PROCESS, pid),
        call(314, pid, struct.pack("=IIQiIQQQ", 48, 0, 0, 9, 0, 0, 0, 0), 0), os.getpriority(os.PRIO_PROCESS, pid),
        call(251, 1, pid, 2 << 13 | 6)) == (None, None, None, None, 7, 0, 9, 0),
    "setsched group": lambda: os.setpriority(os.PRIO_PGRP, 0, 11),
    "getrlimit": lambda: resource.prlimit(pid, resource.RLIMIT_CORE) == (soft, hard),
    "setrlimit": lambda: resource.prlimit(pid, resource.RLIMIT_CORE, (0, hard)) == (soft, hard),
    "getcap": lambda: call(125, struct.pack("=Ii", 0x20080522, pid), buffer) == 0,
}
for name in sys.argv[1:] or probes:
    try:
        print(name, probes[name]())
    except OSError as error:
        print(name, error.errno)
"""
)

DOG = "#!/bin/sh\necho barked\nread line\n"
DENIED = """getpgid 13
getsession 13
getsched 13
getsched group True
setsched 13
setsched group 13
getrlimit 13
setrlimit 13
getcap 13
"""
ALLOWED = """getpgid True
getsession True
getsched True
getsched group True
setsched True
setsched group None
getrlimit True
setrlimit True
getcap True
"""
ALL = "getpgid getsession getsched setsched getrlimit setrlimit getcap"


def prepared(factory: pytest.TempPathFactory, rules: str, user: int | None) -> tuple[Box, tuple[str, ...]]:
    box = make_box(factory, POLICY + rules, user)
    dog = box.file("dog", DOG, 0o777)
    box.file("probes.py", PROBES)
    labels = (
        f"--label={path}=system_u:object_r:{name}:s0" for path, name in ((box.directory, "yard_t"), (dog, "dog_exec_t"))
    )
    return box, ("--domain", "cat_t", *labels)


@pytest.mark.parametrize("user", USERS)
def test_another_domains_process_is_asked_about(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    box, options = prepared(tmp_path_factory, "", user)
    outcome = box.run(str(PYTHON), "-I", "probes.py", options=options)
    assert (outcome.output, outcome.errors) == (DENIED, "")
    denied = [(each.permissions, each.tclass, each.tcontext.split(":")[2], each.permissive) for each in outcome.records]
    # Setting a limit with prlimit asks for both, and names both.
    assert {each[0] for each in denied} == {
        *((name,) for name in ALL.split() if name != "setrlimit"),
        ("setrlimit", "getrlimit"),
    }
    assert {each[1:] for each in denied} == {("process", "dog_t", False)}


@pytest.mark.parametrize("user", USERS)
def test_what_policy_allows_is_done(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    box, options = prepared(tmp_path_factory, f"(allow cat_t dog_t (process ({ALL})))", user)
    outcome = box.run(str(PYTHON), "-I", "probes.py", options=options)
    assert (outcome.output, outcome.errors, outcome.records) == (ALLOWED, "", ())


def test_permissive_records_once_and_dontaudit_denies_silently(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, "", None)
    outcome = box.run(str(PYTHON), "-I", "probes.py", options=(*options, "--permissive"))
    assert outcome.output == ALLOWED
    assert [each.permissions[0] for each in outcome.records] == ALL.split()
    assert all(each.permissive for each in outcome.records)
    box, options = prepared(tmp_path_factory, f"(dontaudit cat_t dog_t (process ({ALL})))", None)
    outcome = box.run(str(PYTHON), "-I", "probes.py", options=options)
    assert (outcome.output, outcome.records) == (DENIED, ())


MULE = """
(type mule_t) (roletype system_r mule_t)
(allow mule_t self (process (fork sigchld)))
(allow mule_t yard_t (file (read open getattr)))
(allow mule_t yard_t (dir (search)))
"""

OWN = """
import ctypes, os, resource, signal
libc = ctypes.CDLL(None, use_errno=True)
def tell(name, probe):
    try:
        print(name, probe(), flush=True)
    except OSError as error:
        print(name, error.errno, flush=True)
soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
tell("own group", lambda: os.getpgid(0) == os.getpgrp())
tell("own group by number", lambda: os.getpgid(os.getpid()) == os.getpgrp())
tell("own session by number", lambda: os.getsid(os.getpid()) == os.getsid(0))
tell("scheduler", lambda: os.sched_getscheduler(0))
tell("affinity", lambda: len(os.sched_getaffinity(0)) > 0)
tell("nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, 3))
tell("soft limit", lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, hard)))
tell("hard limit", lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
tell("own limits", lambda: resource.prlimit(0, resource.RLIMIT_CORE))
def child():
    if os.fork() == 0:
        tell("new group", lambda: os.setpgid(0, 0))
        os._exit(0)
    os.wait()
child()
"""


def test_a_task_is_asked_about_itself_where_the_kernel_asks(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, MULE.replace("(allow mule_t yard_t", "(allow cat_t yard_t"), None)
    box.file("own.py", OWN)
    outcome = box.run(str(PYTHON), "-I", "own.py", options=options)
    expected = ["True", "True", "True", "0", "True", "None", "None", "None", "(0, 0)", "None"]
    assert [
        line.rpartition(" ")[2] if "(" not in line else "(0, 0)" for line in outcome.output.splitlines()
    ] == expected
    assert outcome.records == ()
    permissive = box.run(str(PYTHON), "-I", "own.py", options=("--domain", "mule_t", "--permissive", *options[2:]))
    asked = [each.permissions[0] for each in permissive.records if each.tclass == "process"]
    wanted = ["getpgid", "getsession", "getsched", "setsched", "setrlimit", "setpgid"]
    assert [each for each in asked if each in wanted] == wanted


SEVERAL_IDS = """
import os, resource as r, threading
os.setresuid(13, 13, 0)
soft, hard = r.getrlimit(r.RLIMIT_NOFILE)
def limit(*pair):
    try:
        r.setrlimit(r.RLIMIT_NOFILE, pair)
        return r.getrlimit(r.RLIMIT_NOFILE) == pair and r.prlimit(os.getpid(), r.RLIMIT_NOFILE) == pair
    except (ValueError, OSError) as error:
        return str(error)
print(limit(soft, hard), limit(64, hard), limit(64, hard - 1), limit(64, hard + 1), sep="; ")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has several user ids")
def test_limits_are_set_by_a_program_with_several_user_ids(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody but itself may, where root lacks ``CAP_SYS_RESOURCE``."""
    box, options = prepared(tmp_path_factory, "(allow cat_t self (capability (setuid)))", None)
    box.file("ids.py", SEVERAL_IDS)
    outcome = box.run(str(PYTHON), "-I", "ids.py", options=options)
    assert outcome.output == "True; True; True; not allowed to raise maximum limit\n", outcome.errors


def test_limits_fail_as_the_kernel_fails_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, "", 65534 if os.geteuid() == 0 else None)
    script = (
        "import ctypes, os, resource as r, struct\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def limit(pid, number, new):\n"
        "    result = libc.prlimit(pid, number, new, None)\n"
        "    return ctypes.get_errno() if result else 0\n"
        "pair = lambda *given: struct.pack('=QQ', *given)\n"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]\n"
        "print(limit(0, 7, pair(2, 1)), limit(0, 99, pair(1, 1)), limit(0, 7, pair(1, hard + 1)),\n"
        "    limit(2**30, 7, pair(1, 1)), limit(-5, 7, pair(1, 1)), limit(0, 7, ctypes.c_void_p(8)),\n"
        "    limit(1, 7, pair(64, hard)))\n"
    )
    assert box.run(str(PYTHON), "-I", "-c", script, options=options).output == "22 22 1 3 3 14 1\n"
