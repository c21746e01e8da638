"""The tutorial: each of its commands runs on Debian's policies, and says what the page says that it does."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import debianpolicy
import pytest
from tests.debian.policies import by_selbox

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
SECTION = re.compile(r"^## (.*)$", re.MULTILINE)
BLOCK = re.compile(r"^```(sh)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REST = "…"


def questions() -> list[tuple[str, str]]:
    parts = SECTION.split(PAGE.read_text())
    return list(zip(parts[1::2], parts[2::2], strict=True))


def shown(line: str, output: list[str]) -> bool:
    """Tell whether a line of the page is among the output; its end may be left out."""
    if line.endswith(REST):
        return any(each.startswith(line.removesuffix(REST)) for each in output)
    return line in output


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tutorial")
    for name, file in zip(debianpolicy.POLICIES, ("policy.33", "mls.33"), strict=True):
        (path / file).symlink_to(by_selbox(name, tmp_path_factory))
    program = path / "selbox"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m selbox "$@"\n')
    program.chmod(0o755)
    return path


def test_there_are_ten_questions() -> None:
    assert [heading.split(".")[0] for heading, _ in questions()] == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize(("heading", "text"), [pytest.param(*each, id=each[0]) for each in questions()])
def test_the_commands_say_what_the_page_says(heading: str, text: str, directory: Path) -> None:
    blocks = BLOCK.findall(text)
    assert blocks
    environment = {
        **os.environ,
        "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(directory / "cache"),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TZ": "UTC",
    }
    output: list[str] = []
    for language, content in blocks:
        if language:
            done = subprocess.run(
                ["sh", "-c", content], cwd=directory, env=environment, capture_output=True, text=True, check=False
            )
            differs = "sediff" in content
            assert (done.returncode, done.stderr) == (int(differs), ""), heading
            output = done.stdout.splitlines()
        else:
            missing = [line for line in content.splitlines() if line != REST and not shown(line, output)]
            assert not missing, (heading, output[:50])
