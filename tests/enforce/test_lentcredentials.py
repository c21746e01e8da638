"""What the supervisor does for a task is done with the credentials that the task has now, not with earlier ones."""

import os
from pathlib import Path

import pytest

from tests.enforce.meetings import meet

pytestmark = [
    pytest.mark.enforcement,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another"),
]

RULES = "(allow cat_t self (capability (setuid setgid dac_override dac_read_search fowner setpcap)))"


@pytest.mark.parametrize("threads", ["", "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n"])
def test_each_change_counts_at_once(directory: Path, threads: str) -> None:
    cat = f"""{threads}
open("own", "w").close(); os.chmod("own", 0o600)
def reading(): return trying(lambda: open("own").close())
for _ in range(3):
    say(reading()); os.seteuid(65534); say(reading(), reading()); os.seteuid(0)
child = os.fork()
if child == 0:
    os.setresuid(65534, 65534, 65534); say(reading()); os._exit(0)
os.waitpid(child, 0); say(reading())
os.setgroups([]); os.setegid(1234); os.seteuid(65534)
say(reading())
"""
    outcome = meet(directory, cat, "", RULES)
    assert outcome.output.splitlines() == ["ok", "EACCES EACCES"] * 3 + ["EACCES", "ok", "EACCES"], outcome.errors


def test_threads_have_credentials_of_their_own(directory: Path) -> None:
    cat = """
import ctypes
open("own", "w").close(); os.chmod("own", 0o600)
def reading(): return trying(lambda: open("own").close())
os.seteuid(0); say(reading())
def other():
    ctypes.CDLL(None).syscall(122, 65534) # setfsuid of this thread alone
    told.append(reading()); start.set(); end.wait(); told.append(reading())
told, start, end = [], threading.Event(), threading.Event()
thread = threading.Thread(target=other); thread.start(); start.wait()
say(reading()); end.set(); thread.join(); say(*told); say(reading())
"""
    outcome = meet(directory, cat, "", RULES)
    assert outcome.output.splitlines() == ["ok", "ok", "EACCES EACCES", "ok"], outcome.errors


def test_a_change_of_the_task_s_state_does_not_give_root_back(directory: Path) -> None:
    """Where root lacks CAP_SYS_RESOURCE, as in containers, the supervisor takes on real ids for a moment to note it."""
    cat = """
import ctypes
os.mkdir("roots"); os.mkdir("own"); os.chown("own", 65534, 65534)
def changing(name): return trying(lambda: os.chmod(name, 0o711))
child = os.fork()
if child == 0:
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
    say(changing("roots"), changing("own"))
    if os.fork() == 0:
        ctypes.CDLL(None).syscall(126, None, None) # capset
        os._exit(0)
    os.wait()
    say(changing("roots"), changing("own"))
    os._exit(0)
os.waitpid(child, 0)
"""
    outcome = meet(directory, cat, "", f"{RULES} (allow cat_t self (capability (chown)))")
    assert outcome.output.splitlines() == ["EPERM ok"] * 2, outcome.errors


def test_who_gave_up_root_reaches_its_own_descriptors(directory: Path) -> None:
    """``/proc/PID/fd`` is root's then, and open to the process all the same; samba opens everything through there."""
    cat = """
os.makedirs(f"{os.getpid()}/fd"); open(f"{os.getpid()}/fd/3", "w").close(); os.chmod(f"{os.getpid()}/fd", 0)
parent = os.getpid()
child = os.fork()
if child == 0:
    os.makedirs(f"{os.getpid()}/fd", 0o500); open(f"{os.getpid()}/fd/3", "w").close()
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 0)
    place = os.open(".", os.O_PATH)
    for each in (f"/proc/self/fd/{place}", f"/proc/thread-self/fd/{place}", f"/dev/fd/{place}", "/proc/self/fd",
            f"/proc/{parent}/fd", f"/proc/{parent}/fd/0", f"{os.getpid()}/fd/3", f"{os.getpid()}/fd"):
        say(trying(lambda: os.close(os.open(each, os.O_RDONLY))))
    say(trying(lambda: os.readlink(f"/proc/self/fd/{place}")), trying(lambda: os.listdir("/proc/self/fd") and None))
    os._exit(0)
os.waitpid(child, 0)
"""
    outcome = meet(directory, cat, "", RULES)
    lines = outcome.output.splitlines()
    assert lines[:8] == ["ok"] * 4 + ["EACCES"] * 4, outcome.errors
    assert lines[8].endswith(" ok")
    assert "EACCES" not in lines[8]
