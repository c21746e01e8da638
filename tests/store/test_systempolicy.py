from pathlib import Path

import pytest

from selbox.store.systempolicy import system_file_contexts, system_policy


@pytest.fixture
def system(tmp_path: Path) -> Path:
    (tmp_path / "etc/selinux/default/policy").mkdir(parents=True)
    (tmp_path / "etc/selinux/default/contexts/files").mkdir(parents=True)
    (tmp_path / "etc/selinux/config").write_text("# SELINUXTYPE=no\nSELINUX=enforcing\nSELINUXTYPE=default\n")
    for name in ("policy.9", "policy.33", "policy.31", "policy.33.bak"):
        (tmp_path / "etc/selinux/default/policy" / name).touch()
    for name in ("file_contexts", "file_contexts.local", "file_contexts.bin"):
        (tmp_path / "etc/selinux/default/contexts/files" / name).touch()
    return tmp_path


def test_the_newest_version_of_the_configured_policy_is_taken(system: Path) -> None:
    assert system_policy(str(system)) == [str(system / "etc/selinux/default/policy/policy.33")]


def test_the_policy_in_force_comes_before_it(system: Path) -> None:
    (system / "sys/fs/selinux").mkdir(parents=True)
    (system / "sys/fs/selinux/policy").touch()
    assert system_policy(str(system)) == [str(system / "sys/fs/selinux/policy")]


def test_file_contexts_are_those_that_are_there(system: Path) -> None:
    directory = system / "etc/selinux/default/contexts/files"
    expected = [str(directory / name) for name in ("file_contexts", "file_contexts.local")]
    assert system_file_contexts(str(system)) == expected


def test_a_system_without_selinux_has_none(tmp_path: Path) -> None:
    assert (system_policy(str(tmp_path)), system_file_contexts(str(tmp_path))) == ([], [])
    (tmp_path / "etc/selinux").mkdir(parents=True)
    (tmp_path / "etc/selinux/config").write_text("SELINUX=disabled\n")
    assert (system_policy(str(tmp_path)), system_file_contexts(str(tmp_path))) == ([], [])
    (tmp_path / "etc/selinux/config").write_text("SELINUXTYPE=gone\n")
    assert (system_policy(str(tmp_path)), system_file_contexts(str(tmp_path))) == ([], [])
