"""Labels of what has no name, nor ever had one: pipes and files in memory."""

from selbox.enforce.heldinodes import held_inodes
from selbox.enforce.tasks import TaskTable
from selbox.typing import Final

_KEPT: Final = 65536


class NamelessLabels:
    """Labels and classes by device and inode number; these numbers come again only after four billion others.

    Args:
        tasks: those of the box. What one of them has open is not forgotten, however many others come and go.
    """

    def __init__(self, tasks: TaskTable) -> None:
        self._tasks = tasks
        self._labels: dict[tuple[int, int], tuple[int, str]] = {}
        self._prune_at = _KEPT
        self.forgets = False
        """Whether some that nobody had open were forgotten: what is not known then may be one of them."""

    def known(self, key: tuple[int, int]) -> tuple[int, str] | None:
        """Return SID and class, which is empty where it is that of the kind of file; None for what is not known."""
        return self._labels.get(key)

    def assign(self, key: tuple[int, int], sid: int, object_class: str) -> None:
        """Give an inode a label, and a class or an empty one."""
        if len(self._labels) >= self._prune_at:
            self._prune()
        self._labels[key] = (sid, object_class)

    def _prune(self) -> None:
        held = held_inodes(self._tasks)
        if held is not None:
            self._labels = {key: label for key, label in self._labels.items() if key in held}
            self.forgets = True
        self._prune_at = max(_KEPT, 2 * len(self._labels))
