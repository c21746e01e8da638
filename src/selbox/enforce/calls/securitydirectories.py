"""Directories of ``/sys/fs/selinux`` that programs can list.

A descriptor of a directory must be of a real one. So one that is opened is made in a directory of the box's own, with
an empty file for each of its files; names opened in it lead back to ``/sys/fs/selinux``.
"""

import os
import weakref

from selbox.typing import Final

_PLACES: Final = ("/dev/shm", os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - a random name, made exclusively


class SecurityDirectories:
    """Makes directories when they are first asked for; all go with the box."""

    def __init__(self) -> None:
        self._root = ""

    @property
    def exist(self) -> bool:
        """Whether any was made."""
        return bool(self._root)

    def inner(self, path: bytes) -> bytes | None:
        """Return what a path in such a directory is below ``/sys/fs/selinux``; None for any other path."""
        root = os.fsencode(self._root)
        if not root or not (path == root or path.startswith(root + b"/")):
            return None
        return path[len(root) + 1 :]

    def open(self, path: str, entries: dict[str, bool]) -> int:
        """Return a descriptor of a directory.

        Args:
            path: its path below ``/sys/fs/selinux``.
            entries: the names in it, and of each whether it is a directory.

        Raises:
            OSError: when it cannot be made.
        """
        place = os.path.join(self._made_root(), path)
        os.makedirs(place, 0o755, exist_ok=True)
        present = set(os.listdir(place))
        for name in entries.keys() - present:
            if entries[name]:
                os.mkdir(os.path.join(place, name), 0o755)
            else:
                os.close(os.open(os.path.join(place, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444))
        return os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _made_root(self) -> str:
        if not self._root:
            place = next((each for each in _PLACES if os.access(each, os.W_OK)), _PLACES[-1])
            root = os.path.join(place, f"selbox-{os.urandom(8).hex()}")
            os.mkdir(root, 0o755)
            self._root = os.path.realpath(root)
            weakref.finalize(self, _remove, self._root)
        return self._root


def _remove(directory: str) -> None:
    import shutil  # 5 ms, which only a box that listed selinuxfs pays, at its end

    shutil.rmtree(directory, ignore_errors=True)
