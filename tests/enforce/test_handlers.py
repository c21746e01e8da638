"""Names that are written down twice, so that a box need not import what it never calls, are the same."""

from unittest.mock import MagicMock

from selbox.enforce import handlers
from selbox.enforce.calls.attributes import AttributeCalls
from selbox.enforce.calls.processattributes import ATTRIBUTE_MODES
from selbox.enforce.calls.selinuxpaths import LAST_NAMES
from selbox.enforce.calls.sysvipc import SysVIpcCalls
from selbox.enforce.calls.unixsockets import UnixSocketCalls


def test_the_calls_of_families_that_are_imported_late() -> None:
    box, others = MagicMock(), MagicMock()
    assert set(handlers.ATTRIBUTES) == set(AttributeCalls(box).handlers())
    assert set(handlers.SYSTEM_V) == set(SysVIpcCalls(box, others).handlers())
    assert set(handlers.UNIX_SOCKETS) == set(UnixSocketCalls(box, others, others).handlers())


def test_the_last_names_of_selinux_paths() -> None:
    assert {name.decode() for name in LAST_NAMES} == {*ATTRIBUTE_MODES, "filesystems"}
