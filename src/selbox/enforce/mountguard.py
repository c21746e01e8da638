"""What a box may not cover or take away: the directories that its own supervisor stands on.

The supervisor looks tasks up in ``/proc`` and imports parts of itself when they are first needed. It sees the same
mounts as the box does, so whoever may mount something over these could tell it what to see, and what to run.
"""

import errno
import os
import re

from selbox.enforce.filesystems import Filesystems, mount_number, read_table
from selbox.enforce.shownpaths import path_of
from selbox.typing import Final

_PROC: Final = "/proc"
_LIBRARIES: Final = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_OF_TASKS = re.compile(r"/proc/(?:\d+|self|thread-self)(?:/.*)?")


class MountGuard:
    """Knows those directories.

    Args:
        filesystems: what is mounted.
        others: paths beside those that every supervisor needs, such as the file where labels are kept.
    """

    def __init__(self, filesystems: Filesystems, others: tuple[str, ...] = ()) -> None:
        self._filesystems = filesystems
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        places = (_PROC, *_LIBRARIES, os.path.dirname(os.__file__), package, *others)
        self._places = frozenset(os.path.realpath(each) for each in places if os.path.exists(each))

    def check_covered(self, descriptor: int, task: int) -> None:
        """Refuse a place to mount something on.

        Args:
            descriptor: of the place.
            task: who names it.

        Raises:
            OSError: EPERM for a place that the supervisor needs, above or within such a one.
        """
        path = self._where(descriptor, task, detached=None)
        if path is None or self._is_above(path) or self._is_within(path):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def check_moved(self, descriptor: int, task: int) -> None:
        """Refuse to unmount or move a mount.

        Args:
            descriptor: of its root.
            task: who names it.

        Raises:
            OSError: EBUSY for one that holds what the supervisor needs.
        """
        path = self._where(descriptor, task, detached="")  # what is mounted nowhere holds nothing
        if path is None or self._is_above(path):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    def _where(self, descriptor: int, task: int, detached: str | None) -> str | None:
        """Return the path where the supervisor sees what is mounted on a place.

        Args:
            descriptor: of the place.
            task: who names it.
            detached: returned for what is in a mount that is mounted nowhere.

        Returns:
            Empty where it does not; None where it cannot be told.
        """
        number, path = mount_number(descriptor), path_of(descriptor)
        own = read_table("self")
        if number in own:
            return self._filesystems.original(descriptor, path, task) if own[number].is_shared else path
        others = read_table(task)
        if number not in others:
            return detached
        is_passed_on = any(each.is_shared for each in others.values())
        return self._filesystems.original(descriptor, path, task) if is_passed_on else ""

    def _is_above(self, path: str) -> bool:
        return path != "" and any(each == path or each.startswith(path.rstrip("/") + "/") for each in self._places)

    def _is_within(self, path: str) -> bool:
        if path.startswith(_PROC + "/"):
            return _OF_TASKS.fullmatch(path) is not None
        return any(path.startswith(each + "/") for each in self._places)
