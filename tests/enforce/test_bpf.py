"""BPF maps and programs of a box: who may make, hold and receive them."""

import os

import pytest

from tests.enforce.boxes import Outcome
from tests.enforce.clients import PYTHON, make_box, needs_python

pytestmark = [
    pytest.mark.enforcement,
    needs_python,
    pytest.mark.skipif(os.geteuid() != 0, reason="kernels let root alone make maps"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type yard_t) (call file_type (yard_t))
(call read_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call domain_transition (cat_t dog_exec_t dog_t))
(allow cat_t self (capability2 (bpf perfmon)))
"""

CALLS = """
import ctypes, errno, os, socket, struct, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
def bpf(command, data):
    result = libc.syscall(ctypes.c_long(321), ctypes.c_long(command), data, len(data))
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result
def make(kind=2, flags=0):
    return bpf(0, struct.pack("=5I", kind, 4, 8, 2, flags))
def load(extra=b"", kind=1):
    code = ctypes.create_string_buffer(extra + b"\\xb7\\0\\0\\0\\0\\0\\0\\0\\x95" + bytes(7))
    licence, log = ctypes.create_string_buffer(b"MIT"), ctypes.create_string_buffer(4096)
    words = struct.pack("=IIQQIIQ", kind, len(code) // 8, ctypes.addressof(code), ctypes.addressof(licence), 1,
        4096, ctypes.addressof(log))
    return bpf(5, words)
def element(command, number, key, value):
    words = struct.pack("=I4xQQQ", number, ctypes.addressof(key), ctypes.addressof(value), 0)
    bpf(command, words)
    return value.value
key, value, out = ctypes.c_uint(1), ctypes.c_ulong(7), ctypes.c_ulong()
def tell(name, probe):
    try:
        print(name, probe(), flush=True)
    except OSError as error:
        print(name, errno.errorcode[error.errno], flush=True)
"""

EVERYTHING = "map_create map_read map_write prog_load prog_run"

STEPS = f"""{CALLS}
def store():
    made = make()
    element(2, made, key, value)
    return element(1, made, key, out)
def filters():
    made = load(b"\\x18\\x11\\0\\0" + struct.pack("=i", make()) + bytes(8))
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    b.setsockopt(socket.SOL_SOCKET, 50, made)
    return made > 0
tell("map", store)
tell("program", filters)
tell("other type", lambda: load(kind=2))
tell("map of maps", lambda: make(12))
tell("find by number", lambda: bpf(14, struct.pack("=III", 1, 0, 0)))
tell("nonsense", lambda: load(b"\\xff" * 8))
tell("short", lambda: bpf(0, b"\\2\\0\\0\\0"))
"""


def run(factory: pytest.TempPathFactory, rules: str, script: str) -> Outcome:
    box = make_box(factory, POLICY + rules, None)
    box.file("bpf.py", script)
    dog = box.file("dog", f"#!{PYTHON} -I\n{CALLS}exec(sys.argv[1])\n", 0o777)
    names = ((box.directory, "yard_t"), (dog, "dog_exec_t"))
    labels = tuple(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names)
    return box.run(str(PYTHON), "-I", "bpf.py", options=("--domain", "cat_t", *labels))


def without(permission: str) -> str:
    return f"(allow cat_t self (bpf ({' '.join(each for each in EVERYTHING.split() if each != permission)})))"


CLOSED = "other type EPERM\nmap of maps EPERM\nfind by number EPERM\nnonsense EINVAL\nshort EINVAL\n"


def test_a_domain_that_may_do_everything(tmp_path_factory: pytest.TempPathFactory) -> None:
    outcome = run(tmp_path_factory, without("none"), STEPS)
    assert (outcome.output, outcome.errors, outcome.records) == (f"map 7\nprogram True\n{CLOSED}", "", ())


@pytest.mark.parametrize("permission", EVERYTHING.split())
def test_a_permission_is_missing(tmp_path_factory: pytest.TempPathFactory, permission: str) -> None:
    outcome = run(tmp_path_factory, without(permission), STEPS)
    of_map = permission.startswith("map")
    assert outcome.output.startswith("map EACCES\nprogram EACCES\n" if of_map else "map 7\nprogram EACCES\n")
    assert {each for record in outcome.records for each in record.permissions} == {permission}


@pytest.mark.parametrize(("granted", "told"), [("map_read map_write prog_run", "7 True"), ("prog_run", "EINVAL True")])
def test_another_domain_inherits(tmp_path_factory: pytest.TempPathFactory, granted: str, told: str) -> None:
    script = f"""{CALLS}
numbers = make(), load()
element(2, numbers[0], key, value)
for number in numbers:
    os.set_inheritable(number, True)
probe = f"tell('map', lambda: element(1, {{numbers[0]}}, key, out))"
probe += f"; tell('program', lambda: 'bpf-prog' in os.readlink('/proc/self/fd/{{numbers[1]}}'))"
subprocess.run(["./dog", probe], close_fds=False)
"""
    rules = f"{without('none')} (allow dog_t cat_t (bpf ({granted}))) (allow dog_t cat_t (fd (use)))"
    outcome = run(tmp_path_factory, rules, script)
    assert [line.split()[-1] for line in outcome.output.splitlines()] == told.split()


@pytest.mark.parametrize(("granted", "told"), [("map_read map_write", "received\n"), ("map_read", "nothing\n")])
def test_another_domain_receives(tmp_path_factory: pytest.TempPathFactory, granted: str, told: str) -> None:
    script = f"""{CALLS}
ours, theirs = socket.socketpair()
theirs.set_inheritable(True)
socket.send_fds(ours, [b"x"], [make()])
probe = f"end = socket.socket(fileno={{theirs.fileno()}})"
probe += "; print('received' if socket.recv_fds(end, 1, 1)[1] else 'nothing')"
subprocess.run(["./dog", probe], close_fds=False)
"""
    rules = f"""{without("none")} (allow dog_t cat_t (bpf ({granted}))) (allow dog_t cat_t (fd (use)))
(allow dog_t cat_t (unix_stream_socket (read write getattr getopt)))"""
    assert run(tmp_path_factory, rules, script).output == told
