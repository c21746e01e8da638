"""The commands of libselinux: what they print of a policy that is given, and in a box, beside the originals."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.enforce.boxes import Box, lacking
from tests.enforce.clients import make_box

from selbox.cli.main import main

POLICY = """
(boolean yes true)
(boolean no false)
(type a_t) (call domain_type (a_t))
(type b_t) (call file_type (b_t))
(type c_t) (call file_type (c_t))
(allow a_t b_t (file (read getattr)))
(booleanif yes (true (allow a_t b_t (file (write)))))
(auditallow a_t b_t (file (read)))
(dontaudit a_t b_t (file (append execute)))
(typetransition a_t b_t file "x y" c_t)
(typetransition a_t b_t process a_t)
(typetransition kernel_t b_t process a_t)
(typechange a_t b_t file c_t)
(typemember a_t b_t dir c_t)
(filecon "/opt/b" file (system_u object_r b_t ((s0) (s0))))
"""
A, B = "system_u:system_r:a_t:s0", "system_u:object_r:b_t:s0"
C = "system_u:object_r:c_t:s0"

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask a policy that is given; return exit status, output and errors."""
    path = tmp_path / "policy.cil"
    path.write_text(POLICY)
    monkeypatch.setenv("SELBOX_POLICY", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def run(*words: str) -> tuple[int, str, str]:
        return main(words), *capsys.readouterr()

    return run


def test_access_vectors_are_printed_as_libselinux_prints_them(ask: Ask) -> None:
    status, output, errors = ask("compute_av", A, B, "file")
    assert (status, errors) == (0, "")
    allowed, auditallow, auditdeny = output.splitlines()
    assert allowed == "allowed= { read write getattr }"
    assert auditallow == "auditallow= { read }"
    assert auditdeny.startswith("auditdeny { ioctl read write create ")
    assert auditdeny.endswith(" 0xf8000000 }")
    assert "append" not in auditdeny
    assert ask("compute_av", A, B, "dir")[1] == "allowed= null\n"


def test_access_vectors_as_json(ask: Ask) -> None:
    status, output, _ = ask("compute_av", "--json", A, B, "file")
    result = json.loads(output)["result"]
    assert status == 0
    assert result["allowed"] == ["read", "write", "getattr"]
    assert result["auditallow"] == ["read"]
    assert "append" not in result["auditdeny"]
    assert "read" in result["decided"]


@pytest.mark.parametrize(
    ("words", "context"),
    [
        (("compute_create", A, B, "file"), B),
        (("compute_create", A, B, "file", "x y"), C),
        (("compute_create", A, B, "process"), A),
        (("compute_relabel", A, B, "file"), C),
        (("compute_member", A, B, "dir"), C),
        (("selinuxexeccon", "/opt/b", "system_u:system_r:kernel_t:s0"), A),
    ],
)
def test_contexts_that_the_policy_leads_to(ask: Ask, words: tuple[str, ...], context: str) -> None:
    assert ask(*words) == (0, context + "\n", "")
    assert json.loads(ask(words[0], "--json", *words[1:])[1])["result"] == {"context": context}


@pytest.mark.parametrize("verb", ["compute_av", "compute_create", "compute_relabel", "compute_member"])
@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("foo", "bar", "baz"), 4, "invalid source context: invalid context `foo`"),
        ((A, "bar", "baz"), 5, "invalid target context: invalid context `bar`"),
        ((A, B, "fil"), 2, "did you mean `file`?"),
        ((A, B, "7"), 2, "the policy does not define the class `7`"),
        ((A, B), 1, "tclass"),
        ((A, B, "file", "x", "y"), 1, "`y` is not an argument"),
    ],
)
def test_what_is_wrong_ends_as_in_the_originals(
    ask: Ask, verb: str, words: tuple[str, ...], status: int, said: str
) -> None:
    found, output, errors = ask(verb, *words)
    assert (found, output) == (status, "")
    assert said in errors or len(words) == 5


def test_a_context_that_would_not_be_valid_cannot_be_computed(tmp_path: Path, ask: Ask) -> None:
    path = tmp_path / "other.cil"
    user = "(type user_t) (call domain_type (user_t)) (call user_program (user_t))"
    path.write_text(f"{POLICY}{user}(typetransition user_t b_t process a_t)")
    status, output, errors = ask("compute_create", "--policy", str(path), "user_u:user_r:user_t:s0", B, "process")
    assert (status, output) == (3, "")
    assert "user_u:user_r:a_t:s0" in errors


def test_without_a_policy_and_a_system_it_says_what_to_do(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELBOX_POLICY", "")
    monkeypatch.setattr("selbox.userspace.selinuxfs.ROOT", "/nonexistent")
    for words in (("compute_av", A, B, "file"), ("getsebool", "-a")):
        status, output, errors = ask(*words)
        assert (status, output) == (1, "")
        assert "SELBOX_POLICY" in errors
    assert ask("setsebool", "yes", "0")[0] == 255


def test_a_program_without_a_label_has_no_context(ask: Ask) -> None:
    for words in (("/nonexistent/b", A), ("/nonexistent/b", "a_t"), ("/opt/b",), ()):
        status, output, _ = ask("selinuxexeccon", *words)
        assert (status, output) == (255, "")


def test_labels_of_programs_come_from_a_file_as_well(ask: Ask, tmp_path: Path) -> None:
    contexts = tmp_path / "file_contexts"
    contexts.write_text(f"/srv/.*\\.b  --  {B}\n")
    given = ("--file-contexts", str(contexts))
    assert ask("selinuxexeccon", *given, "/srv/x.b", A) == (0, A + "\n", "")


@pytest.mark.parametrize(
    "verb",
    [
        "compute_av",
        "compute_create",
        "compute_relabel",
        "compute_member",
        "getsebool",
        "setsebool",
        "selinuxexeccon",
    ],
)
def test_every_manual_has_examples_and_the_variable(ask: Ask, verb: str) -> None:
    _, output, _ = ask(verb, "--help")
    assert "EXAMPLES" in output
    assert "SELBOX_POLICY" in output


# --- Beside the originals, in a box -----------------------------------------------------------------------------------

PROGRAMS = (
    "compute_av",
    "compute_create",
    "compute_relabel",
    "compute_member",
    "getsebool",
    "setsebool",
    "selinuxexeccon",
)
MISSING = [each for each in PROGRAMS if shutil.which(each, path="/usr/sbin:/usr/bin") is None]


def in_a_box(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that runs the originals in a box."""
    for mark in (
        pytest.mark.enforcement,
        pytest.mark.oracle,
        pytest.mark.skipif(bool(lacking()), reason=lacking()),
        pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    ):
        test = mark(test)
    return test


QUESTIONS = [
    ("compute_av", A, B, "file"),
    ("compute_av", A, B, "dir"),
    ("compute_av", A, "system_u:object_r:b_t:s0:c3,c1,c2", "file"),
    ("compute_av", A, B, "nothing"),
    ("compute_av", "foo", B, "file"),
    ("compute_av", A, "foo", "file"),
    ("compute_av", A, B),
    ("compute_create", A, B, "file"),
    ("compute_create", A, B, "process"),
    ("compute_create", A, B, "tcp_socket"),
    ("compute_create", A, "foo", "file"),
    ("compute_relabel", A, B, "file"),
    ("compute_member", A, B, "dir"),
    ("compute_member", A, B, "nothing"),
    ("getsebool", "-a"),
    ("getsebool", "yes", "no"),
    ("getsebool", "yes", "nix", "no"),
    ("getsebool",),
    ("getsebool", "-a", "yes"),
    ("setsebool", "yes", "maybe"),
    ("setsebool", "yes=1", "no"),
    ("setsebool", "nix=1"),
    ("setsebool", "yes"),
]
"""What changes nothing, so that a policy that is given can be asked the same."""

CHANGES = [
    ("setsebool", "yes", "off"),
    ("getsebool", "-a"),
    ("setsebool", "yes=1", "no=True", "yes=FALSE"),
    ("getsebool", "-a"),
    ("setsebool", "yes=1", "nix=1"),
    ("getsebool", "yes"),
    ("setsebool", "-P", "yes", "1"),
    ("setsebool", "-V", "no", "0"),
    ("compute_av", A, B, "file"),
    ("selinuxexeccon", "/bin/ls"),
    ("selinuxexeccon", "/bin/ls", A),
    ("selinuxexeccon", "/bin/nothing", A),
    ("selinuxexeccon", "/bin/ls", "foo"),
    ("selinuxexeccon", "/bin/ls", A, A),
]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, POLICY, None)


THEIRS = """
def ask(words):
    ended = subprocess.run(words, capture_output=True, text=True)
    return ended.returncode, ended.stdout
"""
OURS = """
from contextlib import redirect_stdout
from io import StringIO
from selbox.cli.main import main
def ask(words):
    with redirect_stdout(StringIO()) as output:
        return main(words), output.getvalue()
"""


def answers(box: Box, how: str) -> list[str]:
    """Ask everything in a box, and return exit status and output of each command."""
    program = "import json, subprocess\n" + how
    asked = json.dumps([*QUESTIONS, *CHANGES])
    program += f"for words in json.loads({asked!r}):\n    print(words, *ask(words))\n"
    outcome = box.run(sys.executable, "-B", str(box.file("ask.py", program)), timeout=120)
    assert outcome.status == 0
    return outcome.output.splitlines()


@pytest.fixture(scope="module")
def originals(box: Box) -> list[str]:
    return answers(box, THEIRS)


@in_a_box
def test_in_a_box_the_answers_are_those_of_the_originals(box: Box, originals: list[str]) -> None:
    assert answers(box, OURS) == originals


@in_a_box
def test_of_a_policy_that_is_given_the_answers_are_the_same(
    box: Box, originals: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = box.directory / "policy.33"
    assert main(["compile", str(box.policy), "-o", str(binary)]) == 0
    capsys.readouterr()
    monkeypatch.setenv("SELBOX_POLICY", str(binary))
    lines = []
    for question in QUESTIONS:
        status = main(question)
        lines += f"{list(question)} {status} {capsys.readouterr().out}\n".splitlines()
    assert lines == originals[: len(lines)]
    assert len(lines) > len(QUESTIONS)
