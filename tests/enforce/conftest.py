"""Skips tests of enforcement where the machine cannot supervise processes."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.enforce.boxes import lacking


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip marked tests with the reason that ``selbox run`` would give."""
    for item in items:
        if item.get_closest_marker("enforcement") and lacking():
            item.add_marker(pytest.mark.skip(reason=lacking()))


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user reaches; pytest's own are closed whenever another run starts."""
    with tempfile.TemporaryDirectory(prefix="selbox-") as name:
        Path(name).chmod(0o777)
        yield Path(name)
