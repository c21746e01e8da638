"""The programs on the pages about object managers do what the pages say."""

import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from tests.enforce.boxes import lacking
from tests.enforce.clients import needs
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(cil|python|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def file_name(text: str) -> str:
    """Return the name of the file that a block is, by the comment in its first line; empty for none."""
    name = re.match(r"[;#] (\w+\.(?:cil|py))\n", text)
    return name[1] if name else ""


@pytest.mark.parametrize("page", ["README.md", "docs/object-managers.md"])
def test_programs_print_what_the_page_says(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    printed = ""
    for kind, text in BLOCK.findall((ROOT / page).read_text()):
        if file_name(text):
            Path(file_name(text)).write_text(text)
        elif kind == "python":
            output = StringIO()
            with redirect_stdout(output):
                exec(compile(text, page, "exec"), names)  # noqa: S102 - it is what the reader types
            printed = output.getvalue()
        elif kind == "text" and printed:
            assert text == printed
            printed = ""
    assert "shop" in names


def test_the_first_lines_of_the_readme_deny_with_the_reason_that_they_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    Path("shop.cil").write_text(next(text for kind, text in blocks if kind == "cil" and text.startswith("; shop")))
    program = next(text for kind, text in blocks if kind == "python")
    output = StringIO()
    with redirect_stdout(output):
        exec(compile(program, "README.md", "exec"), {})  # noqa: S102 - it is what the reader types
    lines = output.getvalue().splitlines()
    assert lines[0].startswith("type=USER_AVC msg=audit(")
    assert ' { drop } for table="customers" scontext=system_u:system_r:clerk_t:s0 ' in lines[0]
    shown = re.search(r"print\(denied.reason\) +# (.*)", program)
    assert shown is not None
    assert lines[1] == shown[1]
    assert lines[-1] == "no new tables for you"


@pytest.mark.enforcement
@pytest.mark.skipif(bool(lacking()), reason=lacking())
@needs("python3", "runcon")
@pytest.mark.parametrize(("level", "policies"), [("s0", ""), ("s0:c1", "--policy tenants.cil")])
def test_the_server_of_the_manual_serves_clients_in_a_box(tmp_path: Path, level: str, policies: str) -> None:
    ended, printed = in_a_box(tmp_path, level, policies)
    assert (ended.stderr, ended.stdout) == ("", printed.replace("clerk_t:s0", f"clerk_t:{level}"))


@pytest.mark.enforcement
@pytest.mark.skipif(bool(lacking()), reason=lacking())
@needs("python3", "runcon")
def test_clients_at_other_levels_need_the_line_of_the_manual(tmp_path: Path) -> None:
    ended, _ = in_a_box(tmp_path, "s0:c1", "")
    assert ended.stdout == ""
    assert ended.stderr.count("PermissionError") == 2


def in_a_box(tmp_path: Path, level: str, policies: str) -> tuple["subprocess.CompletedProcess[str]", str]:
    """Run the server of the manual with clients at a level; return what came of it, and what the manual says."""
    socket = Path(f"/tmp/shop-{os.getpid()}.socket")  # not the manual's: another test may be at that at the same time
    page = (ROOT / "docs/object-managers.md").read_text()
    assert "/tmp/shop.socket" in page
    blocks = BLOCK.findall(page.replace("/tmp/shop.socket", str(socket)))
    for _, text in blocks:
        if file_name(text):
            (tmp_path / file_name(text)).write_text(text)
    place = next(index for index, (kind, _) in enumerate(blocks) if kind == "sh")
    selbox = tmp_path / "bin" / "selbox"
    selbox.parent.mkdir()
    selbox.write_text(f'#!/bin/sh\nexec {sys.executable} -m selbox "$@"\n')
    selbox.chmod(0o755)
    environment = {
        "PATH": f"{selbox.parent}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT / "src"),
        "LC_ALL": "C",
        "HOME": str(tmp_path),
    }
    script = blocks[place][1].replace("clerk_t:s0", f"clerk_t:{level}").replace(" -- sh", f" {policies} -- sh")
    ended = subprocess.run(
        ["/bin/sh", "-c", script],
        cwd=tmp_path,
        env={**environment, "VIRTUAL_ENV": environment["PYTHONPATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    socket.unlink(missing_ok=True)
    return ended, blocks[place + 1][1]
