import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.peers import WHOLE, files_of, needs, package

from selbox.cli.main import main
from selbox.cli.verbs import compile as verb
from selbox.compiler.options import CompileOptions
from selbox.model.policy import HandleUnknown, Target
from selbox.store.builds import Order
from selbox.store.policyfiles import load_policy

OWN = "(block cat (blockinherit domain))"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to work in, with a complete policy and one that needs the base policy."""
    (tmp_path / "whole.cil").write_text(WHOLE)
    (tmp_path / "own.cil").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def counts(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, int]:
    """Return what ``selbox check`` counts."""
    capsys.readouterr()
    assert main(["check", "--json", *words]) == 0
    found: dict[str, int] = json.loads(capsys.readouterr().out)["result"]["counts"]
    return found


def test_it_says_what_it_wrote(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "whole.cil", "-o", "p", "--file-contexts", "f"]) == 0
    size = len((room / "p").read_bytes())
    assert capfd.readouterr() == (f"p: kernel policy, version 33, {size} bytes\nf: file contexts\n", "")
    assert (room / "f").read_bytes() == b"/x(/.*)?\tu:r:a_t\n"


def test_the_base_policy_is_taken_where_it_is_needed(capsys: pytest.CaptureFixture[str], room: Path) -> None:
    assert main(["compile", "own.cil", "-o", "own"]) == 0
    assert main(["compile", "own.cil", "--no-base", "-o", "none"]) == 1
    assert "none" not in files_of(room)
    assert main(["compile", "whole.cil", "-o", "whole"]) == 0
    assert main(["compile", "whole.cil", "--no-base", "-o", "same"]) == 0
    assert (room / "whole").read_bytes() == (room / "same").read_bytes()
    compiled, read = counts(capsys, "own.cil"), counts(capsys, "own")
    for kind in ("classes", "permissions", "types", "roles", "users", "categories", "constraints", "initial_SIDs"):
        assert compiled[kind] == read[kind], kind


@pytest.mark.usefixtures("room")
def test_a_kernel_policy_is_checked_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "whole.cil", "-o", "p"]) == 0
    found = counts(capsys, "p")
    assert (found["classes"], found["types"], found["allow"]) == (2, 1, 1), "and the base policy stays out"


@pytest.mark.parametrize("words", [["p", "own.cil"], ["own.cil", "p"], ["p", "q"]])
def test_a_kernel_policy_stands_alone(words: list[str], room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "whole.cil", "-o", "p"]) == 0
    (room / "q").write_bytes((room / "p").read_bytes())
    for command in (["compile", "-o", "x"], ["check"]):
        assert main([*command, *words]) == 1
        assert "`p` is a kernel policy, which is whole" in capfd.readouterr().err
    assert "x" not in files_of(room)


def test_a_kernel_policy_is_written_in_another_version(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "whole.cil", "-o", "p"]) == 0
    assert main(["compile", "p", "-o", "p30", "-c", "30"]) == 0
    assert "p30: kernel policy, version 30" in capfd.readouterr().out
    assert main(["compile", "p30", "-o", "again"]) == 0
    assert (room / "again").read_bytes() == (room / "p").read_bytes()
    assert main(["compile", "p", "-o", "x", "--disable-dontaudit"]) == 2
    assert "compiled already" in capfd.readouterr().err


def test_places_of_rules_stand_beside_the_policy(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "whole.cil", "-o", "p", "--origins"]) == 0
    assert "p.origins: places of the rules in the source\n" in capfd.readouterr().out
    policy = load_policy(["p"])
    assert {policy.origin(each).place for each in policy.rules.origin} == {"whole.cil:11:1"}  # type: ignore[union-attr]
    assert main(["compile", "p", "-o", "p30", "-c", "30", "--origins"]) == 0
    assert load_policy(["p30"]).origins[0].file == "whole.cil", "they are taken along"
    (room / "p30.origins").write_bytes((room / "p.origins").read_bytes())
    capfd.readouterr()
    assert main(["compile", "p30", "-o", "x"]) == 0
    assert "warning[origins-other-binary]: p30.origins" in capfd.readouterr().err, "places decide nothing"


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], {}),
        (["--target", "xen"], {"target": Target.XEN}),
        (["--mls", "false"], {"mls": False}),
        (["--handle-unknown", "reject"], {"handle_unknown": HandleUnknown.REJECT}),
        (["--disable-dontaudit"], {"disable_dontaudit": True}),
        (["--disable-neverallow"], {"disable_neverallow": True}),
        (["--preserve-tunables"], {"preserve_tunables": True}),
        (["--qualified-names"], {"qualified_names": True}),
        (["--multiple-declarations"], {"multiple_declarations": True}),
        (["--expand-generated"], {"expand_generated": True}),
        (["--expand-size", "5"], {"expand_size": 5}),
        (["--optimize"], {"optimize": True}),
    ],
)
@pytest.mark.usefixtures("room")
def test_options_reach_the_compiler(words: list[str], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[CompileOptions] = []

    def build(_: object, order: Order, *__: object) -> object:
        seen.append(order.options)
        raise KeyboardInterrupt

    monkeypatch.setattr(verb, "build", build)
    assert main(["compile", *words, "-o", "p", "whole.cil"]) == 130
    assert seen == [CompileOptions()._replace(**options)]


@pytest.mark.oracle
@needs("checkmodule", "semodule_package")
def test_packages_and_modules_are_compiled_with_cil(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package(room)
    # What Debian's base module declares for all others.
    (room / "whole.cil").write_text(
        WHOLE + "(role object_r) (typeattribute cil_gen_require) (roleattribute cil_gen_require)"
    )
    for each in ("sample.pp", "sample.mod"):
        assert main(["compile", "whole.cil", each, "-o", "p"]) == 0
        assert counts(capsys, "p")["types"] == 2
        assert counts(capsys, "whole.cil", each)["types"] == 2


@pytest.mark.usefixtures("room")
def test_from_pipe_to_pipe() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "selbox", "compile", "-", "-o", "-"],
        input=gzip.compress(WHOLE.encode()),
        capture_output=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert main(["compile", "whole.cil", "-o", "p"]) == 0
    assert ended.stdout == Path("p").read_bytes()


def test_a_broken_policy_leaves_the_output_alone(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (room / "p").write_bytes(b"old")
    (room / "bad.cil").write_text("(allow a_t none_t (file (read)))")
    assert main(["compile", "whole.cil", "bad.cil", "-o", "p"]) == 1
    assert "bad.cil:1:" in capfd.readouterr().err
    assert (room / "p").read_bytes() == b"old"


def test_a_file_that_is_named_twice_is_taken_once(room: Path, capfd: pytest.CaptureFixture[str]) -> None:
    os.link(room / "whole.cil", room / "other.cil")
    assert main(["compile", "whole.cil", "./whole.cil", "other.cil", "-o", "p"]) == 0
    err = capfd.readouterr().err
    assert "warning[file-repeated]: `./whole.cil` is named twice, first as `whole.cil`" in err
    assert "`other.cil` is named twice" in err


def test_json_says_what_was_written(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "--json", "whole.cil", "-o", "p", "-c", "28"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == {
        "output": "p",
        "version": 28,
        "size": len((room / "p").read_bytes()),
        "file_contexts": None,
        "origins": None,
        "warnings": [],
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["whole.cil"], "the following arguments are required: -o/--output"),
        (["--no-base", "-o", "p"], "there is no policy to compile"),
        (["whole.cil", "-o", "p", "-c", "23"], "from 24 to 35"),
        (["whole.cil", "-o", "p", "-c", "x"], "not a whole number"),
        (["whole.cil", "-o", "p", "--mls", "maybe"], "neither `true` nor `false`"),
        (["whole.cil", "-o", "p", "--target", "bsd"], "neither `selinux` nor `xen`"),
        (["whole.cil", "-o", "p", "--handle-unknown", "x"], "none of `deny`, `allow` and `reject`"),
        (["whole.cil", "-o", "-", "--json"], "standard output can take one thing only"),
        (["whole.cil", "-o", "-", "--file-contexts", "-"], "standard output can take one thing only"),
        (["whole.cil", "-o", "-", "--origins"], "no place beside standard output"),
        (["whole.cil", "-o", "p", "--optimise"], "did you mean `--optimize`?"),
    ],
)
def test_a_wrong_command_line_is_told(
    words: list[str], message: str, room: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", *words]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert message in err
    assert "p" not in files_of(room)
