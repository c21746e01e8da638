"""Labels of what the kernel makes up for a task, and of what stands outside the box."""

import os
from pathlib import Path

import pytest

from tests.enforce.meetings import meet

pytestmark = pytest.mark.enforcement

INIT = """
(type init_t) (call domain_type (init_t))
(type init_exec_t) (call file_type (init_exec_t))
(filecon "/sbin/init" file (system_u object_r init_exec_t ((s0) (s0))))
(typetransition kernel_t init_exec_t process init_t)
"""


@pytest.mark.parametrize(("rules", "first"), [("", "kernel_t"), (INIT, "init_t")])
def test_the_first_process_is_init_where_policy_has_one(directory: Path, rules: str, first: str) -> None:
    cat = """
for pid in (1, os.getppid()):
    text = trying(lambda: open(f"/proc/{pid}/attr/current").read())
    say(text.split(":")[2] if ":" in text else text)
"""
    outcome = meet(directory, cat, "", rules, options=("--permissive",))
    assert outcome.output.split() == [first, "kernel_t"], outcome.errors


def test_namespaces_have_the_label_of_their_file_system(directory: Path) -> None:
    cat = """
for name in sorted(os.listdir("/proc/self/ns")):
    place = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    say(os.getxattr(f"/proc/self/ns/{name}", "security.selinux").decode().split(":")[2],
        os.getxattr(place, "security.selinux").decode().split(":")[2])
"""
    outcome = meet(directory, cat, "")
    assert set(outcome.output.splitlines()) == {"proc_t proc_t"}, outcome.errors  # genfscon of the base policy


TERMINALS = """
(type cat_devpts_t) (call file_type (cat_devpts_t)) (call make_terminals (cat_t))
(typetransition cat_t devpts_t chr_file cat_devpts_t)
(allow cat_t cat_devpts_t (chr_file (open read write ioctl getattr setattr)))
"""


def test_a_new_terminal_has_the_label_that_follows_from_who_opens_ptmx(directory: Path) -> None:
    """Also where the way to ptmx is known; sshd relabels its terminals, which are of its own type at first."""
    cat = """
for _ in range(2):
    master, slave = os.openpty()
    say(os.getxattr(os.ttyname(slave), "security.selinux").decode().split(":")[2])
    os.close(master); os.close(slave)
"""
    outcome = meet(directory, cat, "", TERMINALS)
    assert outcome.output.split() == ["cat_devpts_t"] * 2, outcome.errors


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_ptmx_may_be_mounted_elsewhere(directory: Path) -> None:
    """Some launchers of containers mount ``/dev/pts/ptmx`` at ``/dev/ptmx``."""
    (directory / "ptmx").touch()
    (directory / "pts").mkdir()
    mounts = 'mount -t devpts -o ptmxmode=666 none pts; mount --bind pts/ptmx ptmx; exec "$@"'
    around = ("unshare", "--mount", "sh", "-ec", mounts, "sh")
    cat = """
import fcntl
for _ in range(2):
    master = os.open("ptmx", os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(master, 0x40045431, bytes(4))  # TIOCSPTLCK
    number = int.from_bytes(fcntl.ioctl(master, 0x80045430, bytes(4)), "little")  # TIOCGPTN
    say(os.getxattr(f"pts/{number}", "security.selinux").decode().split(":")[2])
    os.close(master)
"""
    maker = f"--label={directory}/ptmx=system_u:object_r:ptmx_t:s0"
    outcome = meet(directory, cat, "", TERMINALS, options=(maker,), around=around)
    assert outcome.output.split() == ["cat_devpts_t"] * 2, outcome.errors
