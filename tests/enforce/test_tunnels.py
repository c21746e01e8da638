"""Network tunnels: who makes them, takes them over and attaches queues."""

import os

import pytest

from tests.enforce.clients import PYTHON, make_box, needs_python
from tests.enforce.test_status import PRELUDE, asked

pytestmark = [
    pytest.mark.enforcement,
    needs_python,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes tunnels"),
    pytest.mark.skipif(not os.access("/dev/net/tun", os.R_OK | os.W_OK), reason="no /dev/net/tun here"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t)) (type dog_t) (call domain_type (dog_t)) (type cow_t) (call domain_type (cow_t))
(typeattributeset kennel (cat_t dog_t cow_t)) (typeattribute kennel)
(allow kennel file_type (chr_file (read write open ioctl getattr)))
(allow kennel kennel (process (dyntransition))) (allow kennel self (process (setcurrent)))
(allow kennel kennel (fd (use)))
(allow cat_t self (capability (net_admin))) (allow cow_t self (capability (net_admin)))
(allow cat_t self (tun_socket (create attach_queue relabelto)))
(allow dog_t cat_t (tun_socket (relabelfrom))) (allow dog_t self (tun_socket (relabelto)))
"""
PROGRAM = """
import fcntl
MULTI_QUEUE, TUN, DETACH, ATTACH = 0x100, 1, 0x400, 0x200
def change(tunnel, number, name, flags):
    buffer = ctypes.create_string_buffer(struct.pack("=16sH22x", name, flags), 40)
    result = call(16, tunnel, number, buffer)
    return result, buffer.raw[:16].rstrip(b"\\0")
def make(name=b""):
    tunnel = os.open("/dev/net/tun", os.O_RDWR)
    return tunnel, *change(tunnel, 0x400454CA, name, TUN | MULTI_QUEUE)
def become(name):
    with open("/proc/self/attr/current", "w") as current:
        current.write(f"system_u:system_r:{name}:s0")
"""


def run(factory: pytest.TempPathFactory, program: str) -> tuple[list[str], list[tuple[str, str, str]]]:
    assert PYTHON is not None
    box = make_box(factory, POLICY, None)
    outcome = box.run(PYTHON, "-Ic", PRELUDE + PROGRAM + program, options=("--domain", "cat_t"))
    assert outcome.errors == ""
    return outcome.output.splitlines(), asked(outcome)


def test_a_tunnel_is_its_makers(tmp_path_factory: pytest.TempPathFactory) -> None:
    lines, records = run(
        tmp_path_factory,
        """
tunnel, result, name = make()
print(result, name.startswith(b"tun"), change(tunnel, 0x400454CA, b"", TUN)[0])
print([change(tunnel, 0x400454D9, b"", flags)[0] for flags in (DETACH, ATTACH)])
become("dog_t")
mine = make()[1]
other, result, same = make(name)
print(mine, result, same == name)
print([change(other, 0x400454D9, b"", flags)[0] for flags in (DETACH, ATTACH)])
become("cow_t")
print(make()[1], make(name)[1])
print(change(tunnel, 0x400454CA, b"", TUN)[0], call(16, tunnel, 0x400454CA, 1), call(16, 99, 0x400454CA, 1))
""",
    )
    assert lines == [
        "0 True EEXIST",
        "[0, 0]",
        "EPERM 0 True",
        "[0, 'EACCES']",
        "EACCES EACCES",
        "EEXIST EFAULT EBADF",
    ]
    assert records == [
        ("capability", "net_admin", "dog_t"),
        ("tun_socket", "attach_queue", "dog_t"),
        ("tun_socket", "create", "cow_t"),
        ("tun_socket", "relabelfrom", "dog_t"),
    ]
