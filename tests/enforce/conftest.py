"""Skips tests of enforcement where the machine cannot supervise processes."""

import pytest

from tests.enforce.boxes import lacking


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip marked tests with the reason that ``selbox run`` would give."""
    for item in items:
        if item.get_closest_marker("enforcement") and lacking():
            item.add_marker(pytest.mark.skip(reason=lacking()))
