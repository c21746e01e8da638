"""Names that are written down twice, so that a box need not import what it never calls, are the same."""

from unittest.mock import MagicMock

import pytest

from selbox.enforce import handlers
from selbox.enforce.calls.processattributes import ATTRIBUTE_MODES
from selbox.enforce.calls.selinuxpaths import LAST_NAMES
from selbox.enforce.launch import transaction_range
from selbox.enforce.seccomp.part import FilterSettings


@pytest.mark.parametrize("family", handlers.LATE, ids=lambda family: family.name)
def test_a_late_family_handles_the_calls_of_its_part(family: handlers.Family) -> None:
    assert set(family.make(MagicMock())[0]) == set(family.part.handled(FilterSettings(transaction_range())))


def test_the_last_names_of_selinux_paths() -> None:
    assert {name.decode() for name in LAST_NAMES} == {*ATTRIBUTE_MODES, "filesystems", "mounts", "mountinfo", "mtab"}
