"""The policy of the scenarios: Debian's, what all scenarios share, and a block of CIL for each scenario."""

import os
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import debianpolicy

HERE = Path(__file__).parent
SCENARIOS = HERE / "scenarios"
SHARED = HERE / "judge.cil"
_CLASS = re.compile(r"^\(class (\w+) ", re.MULTILINE)


def names() -> list[str]:
    """Return the names of all scenarios."""
    return sorted(path.stem for path in SCENARIOS.glob("*.py") if path.stem != "__init__")


def module(name: str) -> ModuleType:
    """Return the module of a scenario."""
    return import_module(f"tests.judge.scenarios.{name}")


def files_of(name: str) -> list[Path]:
    """Return what a scenario is written in: its module, and its program in C where it has one."""
    return [path for path in (SCENARIOS / f"{name}.py", SCENARIOS / f"{name}.c") if path.exists()]


def module_text(name: str) -> str:
    """Return the CIL of one scenario."""
    scenario = module(name)
    domains, objects = scenario.DOMAINS.split(), scenario.OBJECTS.split()
    lines = [f"(type {each}) (roletype system_r {each})" for each in domains]
    lines += [f"(type {each}) (roletype object_r {each})" for each in objects]
    lines += _members("domains", domains) + _members("objects", objects)
    return f"(block {name}\n" + "\n".join([*lines, scenario.RULES.strip("\n")]) + "\n)\n"


def _members(attribute: str, types: Sequence[str]) -> list[str]:
    return [f"(typeattributeset judge.{attribute} ({' '.join(types)}))"] if types else []


def write(directory: Path, wanted: Iterable[str]) -> list[str]:
    """Write the policy of some scenarios; return its files: Debian's own, and those in the directory.

    Debian's assertions are left out: they ask of each domain to be a member of attributes that grant a lot.

    Raises:
        debianpolicy.PolicyUnavailableError: when Debian's policy cannot be had.
    """
    debian = debianpolicy.enabled(debianpolicy.cil_files("default"))
    base = next(path for path in debian if os.path.basename(path) == "base.cil")
    with open(base, encoding="utf-8") as stream:
        lines = [line for line in stream if not line.startswith("(neverallow ")]
    (directory / "base.cil").write_text("".join(lines))
    classes = sorted(set(_CLASS.findall("".join(lines))))
    silence = [f"(dontaudit judge.driver judge.everything ({each} (all)))" for each in classes]
    text = SHARED.read_text() + "\n".join(silence) + "\n" + "".join(map(module_text, wanted))
    (directory / "scenarios.cil").write_text(text)
    debian[debian.index(base)] = str(directory / "base.cil")
    return [*debian, str(directory / "scenarios.cil")]


def compile_programs(directory: Path, wanted: Iterable[str]) -> str:
    """Return a shell script that compiles the scenarios' programs into a directory."""
    sources = [SCENARIOS / f"{name}.c" for name in wanted]
    return "\n".join(
        f"cc -O1 -Wall -static -o {directory / source.stem} {source} -lpthread || exit 1"
        for source in sources
        if source.exists()
    )
