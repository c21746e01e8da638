"""A machine with Debian's policy, as SELinux-aware programs and administrators find it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.debian.policies import selinux_root


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory such as ``/etc/selinux``, with Debian's policy."""
    return selinux_root("default", tmp_path_factory)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user reaches."""
    with tempfile.TemporaryDirectory(prefix="awareness-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
