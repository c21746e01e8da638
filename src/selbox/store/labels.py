"""The label store of a box: labels of inodes kept aside, since only privilege can write ``security.selinux``.

Contexts are kept as text and outlive any policy. The store lives with the box, or in a file that the user names.
"""

import os
from types import TracebackType

from selbox.diagnostics import SelboxError
from selbox.store.birthtime import birth_time
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_APPLICATION_ID = 0x53454C42
_VERSION = 1
_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS labels (
    device INTEGER NOT NULL, inode INTEGER NOT NULL, birth INTEGER NOT NULL, context TEXT NOT NULL,
    PRIMARY KEY (device, inode)
) WITHOUT ROWID;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
COMMIT;
"""

_Key = tuple[int, int]


class LabelStore:
    """Labels of files by device and inode number.

    An inode number outlives its file: once freed, the next new file may get it. So a label is kept with the time at
    which its inode was made, where the caller names the file so that this can be read, and a label whose inode was
    made at another time is dropped. (Birth times count in ticks of the kernel's clock, 1 to 10 ms: only a file that
    is made, labelled and removed outside the box within one tick could hand its label on.) What a file system
    without birth times holds can be labelled for the life of the box, never beyond.

    INVARIANT: a label from the file is given out only after its inode's birth time was compared in this process.

    A store may be used from several threads. Two boxes may name the same file: neither harms it, the later write of
    the same inode stands, and each box sees the other's labels when it next starts.

    Args:
        file: the store's file, made when missing; None keeps all in memory.

    Raises:
        SelboxError: code ``label-store-file`` when the file cannot be used or is none of selbox.
    """

    def __init__(self, file: str | None = None) -> None:
        self._labels: dict[_Key, str] = {}
        self._births: dict[_Key, int] = {}
        self._unverified: set[_Key] = set()
        self._file = file
        self._database: sqlite3.Connection | None = None
        if file is not None:
            self._open(file)

    @property
    def lasting(self) -> bool:
        """Whether labels are kept in a file."""
        return self._database is not None

    def __len__(self) -> int:
        return len(self._labels)

    def __enter__(self) -> "LabelStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def holds(self, key: _Key) -> bool:
        """Tell whether there is a label of an inode, be it one that :meth:`get` will not give out."""
        return key in self._labels

    def get(self, device: int, inode: int, path: str | None = None) -> str | None:
        """Return the label of an inode, or None when the store has none that is known to be this inode's.

        Args:
            device: ``st_dev``.
            inode: ``st_ino``.
            path: names the inode now, such as ``/proc/self/fd/7``; with it the birth time is compared, which costs
                one system call when there is a label. Without it a label that came from the file is not trusted.
        """
        key = (device, inode)
        context = self._labels.get(key)
        if context is None:
            return None
        born = self._births.get(key)
        if born is None:
            return context
        if path is None:
            return None if key in self._unverified else context
        now = birth_time(path)
        if now == born:
            self._unverified.discard(key)
            return context
        if now is not None:
            self.forget(device, inode)
        return None

    def set(self, device: int, inode: int, context: str, path: str | None = None) -> None:
        """Label an inode.

        Args:
            device: ``st_dev``.
            inode: ``st_ino``.
            context: the security context as text.
            path: names the inode now; without it, or where birth times are not known, the label is not written to
                the file.

        Raises:
            SelboxError: code ``label-store-file`` when the label cannot be written.
        """
        key = (device, inode)
        born = birth_time(path) if path is not None else None
        self._labels[key] = context
        self._unverified.discard(key)
        if born is None:
            self._births.pop(key, None)
            self._delete(key)
            return
        self._births[key] = born
        if self._database is not None:
            self._execute(
                "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?)", (_signed(device), _signed(inode), born, context)
            )

    def forget(self, device: int, inode: int) -> None:
        """Drop the label of an inode, as when its last name and descriptor are gone.

        Raises:
            SelboxError: code ``label-store-file`` when the file cannot be written.
        """
        key = (device, inode)
        if self._labels.pop(key, None) is not None:
            self._births.pop(key, None)
            self._unverified.discard(key)
            self._delete(key)

    def close(self) -> None:
        """Close the file; a closed store goes on in memory."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self, file: str) -> None:
        import sqlite3  # 10 ms that only a box with a store file pays

        try:
            # Each statement commits by itself: a killed box leaves every label whole. With the write-ahead log and
            # this mode, a power failure can lose the last labels and cannot damage the file.
            database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._error(f"cannot be opened: {error}") from error
        try:
            self._prepare(database)
            for device, inode, born, context in database.execute("SELECT device, inode, birth, context FROM labels"):
                key = (_unsigned(device), _unsigned(inode))
                self._labels[key] = context
                self._births[key] = born
            self._unverified = set(self._labels)
        except sqlite3.Error as error:
            database.close()
            raise self._error(f"cannot be used: {error}") from error
        except SelboxError:
            database.close()
            raise
        self._database = database

    def _prepare(self, database: "sqlite3.Connection") -> None:
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if (application, version, tables) == (0, 0, 0):
            database.executescript(_SCHEMA)
        elif application != _APPLICATION_ID:
            raise self._error("is a database of another program")
        elif version != _VERSION:
            raise self._error(f"has format {version}; this selbox reads format {_VERSION}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")

    def _delete(self, key: _Key) -> None:
        if self._database is not None:
            self._execute("DELETE FROM labels WHERE device = ? AND inode = ?", (_signed(key[0]), _signed(key[1])))

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        import sqlite3

        assert self._database is not None  # noqa: S101 - callers ask first
        try:
            self._database.execute(statement, values)
        except sqlite3.Error as error:
            raise self._error(f"cannot be written: {error}") from error

    def _error(self, what: str) -> SelboxError:
        return SelboxError.of(
            "label-store-file",
            f"the label store `{os.fspath(self._file or '')}` {what}",
            help="name a file in a directory that you may write, or leave the store out to keep labels with the box",
        )


def _signed(number: int) -> int:
    """Fit an unsigned 64-bit number into the database's signed one."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _unsigned(number: int) -> int:
    return number + (1 << 64) if number < 0 else number
