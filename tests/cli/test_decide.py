import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.server.test_questions import CIL, SOURCE, TARGET

from selbox.cli.main import main

QUESTION = f"{SOURCE}\t{TARGET}\tfile\n"
ANSWER = f"{SOURCE}\t{TARGET}\tfile\t3\tffffffff\t2\tffffffff\t1\t0\n"


@pytest.fixture
def policy_path(tmp_path: Path) -> str:
    path = tmp_path / "policy.cil"
    path.write_text(CIL.format(unknown="deny"))
    return str(path)


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class Asking:
    """Runs the verb on what it reads from a file."""

    def __init__(self, directory: Path, policy: str, capsys: pytest.CaptureFixture[bytes]) -> None:
        self._path = directory / "questions"
        self._policy = policy
        self._capsys = capsys

    def __call__(self, monkeypatch: pytest.MonkeyPatch, questions: bytes, *words: str) -> tuple[int, bytes, str]:
        self._path.write_bytes(questions)
        with open(self._path) as stream:
            monkeypatch.setattr(sys, "stdin", stream)
            status = main(["decide", words[0], "--policy", self._policy, *words[1:]])
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err.decode()


@pytest.fixture
def ask(tmp_path: Path, policy_path: str, capsysbinary: pytest.CaptureFixture[bytes]) -> Asking:
    return Asking(tmp_path, policy_path, capsysbinary)


def test_answers_follow_their_questions(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, QUESTION.encode() * 2, "access") == (0, ANSWER.encode() * 2, "")
    assert ask(monkeypatch, f"{SOURCE}\t{TARGET}\tfile\t\n".encode(), "create")[1].endswith(
        b"\t\tu:object_r:note_t:s0\n"
    )
    assert ask(monkeypatch, b"", "access") == (0, b"", "")


def test_line_ends(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = (QUESTION + "\n" + QUESTION.replace("\n", "\r\n") + "\r\n" + QUESTION.rstrip("\n")).encode()
    assert ask(monkeypatch, questions, "access") == (0, ANSWER.encode() * 3, "")


def test_bytes_stay_what_they_are(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = b"u:object_r:caf\xe9_t:s0\nu:object_r:caf\xc3\xa9_t:s0\n\xe2\x80\xa8\n"
    expected = questions.replace(b"\n", b"\tERR:EINVAL\n")
    assert ask(monkeypatch, questions, "context") == (0, expected, "")


def test_modes(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    question = f"{SOURCE}\t{TARGET}\tprocess".encode()
    for words, expected in (
        ((), b"ERR:EACCES"),
        (("--enforcing",), b"ERR:EACCES"),
        (("--permissive",), b"u:r:secret_t:s0"),
    ):
        assert ask(monkeypatch, question + b"\n", "create", *words) == (0, question + b"\t" + expected + b"\n", "")


def test_a_malformed_line_is_named_and_those_before_it_are_answered(
    ask: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = ask(monkeypatch, (QUESTION + "\n" + QUESTION + "what\tis this\n" + QUESTION).encode(), "access")
    assert (status, out) == (1, ANSWER.encode() * 2)
    assert "malformed-question" in err
    assert "<standard input>:4:1" in err
    assert "source context, target context, class" in err


def test_recorded_answers_are_no_questions(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = ask(monkeypatch, ANSWER.encode(), "access")
    assert (status, out) == (1, b"")
    assert "line 1 has 9 columns" in err


def test_a_line_without_end_takes_no_memory_without_end(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = ask(monkeypatch, b"u" * (4 << 20), "context")
    assert (status, out) == (1, b"")
    assert "longer than" in err


def test_json(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, _ = ask(monkeypatch, QUESTION.encode(), "access", "--json")
    result = json.load(io.BytesIO(out))["result"]
    assert status == 0
    assert result == {"answers": [ANSWER.rstrip("\n").split("\t")]}


def test_usage(policy_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", "access"]) == 2
    assert main(["decide", "everything", "--policy", policy_path]) == 2
    assert main(["decide", "access", "--policy", policy_path, "--enforcing", "--permissive"]) == 2
    assert "error" in capsys.readouterr().err


def test_many_lines_are_answered_in_their_order(ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = [f"s0:c{number % 3}" for number in range(6000)]
    lines = [f"u:r:init_t:{level}\tu:object_r:file_t:s{number % 2}\tfile" for number, level in enumerate(levels)]
    status, out, _ = ask(monkeypatch, "\n".join(lines).encode(), "access")
    assert status == 0
    assert out.decode().splitlines() == [f"{line}\t3\tffffffff\t2\tffffffff\t1\t0" for line in lines]


def test_answers_come_while_questions_are_still_asked(policy_path: str) -> None:
    command = [sys.executable, "-m", "selbox", "decide", "context", "--policy", policy_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for level in ("s0", "s1"):
            process.stdin.write(f"u:object_r:file_t:{level}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline() == f"u:object_r:file_t:{level}\tu:object_r:file_t:{level}\n".encode()
        process.stdin.close()
    assert process.returncode == 0
