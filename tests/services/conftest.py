"""Debian's policy for services, and a directory that services reach."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.debian.policies import by_selbox


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path of Debian's policy; beside it are its file contexts."""
    return by_selbox("default", tmp_path_factory)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user reaches."""
    with tempfile.TemporaryDirectory(prefix="services-") as name:
        Path(name).chmod(0o755)
        yield Path(name)
