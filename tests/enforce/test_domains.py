"""From where the first program starts: as init starts it, or as a context that is named does."""

from pathlib import Path

import pytest

from tests.enforce.boxes import Box

pytestmark = pytest.mark.enforcement

POLICY = """
(type init_t) (call domain_type (init_t))
(type init_exec_t) (call file_type (init_exec_t))
(type served_t) (call domain_type (served_t))
(type served_exec_t) (call file_type (served_exec_t))
(call run_files (init_t served_exec_t))
(call domain_transition (init_t served_exec_t served_t))
(typetransition kernel_t init_exec_t process init_t)
"""
INIT = '(filecon "/usr/lib/systemd/systemd" file (system_u object_r init_exec_t ((s0) (s0))))'
SHOW = ("./cat", "/proc/self/attr/current")


def started(directory: Path, policy: str, *options: str) -> str:
    box = Box(directory, policy)
    (directory / "cat").write_bytes(Path("/bin/cat").read_bytes())
    (directory / "cat").chmod(0o755)
    label = f"--label={directory}/cat=system_u:object_r:served_exec_t:s0"
    outcome = box.run(*SHOW, options=(label, *options))
    return outcome.output.rstrip("\0\n") or outcome.errors


def test_as_init_takes_the_transition_from_the_domain_of_init(directory: Path) -> None:
    assert started(directory, POLICY + INIT, "--as-init").split(":")[2] == "served_t"


def test_without_it_there_is_none(directory: Path) -> None:
    assert started(directory, POLICY + INIT).split(":")[2] != "served_t"


def test_from_a_context_that_is_named(directory: Path) -> None:
    assert started(directory, POLICY, "--from", "system_u:system_r:init_t:s0") == "system_u:system_r:served_t:s0"
    assert "type `inti_t`" in started(directory, POLICY, "--from", "system_u:system_r:inti_t:s0")


def test_a_policy_that_does_not_label_init(directory: Path) -> None:
    assert "error[no-init-domain]" in started(directory, POLICY, "--as-init")


def test_file_contexts_that_cannot_be_read_are_told_with_their_place(directory: Path) -> None:
    (directory / "contexts").write_text("/usr/bin/[z-(.*)? system_u:object_r:init_exec_t:s0\n")
    options = ("--file-contexts", str(directory / "contexts"))
    outcome = Box(directory, POLICY).run("/usr/bin/env", options=options)
    assert outcome.status == 1
    assert "error[file-context-pattern]" in outcome.errors
    assert f"{directory}/contexts:1:1" in outcome.errors
    (directory / "contexts").write_text("/usr/lib/os-rel.*[z-( system_u:object_r:init_exec_t:s0\n")
    outcome = Box(directory, POLICY).run("/bin/cat", "/usr/lib/os-release", options=options)
    assert outcome.status == 1
    assert "selbox: the file context pattern `/usr/lib/os-rel.*[z-(`" in outcome.errors
