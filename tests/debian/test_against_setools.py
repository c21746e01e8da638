"""Programs of SETools and the verbs of their names say the same about Debian's policies."""

from collections.abc import Iterator
from pathlib import Path

import debianpolicy
import pytest
from tests.debian.policies import by_selbox as compiled
from tests.oracles.commandlines import CommandLine, by_selbox, by_setools, command_lines
from tests.oracles.secilc import requires_setools

pytestmark = [pytest.mark.oracle, requires_setools]

LINES = Path(__file__).parent / "commandlines"


def questions() -> Iterator[tuple[CommandLine, str]]:
    """Yield each command line with one of the policies, in turn: SETools needs minutes for all with each."""
    for path in sorted(LINES.iterdir()):
        for number, command in enumerate(command_lines(path, path.name)):
            yield command, debianpolicy.POLICIES[number % len(debianpolicy.POLICIES)]


@pytest.mark.parametrize(("command", "name"), list(questions()), ids=str)
def test_the_same_lines(command: CommandLine, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    policy = compiled(name, tmp_path_factory)
    assert by_selbox(command, policy) == by_setools(command, policy)


def test_the_policies_differ_as_setools_says(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Rules about access take SETools a minute; bench/analysis.py compares these.
    words = "-t -a -r -u --range_trans --initialsid --genfscon --property --level"
    command = CommandLine("sediff", (*words.split(), "{0}", "{1}"))
    policies = [compiled(name, tmp_path_factory) for name in debianpolicy.POLICIES]
    assert by_selbox(command, *policies).lines == by_setools(command, *policies).lines
