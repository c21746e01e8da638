"""``selbox ps``, ``inspect``, ``getenforce``, ``setenforce`` and booleans of running boxes."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.enforce.boxes import Box, environment, lacking
from tests.enforce.running import Running, running
from tests.patience import wait_for

from selbox.cli.boxes import RunningBox, find_box
from selbox.cli.boxforms import STATUS, fits
from selbox.cli.main import main
from selbox.diagnostics import SelboxError

pytestmark = [pytest.mark.enforcement, pytest.mark.skipif(bool(lacking()), reason=lacking() or "-")]

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type bowl_t) (call file_type (bowl_t))
(boolean night false)
(booleanif night (true (allow cat_t bowl_t (file (read)))))
"""
CONTEXT = "system_u:system_r:cat_t:s0"
MARK = str(os.getpid())
"""Part of the names of boxes: those of other tests that run at the same time are others."""

PETS = f"pets-{MARK}"

Said = Callable[..., str]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A box with two processes and one denial, by name."""
    directory = tmp_path_factory.mktemp("box")
    bowl = directory / "bo\x1bwl"
    bowl.write_text("milk\n")
    label = f"{bowl}=system_u:object_r:bowl_t:s0"
    script = f"cat '{bowl.name}' 2>/dev/null; sleep 1000 & echo $!; while read line; do cat '{bowl.name}'; done"
    with running(directory, POLICY, script, "--domain", "cat_t", "--name", PETS, "--label", label) as made:
        assert made.process.stdout is not None
        sleeper = int(made.process.stdout.readline())
        # Until then it is the shell's child.
        wait_for(lambda: Path(f"/proc/{sleeper}/comm").read_text() == "sleep\n")
        yield made


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*words: str, status: int = 0) -> str:
        assert main(list(words)) == status
        done = capsys.readouterr()
        return done.err if status else done.out

    return run


def test_ps_shows_processes_as_ps_does(box: Running, said: Said) -> None:
    heading, titles, *rows = said("ps", PETS).splitlines()
    assert heading.startswith(f"box {PETS} ({box.process.pid}) of ")
    assert ", enforcing, since " in heading
    assert heading.endswith(", 2 processes, 1 denial")
    assert titles.split() == ["LABEL", "PID", "TTY", "TIME", "CMD"]
    assert [(row.split()[0], row.split()[2:]) for row in rows] == [
        (CONTEXT, ["?", "00:00:00", "sh"]),
        (CONTEXT, ["?", "00:00:00", "sleep"]),
    ]
    table = list(csv.DictReader(io.StringIO(said("ps", "--csv", str(box.process.pid)))))
    assert [(row["box"], row["context"], row["command"]) for row in table] == [
        (PETS, CONTEXT, "sh"),
        (PETS, CONTEXT, "sleep"),
    ]
    value = json.loads(said("ps", "--json"))["result"]["boxes"]
    found = next(each for each in value if each["name"] == PETS)
    assert (found["enforcing"], found["denials"]) == (True, {"times": 1, "kinds": 1})


@pytest.mark.usefixtures("box")
def test_inspect_shows_the_cache_and_the_denials(said: Said) -> None:
    text = said("inspect", PETS)
    assert "booleans that are not as by default" not in text
    lines = text.splitlines()
    names, counts = next((lines[i].split(), lines[i + 1].split()) for i, line in enumerate(lines) if "lookups" in line)
    assert dict(zip(names, map(int, counts), strict=True))["misses"] > 0
    assert "denials: 1 of 1 kind" in text
    assert "/bo\\x1bwl (system_u:object_r:bowl_t:s0) for cat" in text
    assert "\x1b" not in text
    assert "no rule (allow cat_t bowl_t (file (read)))" in text or "boolean" in text
    value = json.loads(said("inspect", "--json", PETS, "--last", "5"))["result"]
    assert [each["context"] for each in value["processes"]] == [CONTEXT] * 2
    (denial,) = value["denials"]["last"]
    assert (denial["tclass"], denial["permissions"], denial["comm"]) == ("file", ["read"], "cat")


def test_mode_and_booleans(box: Running, said: Said) -> None:
    assert said("getenforce", PETS) == "Enforcing\n"
    assert said("setenforce", "Permissive", PETS) == ""
    assert said("getenforce", PETS) == "Permissive\n"
    assert json.loads(said("getenforce", "--json", PETS))["result"] == {"enforcing": False}
    said("setenforce", "1", PETS)
    said("setsebool", "--box", PETS, "night=1")
    assert said("getsebool", "--box", PETS, "night") == "night --> on\n"
    assert "booleans that are not as by default: night on" in said("inspect", PETS)
    said("setsebool", "--box", PETS, "night", "off")
    assert "error[unknown-boolean]" in said("setsebool", "--box", PETS, "nigth=1", status=255)
    assert box.process.poll() is None


def test_following_shows_each_denial_at_once(box: Running) -> None:
    words = [sys.executable, "-m", "selbox", "inspect", PETS, "--follow", "--json"]
    follower = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment())
    try:
        assert follower.stdout is not None
        assert box.process.stdin is not None
        with box.client() as client:
            wait_for(lambda: bool(client.ask("status", STATUS)["followers"]))
        box.process.stdin.write("\n")
        box.process.stdin.flush()
        assert json.loads(follower.stdout.readline())["result"]["tclass"] == "file"
    finally:
        follower.kill()
        follower.communicate()


@pytest.mark.usefixtures("box")
def test_what_is_asked_wrongly(said: Said) -> None:
    assert "error[no-box]" in said("ps", "nobody-has-this", status=1)
    assert f"did you mean `{PETS}`" in said("inspect", PETS[:-1], status=1)
    assert "error[usage]" in said("setenforce", "2", PETS, status=1)
    assert "error[box-name]" in said("run", "--name", PETS, "--", "true", status=1)
    assert "error[box-name]" in said("run", "--name", "7", "--", "true", status=1)
    assert "error[usage]" in said("getsebool", "-a", "--box", PETS, "--policy", "x", status=1)
    assert "error[usage]" in said("setsebool", "-P", "--box", PETS, "night=1", status=1)


def test_inside_it_is_the_box_that_answers(tmp_path: Path) -> None:
    made = Box(tmp_path, POLICY)
    selbox = f"{sys.executable} -m selbox"
    done = made.shell(f"{selbox} setenforce 0; {selbox} getenforce; {selbox} ps")
    assert done.output == "Permissive\n"
    assert "error[inside-a-box]" in done.errors


def test_a_box_that_is_stopped_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Said) -> None:
    monkeypatch.setattr("selbox.cli.boxes._SECONDS", 0.3)
    with running(tmp_path, POLICY, "read line", "--name", f"frozen-{MARK}") as made:
        os.kill(made.process.pid, signal.SIGSTOP)
        assert "error[box-silent]" in said("getenforce", f"frozen-{MARK}", status=2)
        os.kill(made.process.pid, signal.SIGCONT)
        assert said("getenforce", f"frozen-{MARK}") == "Enforcing\n"


@pytest.mark.parametrize(
    ("value", "form", "does"),
    [
        ({"a": 1, "b": []}, {"a": int}, True),
        ({"a": True}, {"a": int}, False),
        ({"a": 1}, {"a": bool}, False),
        ({}, {"a": int}, False),
        ([1, "x"], [int], False),
        ([None, "x"], [None, str], True),
        ({"x": {"a": 1}}, {str: {"a": int}}, True),
        ({"x": 1}, {str: {"a": int}}, False),
        ([], {}, False),
        ("x", [str], False),
        (3, lambda value: value > 2, True),
    ],
)
def test_forms(value: object, form: object, does: bool) -> None:
    assert fits(value, form) is does


PRETENDER = """
import json, os, socket, sys
from selbox.enforce.control import Control
made = Control.open(sys.argv.pop(1), ("x",), {})
listening = socket.socket(fileno=made._listening.fileno())
listening.setblocking(True)
print("up", flush=True)
for reply in sys.argv[1:]:
    client, _ = listening.accept()
    client.recv(65536)
    client.sendall(reply.encode() + b"\\n")
    client.recv(65536)
"""


def test_who_only_pretends_to_be_a_box_is_not_believed(said: Said) -> None:
    replies = ["", "[]", '{"value": {}}', '{"errors": 3}', "[" * 9000, '{"value": {"name": "\x1b[31m"}}']
    words = [sys.executable, "-c", PRETENDER, f"pretender-{MARK}", *replies]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment())
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    try:
        for _ in replies:
            assert "error[box-silent]" in said("inspect", f"pretender-{MARK}", status=1)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv")
def test_root_may_ask_the_boxes_of_others_and_they_their_own(said: Said, box: Running) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="selbox-") as name,
        running(Path(name), POLICY, "read line", "--name", f"theirs-{MARK}", user=65534) as made,
    ):
        assert said("getenforce", f"theirs-{MARK}") == "Enforcing\n"
        words = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            sys.executable,
            "-m",
            "selbox",
            "ps",
            "--json",
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment(), cwd="/")
        boxes = {each["name"]: each["processes"] for each in json.loads(done.stdout)["result"]["boxes"]}
        assert PETS not in boxes
        assert [each["command"] for each in boxes[f"theirs-{MARK}"]] == ["sh"]
        assert made.process.poll() is None
    assert box.process.poll() is None


def test_without_a_name_ones_own_box_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    own, others = RunningBox(os.getpid(), "own", "3"), RunningBox(1, "others", "3")
    monkeypatch.setattr("selbox.cli.boxes._is_own", lambda each: each is own)
    for boxes, expected in (([own], own), ([own, others], own), ([others], others)):
        monkeypatch.setattr("selbox.cli.boxes.running_boxes", lambda boxes=boxes: boxes)
        assert find_box(None) is expected
    monkeypatch.setattr("selbox.cli.boxes.running_boxes", lambda: [others, others._replace(pid=2)])
    with pytest.raises(SelboxError, match="several boxes"):
        find_box(None)
