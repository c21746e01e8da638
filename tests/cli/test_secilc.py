import bz2
import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.peers import WHOLE, files_of, needs, peer, selbox_in

from selbox.cli.main import main
from selbox.cli.verbs import secilc
from selbox.compiler.options import CompileOptions
from selbox.model.policy import HandleUnknown, Target
from selbox.store.builds import Order

KERNEL_MAGIC = b"\x8c\xff\x7c\xf9"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to work in, with a policy."""
    (tmp_path / "whole.cil").write_text(WHOLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_options_it_writes_where_secilc_does(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["secilc", "whole.cil"]) == 0
    assert capfd.readouterr() == ("", "")
    files = files_of(room)
    assert sorted(files) == ["file_contexts", "policy.33", "whole.cil"]
    assert files["policy.33"].startswith(KERNEL_MAGIC)
    assert files["file_contexts"] == b"/x(/.*)?\tu:r:a_t\n", "without levels: the policy does not ask for them"


def test_the_default_name_says_the_version(room: Path) -> None:
    assert main(["secilc", "-c", "30", "whole.cil"]) == 0
    policy = (room / "policy.30").read_bytes()
    assert int.from_bytes(policy[16:20], "little") == 30


def test_outputs_are_named_by_options_among_the_files(room: Path) -> None:
    (room / "more.cil").write_text("(type b_t)")
    assert main(["secilc", "whole.cil", "-o", "p", "more.cil", "--filecontexts=f", "-v"]) == 0
    assert {"p", "f"} <= set(files_of(room))


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}),
        (["-t", "xen"], {"target": Target.XEN}),
        (["-M", "true"], {"mls": True}),
        (["--mls=0"], {"mls": False}),
        (["-U", "Allow"], {"handle_unknown": HandleUnknown.ALLOW}),
        (["-D"], {"disable_dontaudit": True}),
        (["-P"], {"preserve_tunables": True}),
        (["-Q"], {"qualified_names": True}),
        (["-m"], {"multiple_declarations": True}),
        (["-N"], {"disable_neverallow": True}),
        (["-G"], {"expand_generated": True}),
        (["-X", "5"], {"expand_size": 5}),
        (["-X0"], {"expand_size": 0}),
        (["-O"], {"optimize": True}),
        (["-DPNGO", "--multiple"], dict.fromkeys(
            ("disable_dontaudit", "preserve_tunables", "disable_neverallow", "expand_generated", "optimize",
             "multiple_declarations"), True)),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("room")
def test_options_reach_the_compiler(words: list[str], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[CompileOptions] = []

    def build(_: object, order: Order, *__: object) -> object:
        seen.append(order.options)
        raise KeyboardInterrupt

    monkeypatch.setattr(secilc, "build", build)
    assert main(["secilc", *words, "whole.cil"]) == 130
    assert seen == [CompileOptions()._replace(**options)]


def test_a_broken_policy_writes_nothing(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (room / "policy.33").write_bytes(b"old")
    (room / "bad.cil").write_text("(allow a_t b_t (file (read)))\n(allow a_t c_t (file (read)))\n")
    assert main(["secilc", "whole.cil", "bad.cil"]) == 254
    out, err = capfd.readouterr()
    assert out == ""
    assert "bad.cil:1:" in err
    assert "bad.cil:2:" in err, "all errors are told"
    assert files_of(room)["policy.33"] == b"old"
    assert "file_contexts" not in files_of(room)


def test_contradicting_transitions_of_roles_have_a_status_of_their_own(room: Path) -> None:
    twice = "(role r1)(role r2)" + "".join(f"(roletransition r1 a_t file {each})" for each in ("r1", "r2"))
    (room / "bad.cil").write_text(twice)
    assert main(["secilc", "whole.cil", "bad.cil"]) == 239  # -EEXIST in a byte, as secilc 3.4 ends


def test_when_the_second_output_fails_the_first_is_not_written(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["secilc", "-o", "p", "-f", "none/f", "whole.cil"]) == 255
    assert "cannot write `none/f`" in capfd.readouterr().err
    assert sorted(files_of(room)) == ["whole.cil"]


def test_compressed_files_are_read_as_they_are(room: Path) -> None:
    (room / "odd.name").write_bytes(bz2.compress(WHOLE.encode()))
    assert main(["secilc", "odd.name"]) == 0


@pytest.mark.parametrize(
    ("content", "message", "advice"),
    [
        (KERNEL_MAGIC + b"\x08\0\0\0SE Linux", "is a kernel policy, not CIL text", "selbox checkpolicy -b"),
        (b"\x8f\xff\x7c\xf9\x01\0\0\0", "is a module package, not CIL text", "selbox pp"),
        (b"\x8d\xff\x7c\xf9\x01\0\0\0", "is a module, not CIL text", "selbox compile"),
        (b"\x7fELF\0", "is binary, not CIL text", ""),
    ],
)
def test_what_is_no_cil_is_told_with_what_takes_it(
    content: bytes, message: str, advice: str, room: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (room / "given").write_bytes(content)
    assert main(["secilc", "given"]) == 255
    err = capfd.readouterr().err
    assert message in err
    assert advice in err


@pytest.mark.usefixtures("room")
def test_json_says_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["secilc", "--json", "whole.cil"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])["result"]
    assert result == {"output": "policy.33", "version": 33, "file_contexts": "file_contexts", "warnings": []}


OK = ["whole.cil"]
COMMANDS = [
    OK,
    ["none.cil"],
    ["."],
    ["empty.cil"],
    ["whole.cil", "empty.cil"],
    ["whole.cil", "whole.cil"],
    ["whole.cil", "unknown_type.cil"],
    ["whole.cil", "unknown_class.cil"],
    ["whole.cil", "unknown_permission.cil"],
    ["whole.cil", "unknown_statement.cil"],
    ["whole.cil", "unbalanced.cil"],
    ["whole.cil", "neverallow.cil"],
    ["-N", "whole.cil", "neverallow.cil"],
    ["whole.cil", "again.cil"],
    ["-m", "whole.cil", "again.cil"],
    ["unknown_type.cil"],
    ["-o", "none/p", *OK],
    ["-f", "none/f", *OK],
    ["-o", "/dev/null", "-f", "/dev/null", *OK],
    [],
    ["-h"],
    ["--help"],
    ["--hel"],
    ["-c", "99", *OK],
    ["-c", "x", *OK],
    ["-c", "30", *OK],
    ["-t", "xen", "-c", "30", *OK],
    ["-t", "xen", "-c", "31", *OK],
    ["--policyvers=30", *OK],
    ["--policyversion", "30", *OK],
    ["--filecontext=f", *OK],
    ["-M", "maybe", *OK],
    ["-M", "TRUE", *OK],
    ["-U", "none", *OK],
    ["-U", "REJECT", *OK],
    ["-t", "Xen", *OK],
    ["-X", "x", *OK],
    ["-X", "-3", *OK],
    ["-n", *OK],
    ["-vvv", *OK],
    ["--", *OK],
    ["-"],
]


@pytest.mark.oracle
@needs("secilc")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_it_ends_as_secilc_does(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "whole.cil": WHOLE,
        "empty.cil": "",
        "unknown_type.cil": "(allow a_t none_t (file (read)))",
        "unknown_class.cil": "(allow a_t a_t (none (read)))",
        "unknown_permission.cil": "(allow a_t a_t (file (none)))",
        "unknown_statement.cil": "(alow a_t a_t (file (read)))",
        "unbalanced.cil": "(type x_t",
        "neverallow.cil": "(neverallow a_t a_t (file (read)))",
        "again.cil": "(type a_t)",
    }
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for each in (theirs, ours):
        each.mkdir()
        for name, text in texts.items():
            (each / name).write_text(text)
    expected = peer(theirs, "secilc", *words).returncode
    assert selbox_in(ours, monkeypatch, "secilc", *words) == expected
    if expected == 0:
        assert set(files_of(ours)) == set(files_of(theirs)), "files go by the same names"
    contexts = [files_of(each).get("file_contexts") for each in (theirs, ours)]
    if expected == 0:
        assert contexts[0] == contexts[1]


@pytest.mark.oracle
@needs("secilc")
def test_a_policy_for_xen_is_of_a_version_that_xen_knows(room: Path) -> None:
    assert peer(room, "secilc", "-t", "xen", "-c", "30", "-o", "theirs", "-f", "f", "whole.cil").returncode == 0
    assert main(["secilc", "-t", "xen", "whole.cil"]) == 0
    assert (room / "policy.30").read_bytes() == (room / "theirs").read_bytes()


@pytest.mark.oracle
@needs("secilc")
def test_bytes_that_are_no_utf8_are_kept(room: Path) -> None:
    text = (
        '(filecon "/\xe9(/.*)?" any (u r a_t ((s0) (s0)))) ; \xe9\n'
        '(genfscon proc "/\xe9" (u r a_t ((s0) (s0))))\n'
        '(typetransition a_t a_t file "\xe9" a_t)\n'
    )
    (room / "more.cil").write_bytes(text.encode("latin-1"))
    assert peer(room, "secilc", "-o", "theirs", "-f", "theirs.fc", "whole.cil", "more.cil").returncode == 0
    assert main(["secilc", "-o", "ours", "-f", "ours.fc", "whole.cil", "more.cil"]) == 0
    files = files_of(room)
    assert files["ours"] == files["theirs"]
    assert files["ours.fc"] == files["theirs.fc"]
    assert main(["checkpolicy", "-b", "-F", "-o", "conf", "ours"]) == 0
    assert b"\xe9" in (room / "conf").read_bytes()


@needs("secilc")
@pytest.mark.parametrize(
    "text",
    [
        "(in nowhere (type x))",
        "(block x) (in x (in nowhere (type x)))",
        "(classorder (file nowhere))",
        "(classorder (unordered nowhere))",
        "(sidorder (kernel nowhere))",
        "(call nowhere (a_t))",
        "(macro m ((type x))) (call m (nowhere))",
        "(blockinherit nowhere)",
        "(in nowhere (type x)) (allow a_t nowhere (file (read)))",
        "(boolean flag true) (booleanif nowhere (true (allow a_t a_t (file (read)))))",
        "(optional o (classorder (unordered nowhere)))",
    ],
)
def test_statuses_are_those_of_the_original(room: Path, text: str) -> None:
    (room / "bad.cil").write_text(text)
    assert main(["secilc", "whole.cil", "bad.cil"]) == peer(room, "secilc", "whole.cil", "bad.cil").returncode
