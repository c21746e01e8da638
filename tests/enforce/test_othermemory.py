"""Looking into other processes, and signals to them."""

import subprocess

import pytest

from tests.enforce.boxes import Box, environment
from tests.enforce.clients import CALL, PYTHON, USERS, make_box, needs_python
from tests.patience import PATIENCE

pytestmark = [pytest.mark.enforcement, needs_python]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type yard_t) (call file_type (yard_t))
(call read_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call domain_transition (cat_t dog_exec_t dog_t))
(call signal_to (cat_t dog_t))
"""

DOG = f"""#!{PYTHON} -I
import ctypes, os, signal, sys
got = []
buffer = ctypes.create_string_buffer(b"bone", 4096)
received = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGUSR2])
print(ctypes.addressof(buffer), flush=True)
for _ in range(int(sys.argv[1])):
    told = signal.sigwaitinfo([signal.SIGUSR1, signal.SIGUSR2])
    print(told.si_signo, told.si_pid == os.getppid(), told.si_code, flush=True)
sys.stdin.readline()
print(buffer.value.decode(), flush=True)
"""

PROBES = (
    CALL
    + """
import os, signal, struct, subprocess, sys
signals = int(sys.argv[1])
dog = subprocess.Popen(["./dog", str(signals)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
address, pid = int(dog.stdout.readline()), dog.pid
mine = ctypes.create_string_buffer(b"fish", 4096)
def vector(place, size):
    return struct.pack("=QQ", place, size)
def move(number, size=5):
    return call(number, pid, vector(ctypes.addressof(mine), size), 1, vector(address, size), 1, 0)
buffers = [ctypes.create_string_buffer(8) for _ in range(2)]
probes = {
    "write": lambda: move(311), "read": lambda: (move(310), mine.value),
    "unmapped": lambda: call(310, pid, vector(ctypes.addressof(mine), 5), 1, vector(8, 5), 1, 0),
    "compare": lambda: call(312, pid, os.getpid(), 6, 0, 0) != 0, "locks": lambda: call(274, pid, *buffers),
    "kill": lambda: os.kill(pid, signal.SIGUSR1),
    "tgkill": lambda: call(234, pid, pid, signal.SIGUSR2), "tkill": lambda: call(200, pid, signal.SIGUSR1),
    "pidfd": lambda: signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGUSR2),
    "own": lambda: os.kill(os.getpid(), 0), "nobody": lambda: os.kill(2**22 - 1, 0),
    "wrong thread": lambda: call(234, os.getpid(), pid, 0), "no signal": lambda: os.kill(pid, 65),
}
for name in probes:
    try:
        print(name, probes[name]())
    except OSError as error:
        print(name, error.errno)
    if name in ("kill", "tgkill", "tkill", "pidfd") and signals:
        print(dog.stdout.readline().strip())
print(dog.communicate("\\n")[0].strip())
"""
)


def prepared(factory: pytest.TempPathFactory, rules: str, user: int | None) -> tuple[Box, tuple[str, ...]]:
    box = make_box(factory, POLICY + rules, user)
    dog = box.file("dog", DOG, 0o777)
    box.file("probes.py", PROBES)
    names = ((box.directory, "yard_t"), (dog, "dog_exec_t"))
    return box, ("--domain", "cat_t", *(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names))


LAST = "own None\nnobody 3\nwrong thread 3\nno signal 22\n"


@pytest.mark.parametrize("user", USERS)
def test_another_domains_process_is_closed(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    box, options = prepared(tmp_path_factory, "", user)
    box.policy.write_text(box.policy.read_text().replace("(call signal_to (cat_t dog_t))", ""))
    outcome = box.run(str(PYTHON), "-I", "probes.py", "0", options=options)
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
    outcome = box.run(str(PYTHON), "-I", "probes.py", "4", options=options)
    told = "kill None\n10 True -1\ntgkill 0\n12 True -1\ntkill 0\n10 True -1\npidfd None\n12 True -1\n"
    done = f"write 5\nread (5, b'fish')\nunmapped 14\ncompare True\nlocks 0\n{told}{LAST}fish\n"
    assert (outcome.output, outcome.errors, outcome.records) == (done, "", ())


def test_permissive_lets_all_go_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, "", None)
    outcome = box.run(str(PYTHON), "-I", "probes.py", "4", options=(*options, "--permissive"))
    assert outcome.output.endswith("fish\n")
    assert [(each.tclass, each.permissions[0]) for each in outcome.records] == [("process", "ptrace"), ("file", "read")]


MOVES = """
import ctypes, errno, mmap, os
libc = ctypes.CDLL(None, use_errno=True)
class Vector(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("size", ctypes.c_size_t)]
size = 5 << 20
own, other = (mmap.mmap(-1, size + 8192) for _ in range(2))
here, there = (ctypes.addressof(ctypes.c_char.from_buffer(each)) for each in (own, other))
libc.mprotect(ctypes.c_void_p(there + size), 8192, 0)
other[:size] = bytes(range(256)) * (size // 256)
begun, begin = os.pipe()
ended, end = os.pipe()
child = os.fork()
if not child:
    os.write(begin, b"x")
    os.read(ended, 1)
    os._exit(0)
os.read(begun, 1)
def move(name, local, remote):
    vectors = (Vector * len(local))(*local), (Vector * len(remote))(*remote)
    ctypes.set_errno(0)
    moved = getattr(libc, name)(child, vectors[0], len(local), vectors[1], len(remote), 0)
    print(name, [each for _, each in local], [each for _, each in remote], moved, ctypes.get_errno())
for local, remote in (
    ([(here, size)], [(there, size)]),
    ([(here, 5), (here + 5, 0), (here + 5, size - 5)], [(there, 3 << 20), (there + (3 << 20), 2 << 20)]),
    ([(here, size)], [(there + size - 4096, 8192)]),
    ([(here, size)], [(there + size, 8192)]),
    ([(here, size)], [(there, 4096), (there + size, 8192)]),
    ([(here, 100)], [(there, size)]), ([(here, 0)], [(there, 100)]), ([(here, 10)], [(there, 0)]),
    ([(8, 100)], [(there, 100)]), ([(here, 4096), (8, 5)], [(there, 8192)]),
):
    move("process_vm_readv", local, remote)
    print(own[:size] == other[:size])
    move("process_vm_writev", local, remote)
os.write(end, b"x")
os.waitpid(child, 0)
"""


def test_as_much_moves_as_without_a_box_and_from_where_it_may(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, "", None)
    box.file("moves.py", MOVES)
    command = (str(PYTHON), "-I", "moves.py")
    plain = subprocess.run(
        command, cwd=box.directory, env=environment(), capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    outcome = box.run(*command)
    assert (outcome.output, outcome.errors, outcome.records) == (plain.stdout, "", ())
