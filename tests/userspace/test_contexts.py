import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.enforce.boxes import Box, lacking
from tests.enforce.clients import PYTHON, make_box, needs_python

from selbox import ObjectManager, SelboxError, current_context, file_context, peer_context
from selbox.audit.userrecord import UserAvc, UserEvent

POLICY = """
(class db_table (create select insert))
(classorder (unordered db_table))
(type cat_t) (call domain_type (cat_t))
(type food_t) (call file_type (food_t))
(call read_files (cat_t food_t))
(type bowl_t) (roletype object_r bowl_t)
(allow cat_t bowl_t (db_table (select)))
(auditallow cat_t bowl_t (db_table (select)))
(dontaudit cat_t bowl_t (db_table (create)))
"""
CAT, BOWL, FOOD = "system_u:system_r:cat_t:s0", "system_u:object_r:bowl_t:s0", "system_u:object_r:food_t:s0"

without_selinux = pytest.mark.skipif(os.path.exists("/sys/fs/selinux/enforce"), reason="this kernel has SELinux")


def in_a_box(test: Callable[[Box], None]) -> Callable[[Box], None]:
    """Mark a test that needs a box."""
    marks = (pytest.mark.enforcement, pytest.mark.skipif(bool(lacking()), reason=lacking()), needs_python)
    for mark in marks:
        test = mark(test)
    return test


class Answering:
    """A socket whose peer has a context."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        assert (level, optname) == (socket.SOL_SOCKET, 31)
        if buflen < len(self.answer):
            raise OSError(34, "Numerical result out of range")
        return self.answer


def code(error: "pytest.ExceptionInfo[SelboxError]") -> str:
    return error.value.diagnostics[0].code


@pytest.mark.parametrize("text", [CAT, CAT + ":" + ",".join(f"c{each * 2}" for each in range(400))])
def test_a_context_of_any_length_is_returned_without_its_end(text: str) -> None:
    assert peer_context(Answering(text.encode() + b"\0")) == text


def test_what_another_security_module_says_is_no_context() -> None:
    with pytest.raises(SelboxError, match="`unconfined` is what the kernel says") as caught:
        peer_context(Answering(b"unconfined\n"))
    assert code(caught) == "no-security-context"


def test_what_is_no_socket_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        peer_context(closed_socket())
    with pytest.raises(FileNotFoundError):
        file_context(str(tmp_path / "none"))


def closed_socket() -> socket.socket:
    result = socket.socket(socket.AF_UNIX)
    result.close()
    return result


@without_selinux
def test_where_the_kernel_knows_no_contexts_the_error_says_what_does(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(SelboxError) as caught:
        peer_context(ours)
    assert code(caught) == "no-security-context"
    assert "selbox run" in caught.value.diagnostics[0].help
    for call in (current_context, lambda: file_context(str(tmp_path))):
        with pytest.raises(SelboxError) as caught:
            call()
        assert code(caught) == "no-security-context"


# --- In a box ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, None)


def run(box: Box, program: str) -> list[str]:
    """Run a program in Python as a cat and return the lines that it wrote."""
    script = box.file("program.py", program)
    labels = (f"--label={box.directory}={FOOD}", f"--label={Path(__file__).parents[2]}={FOOD}")
    assert PYTHON is not None
    outcome = box.run(PYTHON, "-B", str(script), options=("--domain", "cat_t", *labels))
    assert outcome.errors == ""
    return outcome.output.splitlines()


@in_a_box
def test_in_a_box_everybody_has_a_context(box: Box) -> None:
    program = """
import asyncio, socket
from selbox import current_context, file_context, peer_context
ours, theirs = socket.socketpair()
print(peer_context(ours))
print(current_context())
print(file_context(__file__))

async def served(reader, writer):
    print(peer_context(writer.get_extra_info("socket")))
    writer.close()

async def main():
    server = await asyncio.start_unix_server(served, "\\0cats")
    reader, writer = await asyncio.open_unix_connection("\\0cats")
    await reader.read()
    writer.close()
    server.close()

asyncio.run(main())
"""
    assert run(box, program) == [CAT, CAT, FOOD, CAT]


@in_a_box
@pytest.mark.oracle
@pytest.mark.skipif(not os.path.exists("/usr/lib/python3/dist-packages/selinux"), reason="no libselinux for Python")
def test_answers_and_records_are_those_of_libselinux(box: Box) -> None:
    asked = [
        ("db_table", "select"),
        ("db_table", "insert"),
        ("db_table", "create"),
        ("file", "read"),
        ("process", "fork"),
    ]
    program = f"""
import os, sys
sys.path.append("/usr/lib/python3/dist-packages")
import selinux
os.dup2(1, 2)  # where it writes its records
for object_class, permission in {asked!r}:
    try:
        selinux.selinux_check_access({CAT!r}, {BOWL!r}, object_class, permission)
        print("granted", flush=True)
    except PermissionError:
        print("denied", flush=True)
"""
    said: list[str] = []

    def audit(record: UserAvc | UserEvent) -> None:
        said.append(record.message)

    manager = ObjectManager(box.policy, audit=audit)
    for object_class, permission in asked:
        said.append("granted" if manager.has_permission(CAT, BOWL, object_class, permission) else "denied")
    assert run(box, program) == said
    assert len(said) == 9
