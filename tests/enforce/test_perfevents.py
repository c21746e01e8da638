"""Performance events of a box: who may open, read and command them."""

import os
from pathlib import Path

import pytest

from tests.enforce.boxes import Outcome
from tests.enforce.clients import PYTHON, make_box, needs_python

pytestmark = [
    pytest.mark.enforcement,
    needs_python,
    pytest.mark.skipif(os.geteuid() != 0, reason="kernels let root alone watch processors"),
]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type yard_t) (call file_type (yard_t))
(call read_files (cat_t yard_t))
"""

PROBES = """
import ctypes, errno, fcntl, os, struct, time
libc = ctypes.CDLL(None, use_errno=True)
def event(config=1, pid=0, cpu=-1, flags=0, kind=1, samples=0, options=0, group=-1):
    words = struct.pack("=IIQQQQQ", kind, 112, config, 0, samples, 0, flags).ljust(112, b"\\0")
    result = libc.syscall(ctypes.c_long(298), words, *map(ctypes.c_long, (pid, cpu, group, options)))
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result
def tell(name, probe):
    try:
        print(name, probe(), flush=True)
    except OSError as error:
        print(name, errno.errorcode[error.errno], flush=True)
def counted():
    made = event(flags=0x20)
    sum(range(300000))
    return struct.unpack("=Q", os.read(made, 8))[0] > 0
tell("own", counted)
tell("kernel", lambda: event() > 0)
tell("processor", lambda: event(pid=-1, cpu=0, flags=0x20) > 0)
tell("group", lambda: event(flags=0x20, group=event(flags=0x20)) > 0)
tell("command", lambda: fcntl.ioctl(event(flags=0x20), 0x2401, 0))
child = os.fork()
if not child:
    time.sleep(60)
tell("another", lambda: event(pid=child, flags=0x20) > 0)
os.kill(child, 9)
tell("outside", lambda: event(pid=os.getppid(), flags=0x20) > 0)
tell("control group", lambda: event(pid=0, cpu=0, options=4))
tell("other kind", lambda: event(kind=77))
tell("nobody", lambda: event(pid=2**22 - 1, flags=0x20))
"""

EVERYTHING = "open kernel cpu tracepoint read write"
CLOSED = ["outside EACCES", "control group EPERM", "other kind ENOENT", "nobody ESRCH"]


def run(factory: pytest.TempPathFactory, missing: str, capabilities: str = "(capability2 (perfmon))") -> Outcome:
    granted = " ".join(each for each in EVERYTHING.split() if each != missing)
    rules = f"(allow cat_t self (perf_event ({granted}))) (allow cat_t self {capabilities})"
    box = make_box(factory, POLICY + rules, None)
    box.file("events.py", PROBES)
    label = f"--label={box.directory}=system_u:object_r:yard_t:s0"
    return box.run(str(PYTHON), "-I", "events.py", options=("--domain", "cat_t", label))


def test_a_domain_that_may_do_everything(tmp_path_factory: pytest.TempPathFactory) -> None:
    outcome = run(tmp_path_factory, "")
    told = ["own True", "kernel True", "processor True", "group True", "command 0", "another True", *CLOSED]
    assert (outcome.output.splitlines(), outcome.records) == (told, ())


@pytest.mark.parametrize(
    ("permission", "failing"),
    [
        ("open", {"own", "kernel", "processor", "group", "command", "another"}),
        ("kernel", {"kernel"}),
        ("cpu", {"processor"}),
        ("write", {"command"}),
    ],
)
def test_a_permission_is_missing(tmp_path_factory: pytest.TempPathFactory, permission: str, failing: set[str]) -> None:
    outcome = run(tmp_path_factory, permission)
    failed = {line.split()[0] for line in outcome.output.splitlines() if line.endswith("EACCES")}
    assert failed - {"outside", "other", "nobody"} == failing
    assert {each for record in outcome.records for each in record.permissions} == {permission}


def test_who_may_not_read_counts_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert run(tmp_path_factory, "read").output.splitlines()[:2] == ["own False", "kernel True"]


def test_without_capabilities(tmp_path_factory: pytest.TempPathFactory) -> None:
    outcome = run(tmp_path_factory, "", "(capability (chown))")
    assert outcome.output.splitlines()[0] == "own True"
    if int(Path("/proc/sys/kernel/perf_event_paranoid").read_text()) > 1:
        assert outcome.output.splitlines()[1:3] == ["kernel EACCES", "processor EACCES"]
    assert "another True" in outcome.output  # of the same user and domain
