import os
from pathlib import Path

import pytest

from selbox.store.xattr import read_xattr, write_xattr


def test_round_trip_where_the_system_allows_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert read_xattr(str(file)) is None
    if not write_xattr(str(file), "u:object_r:t:s0"):
        pytest.skip("this user or file system cannot write security.selinux")
    assert os.getxattr(file, "security.selinux") == b"u:object_r:t:s0\0"
    assert read_xattr(str(file)) == "u:object_r:t:s0"
    os.setxattr(file, "security.selinux", b"u:object_r:bare:s0")
    assert read_xattr(str(file)) == "u:object_r:bare:s0"


def test_where_there_can_be_no_label() -> None:
    assert read_xattr("/proc/self/status") is None
    assert not write_xattr("/proc/self/status", "u:object_r:t:s0")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_xattr(str(tmp_path / "nosuch"))
    with pytest.raises(FileNotFoundError):
        write_xattr(str(tmp_path / "nosuch"), "u:object_r:t:s0")
