"""POSIX message queues."""

import os
import uuid

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import CALL, PYTHON, USERS, make_box, needs_python

pytestmark = [pytest.mark.enforcement, needs_python]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(type yard_t) (call file_type (yard_t))
(type cat_queue_t) (call file_type (cat_queue_t))
(call read_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call domain_transition (cat_t dog_exec_t dog_t))
(call make_files_in (cat_t tmpfs_t cat_queue_t))
(call manage_files (cat_t cat_queue_t))
(allow dog_t tmpfs_t (dir (search)))
(allow cat_queue_t tmpfs_t (filesystem (associate)))
(dontaudit cat_t self (capability (sys_resource)))
"""

CAT = (
    CALL
    + """
import os, struct, sys
name = sys.argv[1].encode()
limits = struct.pack("=8q", 0, 4, 32, 0, 0, 0, 0, 0)
def tell(title, probe):
    try:
        print(title, probe(), flush=True)
    except OSError as error:
        print(title, error.errno, flush=True)
def made(flags, mode=0, limits=None):
    return call(240, name, flags, mode, limits)
def told():
    queue = made(os.O_RDWR)
    buffer = ctypes.create_string_buffer(32)
    call(242, queue, b"meow", 4, 0, None)
    length = call(243, queue, buffer, 32, None, None)
    mode = os.fstat(queue).st_mode & 0o777
    os.close(queue)
    return buffer.raw[:length], oct(mode)
tell("missing", lambda: made(os.O_RDWR))
tell("made", lambda: made(os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o660, limits) > 2)
tell("again", lambda: made(os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o660))
tell("told", told)
tell("bad name", lambda: call(240, b"a/b", os.O_RDONLY))
tell("no name", lambda: call(240, ctypes.c_void_p(8), os.O_RDONLY))
os.environ["QUEUE"] = sys.argv[1]
os.spawnv(os.P_WAIT, "./dog", ["./dog"])
tell("gone", lambda: call(241, name))
tell("gone again", lambda: call(241, name))
"""
)

DOG = """#!/usr/bin/python3 -I
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for title, number, flags in (("read", 240, os.O_RDONLY), ("write", 240, os.O_WRONLY), ("unlink", 241, 0)):
    result = libc.syscall(ctypes.c_long(number), os.environ["QUEUE"].encode(), flags, 0, None)
    print("dog", title, ctypes.get_errno() if result < 0 else "done", flush=True)
"""


def prepared(factory: pytest.TempPathFactory, rules: str, user: int | None) -> tuple[Box, tuple[str, ...]]:
    box = make_box(factory, POLICY + rules, user)
    dog = box.file("dog", DOG.replace("/usr/bin/python3", str(PYTHON)), 0o777)
    box.file("cat.py", CAT)
    names = ((box.directory, "yard_t"), (dog, "dog_exec_t"))
    return box, ("--domain", "cat_t", *(f"--label={path}=system_u:object_r:{name}:s0" for path, name in names))


EXPECTED = """missing 2
made True
again 17
told (b'meow', '0o640')
bad name 13
no name 14
dog read {0}
dog write {1}
dog unlink {2}
"""


@pytest.mark.parametrize("user", USERS)
def test_a_queue_has_its_makers_transition(tmp_path_factory: pytest.TempPathFactory, user: int | None) -> None:
    rules = "(allow dog_t cat_queue_t (file (open read)))"
    box, options = prepared(tmp_path_factory, rules, user)
    os.umask(0o022)
    outcome = box.run(str(PYTHON), "-I", "cat.py", f"selbox-{uuid.uuid4()}", options=options)
    assert (outcome.output, outcome.errors) == (EXPECTED.format("done", 13, 13) + "gone 0\ngone again 2\n", "")
    assert [(each.tclass, each.permissions, each.tcontext.split(":")[2]) for each in outcome.records] == [
        ("file", ("write",), "cat_queue_t"),
        ("dir", ("write",), "tmpfs_t"),
    ]
    assert outcome.records[0].field("dev") == "mqueue"


def test_who_may_not_write_to_the_directory_makes_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, "", None)
    box.policy.write_text(box.policy.read_text().replace("(call make_files_in (cat_t tmpfs_t cat_queue_t))", ""))
    outcome = box.run(str(PYTHON), "-I", "cat.py", f"selbox-{uuid.uuid4()}", options=options)
    assert set(outcome.output.splitlines()) >= {"missing 2", "made 13", "again 13", "gone 2", "dog read 2"}
    assert {(each.tclass, each.permissions) for each in outcome.records} == {("dir", ("write",))}


def test_permissive_lets_all_go_on(tmp_path_factory: pytest.TempPathFactory) -> None:
    box, options = prepared(tmp_path_factory, "", None)
    outcome = box.run(*(str(PYTHON), "-I", "cat.py", f"selbox-{uuid.uuid4()}"), options=(*options, "--permissive"))
    assert EXPECTED.format("done", "done", "done") in outcome.output
    asked = [(each.tclass, each.permissions) for each in outcome.records if each.scontext.split(":")[2] == "dog_t"]
    assert asked == [
        *(("file", (name,)) for name in ("read", "open", "write")),
        *(("dir", (name,)) for name in ("write", "remove_name")),
        ("file", ("unlink",)),
    ]
