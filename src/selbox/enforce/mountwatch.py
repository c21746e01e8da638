"""Somebody outside the box mounts or unmounts what it sees, too."""

import os

from selbox.enforce.box import Box
from selbox.typing import Final

_TABLE: Final = "/proc/self/mountinfo"


class MountWatch:
    """Has a box forget what no longer holds when mounts change that it did not change itself.

    Attributes:
        descriptor: has an urgent event (``EPOLLPRI``) when they did.

    Source: ``proc(5)``, of ``/proc/PID/mounts``; the kernel's ``mounts_poll``.
    """

    def __init__(self, box: Box) -> None:
        self._box = box
        box.labels.filesystems.watch()
        self.descriptor = os.open(_TABLE, os.O_RDONLY | os.O_CLOEXEC)

    def take(self) -> None:
        """See what has changed."""
        labels = self._box.labels
        for device in labels.filesystems.changed_outside():
            labels.forget_device(device)
        self._box.walker.known.forget()
        self._box.monitor.invalidate()

    def close(self) -> None:
        """Watch no longer."""
        os.close(self.descriptor)
