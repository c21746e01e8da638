"""Files that selbox keeps for itself from one run to the next, and that anyone may throw away."""

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress

from selbox.typing import BinaryIO, ClassVar, Self


class KeptFiles:
    """Files of one kind, in a directory that only its owner can write.

    A kind is a class that derives from this one and says its name and how many of its files are kept at most.

    Args:
        directory: made when missing.
    """

    kind: ClassVar[str]
    most: ClassVar[int]

    def __init__(self, directory: str) -> None:
        self._directory = directory

    @classmethod
    def of_user(cls) -> Self | None:
        """Return the user's own, where the XDG base directories say; None for a user without a home."""
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME") or "", ".cache")
        return cls(os.path.join(base, "selbox", cls.kind)) if os.path.isabs(base) else None

    def _open(self, name: str) -> BinaryIO:
        """Open a file that is the user's own and that nobody else can write.

        Raises:
            OSError: when there is none.
        """
        with ExitStack() as opened:
            stream = opened.enter_context(open(os.path.join(self._directory, name), "rb"))
            status = os.fstat(stream.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                raise PermissionError(f"somebody else may have written {name}")
            opened.pop_all()
            return stream

    def _write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        """Keep a file, whole or not at all; where nothing can be written, nothing is kept."""
        path = os.path.join(self._directory, name)
        temporary = f"{path}.{os.getpid()}"
        with suppress(OSError):
            os.makedirs(self._directory, 0o700, exist_ok=True)
            self._make_room()
            try:
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                    write(stream)
                os.replace(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise

    def _make_room(self) -> None:
        with os.scandir(self._directory) as entries:
            found = sorted((each.stat().st_mtime, each.path) for each in entries)
        for _, path in found[: max(0, len(found) - self.most + 1)]:
            os.unlink(path)
