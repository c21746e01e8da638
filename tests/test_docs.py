"""The pages do not speak of files that are gone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=str)


def named_paths(text: str) -> set[str]:
    """Targets of relative links, and paths in backquotes from the top of the project."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    quoted = re.findall(r"`((?:src|docs|tests|examples|bench)/[\w./-]*)`", text)
    return {*links, *quoted}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    missing = [
        name
        for name in sorted(named_paths(page.read_text()))
        if not (page.parent / name).exists() and not (ROOT / name).exists() and "NAME" not in name
    ]
    assert missing == []
