"""Where moved files came from: a file keeps its label when it, or a directory above it, is renamed.

Most files of a directory that is moved were never looked at and have no label of their own yet. Theirs is the one
that policy gives the path where they were.
"""


class PathHistory:
    """Maps paths back to where the files that now stand there were when the box started.

    It answers for files that were there before they were moved; what was made since got its label when it was made,
    and is not asked for here. It holds one entry for each moved thing that still stands elsewhere, however often it
    moved. All paths are absolute and without a final slash.
    """

    def __init__(self) -> None:
        # INVARIANT: the longest key that a path lies at or below gives its origin; keys that say nothing new are
        # left out.
        self._origins: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._origins)

    def original(self, path: str) -> str:
        """Return the path at which the file that is now at ``path`` was first."""
        origins = self._origins
        end = len(path) if origins else 0
        while end > 0:
            origin = origins.get(path[:end])
            if origin is not None:
                return origin + path[end:]
            end = path.rfind("/", 0, end)
        return path

    def renamed(self, source: str, destination: str) -> None:
        """Record that ``rename(source, destination)`` was done; what was at the destination is gone."""
        if source == destination:
            return
        moved = self._take(source)
        self.removed(destination)
        self._put(destination, moved)

    def exchanged(self, first: str, second: str) -> None:
        """Record that two paths changed places (``renameat2`` with ``RENAME_EXCHANGE``)."""
        if first == second:
            return
        from_first, from_second = self._take(first), self._take(second)
        self._put(second, from_first)
        self._put(first, from_second)

    def removed(self, path: str) -> None:
        """Record that a file or directory is gone, so that a later one of the same name is not taken for it."""
        for each in self._at_or_below(path):
            del self._origins[each]

    def _at_or_below(self, path: str) -> list[str]:
        below = path + "/"
        return [each for each in self._origins if each == path or each.startswith(below)]

    def _take(self, path: str) -> list[tuple[str, str]]:
        """Remove what is known at and below a path and return it: the part after the path, and its origin."""
        taken = [("", self.original(path))]
        taken += [(each[len(path) :], self._origins[each]) for each in self._at_or_below(path) if each != path]
        self.removed(path)
        return taken

    def _put(self, path: str, taken: list[tuple[str, str]]) -> None:
        for rest, origin in sorted(taken):
            if self.original(path + rest) != origin:
                self._origins[path + rest] = origin
