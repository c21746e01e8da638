"""Descriptors that live as long as the handling of one call."""

import os


class Descriptors:
    """Opens descriptors and closes them all when the call has been answered.

    Handlers open through it and never close; what is to live longer is taken out with :meth:`keep`.
    """

    def __init__(self) -> None:
        self._open: list[int] = []

    def add(self, descriptor: int) -> int:
        """Take charge of an open descriptor and return it."""
        self._open.append(descriptor)
        return descriptor

    def open(self, path: bytes | str, flags: int, directory: int | None = None, mode: int = 0o777) -> int:
        """Open a path, close-on-exec; ``directory`` is what a relative one starts from."""
        descriptor = os.open(path, flags | os.O_CLOEXEC, mode, dir_fd=directory)
        self._open.append(descriptor)
        return descriptor

    def keep(self, descriptor: int) -> int:
        """Give up charge of a descriptor and return it."""
        self._open.remove(descriptor)
        return descriptor

    def close(self, descriptor: int) -> None:
        """Close a descriptor before the call was handled."""
        self._open.remove(descriptor)
        os.close(descriptor)

    def keep_all(self) -> list[int]:
        """Give up charge of all descriptors and return them, for what goes on after the call was handled."""
        kept, self._open = self._open, []
        return kept

    def close_all(self) -> None:
        """Close what is left of this call."""
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()
