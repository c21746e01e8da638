"""Commands to open files and sockets, and calls, that take a capability; what they set stands in memory."""

import os
import stat

import pytest

from tests.enforce.boxes import Box, Outcome
from tests.enforce.clients import PYTHON, make_box, needs_python
from tests.enforce.test_openfiles import COMMANDS
from tests.enforce.test_status import PRELUDE

pytestmark = [
    pytest.mark.enforcement,
    needs_python,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root holds capabilities"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type food_t) (call file_type (food_t))
(call manage_files (cat_t food_t))
(allow cat_t self (capability (chown fowner dac_override dac_read_search)))
(allow cat_t self (udp_socket (create ioctl getattr)))
"""
NAMES = ("sys_rawio", "linux_immutable", "net_admin", "lease", "fsetid", "sys_module")
GRANTED = f"(allow cat_t self (capability ({' '.join(NAMES)})))"


def attempt(factory: pytest.TempPathFactory, more: str, program: str) -> tuple[list[str], Outcome]:
    """Run a program in Python, which may use ``call`` and ``command``, and return the lines that it wrote."""
    assert PYTHON is not None
    box: Box = make_box(factory, POLICY + more, None)
    os.chown(box.file("food", "content"), 65534, 65534)
    label = f"--label={box.directory}=system_u:object_r:food_t:s0"
    outcome = box.run(PYTHON, "-Ic", PRELUDE + COMMANDS + program, options=("--domain", "cat_t", label))
    assert outcome.errors == ""
    return outcome.output.splitlines(), outcome


def used(outcome: Outcome) -> list[str]:
    """Return the capabilities that were asked about and denied, each once."""
    denied = (each for each in outcome.records if each.tclass == "capability" and not each.granted)
    return list(dict.fromkeys(name for each in denied for name in each.permissions))


PROGRAM = """
def given(descriptor, number, data):
    buffer = ctypes.create_string_buffer(data, len(data))
    return call(16, descriptor, number, buffer), buffer.raw
food, line = os.open("food", os.O_RDWR), libc.socket(2, 2, 0)
_, device = given(line, 0x8913, b"lo".ljust(40, b"\\0"))
print("device", given(line, 0x8914, device)[0])
print("map", command(food, 1))
_, flags = given(food, 0x80086601, bytes(4))
append = struct.pack("=I", struct.unpack("=I", flags)[0] | 0x20)
print("same", given(food, 0x40086602, flags)[0])
print("append", given(food, 0x40086602, append)[0], given(food, 0x40086602, flags)[0])
print("lease", call(72, os.open("food", os.O_RDONLY), 1024, 2))
os.chmod("food", 0o2640)
print("mode", oct(os.stat("food").st_mode))
print("module", call(175, bytes(64), 64, b""), call(313, food, b"", 0))
"""


def test_what_takes_a_capability_is_asked_about(tmp_path_factory: pytest.TempPathFactory) -> None:
    lines, outcome = attempt(tmp_path_factory, "", PROGRAM)
    found = dict(line.split(" ", 1) for line in lines)
    assert (found["device"], found["map"], found["lease"]) == ("EPERM", "EPERM", "EACCES")
    assert found["module"] == "EPERM EPERM"
    assert found["mode"] == oct(stat.S_IFREG | 0o640), "the bit is taken away from who may not set it"
    asked = {"net_admin", "sys_rawio", "linux_immutable", "lease", "fsetid", "sys_module"}
    if found["same"] == "0":
        assert found["append"] == "EPERM 0"
    else:  # a file system without such flags
        asked.remove("linux_immutable")
    assert set(used(outcome)) == asked


def test_what_policy_grants_is_done(tmp_path_factory: pytest.TempPathFactory) -> None:
    lines, outcome = attempt(tmp_path_factory, GRANTED, PROGRAM)
    found = dict(line.split(" ", 1) for line in lines)
    assert found["device"] == "0"
    assert found["map"] != "EPERM"
    if found["same"] == "0":
        assert found["append"] == "0 0"
    assert found["mode"] == oct(stat.S_IFREG | 0o2640)
    assert found["module"] == "EACCES EACCES", "policy does not let it load modules"
    assert used(outcome) == []
    denied = [each.tcontext.split(":")[2] for each in outcome.denied("system", "module_load")]
    assert denied == ["cat_t", "food_t"]


def test_no_box_loads_modules(tmp_path_factory: pytest.TempPathFactory) -> None:
    grant = f"{GRANTED} (allow cat_t cat_t (system (module_load))) (allow cat_t food_t (system (module_load)))"
    program = "food = os.open('food', os.O_RDONLY); print(call(175, bytes(64), 64, b''), call(313, food, b'', 0))"
    lines, outcome = attempt(tmp_path_factory, grant, program)
    assert lines == ["EPERM EPERM"]
    assert outcome.records == ()


def test_flags_are_set_as_they_were_when_asked_about(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Another thread writes the flag into memory while the call is decided.
    program = """
import threading
food = os.open("food", os.O_RDWR)
shared = ctypes.create_string_buffer(4)
if call(16, food, 0x80086601, shared) != 0:
    print("none")
    raise SystemExit
plain = struct.unpack("=I", shared.raw)[0]
done = []
def flip():
    while not done:
        shared.raw = struct.pack("=I", plain | 0x20)
        shared.raw = struct.pack("=I", plain)
threading.Thread(target=flip).start()
results = {call(16, food, 0x40086602, shared) for _ in range(1000)}
done.append(1)
after = ctypes.create_string_buffer(4)
call(16, food, 0x80086601, after)
print(results <= {0, "EPERM"}, struct.unpack("=I", after.raw)[0] & 0x20)
"""
    lines, _ = attempt(tmp_path_factory, "", program)
    assert lines in (["True 0"], ["none"])
