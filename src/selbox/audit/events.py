"""What the other records of an event say of an access: the whole path, the program, the command line.

The kernel writes them for one event under one stamp: the access itself (``AVC``), the system call, the paths that it
named, and where it was called.
"""

import re
from collections.abc import Iterable

from selbox.audit.accesslines import AccessLine
from selbox.audit.details import record_fields
from selbox.audit.fields import KINDS
from selbox.typing import Final, NamedTuple

_COMPANION: Final = re.compile(
    r"\btype=(SYSCALL|PATH|CWD|PROCTITLE|AVC_PATH|1300|1302|1307|1327|1402)\s(?:msg=)?(audit\([^()]{1,80}\))"
)
_STAMP: Final = re.compile(r"audit\([^()]{1,80}\)")
_MOST_RECORDS: Final = 64
"""Records of one event that are kept."""
_MOST_EVENTS: Final = 1 << 12
"""Events of which they are kept: more than anybody reads about."""


class CompanionLine(NamedTuple):
    """Another record of an event: number of its line, its text, its kind, and the event's stamp."""

    line: int
    text: str
    kind: str
    stamp: str


class EventFacts(NamedTuple):
    """What an event's other records say; what they do not say is empty.

    Attributes:
        path: of the object, where one of the records names the object that the access was to.
        program: path of the program.
        command_line: of the process.
    """

    path: str = ""
    program: str = ""
    command_line: str = ""


_NOTHING: Final = EventFacts()


def companion_line(number: int, line: str) -> CompanionLine | None:
    """Return a line as another record of an event; None for any other line."""
    found = _COMPANION.search(line)
    return None if found is None else CompanionLine(number, line, KINDS.get(found[1], found[1]), found[2])


class Events:
    """Keeps the other records of those events that are asked for."""

    def __init__(self) -> None:
        self._records: dict[str, list[CompanionLine]] = {}

    def want(self, line: AccessLine) -> None:
        """Ask for the other records of a line's event; when too many have been asked for, it is one too many."""
        stamp = _STAMP.search(line.text) if len(self._records) < _MOST_EVENTS else None
        if stamp is not None:
            self._records.setdefault(stamp[0], [])

    def add(self, lines: Iterable[CompanionLine]) -> None:
        """Take records; those of events that nobody wants are dropped."""
        wanted = self._records
        for line in lines:
            records = wanted.get(line.stamp)
            if records is not None and len(records) < _MOST_RECORDS:
                records.append(line)

    def facts(self, line: AccessLine) -> EventFacts:
        """Return what the other records of a line's event say."""
        stamp = _STAMP.search(line.text)
        records = self._records.get(stamp[0]) if stamp is not None else None
        if not records:
            return _NOTHING
        first: dict[str, dict[str, str]] = {}
        paths: list[dict[str, str]] = []
        for each in records:
            values = record_fields(each.text)
            first.setdefault(each.kind, values)
            if each.kind in ("PATH", "AVC_PATH"):
                paths.append(values)
        return EventFacts(
            path=_absolute(_path(record_fields(line.text), paths), first.get("CWD", {}).get("cwd", "")),
            program=first.get("SYSCALL", {}).get("exe", ""),
            command_line=first.get("PROCTITLE", {}).get("proctitle", ""),
        )


def _path(access: dict[str, str], paths: Iterable[dict[str, str]]) -> str:
    """Return the path of the object: that of its inode, else one that ends as the access says."""
    inode, name = access.get("ino"), access.get("name")
    candidates = list(paths)
    for each in candidates:
        if inode is not None and each.get("inode") == inode:
            return each.get("name") or each.get("path", "")
    for each in candidates:
        path = each.get("path") or each.get("name", "")
        if name and path.rstrip("/").rpartition("/")[2] == name:
            return path
    return ""


def _absolute(path: str, directory: str) -> str:
    if not path or path.startswith("/"):
        return path
    return f"{directory.rstrip('/')}/{path.removeprefix('./')}" if directory.startswith("/") else ""
