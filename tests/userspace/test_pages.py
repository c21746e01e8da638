"""The programs on the pages about object managers do what the pages say."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(cil|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "docs/object-managers.md"])
def test_programs_print_what_the_page_says(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    printed = ""
    for kind, text in BLOCK.findall((ROOT / page).read_text()):
        if kind == "cil" and text.startswith("; shop.cil\n"):
            Path("shop.cil").write_text(text)
        elif kind == "python":
            output = StringIO()
            with redirect_stdout(output):
                exec(compile(text, page, "exec"), names)  # noqa: S102 - it is what the reader types
            printed = output.getvalue()
        elif kind == "text":
            assert printed == text
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
