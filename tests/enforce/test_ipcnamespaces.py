"""IPC namespaces that programs make in a box: ids mean the objects there, and these have labels of their own."""

import os

import pytest

from selbox.enforce.pidnumbers import can_translate
from tests.enforce.clients import PYTHON, make_box, needs, needs_python

pytestmark = [
    pytest.mark.enforcement,
    needs_python,
    needs("unshare", "bwrap"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root's boxes have IPC namespaces of their own"),
    pytest.mark.skipif(not can_translate(), reason="before Linux 6.11 no box has such namespaces"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t)) (call own_ipc (cat_t))
(type dog_t) (call domain_type (dog_t)) (call own_ipc (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type yard_t) (call file_type (yard_t))
(call read_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call domain_transition (cat_t dog_exec_t dog_t))
(call inherit_from (dog_t cat_t))
(allow cat_t self (capability (sys_admin)))
"""

DOG = f"""#!{PYTHON} -I
import ctypes
print("dog's", ctypes.CDLL(None).shmget(0, 4096, 0o1666), flush=True)
"""

CAT = """
import ctypes, os, subprocess
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *words):
    result = getattr(libc, name)(*words)
    return result if result >= 0 else -ctypes.get_errno()
def attach(identifier):
    libc.shmat.restype = ctypes.c_long
    place = libc.shmat(identifier, None, 0o10000)
    return ctypes.get_errno() if place == -1 else "attached"
outer = call("shmget", 0, 4096, 0o1600)
print("outer", attach(outer))
for _ in range(2):
    print("unshare", call("unshare", 0x08000000))
    print("outer", attach(outer))
    subprocess.run(["./dog"])
    print("own", call("shmget", 0, 4096, 0o1600))
    print("dog's", attach(0), "own", attach(1), "none", attach(2))
    print("semaphores", call("semget", 7, 1, 0o1600), call("semctl", 0, 0, 16, 3), call("semctl", 0, 0, 12, 0))
    with open("/proc/sysvipc/shm") as table:
        print("listed", len(table.readlines()) - 1)
home = os.pidfd_open(os.getppid())
print("home", call("setns", home, 0x08000000), attach(outer), call("shmctl", outer, 0, None))
"""

INNER = """unshare 0
outer 22
dog's 0
own 1
dog's 13 own attached none 22
semaphores 0 0 3
listed 2
"""


def test_objects_of_a_namespace_have_labels_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, POLICY, None)
    dog = box.file("dog", DOG, 0o777)
    box.file("cat.py", CAT)
    names = ((box.directory, "yard_t"), (dog, "dog_exec_t"))
    labels = tuple(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names)
    command = f"{PYTHON} -I -u cat.py; exit 0"
    outcome = box.run("sh", "-c", command, options=("--domain", "cat_t", *labels))
    assert (outcome.output, outcome.errors) == (f"outer attached\n{INNER}{INNER}home 0 attached 0\n", "")
    assert {(each.tclass, each.permissions) for each in outcome.records} == {("shm", ("unix_read",))}


def test_bubblewrap_has_all_namespaces_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, "", None)
    words = ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
    script = "ipcs -m | grep -c 0x; ps -e -o comm= | head -n 3"
    outcome = box.run("bwrap", "--unshare-all", *words, "sh", "-c", script, options=("--domain", "kernel_t"))
    assert (outcome.output, outcome.errors) == ("0\nbwrap\nsh\nps\n", "")
