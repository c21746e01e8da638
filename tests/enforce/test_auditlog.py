"""The log of a box is one to the programs that read audit logs: ausearch, aureport and audit2allow."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, environment

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type bowl_t) (call file_type (bowl_t))
(boolean night false)
(booleanif night (true (allow cat_t bowl_t (file (link)))))
(typeattributeset policy_administrator cat_t) (allow cat_t security_t (security (setenforce setbool)))
"""
SCRIPT = """
cat milk 'two words' "$(printf 'line\\nbreak \\303\\244')" > /dev/null
echo 1 > /sys/fs/selinux/booleans/night; echo 1 > /sys/fs/selinux/commit_pending_bools
echo 0 > /sys/fs/selinux/enforce; cat milk > /dev/null
"""
NAMES = ("milk", "two words", "line\nbreak ä")

pytestmark = [pytest.mark.enforcement, pytest.mark.oracle]
needs_ausearch = pytest.mark.skipif(
    shutil.which("ausearch") is None or shutil.which("aureport") is None, reason="there is no ausearch"
)
needs_audit2allow = pytest.mark.skipif(
    shutil.which("audit2allow", path=environment()["PATH"]) is None, reason="there is no audit2allow"
)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    """What has recorded denials, of files with odd names, and changes of its mode and booleans."""
    made = Box(tmp_path_factory.mktemp("box"), POLICY)
    options = ["--domain", "cat_t"]
    for each in NAMES:
        (made.directory / each).write_text("milk\n")
        options += ["--label", f"{made.directory / each}=system_u:object_r:bowl_t:s0"]
    made.shell(SCRIPT, *options)
    return made


def said(*words: str | Path) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stderr
    return done.stdout


def log(box: Box) -> str:
    return (box.directory / "audit.log").read_text()


@needs_ausearch
def test_ausearch_finds_each_record_as_it_was_written(box: Box) -> None:
    path = box.directory / "audit.log"
    assert said("ausearch", "-if", path, "--raw") == log(box)
    events = log(box).split("type=AVC ")[1:]
    assert events
    assert said("ausearch", "-if", path, "-m", "avc", "--raw").count("type=AVC ") == len(events)
    assert said("ausearch", "-if", path, "-se", "cat_t", "-c", "cat", "--raw").count("type=AVC ") == len(events)
    assert said("ausearch", "-if", path, "-m", "MAC_STATUS", "--raw").count("type=MAC_STATUS ") == 1
    assert "bool=night val=1 old_val=0" in said("ausearch", "-if", path, "-m", "MAC_CONFIG_CHANGE", "--raw")


@needs_ausearch
def test_events_tell_of_the_call_that_was_denied(box: Box) -> None:
    path = box.directory / "audit.log"
    denied = said("ausearch", "-if", path, "-m", "avc", "-sv", "no", "-sc", "openat", "-i").split("----\n")[1:]
    assert len(denied) == len(NAMES)
    for each in denied:
        (call,) = (line for line in each.splitlines() if line.startswith("type=SYSCALL"))
        assert " arch=x86_64 syscall=openat success=no exit=EACCES(Permission denied) a0=AT_FDCWD " in call
        assert " items=0 ppid=" in call
        assert " tty=(none) " in call
        assert call.endswith(" comm=cat exe=/usr/bin/cat subj=system_u:system_r:cat_t:s0 key=(null) ")
        assert "proctitle=cat milk two words line" in each
    opened = said("ausearch", "-if", path, "-m", "avc", "-sv", "yes", "-i")
    assert "permissive=1" in opened
    assert "syscall=openat success=yes exit=3 " in opened
    assert said("aureport", "-if", path, "-x").count(" /usr/bin/cat ") >= len(NAMES) + 1


@needs_ausearch
def test_ausearch_interprets_names(box: Box) -> None:
    text = said("ausearch", "-if", box.directory / "audit.log", "-m", "avc", "-i")
    assert f"path={box.directory}/two words dev=" in text
    assert f"path={box.directory}/milk dev=" in text


@needs_ausearch
def test_aureport_counts_denials(box: Box) -> None:
    rows = said("aureport", "-if", box.directory / "audit.log", "--avc").splitlines()
    denied = [row for row in rows if " denied " in row]
    assert len(denied) == log(box).count("avc:  denied")
    assert all(" file " in row and "system_u:object_r:bowl_t:s0 denied" in row for row in denied)


@needs_audit2allow
def test_audit2allow_proposes_rules(box: Box) -> None:
    binary = box.directory / "policy.33"
    said(*selbox("compile", str(box.policy), "-o", str(binary)))
    rules = said("audit2allow", "-p", binary, "-i", box.directory / "audit.log")
    assert "allow cat_t bowl_t:file { getattr open read };" in rules
    ours = said(*selbox("audit2allow", "-p", str(binary), "-i", str(box.directory / "audit.log")))
    assert [line for line in ours.splitlines() if line.startswith("allow")] == [
        line for line in rules.splitlines() if line.startswith("allow")
    ]


def selbox(*words: str) -> Sequence[str]:
    return [sys.executable, "-m", "selbox", *words]
