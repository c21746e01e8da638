import errno
import json
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, NamedTuple

import pytest

import selbox
from selbox.cli.main import main
from selbox.cli.registry import VERBS, Entry, Statuses
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, StatusError
from selbox.diagnostics import Diagnostic, SelboxError, Severity


class Echo(NamedTuple):
    words: tuple[str, ...]
    exit_status: int = 0

    def to_text(self, terminal: Terminal) -> str:
        return terminal.paint(" ".join(self.words), "1")

    def to_json(self) -> list[str]:
        return list(self.words)


AddVerb = Callable[..., None]


@pytest.fixture
def add_verb(monkeypatch: pytest.MonkeyPatch) -> AddVerb:
    """Register a verb for one test: its run function, and how it declares arguments."""

    def add(name: str, run: object, add_arguments: object = lambda _: None, takes_command: bool = False) -> None:
        module = ModuleType(f"selbox.cli.verbs.{name}")
        module.__dict__.update(
            MANUAL=Manual(
                "What it does.\n\nA second paragraph.", (Example("Do it:", f"selbox {name}"),), (("3", "odd"),)
            ),
            add_arguments=add_arguments,
            run=run,
        )
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(VERBS, name, Entry(f"the {name} verb", takes_command))

    return add


def declare_options(parser: ArgumentParser) -> None:
    parser.add_argument("--loud", action="store_true", help="say it loudly")
    parser.add_argument("--policy", action="append", metavar="POLICY.cil", help="a policy file")


def declare_words(parser: ArgumentParser) -> None:
    declare_options(parser)
    parser.add_argument("words", nargs="*", metavar="WORD", help="what to say")


def echo(arguments: Namespace) -> Echo:
    return Echo(tuple(arguments.words))


def test_version_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"selbox {selbox.__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_verb(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    shown = capsys.readouterr().out
    for name, entry in VERBS.items():
        assert name in shown
        assert entry.summary in shown


def test_no_verb_at_all_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "SYNOPSIS" in captured.err


@pytest.mark.parametrize(
    ("word", "help_text"),
    [
        ("covrage", "did you mean `coverage`?"),
        ("frobnicate", "`selbox --help` lists the verbs"),
        ("--versoin", "did you mean `--version`?"),
    ],
)
def test_an_unknown_verb_is_a_usage_error_with_help(
    word: str, help_text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error[usage]: ")
    assert help_text in captured.err


def test_a_result_is_written_as_text(add_verb: AddVerb, capsys: pytest.CaptureFixture[str]) -> None:
    add_verb("echo", echo, declare_words)
    assert main(["echo", "one", "two"]) == 0
    assert capsys.readouterr() == ("one two\n", "")


def test_json_is_one_line_in_a_versioned_envelope(add_verb: AddVerb, capsys: pytest.CaptureFixture[str]) -> None:
    add_verb("echo", echo, declare_words)
    assert main(["echo", "--json", "one", "två"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"selbox": 1, "verb": "echo", "result": ["one", "två"]}


def test_the_exit_status_is_the_result_s(add_verb: AddVerb) -> None:
    add_verb("echo", lambda _: Echo(("x",), exit_status=77))
    assert main(["echo"]) == 77


def test_a_command_is_taken_whole_after_two_dashes(add_verb: AddVerb, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[str, ...]] = []

    def run(arguments: Namespace) -> Echo:
        seen.append(arguments.command)
        return Echo(("summary",), exit_status=3)

    add_verb("box", run, declare_words, takes_command=True)
    assert main(["box", "--loud", "--", "prog", "--loud", "--", "--json", ""]) == 3
    assert seen == [("prog", "--loud", "--", "--json", "")]
    assert capsys.readouterr() == ("", "summary\n"), "standard output is the command's"


@pytest.mark.parametrize("words", [["box"], ["box", "--"], ["box", "--loud", "--"]])
def test_a_missing_command_is_a_usage_error(words: list[str], add_verb: AddVerb) -> None:
    add_verb("box", echo, takes_command=True)
    assert main(words) == 2


@pytest.mark.parametrize("words", [["prog"], ["prog", "-l"], ["--loud", "prog", "word"]])
def test_a_command_without_the_dashes_is_told_of_them(
    words: list[str], add_verb: AddVerb, capsys: pytest.CaptureFixture[str]
) -> None:
    add_verb("box", echo, declare_options, takes_command=True)
    assert main(["box", *words]) == 2
    assert "a command is written last, after two dashes: selbox box … -- COMMAND" in capsys.readouterr().err


def test_a_word_before_the_dashes_is_not_taken_for_the_command(
    add_verb: AddVerb, capsys: pytest.CaptureFixture[str]
) -> None:
    add_verb("box", echo, declare_options, takes_command=True)
    assert main(["box", "notes.cil", "--", "prog"]) == 2
    assert "dashes" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lowd"], "did you mean `--loud`?"),
        (["--lowd=3"], "did you mean `--loud`?"),
        (["--xyzzy"], "`selbox echo --help` shows what it takes"),
        (["--polic", "x"], "did you mean `--policy`?"),
        (["--policy"], "expected one argument"),
    ],
)
def test_a_bad_option_is_a_usage_error_with_help(
    words: list[str], message: str, add_verb: AddVerb, capsys: pytest.CaptureFixture[str]
) -> None:
    add_verb("echo", echo, declare_words)
    assert main(["echo", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


@pytest.mark.parametrize("words", [["echo", "--help"], ["echo", "-h"], ["help", "echo"]])
def test_a_verb_s_manual_has_the_sections_of_a_man_page(
    words: list[str], add_verb: AddVerb, capsys: pytest.CaptureFixture[str]
) -> None:
    add_verb("echo", echo, declare_words)
    assert main(words) == 0
    shown = capsys.readouterr().out
    headings = [line for line in shown.splitlines() if line and not line.startswith(" ")]
    assert headings == ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES"]
    assert "selbox echo - the echo verb" in shown
    assert "selbox echo [-h] [--json] [--loud] [--policy POLICY.cil] [WORD ...]" in shown
    assert "    --policy POLICY.cil\n        a policy file\n" in shown
    assert "    WORD\n        what to say\n" in shown
    assert "    3\n        odd\n" in shown
    assert "        $ selbox echo\n" in shown


def test_the_synopsis_of_a_verb_with_a_command_ends_in_it(
    add_verb: AddVerb, capsys: pytest.CaptureFixture[str]
) -> None:
    add_verb("box", echo, takes_command=True)
    assert main(["box", "--help"]) == 0
    assert "    selbox box [-h] [--json] -- COMMAND…\n" in capsys.readouterr().out


def test_a_foreseen_failure_is_rendered_and_exits_1(add_verb: AddVerb, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: Namespace) -> Echo:
        raise SelboxError.of("some-code", "it went wrong", help="mend it")

    add_verb("echo", run)
    assert main(["echo"]) == 1
    assert capsys.readouterr() == ("", "error[some-code]: it went wrong\n  help: mend it\n")


def test_a_failed_system_call_is_no_traceback(add_verb: AddVerb, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: Namespace) -> Echo:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "some/file")

    add_verb("echo", run)
    assert main(["echo"]) == 1
    assert capsys.readouterr().err == "error[system-call-failed]: No space left on device: `some/file`\n"


def test_an_interrupt_exits_as_a_shell_would_say(add_verb: AddVerb) -> None:
    def run(_: Namespace) -> Echo:
        raise KeyboardInterrupt

    add_verb("echo", run)
    assert main(["echo"]) == 130


BUFFERING = pytest.mark.parametrize("unbuffered", ["", "1"])
"""Python flushes a buffered stream once more at exit, which must not fail then."""


@BUFFERING
def test_a_reader_that_left_is_no_error_message(unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as stream:
        ended = show_help(stream, unbuffered)
    assert (ended.returncode, ended.stderr) == (141, b"")


@BUFFERING
def test_a_full_disk_is_one_clear_message(unbuffered: str) -> None:
    with open("/dev/full", "wb") as stream:
        ended = show_help(stream, unbuffered)
    assert ended.returncode == 1
    assert ended.stderr == b"error[system-call-failed]: No space left on device\n"


@BUFFERING
@pytest.mark.parametrize("words", ["--version", "--help", "help why", "coverage", "check --help"])
def test_standard_output_that_is_closed_is_one_clear_message(words: str, unbuffered: str) -> None:
    ended = in_shell(f"{words} >&-", unbuffered)
    assert (ended.returncode, ended.stderr) == (1, "error[system-call-failed]: Bad file descriptor: `<stdout>`\n")


def test_who_writes_nothing_needs_no_standard_output(tmp_path: Path) -> None:
    expectations = tmp_path / "none.expect"
    expectations.write_text("nonsense\n")
    ended = in_shell(f"test {expectations} >&-")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error[expectation-syntax]: `nonsense` begins no expectation\n")


@pytest.mark.parametrize(("words", "status"), [("why", 1), ("pp -", 255)])
def test_standard_input_that_is_closed_is_one_clear_message(words: str, status: int) -> None:
    ended = in_shell(f"{words} <&-")
    assert ended.returncode == status
    assert ended.stderr == "error[file-unreadable]: cannot read `<stdin>`: Bad file descriptor\n"


@pytest.mark.parametrize(("words", "status"), [("--version", 0), ("why", 1), ("frobnicate", 2), ("--version >&-", 1)])
@pytest.mark.parametrize("closed", ["<&- 2>&-", "</dev/null 2>&-", "</dev/null 2>/dev/full"])
def test_where_errors_cannot_be_shown_the_status_tells(words: str, status: int, closed: str) -> None:
    ended = in_shell(f"{words} {closed}")
    assert (ended.returncode, ended.stderr) == (status, "")


def in_shell(words: str, unbuffered: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-c", f"{sys.executable} -m selbox {words}"],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        check=False,
    )


def show_help(stream: BinaryIO, unbuffered: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "selbox", "--help"],
        stdout=stream,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        check=False,
    )


def test_text_that_the_stream_cannot_encode_is_escaped() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "selbox", "help"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"[ARGUMENT\\u2026]" in ended.stdout


def test_every_verb_has_its_module() -> None:
    directory = os.path.join(os.path.dirname(selbox.__file__), "cli", "verbs")
    modules = {name[:-3] for name in os.listdir(directory) if name.endswith(".py")}
    assert modules - {"__init__"} == {name.replace("-", "_") for name in VERBS}


SLOW_MODULES = {
    "argparse",
    "dataclasses",
    "difflib",
    "importlib.metadata",
    "importlib.resources",
    "json",
    "rich",
    "shutil",
    "textwrap",
}
"""Modules that take from 3 to 100 ms to import, which what does not use them should not pay for."""


@pytest.mark.parametrize(
    ("words", "needed"),
    [(["--version"], set()), (["help"], {"textwrap"}), (["coverage", "--support", "x"], {"argparse"})],
)
def test_a_command_imports_no_more_than_it_uses(words: list[str], needed: set[str]) -> None:
    # What an environment's own .pth files import at the start is not the command's doing.
    script = f"import sys; before = {{*sys.modules}}; from selbox.cli.main import main; main({words})"
    script += "; print(*({*sys.modules} - before))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert SLOW_MODULES & set(ended.stdout.splitlines()[-1].split()) <= needed


def test_a_lack_of_memory_is_no_traceback(add_verb: AddVerb, capsys: pytest.CaptureFixture[str]) -> None:
    def run(_: Namespace) -> Echo:
        raise MemoryError

    add_verb("echo", run)
    assert main(["echo"]) == 1
    assert capsys.readouterr().err == "error[out-of-memory]: there is not enough memory for this\n"


class Noted(NamedTuple):
    notices: tuple[Diagnostic, ...]
    exit_status: int = 0

    def to_text(self, terminal: Terminal) -> str:
        return terminal.paint("done", "1")

    def to_json(self) -> str:
        return "done"


def test_notices_of_a_result_go_to_standard_error(add_verb: AddVerb, capsys: pytest.CaptureFixture[str]) -> None:
    add_verb("note", lambda _: Noted((Diagnostic("some-code", "mind this", severity=Severity.WARNING),)))
    assert main(["note"]) == 0
    assert capsys.readouterr() == ("done\n", "warning[some-code]: mind this\n")


def test_a_verb_ends_as_its_entry_and_its_error_say(add_verb: AddVerb, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(arguments: Namespace) -> Echo:
        if arguments.loud:
            raise StatusError(Diagnostic("some-code", "it went wrong"), exit_status=9)
        raise SelboxError.of("some-code", "it went wrong")

    add_verb("peer", run, declare_words)
    monkeypatch.setitem(VERBS, "peer", VERBS["peer"]._replace(statuses=Statuses(5, 6, 7), abbreviates=True))
    assert main(["peer"]) == 5
    assert main(["peer", "--none"]) == 6
    assert main(["peer", "--help"]) == 7
    assert main(["help", "peer"]) == 0
    assert main(["peer", "--lou"]) == 9


@pytest.mark.parametrize(
    ("words", "loud", "policy", "said"),
    [
        (["one", "--policy", "p", "two", "--loud"], True, ["p"], ["one", "two"]),
        (["one", "--policy=p", "--", "--loud", "-x"], False, ["p"], ["one", "--loud", "-x"]),
        (["--policy", "-", "-"], False, ["-"], ["-"]),
        (["--policy", "--loud", "x"], False, ["--loud"], ["x"]),
        (["--policy", "", "x"], False, [""], ["x"]),
        (["--", "--", "x"], False, None, ["--", "x"]),
    ],
)
def test_options_may_stand_anywhere(
    words: list[str], loud: bool, policy: list[str] | None, said: list[str], add_verb: AddVerb
) -> None:
    seen: list[Namespace] = []

    def run(arguments: Namespace) -> Echo:
        seen.append(arguments)
        return Echo(())

    add_verb("echo", run, declare_words)
    assert main(["echo", *words]) == 0
    assert (seen[0].loud, seen[0].policy, seen[0].words) == (loud, policy, said)
