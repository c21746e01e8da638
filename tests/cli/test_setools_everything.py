"""Verbs by the names of SETools' programs, on a small policy that has a statement of every kind."""

from pathlib import Path

import pytest
from tests.oracles.commandlines import EVERYTHING, CommandLine, by_selbox, by_setools, everything
from tests.oracles.secilc import requires_setools

RULES = (
    "-A",
    "-A --auditallow --dontaudit --auditallowxperm --dontauditxperm",
    "-T --type_change --type_member",
    "--role_allow --role_trans --range_trans",
    "-A -b can_shadow",
    "-A -b can_shadow -eb",
    "-A -b can_shadow,can_tmp -eb",
    "-A -b can_ -rb",
    "-A -T --type_change --dontaudit --auditallow -b third",
    "-A -x 0x5401",
    "--allowxperm -x 0x8900-0x89ff",
    "--allowxperm -x 0x8900-0x89ff -ex",
    "--allowxperm -x 0x5401-0x5405,0x5410 -ex",
    "--allowxperm -p ioctl",
    "--allowxperm -p ioctl,read -ep -c file",
    "-A -p ioctl,read -ep -c file",
    "-A -p ioctl -Sp",
    "-A -p read,open -Sp -c file",
    "-A -p read,open -ep -c file",
    "-A -s web_domain",
    "-A -s web_t",
    "-A -s web_domain -ds",
    "-A -s web -rs",
    "-A -s web -rs -ds",
    "-A -t file_type -dt",
    "-A -t httpd_tmp_t",
    "-T -D httpd_tmp_t",
    "-T -D file_type",
    "-T -t tmp_t -c dir",
    "--range_trans -D s1",
    "--range_trans -D s0-s1:c0,c2.c3",
    "--range_trans -D 's0 - s1:c0,c2.c3'",
    "--range_trans -D secret",
    "--range_trans -D s0:c0-s0",
    "--role_trans -t file_type",
    "--role_trans -t file_type -dt",
    "--role_trans -t etc_t -c process",
    "--role_allow -t web_r",
    "-A -c passwd",
)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return everything(tmp_path_factory.mktemp("everything"))


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize("words", RULES)
def test_rules_are_those_of_setools_in_a_binary_and_in_its_source(words: str, policy: Path) -> None:
    command = CommandLine.of("sesearch", words)
    expected = by_setools(command, policy)
    assert by_selbox(command, policy) == expected
    assert by_selbox(command, EVERYTHING) == expected


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize(
    "words",
    [
        "{}",
        "--all -x",
        "--all",
        "--all --flat",
        "-t apache_t -x",
        "--category blue",
        "--sensitivity secret -x",
        "--portcon 8001",
        "--portcon 80",
        "--nodecon 10.0.0.0/8",
        "--nodecon fe80::/10",
        "--nodecon 10.0.0.1/8",
        "--ibpkeycon 0x1234",
        "--ibpkeycon 0x7f",
        "--typebounds httpd_child_t",
        "--permissive init_t -x",
        "--default file",
        "--validatetrans file",
    ],
)
def test_components_are_those_of_setools(words: str, policy: Path) -> None:
    command = CommandLine.of("seinfo", words)
    assert by_selbox(command, policy) == by_setools(command, policy)


@pytest.mark.oracle
@requires_setools
def test_components_of_sources_are_those_of_their_binary(policy: Path) -> None:
    command = CommandLine.of("seinfo", "--all -x")
    expected = by_setools(command, policy)
    found = by_selbox(command, EVERYTHING)
    differing = set(expected.lines) ^ set(found.lines)
    assert (
        sorted(line.partition(":")[0] for line in differing)
        == ["Policy Version"] * 2 + ["Statistics for policy file"] * 2
    )
