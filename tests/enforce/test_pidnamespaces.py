"""Pid namespaces that programs make in a box: policy decides about the very processes that numbers mean there."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from selbox.enforce.pidnumbers import can_translate
from tests.enforce.boxes import Box, environment
from tests.enforce.clients import PYTHON, USERS, make_box, needs, needs_python
from tests.enforce.test_othermemory import DOG, LAST, POLICY, PROBES

pytestmark = [
    pytest.mark.enforcement,
    needs_python,
    needs("unshare", "ps"),
    pytest.mark.skipif(not can_translate(), reason="this kernel, before Linux 6.11, does not translate numbers"),
    pytest.mark.skipif(
        subprocess.run(["unshare", "-Urpf", "true"], capture_output=True, check=False).returncode != 0,
        reason="no namespaces may be made here",
    ),
]

NAMESPACES = "(call make_namespaces (cat_t)) (allow cat_t self (cap_userns (sys_admin)))"
ALONE = ("unshare", "-Urpf", "--kill-child")


def prepared(factory: pytest.TempPathFactory, rules: str, user: int | None = None) -> tuple[Box, tuple[str, ...]]:
    box = make_box(factory, POLICY + NAMESPACES + rules, user)
    dog = box.file("dog", DOG, 0o777)
    box.file("probes.py", PROBES)
    names = ((box.directory, "yard_t"), (dog, "dog_exec_t"))
    return box, ("--domain", "cat_t", *(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names))


@pytest.mark.parametrize("user", USERS)
def test_another_domains_process_is_closed(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    box, options = prepared(tmp_path_factory, "", user)
    box.policy.write_text(box.policy.read_text().replace("(call signal_to (cat_t dog_t))", ""))
    outcome = box.run(*ALONE, str(PYTHON), "-I", "probes.py", "0", options=options)
    closed = "write 1\nread 1\nunmapped 1\ncompare 1\nlocks 1\nkill 13\ntgkill 13\ntkill 13\npidfd 13\n"
    assert (outcome.output, outcome.errors) == (f"{closed}{LAST}bone\n", "")
    asked = [(each.tclass, each.permissions[0]) for each in outcome.records]
    assert asked == [("process", "ptrace")] * 3 + [("file", "read")] * 2 + [("process", "signal")] * 4


@pytest.mark.parametrize("user", USERS)
def test_what_policy_grants_reaches_the_other_process(
    tmp_path_factory: pytest.TempPathFactory, user: int | None
) -> None:
    box, options = prepared(
        tmp_path_factory, "(allow cat_t dog_t (process (ptrace))) (allow cat_t dog_t (file (read)))", user
    )
    outcome = box.run(*ALONE, str(PYTHON), "-I", "probes.py", "4", options=options)
    told = "kill None\n10 False -1\ntgkill 0\n12 False -1\ntkill 0\n10 False -1\npidfd None\n12 False -1\n"
    done = f"write 5\nread (5, b'fish')\nunmapped 14\ncompare False\nlocks 0\n{told}{LAST}fish\n"
    assert (outcome.output, outcome.errors, outcome.records) == (done, "", ())


NUMBERS = """
import ctypes, fcntl, os, resource, signal, socket, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
outside = int(sys.argv[1])
def say(name, act):
    try:
        print(name, act())
    except OSError as error:
        print(name, "errno", error.errno)
def creds(end):
    return struct.unpack("=3i", end.getsockopt(1, 17, 12))[0]
child = os.fork()
if not child:
    os.setpgid(0, 0)
    grandchild = os.fork()
    signal.pause()
say("own", os.getpid); say("parent", os.getppid); say("child", lambda: child)
while os.getpgid(child) != child: pass
say("group", lambda: os.getpgid(child)); say("session", lambda: os.getsid(child) in (0, 1))
say("init", lambda: (os.getpgid(1), len(os.sched_getaffinity(1)) > 0, os.getpriority(0, 1)))
say("outside", lambda: os.kill(outside, 0)); say("outside's group", lambda: os.getpgid(outside))
say("limits", lambda: resource.prlimit(child, 7) == resource.getrlimit(7))
say("limits outside", lambda: resource.prlimit(outside, 7))
say("nice of the group", lambda: os.setpriority(1, child, 5)); say("nice", lambda: os.getpriority(0, child))
header, data = struct.pack("=Ii", 0x20080522, child), ctypes.create_string_buffer(24)
say("capabilities", lambda: libc.syscall(125, header, data))
server = socket.socket(socket.AF_UNIX); server.bind(b"\\0" + os.urandom(8).hex().encode()); server.listen()
client = socket.socket(socket.AF_UNIX); client.connect(server.getsockname()); accepted = server.accept()[0]
say("peers", lambda: (creds(client), creds(accepted)))
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
other.setsockopt(1, 16, 1)
def tell(pid):
    one.sendmsg([b"x"], [(1, 2, struct.pack("=3i", pid, os.getuid(), os.getgid()))])
    return struct.unpack("=3i", other.recvmsg(1, 64)[1][0][2])[0]
say("sender", lambda: tell(os.getpid()))
def own(number):
    fcntl.fcntl(client, fcntl.F_SETOWN, number)
    return struct.unpack("=ii", fcntl.fcntl(client, 16, bytes(8)))
say("told of a file", lambda: own(child)); say("their group", lambda: own(-child))
say("outside told", lambda: own(outside))
say("traced", lambda: libc.ptrace(0x4206, child, 0, 0)); say("let go", lambda: libc.ptrace(0x4207, child, 0, 0))
say("stopped", lambda: os.waitpid(child, 0)[0] == child); say("detached", lambda: libc.ptrace(17, child, 0, 0))
say("kill init", lambda: os.kill(1, signal.SIGKILL)); say("kill everybody outside", lambda: os.kill(-outside, 9))
say("killed", lambda: os.killpg(child, signal.SIGKILL)); say("ended", lambda: os.waitpid(child, 0) == (child, 9))
"""


@contextmanager
def outsider() -> Iterator[int]:
    """A process outside of all boxes, whose number nobody has who is among the first of a namespace."""
    pid = 0
    while pid < 100:
        with subprocess.Popen(["sleep", "1000"]) as process:
            pid = process.pid
            try:
                if pid >= 100:
                    yield pid
            finally:
                process.kill()


TOLD = """own 2
parent 1
child 3
group 3
session True
init (0, True, 0)
outside errno 3
outside's group errno 3
limits True
limits outside errno 3
nice of the group None
nice 5
capabilities 0
peers (2, 2)
sender 2
told of a file (1, 3)
their group (2, 3)
outside told errno 3
traced 0
let go 0
stopped True
detached 0
kill init None
kill everybody outside errno 3
killed None
ended True
"""


@pytest.mark.parametrize("user", USERS)
def test_numbers_are_those_of_the_namespace(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    rules = "(call own_ipc (cat_t)) (allow cat_t self (process (ptrace setsched)))"
    box, options = prepared(tmp_path_factory, rules, user)
    box.file("numbers.py", NUMBERS)
    with outsider() as outside:
        outcome = box.run(*ALONE, "sh", "-c", f"{PYTHON} -I numbers.py {outside}; exit 0", options=options)
    is_root = user is None and os.geteuid() == 0
    lines, expected = (
        [each for each in text.splitlines() if is_root or not each.startswith("sender ")]
        for text in (outcome.output, TOLD)
    )
    assert (lines, outcome.errors) == (expected, "")


ROOTS = pytest.mark.skipif(os.geteuid() != 0, reason="only root's boxes have mounts of their own")
SHOWN = (
    "(allow cat_t root_t (dir (mounton))) (allow cat_t proc_t (dir (mounton))) "
    "(allow cat_t proc_t (filesystem (mount getattr))) (allow cat_t self (capability (sys_admin)))"
    "(call see_processes (cat_t dog_t))"
)


@ROOTS
@pytest.mark.parametrize("option", ["-pf", "-Urpf"])
def test_a_proc_of_the_namespace_shows_its_processes_and_their_labels(
    tmp_path_factory: pytest.TempPathFactory, option: str
) -> None:
    box, options = prepared(tmp_path_factory, SHOWN)
    script = """
        ./dog 0 <pipe >address & dog=$!
        exec 3>pipe; until test -s address; do :; done
        ps -eo label,pid,comm
        cat /proc/$dog/attr/current; echo; cat /proc/1/attr/current; echo; cat /proc/self/attr/current; echo
        readlink /proc/1/exe >/dev/null && echo own program; readlink /proc/$dog/exe
        ls /proc/self/fd | head -n 1; cd /proc/$dog && cat attr/current; echo
        cat /proc/self/mounts >/dev/null && id -Z; kill $dog; wait $dog; echo $?
    """
    os.mkfifo(box.directory / "pipe", 0o600)
    box.policy.write_text(
        box.policy.read_text() + "(call manage_files (cat_t yard_t)) (call read_files (dog_t yard_t))"
        "(call write_files (dog_t yard_t)) (call inherit_from (dog_t cat_t))"
    )
    outcome = box.run("unshare", option, "--mount-proc", "sh", "-c", script, options=options)
    cat, dog = ("system_u:system_r:" + each + ":s0" for each in ("cat_t", "dog_t"))
    lines = outcome.output.replace("\0", "").splitlines()
    assert len(lines) > 4, outcome
    shown = [(label, comm) for label, _, comm in map(str.split, lines[1:4])]
    assert shown == [(cat, "sh"), (dog, "dog"), (cat, "ps")], outcome
    program = os.path.realpath(str(PYTHON))
    assert lines[4:] == [dog, cat, cat, "own program", program, "0", dog, cat, "143"], outcome


@ROOTS
def test_the_namespace_of_who_looks_after_it_ends_with_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, "")
    sleep = f"sleep 600.{os.stat(box.directory).st_ino}"  # no other test's
    script = f"{sleep} & {sleep} & kill -9 1; echo still here; exec true"
    outcome = box.run(
        "sh",
        "-c",
        f"unshare -Urpf sh -c '{script}'; echo ended $?; pgrep -f '^{sleep}' || echo nobody",
        options=options,
    )
    assert outcome.output.splitlines() == ["still here", "ended 0", "nobody"], outcome


@ROOTS
@needs("bwrap")
def test_bubblewrap_has_its_own_processes(tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("box")
    words = ("--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "ps", "-eo", "pid,comm")
    outcome = Box(directory, "").run("bwrap", *words, options=("--domain", "kernel_t"))
    assert [each.split()[1] for each in outcome.output.splitlines()[1:]] == ["bwrap", "ps"], outcome


JOINING = """
import ctypes, os, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
PID, UTS = 0x20000000, 0x04000000
def join(name, descriptor, kinds=0):
    print(name, 0 if libc.setns(descriptor, kinds) == 0 else ctypes.get_errno(), flush=True)
maker = subprocess.Popen(["unshare", "-pf", "--kill-child", "sleep", "60"])
inner = ""
while not inner:
    with open(f"/proc/{maker.pid}/task/{maker.pid}/children") as children:
        inner = children.read().strip()
of_inner = os.pidfd_open(int(inner))
waiting = threading.Event()
thread = threading.Thread(target=waiting.wait)
thread.start(); join("with a thread", of_inner, PID); waiting.set(); thread.join()
while len(os.listdir("/proc/self/task")) > 1: pass
join("outside by process", os.pidfd_open(int(sys.argv[1])), UTS)
join("outside by descriptor", 0)
join("no namespace", 1); join("another kind", 0, PID); join("no kinds", of_inner)
join("own", os.pidfd_open(os.getpid()), UTS)
join("inner by process", of_inner, PID)
child = os.fork()
if not child:
    print("number", os.getpid() < 10, os.getppid(), flush=True)
    try:
        os.kill(int(inner), 0)
    except OSError as error:
        print("old number", error.errno, flush=True)
    os.kill(1, 0)
    os._exit(0)
os.waitpid(child, 0)
maker.kill()
"""

JOINED = """with a thread 1
outside by process 1
outside by descriptor 1
no namespace 22
another kind 22
no kinds 22
own 0
inner by process 0
number True 0
old number 3
"""


@ROOTS
def test_namespaces_of_the_box_are_joined_and_no_others(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, "(allow cat_t self (capability (sys_admin)))")
    box.file("joining.py", JOINING)
    with subprocess.Popen(["unshare", "-u", "sleep", "60"]) as outside:
        try:
            while os.stat(f"/proc/{outside.pid}/ns/uts").st_ino == os.stat("/proc/self/ns/uts").st_ino:
                pass
            with open(f"/proc/{outside.pid}/ns/uts") as namespace:
                words = [*box.arguments(*options), str(PYTHON), "-I", "joining.py", str(outside.pid)]
                result = subprocess.run(
                    words,
                    stdin=namespace,
                    capture_output=True,
                    text=True,
                    cwd=box.directory,
                    env=environment(),
                    check=False,
                )
        finally:
            outside.kill()
    assert (result.stdout, result.stderr) == (JOINED, "")


CONTAINER = """
mount -t tmpfs none place; cd place; mkdir usr proc; mount --bind /usr usr; mount -t proc none proc
for each in bin lib lib64; do ln -s usr/$each $each; done
exec chroot . sh -c 'cat /proc/self/attr/current; echo; ps -eo label,comm'
"""


@ROOTS
@pytest.mark.skipif(not os.path.islink("/lib64"), reason="programs are not all below /usr here")
def test_a_container_with_a_root_of_its_own_shows_labels(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, "", None)
    (box.directory / "place").mkdir()
    outcome = box.run("unshare", "-mpf", "sh", "-ec", CONTAINER, options=("--domain", "kernel_t"))
    label, _, *shown = outcome.output.replace("\0", "").splitlines()
    assert ":kernel_t:" in label, outcome
    assert [each.split() for each in shown] == [[label, "sh"], [label, "ps"]], outcome
