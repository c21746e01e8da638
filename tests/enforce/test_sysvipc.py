"""System V IPC in a box: who may make, find, use and remove what, compared with what the kernel's hooks ask."""

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, Outcome

pytestmark = pytest.mark.enforcement

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type yard_t) (call file_type (yard_t))
(call change_identity (cat_t))
(call manage_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(call domain_transition (cat_t dog_exec_t dog_t))
(call own_ipc (cat_t))
(call change_identity (cat_t))
"""

# Numbers of x86_64's system calls, and constants of linux/ipc.h, shm.h, sem.h and msg.h.
PRELUDE = """#!/usr/bin/python3 -I
import ctypes, errno, os, struct, subprocess, sys, threading, time
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long
def call(number, *arguments):
    result = _syscall(*(ctypes.c_long(each) if isinstance(each, int) else each for each in (number, *arguments)))
    return "ok" if result == 0 else result if result != -1 else errno.errorcode[ctypes.get_errno()]
def attach(identifier, flags=0):
    result = call(30, identifier, 0, flags)
    return result if isinstance(result, str) else "ok"
def shmget(key, flags, size=4096): return call(29, key, size, flags)
def semget(key, flags): return call(64, key, 1, flags)
def msgget(key, flags): return call(68, key, flags)
def operate(identifier, change, flags=0o4000): return call(65, identifier, struct.pack("=Hhh", 0, change, flags), 1)
def send(identifier, text=b"meow"): return call(69, identifier, struct.pack("=q", 1) + text, len(text), 0o4000)
def receive(identifier, flags=0o4000):
    buffer = ctypes.create_string_buffer(64)
    length = call(70, identifier, buffer, 32, 0, flags)
    return length if isinstance(length, str) and length != "ok" else buffer.raw[8:12].decode()
def status(identifier):
    buffer = ctypes.create_string_buffer(112)
    result = call(31, identifier, 2, buffer)
    return result if result != "ok" else struct.unpack_from("=iIIIII", buffer)
def dog(*arguments):
    subprocess.run([os.path.abspath("dog"), *map(str, arguments)], check=False)
def remove(*places):
    for number, identifier in places:
        call(number, identifier, *((0, 0) if number == 66 else (0,)), None)
"""

USERS = [
    pytest.param(None, id="own user"),
    pytest.param(65534, id="nobody", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")),
]


def meet(
    directory: Path, cat: str, dog: str = "", policy: str = "", user: int | None = None, options: tuple[str, ...] = ()
) -> Outcome:
    """Run a cat, and the dog that it calls, with more policy; what they print is the outcome."""
    box = Box(directory, POLICY + policy, user)
    box.file("cat", PRELUDE + cat, 0o755)
    guest = box.file("dog", PRELUDE + "arguments = list(map(int, sys.argv[1:]))\n" + dog, 0o755)
    labels = {directory: "yard_t", guest: "dog_exec_t"}
    return box.run(
        "./cat",
        options=(
            "--domain",
            "cat_t",
            *(f"--label={path}=system_u:object_r:{name}:s0" for path, name in labels.items()),
            *options,
        ),
    )


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user reaches; pytest's own are closed whenever another run starts."""
    with tempfile.TemporaryDirectory(prefix="selbox-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


SHM_CAT = """
key = os.getpid() + 0x10000000
identifier = shmget(key, 0o1666)
print(attach(identifier), flush=True)
dog(identifier, key)
remove((31, identifier))
print(key)
"""


@pytest.mark.parametrize("user", USERS)
def test_attaching_what_another_domain_made_is_denied(directory: Path, user: int | None) -> None:
    outcome = meet(directory, SHM_CAT, "print(attach(arguments[0]))", user=user)
    own, other, key = outcome.output.split()
    assert (own, other) == ("ok", "EACCES"), outcome.errors
    (record,) = outcome.denied("shm", "unix_read")
    assert set(record.permissions) == {"unix_read", "unix_write"}
    assert (record.scontext, record.tcontext) == ("system_u:system_r:dog_t:s0", "system_u:system_r:cat_t:s0")
    assert record.field("ipc_key") == key


@pytest.mark.parametrize("user", USERS)
def test_attaching_is_granted_by_id_and_by_key(directory: Path, user: int | None) -> None:
    body = "print(attach(arguments[0]), attach(shmget(arguments[1], 0o600)), shmget(arguments[1], 0o3600))"
    outcome = meet(directory, SHM_CAT, body, "(call use_ipc (dog_t cat_t))", user)
    assert outcome.output.splitlines()[1] == "ok ok EEXIST", outcome.errors
    assert not outcome.denied("shm", "associate")


def test_permissive_records_and_lets_go_on(directory: Path) -> None:
    outcome = meet(directory, SHM_CAT, "print(attach(arguments[0]))", options=("--permissive",))
    assert outcome.output.splitlines()[1] == "ok", outcome.errors
    asked = [each.permissions for each in outcome.records if each.tclass == "shm"]
    assert asked == [("unix_read", "unix_write"), ("read", "write")] or asked == [
        ("unix_read", "unix_write"),
        ("write", "read"),
    ]
    assert all(each.permissive for each in outcome.records)


def test_reading_alone_attaches_read_only(directory: Path) -> None:
    body = "print(attach(arguments[0], 0o10000), attach(arguments[0]), shmget(arguments[1], 0o400), "
    body += "shmget(arguments[1], 0o600), shmget(12345, 0o600))"
    policy = "(allow dog_t cat_t (shm (unix_read read associate)))"
    answers = meet(directory, SHM_CAT, body, policy).output.splitlines()[1].split()
    assert answers[:2] == ["ok", "EACCES"]
    assert answers[2].isdigit()
    assert answers[3:] == ["EACCES", "ENOENT"]


def test_making_needs_create(directory: Path) -> None:
    outcome = meet(
        directory, "dog()", "print(shmget(0, 0o1600), semget(0, 0o1600), msgget(0, 0o1600), shmget(0, 0o1600))"
    )
    assert outcome.output.split() == ["EACCES"] * 4
    for tclass in ("shm", "sem", "msgq"):
        (record, *_) = outcome.denied(tclass, "create")
        assert (record.permissions, record.tcontext) == (("create",), "system_u:system_r:dog_t:s0")
        assert record.field("ipc_key") == "0"


def test_removing_needs_destroy_and_ends_the_label(directory: Path) -> None:
    cat = """
identifier = shmget(0, 0o1666)
dog(identifier)
print(status(identifier)[5] & 0o777, call(31, identifier, 0, None), status(identifier), attach(identifier))
"""
    outcome = meet(directory, cat, "print(call(31, arguments[0], 0, None), flush=True)")
    assert outcome.output.splitlines() == ["EACCES", f"{0o666} ok EINVAL EINVAL"]
    assert [each.permissions for each in outcome.records if each.tclass == "shm"] == [("destroy",)]


def test_removed_memory_keeps_its_label_while_it_is_attached(directory: Path) -> None:
    cat = "identifier = shmget(0, 0o1666)\nattach(identifier)\nremove((31, identifier))\ndog(identifier)\n"
    outcome = meet(directory, cat, "print(attach(arguments[0]))")
    assert outcome.output == "EACCES\n"
    (record,) = outcome.denied("shm", "unix_read")
    assert record.tcontext == "system_u:system_r:cat_t:s0"


SEM_CAT = """
identifier = semget(0, 0o1666)
print(operate(identifier, 1), flush=True)
dog(identifier)
print(call(66, identifier, 0, 12, None))
remove((66, identifier))
"""
WAITS_ONLY = "(allow dog_t cat_t (sem (unix_read read associate)))"


def test_semaphores_are_changed_only_with_write(directory: Path) -> None:
    body = """
print(operate(arguments[0], 0), operate(arguments[0], 1), call(66, arguments[0], 0, 16, 7), flush=True)
started = time.monotonic()
print(call(220, arguments[0], struct.pack("=Hhh", 0, 0, 0), 1, struct.pack("=qq", 0, 200_000_000)))
print(0.15 < time.monotonic() - started < 60)
"""
    outcome = meet(directory, SEM_CAT, body, WAITS_ONLY)
    assert outcome.output.splitlines() == ["ok", "EAGAIN EACCES EACCES", "EAGAIN", "True", "1"], outcome.errors
    assert {each.permissions for each in outcome.records if each.tclass == "sem"} == {("unix_write",)}


def test_a_signal_ends_waiting_for_zero(directory: Path) -> None:
    body = """
import signal
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
print(call(65, arguments[0], struct.pack("=Hhh", 0, 0, 0), 1))
"""
    assert meet(directory, SEM_CAT, body, WAITS_ONLY).output.splitlines()[1] == "EINTR"


def test_no_race_changes_a_semaphore(directory: Path) -> None:
    body = """
operations = ctypes.create_string_buffer(struct.pack("=Hhh", 0, 0, 0o4000), 6)
stop = False
def flip():
    changes = struct.pack("=h", 1), struct.pack("=h", 0)
    while not stop:
        for change in changes:
            ctypes.memmove(ctypes.addressof(operations) + 2, change, 2)
sys.setswitchinterval(1e-5)
thread = threading.Thread(target=flip)
thread.start()
answers, tries, end = set(), 0, time.monotonic() + 60
while tries < 200 or (len(answers) < 2 and time.monotonic() < end):
    answers.add(call(65, arguments[0], operations, 1))
    tries += 1
stop = True
thread.join()
print(*sorted(answers))
"""
    outcome = meet(directory, SEM_CAT, body, WAITS_ONLY)
    assert outcome.output.splitlines() == ["ok", "EACCES EAGAIN", "1"], outcome.errors


MSG_CAT = """
identifier = msgget(0, 0o1666)
print(send(identifier), flush=True)
dog(identifier)
print(receive(identifier), receive(identifier), receive(identifier))
remove((71, identifier))
"""


def test_messages_pass_between_domains_as_policy_says(directory: Path) -> None:
    outcome = meet(directory, MSG_CAT, "print(send(arguments[0], b'wuff'), flush=True)", "(call use_ipc (dog_t cat_t))")
    assert outcome.output.splitlines() == ["ok", "ok", "meow wuff ENOMSG"], outcome.errors


def test_a_message_that_may_not_be_received_is_none(directory: Path) -> None:
    policy = "(allow dog_t cat_t (msgq (unix_read read unix_write write)))"
    body = "print(receive(arguments[0]), receive(arguments[0], 0), send(arguments[0]), flush=True)"
    outcome = meet(directory, MSG_CAT, body, policy)
    assert outcome.output.splitlines() == ["ok", "ENOMSG EACCES EACCES", "meow ENOMSG ENOMSG"]
    assert outcome.denied("msg", "receive")
    assert outcome.denied("msg", "send")


def test_an_information_command_asks_the_system(directory: Path) -> None:
    outcome = meet(directory, "print(call(31, 0, 3, ctypes.create_string_buffer(128)))")
    assert outcome.output == "EACCES\n"
    (record,) = outcome.denied("system", "ipc_info")
    assert record.tcontext.startswith("system_u:system_r:kernel_t:s0")


def test_status_by_index_gives_the_kernels_answer(directory: Path) -> None:
    cat = """
identifier = shmget(0, 0o1600, 12288)
by_id, by_index = ctypes.create_string_buffer(128), ctypes.create_string_buffer(128)
print(call(31, identifier, 2, by_id))
for index in (identifier & 0x7FFF,):  # ids are an index and, above it, a sequence number
    if call(31, index, 13, by_index) == identifier:
        print(by_id.raw == by_index.raw)
remove((31, identifier))
"""
    assert meet(directory, cat).output.split() == ["ok", "True"]


def test_programs_of_the_system_make_and_remove(directory: Path) -> None:
    if not shutil.which("ipcmk"):
        pytest.skip("ipcmk is not installed")
    cat = """
for option, remover in (("-M4096", "-m"), ("-S1", "-s"), ("-Q", "-q")):
    made = subprocess.run(["ipcmk", option], capture_output=True, text=True, check=True).stdout
    print(subprocess.run(["ipcrm", remover, made.split()[-1]], check=False).returncode)
"""
    outcome = meet(directory, cat)
    assert outcome.output.split() == ["0", "0", "0"], outcome.errors


@pytest.fixture
def outside_memory() -> Iterator[int]:
    """A segment that somebody outside made."""
    libc = ctypes.CDLL(None)
    identifier = libc.shmget(0, 4096, 0o1666)
    yield identifier
    libc.shmctl(identifier, 0, None)


def test_what_is_outside_has_the_kernels_label(directory: Path, outside_memory: int) -> None:
    outcome = meet(directory, f"print(attach({outside_memory}), attach({outside_memory + 32768 * 7}))")
    assert outcome.output == "EACCES EINVAL\n"
    (record,) = outcome.denied("shm", "unix_read")
    assert record.tcontext.startswith("system_u:system_r:kernel_t:s0")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")
def test_who_gave_up_root_makes_and_finds_as_itself(directory: Path) -> None:
    cat = """
secret = shmget(os.getpid() + 0x20000000, 0o1600)
os.setgroups([]); os.setresgid(1234, 1234, 1234); os.setresuid(65534, 65534, 65534)
own = shmget(0, 0o1600)
print(status(own)[1:5], attach(own))
print(shmget(os.getpid() + 0x20000000, 0o600), attach(secret), call(31, secret, 0, None), call(31, own, 0, None))
print(secret)
"""
    outcome = meet(directory, cat)
    lines = outcome.output.splitlines()
    assert len(lines) == 3, outcome.errors
    ctypes.CDLL(None).shmctl(int(lines[2]), 0, None)
    assert lines[:2] == ["(65534, 1234, 65534, 1234) ok", "EACCES EACCES EPERM ok"], outcome.errors
    assert not outcome.records
