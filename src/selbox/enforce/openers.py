"""Who opened a file: the SID that ``fd:use`` asks about when a descriptor comes into another domain.

The kernel keeps the opener with each open file; from outside one only sees the inode behind a descriptor. So the
openers are kept by inode, and where several domains have opened one, all of them must be usable (it fails closed).
"""

import os
from itertools import islice

from selbox.typing import Final

_KEPT: Final = 1 << 17


class Openers:
    """The openers of inodes, as far as the supervisor opened them for the box.

    Of very many inodes the last ones are kept: pipes and files in memory have new numbers for ever. Who hands over
    another one counts as its opener.
    """

    def __init__(self) -> None:
        self._alone: dict[int, frozenset[int]] = {}
        self._openers: dict[tuple[int, int], frozenset[int]] = {}
        self._private: set[tuple[int, int]] = set()
        self._handed_in: set[tuple[int, int]] = set()

    def note(self, status: os.stat_result, sid: int) -> None:
        """Note that a domain opened an inode."""
        self.note_key((status.st_dev, status.st_ino), sid)

    def note_key(self, key: tuple[int, int], sid: int) -> None:
        """Note that a domain opened an inode, by device and inode number."""
        known = self._openers.get(key)
        if known is None:
            self._add(key, sid)
        elif sid not in known:
            self._openers[key] = known | {sid}

    def note_unknown(self, status: os.stat_result, sid: int) -> None:
        """Note who has an inode that the supervisor did not open: a pipe, a socket."""
        key = status.st_dev, status.st_ino
        if key not in self._openers:
            self._add(key, sid)

    def _add(self, key: tuple[int, int], sid: int) -> None:
        if len(self._openers) >= _KEPT:
            self._openers = dict(islice(self._openers.items(), _KEPT // 2, None))
        self._openers[key] = self._alone.setdefault(sid, frozenset((sid,)))

    def of(self, status: os.stat_result, default: int) -> frozenset[int]:
        """Return the SIDs that opened an inode, or the default where none is known."""
        return self._openers.get((status.st_dev, status.st_ino)) or frozenset((default,))

    def note_handed_in(self, status: os.stat_result) -> None:
        """Note an inode that the first program was started with: who has it open may know of it, whatever its label."""
        self._handed_in.add((status.st_dev, status.st_ino))

    def is_handed_in(self, status: os.stat_result) -> bool:
        """Tell whether the first program was started with an inode."""
        return (status.st_dev, status.st_ino) in self._handed_in

    def keep_private(self, status: os.stat_result) -> None:
        """Have no other domain inherit an inode."""
        self._private.add((status.st_dev, status.st_ino))

    def is_private(self, status: os.stat_result) -> bool:
        """Tell whether no other domain may inherit an inode."""
        return (status.st_dev, status.st_ino) in self._private

    def forget(self, status: os.stat_result) -> None:
        """Forget an inode that is gone."""
        key = (status.st_dev, status.st_ino)
        self._private.discard(key)
        self._handed_in.discard(key)
        self._openers.pop(key, None)
