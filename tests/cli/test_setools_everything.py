"""Verbs by the names of SETools' programs, on a small policy that has a statement of every kind."""

import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.binary.kernel.binaries import XEN
from tests.compiler.policies import compile_texts
from tests.oracles.commandlines import EVERYTHING, CommandLine, by_selbox, by_setools, everything
from tests.oracles.secilc import requires_setools
from tests.server.random_policies import ATTRIBUTES, TYPES, policies
from tests.strength import tries

from selbox.binary.kernel import read_policy, write_policy
from selbox.diagnostics import Diagnostics

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


ALL_RULES = (
    "-A --auditallow --dontaudit --auditallowxperm --dontauditxperm -T --type_change --type_member",
    "--role_allow --role_trans --range_trans",
)


def assert_the_same(policy: Path, *lines: tuple[str, str]) -> None:
    for program, words in lines:
        command = CommandLine.of(program, words)
        assert by_selbox(command, policy) == by_setools(command, policy)


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize("version", range(24, 34))
def test_policies_of_every_version_are_searched_as_setools_does(version: int, policy: Path, tmp_path: Path) -> None:
    whole = read_policy(policy.read_bytes(), "everything")
    # Older versions cannot say these.
    written = whole if version >= 30 else whole._replace(extended_rules=())
    path = tmp_path / f"policy.{version}"
    path.write_bytes(write_policy(written, version, Diagnostics()))
    assert_the_same(path, ("seinfo", "--all -x"), *(("sesearch", words) for words in ALL_RULES))


@pytest.mark.oracle
@requires_setools
@pytest.mark.parametrize(
    ("source", "version"),
    [
        (XEN, 30),
        (XEN.replace("(mls true)", "(mls false)"), 30),
        (EVERYTHING.read_text().replace("(mls true)", "(mls false)"), 33),
    ],
    ids=["Xen", "Xen without levels", "without levels"],
)
def test_policies_of_other_sorts_are_searched_as_setools_does(source: str, version: int, tmp_path: Path) -> None:
    path = tmp_path / "policy"
    path.write_bytes(write_policy(compile_texts(source), version, Diagnostics()))
    lines = [("sesearch", words) for words in ALL_RULES]
    assert_the_same(path, ("seinfo", "--all -x"), ("seinfo", "{} --ioportcon --pirqcon --flat"), *lines)


@st.composite
def searches(draw: st.DrawFn) -> str:
    """Draw the arguments of a search in a random policy."""
    words = [draw(st.sampled_from(["-A", "-T", "-A -T --dontaudit", "--auditallow --type_change --type_member"]))]
    name = st.sampled_from([*TYPES, *ATTRIBUTES, "t"])
    for side in "st":
        if draw(st.booleans()):
            found = draw(name)
            words.append(f"-{side} {found}{f' -r{side}' if found == 't' else ''}")
            words += [f"-d{side}"] if draw(st.booleans()) else []
    for option, values in (
        ("-c", ["file", "process", "file,process"]),
        ("-p", ["read", "read,write", "read -ep", "read,getattr -Sp", "ioctl"]),
        ("-b", ["b0", "b1", "b0,b1 -eb", "b -rb"]),
        ("-x", ["0x1200", "0x1200-0x34ff", "0x1200-0x12ff -ex"]),
        ("-D", ["ta", "a0", "t -rd"]),
    ):
        if draw(st.integers(0, 3)) == 0:
            words.append(f"{option} {draw(st.sampled_from(values))}")
    return " ".join(words)


@pytest.mark.oracle
@requires_setools
@settings(max_examples=tries(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=policies(), words=st.lists(searches(), min_size=1, max_size=8))
def test_random_policies_are_searched_as_setools_does(text: str, words: list[str], tmp_path: Path) -> None:
    content = write_policy(compile_texts(text), 33)
    path = tmp_path / f"{zlib.crc32(content):08x}.33"  # what reads policies for SETools knows them by their paths
    path.write_bytes(content)
    lines = [("sesearch", each) for each in (*words, *ALL_RULES)]
    assert_the_same(path, ("seinfo", "--all -x"), *lines)
