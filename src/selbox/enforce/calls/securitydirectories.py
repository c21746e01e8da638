"""The tree of ``/sys/fs/selinux`` as programs list it, look at it and enter it.

A descriptor of a directory must be of a real one, and so must what a path leads through. So directories are made in one
of the box's own as they are come to, with an empty file for each of their files; names opened in them lead back to
``/sys/fs/selinux``.
"""

import os
import stat
from collections.abc import Callable, Sequence

from selbox.enforce.credentials import own_credentials_held
from selbox.enforce.selinuxdirectories import BoxDirectory
from selbox.typing import Final, NamedTuple

_NULL: Final = os.makedev(1, 3)


class Entry(NamedTuple):
    """A name in a directory.

    Attributes:
        mode: type and permission bits.
        sid: label.
    """

    mode: int
    sid: int


class SecurityDirectories:
    """Makes directories when they are first come to; all go with the box.

    Args:
        directory: of the box, which they are made in.
        entries: returns the names in a directory by its path below the root; None for what is no directory.
        label: called with the status and the SID of all that is made.
        generation: returns a number that changes when directories may have other names in them.
    """

    def __init__(
        self,
        directory: BoxDirectory,
        entries: Callable[[str], dict[str, Entry] | None],
        label: Callable[[os.stat_result, int], None],
        generation: Callable[[], int],
    ) -> None:
        self._directory = directory
        self._entries = entries
        self._label = label
        self._generation = generation
        self._filled: dict[str, int] = {}

    @property
    def _root(self) -> str:
        return os.path.join(self._directory.path, "fs")

    def place(self, components: Sequence[bytes]) -> str:
        """Return the root, with every directory filled that a path below it leads to or through.

        Raises:
            OSError: when it cannot be made.
        """
        path = ""
        self._fill(path)
        for name in components:
            path = os.path.join(path, os.fsdecode(name))
            if name == b".." or not self._fill(path):
                break
        return self._root

    def _fill(self, path: str) -> bool:
        """Make what is in a directory, again when its names have changed; tell whether it is one."""
        generation = self._generation()
        if self._filled.get(path) == generation:
            return True
        entries = self._entries(path)
        if entries is None:
            return False
        place = os.path.join(self._root, path).rstrip("/")
        with own_credentials_held():
            if not path and "" not in self._filled:
                os.mkdir(place, 0o755)
            missing = entries.keys() - set(os.listdir(place))
            if missing:
                mode = stat.S_IMODE(os.stat(place).st_mode)
                os.chmod(place, mode | stat.S_IWUSR)
                for name in missing:
                    self._make(os.path.join(place, name), entries[name])
                os.chmod(place, mode)
        self._filled[path] = generation
        return True

    def _make(self, path: str, entry: Entry) -> None:
        if stat.S_ISCHR(entry.mode):
            try:
                os.mknod(path, entry.mode, _NULL)
            except PermissionError:  # only root makes devices
                os.symlink(os.devnull, path)
                return
        elif stat.S_ISDIR(entry.mode):
            os.mkdir(path)
        else:
            os.mknod(path)
        os.chmod(path, stat.S_IMODE(entry.mode))
        self._label(os.stat(path), entry.sid)
