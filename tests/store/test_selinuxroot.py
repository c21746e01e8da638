from pathlib import Path

import pytest

from selbox.diagnostics import SelboxError
from selbox.store.selinuxroot import SelinuxRoot, root_of_policy, selinux_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory such as /etc/selinux, with a policy called `strict`."""
    add_policy(tmp_path, "strict")
    (tmp_path / "semanage.conf").touch()
    return tmp_path


def add_policy(root: Path, name: str) -> None:
    (root / name / "contexts/files").mkdir(parents=True)
    (root / name / "policy").mkdir()
    for version in ("policy.9", "policy.33", "policy.33.bak"):
        (root / name / "policy" / version).touch()
    (root / name / "contexts/files/file_contexts").touch()


def test_the_directory_of_one_policy_tells_the_one_above(root: Path) -> None:
    assert selinux_root(str(root / "strict")) == SelinuxRoot(str(root), "strict")


def test_the_only_policy_counts_without_a_configuration(root: Path) -> None:
    assert selinux_root(str(root)) == SelinuxRoot(str(root), "strict")


def test_of_several_policies_the_configured_one_counts(root: Path) -> None:
    add_policy(root, "minimum")
    (root / "config").write_text("SELINUX=permissive\nSELINUXTYPE=minimum\n")
    assert selinux_root(str(root)).name == "minimum"


@pytest.mark.parametrize("configuration", ["", "SELINUXTYPE=gone\n"])
def test_of_several_policies_none_counts_that_is_not_configured(root: Path, configuration: str) -> None:
    add_policy(root, "minimum")
    (root / "config").write_text(configuration)
    with pytest.raises(SelboxError, match="several policies, `minimum`, `strict`"):
        selinux_root(str(root))


@pytest.mark.parametrize("name", ["strict/contexts", "nothing", "semanage.conf"])
def test_other_directories_and_files_are_refused(root: Path, name: str) -> None:
    with pytest.raises(SelboxError) as caught:
        selinux_root(str(root / name))
    assert caught.value.diagnostics[0].code == "no-selinux-root"


def test_the_newest_policy_and_the_file_contexts_are_found(root: Path) -> None:
    found = selinux_root(str(root))
    assert found.policy == str(root / "strict/policy/policy.33")
    assert found.file_contexts == str(root / "strict/contexts/files/file_contexts")


def test_what_is_missing_is_not_found(root: Path) -> None:
    (root / "strict/contexts/files/file_contexts").unlink()
    for each in (root / "strict/policy").iterdir():
        each.unlink()
    assert (selinux_root(str(root)).policy, selinux_root(str(root)).file_contexts) == (None, None)


def test_a_policy_tells_the_directory_that_it_lies_in(root: Path) -> None:
    assert root_of_policy(str(root / "strict/policy/policy.33")) == SelinuxRoot(str(root), "strict")
    (root / "link").symlink_to("strict/policy/policy.9")
    assert root_of_policy(str(root / "link")) == SelinuxRoot(str(root), "strict")


def test_other_policies_lie_in_none(root: Path, tmp_path: Path) -> None:
    (root / "strict/contexts/files/file_contexts").unlink()
    (root / "strict/contexts/files").rmdir()
    (root / "strict/contexts").rmdir()
    assert root_of_policy(str(root / "strict/policy/policy.33")) is None
    assert root_of_policy(str(tmp_path / "my.cil")) is None
