"""audit2why and audit2allow, the programs, and selbox by the same names: one log, Debian's policies."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from tests.debian.policies import by_selbox
from tests.debian.test_against_audit2why import asked_about, record
from tests.oracles.audit2allow import Originals

from selbox.binary.kernel import read_policy
from selbox.cli.main import main

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.skipif(shutil.which("audit2allow") is None, reason="needs Debian's policycoreutils-python-utils"),
]


APART = "#============= no rule helps =============="


class Given(NamedTuple):
    """A policy, and a log of accesses under it.

    Attributes:
        policy: its path.
        log: the path of the log.
        originals: the programs with which selbox is compared.
    """

    policy: str
    log: str
    originals: Originals

    def theirs(self, program: str, *options: str) -> list[str]:
        """Return what the program prints."""
        return self.originals.run(program, "-i", self.log, *options)

    def ours(self, capsys: pytest.CaptureFixture[str], program: str, *options: str) -> list[str]:
        """Return what selbox prints by that name."""
        assert main([program, "-p", self.policy, "-i", self.log, *options]) == 0
        return capsys.readouterr().out.splitlines()


@pytest.fixture(scope="module", params=["default", "mls"])
def given(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    path: Path = by_selbox(request.param, tmp_path_factory)
    asked = list(dict.fromkeys(asked_about(read_policy(path.read_bytes(), str(path)), Random(11))))  # noqa: S311 - to vary questions
    log = tmp_path_factory.mktemp("log") / "audit.log"
    lines = [record(each).replace("1.000:2", f"{place}.000:{place}") for place, each in enumerate(asked)]
    numbered = [
        line.replace('comm="x"', f'comm="x" path="/dev/x" ioctlcmd=0x{5000 + place % 7}') if "ioctl" in line else line
        for place, line in enumerate(lines)
    ]
    old = (
        "type=SELINUX_ERR msg=audit(1.0:2): security_compute_sid:  invalid context {} for scontext=a:b:c "
        "tcontext=a:b:d tclass=process"
    )
    errors = [old.format(each) for each in ("a_u:b_r:c_t:s0", "a_u:b_r:d_t:s0", "a_u:a_r:c_t:s0", "a_u:b_r:c_t:s0")]
    log.write_text("".join(f"{line}\n" for line in (*numbered, *errors)))
    with Originals(str(path)) as originals:
        yield Given(str(path), str(log), originals)


def without_constraints(lines: list[str]) -> list[str]:
    """Leave out what is said of constraints: the texts of `expected_differences.toml`."""
    kept: list[str] = []
    skipping = False
    for line in lines:
        if line.startswith("#Constraint rule:"):
            skipping = True
        elif line.startswith("type=AVC"):
            skipping = False
        if not skipping:
            kept.append(line)
    return [line for line in kept if line]


def test_each_record_has_the_same_cause(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    found = without_constraints(given.ours(capsys, "audit2why"))
    assert found == without_constraints(given.theirs("audit2why"))
    assert len(found) > 1000


def rules(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("allow", "dontaudit", "role "))]


@pytest.mark.parametrize("options", [(), ("-x",), ("-D", "-x"), ("-t", "http"), ("-m", "local")])
def test_the_rules_are_the_same(given: Given, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    found = given.ours(capsys, "audit2allow", *options)
    apart = found.index(APART) if APART in found else len(found)
    moved = [line[2:] for line in found[apart:] if line.startswith(("# allow", "# dontaudit"))]
    expected = rules(given.theirs("audit2allow", *options))
    assert sorted([*rules(found), *moved]) == sorted(expected)
    # apart from what no rule helps with, the order is the same; that of a role's types is any in audit2allow
    left_out = {*moved, *(line for line in expected if line.startswith("role "))}
    assert [line for line in rules(found) if line not in left_out] == [
        line for line in expected if line not in left_out
    ]


def test_interfaces_are_called_where_audit2allow_calls_them(
    given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interfaces that give every third rule of the log, and more or less besides."""
    text, lines = "\n".join(given.ours(capsys, "audit2allow", "--no-advice")), []
    allowed = re.findall(r"^allow (\S+) (\S+):(\S+) (.*);$", text, re.MULTILINE)
    for place, (source, target, name, names) in enumerate(allowed[::3]):
        permissions = names.strip("{} ").split()
        if place % 3:
            lines.append(f"[InterfaceVector exactly_{place} $1:source ]")
            lines.append(",".join(("$1", target, name, *permissions)))
        if place % 2:
            lines.append(f"[InterfaceVector more_{place} $1:{('source', 'target')[place % 4 > 1]} ]")
            lines.append(",".join((source, "$1", name, *permissions, "read", "write")))
            lines.append(",".join(("$1", target, name, "open", *permissions)))
    info = tmp_path / "info"
    info.write_text("\n".join(lines) + "\n")
    options = ("-R", "--interface-info", str(info), "-m", "local", "-v")
    found, expected = (
        [line for line in each if re.match(r"allow|\w+\(|#   \w+\(.*\) # \[\d+\]", line)]
        for each in (
            given.ours(capsys, "audit2allow", *options, "--no-advice"),
            given.theirs("audit2allow", *options),
        )
    )
    moved = set(expected) - set(found)  # what no rule helps with
    assert found == [line for line in expected if line not in moved]
    assert all(line.startswith(("allow", "#   ", "exactly", "more")) for line in moved)
    assert sum("(" in line for line in found) > 100


def test_what_is_said_of_each_rule_is_the_same(given: Given, capsys: pytest.CaptureFixture[str]) -> None:
    def remarks(lines: list[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        said: list[str] = []
        for line in lines:
            if line.startswith(("#!!!! This av", "#     ")):
                said.append(line)
            elif line.startswith("allow"):
                found.setdefault(line, []).extend(said)
                said = []
        return found

    def without_violations(found: dict[str, list[str]]) -> dict[str, list[str]]:
        return {rule: said for rule, said in found.items() if not any("constraint" in each for each in said)}

    found, expected = (remarks(each) for each in (given.ours(capsys, "audit2allow"), given.theirs("audit2allow")))
    expected = without_violations(expected)
    assert {rule: found.get(rule) for rule in expected} == expected
    assert sum(map(bool, expected.values())) > 20
