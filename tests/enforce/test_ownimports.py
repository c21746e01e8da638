"""Modules are imported by the supervisor itself, whose files a task may not be able to read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.enforce.boxes import environment

SCRIPT = """
import os, sys
from selbox.enforce.credentials import Credentials, Lender, Identity, acting_as
from selbox.enforce.ownimports import importing_as_oneself
sys.dont_write_bytecode = False
sys.path.insert(0, os.path.join(sys.argv[1], "closed"))

def status():
    lines = dict(line.split(":", 1) for line in open("/proc/thread-self/status"))
    return lines["Uid"].split(), lines["Gid"].split(), lines["CapEff"]

with importing_as_oneself():
    lender = Lender()
    lender.lend(Credentials(65534, 65534, (), 0))
    before = status()
    import secretive
    assert status() == before
    try:
        import no_such_module
    except ModuleNotFoundError:
        print("missing")
    try:
        import broken
    except ZeroDivisionError:
        print("broken")
    assert status() == before
    lender.give_back()
    with acting_as(Identity(os.getpid(), 65534, 65534, (), 0)):
        before = status()
        import further
        assert status() == before
    import last
print(type(secretive.__loader__).__name__, type(secretive.__spec__.loader).__name__, secretive.word, further.word)
lender.lend(Credentials(65534, 65534, (), 0))
try:
    import never
except ModuleNotFoundError:
    print("unreadable")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")
def test_whoever_the_thread_acts_as(directory: Path) -> None:
    closed = directory / "closed"
    closed.mkdir(mode=0o700)
    for name in ("secretive", "further", "last", "never"):
        (closed / f"{name}.py").write_text(f"word = {name!r}")
    (closed / "broken.py").write_text("1 / 0")
    command = [sys.executable, "-c", SCRIPT, str(directory)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [
        "missing",
        "broken",
        "SourceFileLoader SourceFileLoader secretive further",
        "unreadable",
    ], done.stderr
    assert {each.stat().st_uid for each in closed.rglob("*.pyc")} == {0}
