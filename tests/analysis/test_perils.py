import pytest
from tests.compiler.policies import compile_with_base

from selbox.analysis.perils import Perils

POLICY = """
(type shadow_t) (type bin_t) (type web_t) (type shell_t) (type etc_t) (type log_t)
(typeattribute programs) (typeattributeset programs (bin_t))
(typeattribute everything) (typeattributeset everything (shadow_t bin_t web_t shell_t etc_t log_t))
(allow shell_t programs (file (execute))) (allow web_t bin_t (file (entrypoint)))
(allow shell_t everything (file (execute))) (allow web_t log_t (file (execute)))
"""


@pytest.fixture(scope="module")
def perils() -> Perils:
    return Perils(compile_with_base(POLICY))


def told(perils: Perils, *asked: str) -> list[str]:
    source, target, object_class, *permissions = asked
    return [each.split(" ", 1)[0].rstrip(",") for each in perils.of(source, target, object_class, permissions)]


@pytest.mark.parametrize(
    ("asked", "first_words"),
    [
        (("web_t", "web_t", "capability", "dac_override", "chown"), ["dac_override"]),
        (("web_t", "web_t", "cap_userns", "sys_admin"), ["sys_admin"]),
        (("web_t", "web_t", "process", "execmem", "fork"), ["execmem"]),
        (("web_t", "etc_t", "file", "read"), []),
        (("web_t", "shadow_t", "file", "read"), ["shadow_t"]),
        (("web_t", "shadow_t", "file", "getattr"), []),
        (("web_t", "default_t", "dir", "read"), ["default_t"]),
        # shell_t may execute everything, which says nothing about etc_t
        (("web_t", "etc_t", "file", "write"), []),
        (("web_t", "bin_t", "file", "write"), ["shell_t"]),
        (("etc_t", "bin_t", "file", "create"), ["shell_t"]),
        # what it executes itself is its own business
        (("web_t", "log_t", "file", "write"), []),
        (("gone_t", "bin_t", "file", "write"), []),
    ],
)
def test_what_should_be_thought_about_is_named(perils: Perils, asked: tuple[str, ...], first_words: list[str]) -> None:
    assert told(perils, *asked) == first_words


def test_those_who_execute_what_would_be_written_are_named(perils: Perils) -> None:
    (text,) = perils.of("etc_t", "bin_t", "file", ["write"])
    assert text.startswith("shell_t, web_t execute files of bin_t: ")
