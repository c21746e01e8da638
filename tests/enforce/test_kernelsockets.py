"""Netlink sockets by which programs hear of SELinux, and write to the audit log."""

import ctypes.util
import os

import pytest

from tests.enforce.boxes import Box
from tests.enforce.clients import PYTHON, USERS, make_box, needs_python

pytestmark = pytest.mark.enforcement

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type mute_t) (call domain_type (mute_t))
(typeattributeset policy_administrator (cat_t mute_t))
(allow cat_t security_t (security (setenforce setbool)))
(allow cat_t self (netlink_selinux_socket (create bind read write getattr setopt)))
(allow cat_t self (netlink_audit_socket (create read write getattr bind)))
(allow cat_t self (netlink_audit_socket (nlmsg_relay nlmsg_readpriv nlmsg_read nlmsg_write)))
(allow cat_t self (capability (audit_write audit_control)))
(allow mute_t self (netlink_audit_socket (create read write getattr)))
(boolean purring true)
"""

PRELUDE = """
import ctypes, os, select, socket, struct
library = ctypes.CDLL(None, use_errno=True)
def hear(link, flags=socket.MSG_DONTWAIT):
    data, address, size = ctypes.create_string_buffer(256), ctypes.create_string_buffer(12), ctypes.c_int(12)
    count = library.recvfrom(link.fileno(), data, 256, flags, address, ctypes.byref(size))
    if count < 0:
        return f"errno {ctypes.get_errno()}"
    return *struct.unpack_from("=4xHHII", data), data.raw[16:count].hex(), address.raw.hex(), size.value
def say(link, type, text, flags=1):
    link.sendto(struct.pack("=IHHII", 16 + len(text), type, flags, 5, 0) + text, (0, 0))
def switch(name, value):
    with open("/sys/fs/selinux/" + name, "w", buffering=1) as file:
        os.write(file.fileno(), value)
"""
KERNEL = "100000000000000000000000"
"""Address of the kernel."""


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, request.param)


def run(box: Box, program: str, domain: str = "cat_t") -> list[str]:
    assert PYTHON is not None
    outcome = box.run(PYTHON, "-Ic", PRELUDE + program, options=("--domain", domain))
    assert outcome.errors == ""
    return outcome.output.splitlines()


@needs_python
def test_changes_of_mode_and_policy_are_heard(box: Box) -> None:
    program = """
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 7)
print(hear(link))
link.bind((0, 1))
switch("enforce", b"0")
print(bool(select.select([link], [], [], 5)[0]), hear(link, 0))
switch("booleans/purring", b"0")
switch("commit_pending_bools", b"1")
data, _, _, address = link.recvmsg(100)
print(data.hex(), address)
print(link.getsockname() == (os.getpid(), 1), hear(link))
"""
    assert run(box, program) == [
        "errno 11",
        f"True (16, 0, 0, 0, '00000000', '{KERNEL}', 12)",
        "1400000011000000000000000000000002000000 (0, 0)",
        "True errno 11",
    ]


@needs_python
def test_who_joined_no_group_hears_nothing(box: Box) -> None:
    program = """
link, other = (socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 7) for _ in range(2))
other.setsockopt(270, 1, 1)
switch("enforce", b"0")
print(hear(link), hear(other)[0])
try:
    say(link, 16, b"")
except OSError as error:
    print("errno", error.errno)
"""
    assert run(box, program) == ["errno 11 16", "errno 111"]


@needs_python
def test_a_reader_waits_for_a_change(box: Box) -> None:
    program = """
import threading, time
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 7)
link.bind((0, 1))
def change():
    time.sleep(0.2)
    switch("enforce", b"0")
threading.Thread(target=change).start()
print(hear(link, 0)[0])
"""
    assert run(box, program) == ["16"]


@needs_python
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write to the audit log")
def test_messages_are_logged_and_acknowledged(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, POLICY, None)
    program = """
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
say(link, 1107, b"avc:  a decision\\nof mine\\0", 5)
print(hear(link))
say(link, 1000, b"")
print(hear(link)[:4])
say(link, 1013, b"")
print(hear(link)[:4])
say(link, 1001, bytes(40))
print(hear(link)[4][:8])
try:
    link.bind((0, 1))
except OSError as error:
    print("errno", error.errno)
"""
    answer = "00000000" + "2900000053040500" + "05000000" + "00000000"
    assert run(box, program) == [
        f"(2, 0, 5, 0, '{answer}', '{KERNEL}', 12)",
        "(1000, 0, 5, 0)",
        "(3, 2, 5, 0)",
        (-1).to_bytes(4, "little", signed=True).hex(),
        "errno 1",
    ]
    (line,) = [
        each for each in (box.directory / "audit.log").read_text().splitlines() if each.startswith("type=USER_AVC")
    ]
    assert " subj=system_u:system_r:cat_t:s0" in line
    assert line.endswith(" msg='avc:  a decision of mine'")


@needs_python
def test_who_may_not_relay_is_refused(box: Box) -> None:
    program = """
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
try:
    say(link, 1107, b"x")
except OSError as error:
    print("errno", error.errno)
"""
    assert run(box, program, "mute_t") == ["errno 13"]
    assert "nlmsg_relay" in (box.directory / "audit.log").read_text()


@needs_python
@pytest.mark.skipif(os.geteuid() != 0, reason="the other user is nobody to root only")
def test_without_the_capability_nothing_is_logged(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, POLICY, 65534)
    program = """
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
say(link, 1107, b"x")
print(hear(link)[4][:8])
"""
    assert run(box, program) == ["ffffffff"]
    log = box.directory / "audit.log"
    assert not log.exists() or "USER_AVC" not in log.read_text()


@needs_python
@pytest.mark.skipif(ctypes.util.find_library("selinux") is None, reason="libselinux is not installed")
def test_libselinux_hears_by_its_own_means(box: Box) -> None:
    program = """
selinux = ctypes.CDLL("libselinux.so.1")
print(selinux.avc_netlink_open(0), selinux.avc_netlink_check_nb(), flush=True)
os.dup2(1, 2)
switch("enforce", b"0")
print("", selinux.avc_netlink_check_nb(), flush=True)
"""
    assert run(box, program) == ["0 0", "uavc:  op=setenforce lsm=selinux enforcing=0 res=1 0"]
