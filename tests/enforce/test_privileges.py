"""What root may do with the files of others: only as far as policy lets it use its capabilities."""

import os
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, Outcome
from tests.enforce.clients import PYTHON, needs_python
from tests.enforce.test_status import PRELUDE

pytestmark = [
    pytest.mark.enforcement,
    needs_python,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to use"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type food_t) (call file_type (food_t))
(call manage_files (cat_t food_t))
(call change_identity (cat_t))
"""
ATTEMPTS = """
buffer = ctypes.create_string_buffer(256)
results = {
    "read": call(2, b"theirs", 0), "write": call(2, b"theirs", 1), "status": call(4, b"theirs", buffer),
    "below": call(4, b"shut/inner", buffer), "make": call(83, b"shut/new", 0o755),
    "access": call(21, b"theirs", 4), "mode": call(90, b"theirs", 0o640), "owner": call(92, b"mine", 65534, -1),
    "times": call(235, b"theirs", struct.pack("=qqqq", 1, 0, 1, 0)), "now": call(235, b"theirs", None),
    "length": call(76, b"theirs", 3), "attribute": call(188, b"theirs", b"user.x", b"", 0, 0),
    "watch": call(254, libc.inotify_init1(0), b"theirs", 2), "remove": call(87, b"sticky/theirs"),
    "device": call(133, b"null", 0o20666, 259), "list": call(2, b"shut", 0o200000),
    "enter": call(80, b"shut"),
}
print(*(f"{name}={words if isinstance(words, str) else 'ok'}" for name, words in results.items()))
"""


def attempt(directory: Path, more: str, program: str = ATTEMPTS) -> tuple[dict[str, str], Outcome]:
    """Run a program on files of another user; return what it says of each attempt."""
    assert PYTHON is not None
    box = Box(directory, POLICY + more)
    box.directory.chmod(0o755)
    box.file("mine", "mine", 0o600)
    os.chown(box.file("theirs", "theirs", 0o600), 65534, 65534)
    for name, mode in (("shut", 0o700), ("sticky", 0o1777)):
        (box.directory / name).mkdir()
        os.chown(box.directory / name, 65534, 65534)
        (box.directory / name).chmod(mode)
    for name in ("shut/inner", "sticky/theirs"):
        os.chown(box.file(name), 65534, 65534)
    label = f"--label={box.directory}=system_u:object_r:food_t:s0"
    outcome = box.run(PYTHON, "-Ic", PRELUDE + program, options=("--domain", "cat_t", label))
    assert outcome.errors == ""
    return dict(word.split("=") for word in outcome.output.split()), outcome


def test_nothing_is_overridden_without_policy(tmp_path: Path) -> None:
    found, outcome = attempt(tmp_path, "")
    assert {name for name, words in found.items() if words == "ok"} == {"status"}
    refused = {name: words for name, words in found.items() if words != "ok"}
    not_permitted = {"mode", "owner", "times", "remove", "device"}
    assert refused == {name: "EPERM" if name in not_permitted else "EACCES" for name in refused}
    asked = {permission for each in outcome.records for permission in each.permissions}
    assert asked == {"dac_read_search", "dac_override", "fowner", "chown", "mknod"}
    assert {each.tclass for each in outcome.records} == {"capability"}
    assert dict(outcome.records[0].fields)["capability"] == "2"


SOCKET_OPTIONS = """
import socket
s = socket.socket(socket.AF_UNIX)
def setting(option):
    try:
        return s.setsockopt(1, option, 4096) or "ok"
    except OSError as error:
        return errno.errorcode[error.errno]
options = {"sending": 32, "receiving": 33, "mark": 36, "plain": 7}
print(*(f"{name}={setting(number)}" for name, number in options.items()))
"""


def test_options_of_sockets_take_capabilities(tmp_path: Path) -> None:
    """The kernel asks about both capabilities of a mark, whichever it is given by."""
    directories = {name: tmp_path / name for name in ("none", "net_raw", "net_admin")}
    for directory in directories.values():
        directory.mkdir()
    found, outcome = attempt(directories.pop("none"), "", SOCKET_OPTIONS)
    assert found == {"sending": "EPERM", "receiving": "EPERM", "mark": "EPERM", "plain": "ok"}
    asked = [permission for each in outcome.records for permission in each.permissions]
    assert asked == ["net_admin", "net_admin", "net_raw", "net_admin"]
    for capability, directory in directories.items():
        found, _ = attempt(directory, f"(allow cat_t self (capability ({capability})))", SOCKET_OPTIONS)
        buffers = "ok" if capability == "net_admin" else "EPERM"
        assert found == {"sending": buffers, "receiving": buffers, "mark": "ok", "plain": "ok"}


def test_everything_is_overridden_where_policy_lets_it(tmp_path: Path) -> None:
    found, outcome = attempt(
        tmp_path,
        "(call override_permissions (cat_t)) (allow cat_t self (capability (mknod)))"
        "(allow cat_t food_t (chr_file (create)))",
    )
    assert set(found.values()) == {"ok"}
    assert outcome.records == ()


def test_reading_takes_the_smaller_capability(tmp_path: Path) -> None:
    found, _ = attempt(tmp_path, "(allow cat_t self (capability (dac_read_search)))")
    passed = {name for name, words in found.items() if words == "ok"}
    assert passed == {"read", "status", "below", "enter", "access", "watch", "list"}


def test_ones_own_files_take_none(tmp_path: Path) -> None:
    found, outcome = attempt(
        tmp_path,
        "",
        "print(f'open={call(2, b\"mine\", 2) > 0}', f'mode={call(90, b\"mine\", 0)}')\n"
        "print(f'again={call(2, b\"mine\", 0)}')",
    )
    assert found == {"open": "True", "mode": "0", "again": "EACCES"}
    assert [each.permissions for each in outcome.records] == [("dac_read_search",), ("dac_override",)]


def test_who_gave_them_up_is_refused_as_ever(tmp_path: Path) -> None:
    found, outcome = attempt(
        tmp_path,
        "",
        "os.setresuid(1, 1, 1)\nprint(f'read={call(2, b\"theirs\", 0)}', f'mode={call(90, b\"mine\", 0)}')",
    )
    assert found == {"read": "EACCES", "mode": "EPERM"}
    assert outcome.records == ()


CLOCKS = """
zone, now = struct.pack("ii", 0, 0), struct.pack("qq", 0, 0)
change = ctypes.create_string_buffer(struct.pack("I", 1), 256)
results = {
    "zone": call(164, None, zone), "nothing": call(164, None, None), "time": call(164, now, None),
    "both": call(164, now, zone), "clock": call(227, 0, now), "adjust": call(159, change),
    "other": call(305, 0, change), "invalid": call(164, struct.pack("qq", 0, 1000000), None),
    "nowhere": call(227, 0, None), "ask": call(159, ctypes.create_string_buffer(256)),
}
print(*(f"{name}={words if isinstance(words, str) else 'ok'}" for name, words in results.items()))
"""


def test_every_way_to_set_the_clock_takes_the_capability(tmp_path: Path) -> None:
    found, outcome = attempt(tmp_path, "", CLOCKS)
    asked = ["zone", "nothing", "time", "both", "clock", "adjust", "other"]
    assert found == {**dict.fromkeys(asked, "EPERM"), "invalid": "EINVAL", "nowhere": "EFAULT", "ask": "ok"}
    assert [each.permissions for each in outcome.records] == [("sys_time",)] * len(asked)
