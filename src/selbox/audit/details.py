"""What a record says of an access besides the access: when it was, who asked, and about which object."""

import re

from selbox.audit.accesslines import MARK
from selbox.audit.fields import UNTRUSTED
from selbox.typing import Final, NamedTuple

_STAMP: Final = re.compile(
    r"audit\((?P<seconds>\d{1,18})\.(?P<milliseconds>\d{3}):(?P<serial>\d{1,18})\)(?P<apart> ?):"
)
_DATED: Final = re.compile(r"audit\((?P<time>[^()]{1,60}?)(?::(?P<serial>\d{1,18}))?\)(?P<apart> ?):")
_FIELD: Final = re.compile(r"\b([A-Za-z][\w-]*)=(?:\"([^\"]*)\"|([^\s\"]\S*))")
# `ausearch -i` leaves quotation marks out: there a value goes on to the next field.
_LOOSE_FIELD: Final = re.compile(r"\b([A-Za-z][\w-]*)=(?:\"([^\"]*)\"|([^\s\"]\S*(?: (?![A-Za-z][\w-]*=)\S+)*))")
_HEX: Final = re.compile(r"(?:[0-9A-F]{2})+")
_HEXADECIMAL: Final = UNTRUSTED | {"cmdline"}
_NO_VALUE: Final = frozenset({"?", "(null)", "n/a", "(none)"})
_LONGEST: Final = 1 << 14
"""Characters of a line that are looked at: twice what the kernel writes."""


class AccessDetails(NamedTuple):
    """What a record says besides.

    Attributes:
        stamp: what names the event, as it is written, such as ``audit(1700000000.123:45):``; empty without one.
        time: when it was, in seconds since 1970; None where it is not said so.
        dated: when it was, where it is said otherwise, as ``ausearch -i`` does; empty otherwise.
        serial: number of the event; None without one.
        pid: the process; None where it is not said.
        command: command name of the process.
        program: path of the program; empty where it is not said.
        path: of the object; empty where it is not said.
        name: last part of its path, likewise.
        permissive: whether a denial was not enforced; None where it is not said.
        fields: all fields, by name; those written in hexadecimal are decoded.
    """

    stamp: str
    time: float | None
    dated: str
    serial: int | None
    pid: int | None
    command: str
    program: str
    path: str
    name: str
    permissive: bool | None
    fields: dict[str, str]


def details(line: str) -> AccessDetails:
    """Return what a line that tells of an access says besides."""
    line = line[:_LONGEST]
    stamp = _STAMP.search(line)
    dated = None if stamp else _DATED.search(line)
    header = stamp or dated
    fields = record_fields(line, loose=header is not None and bool(header["apart"]))
    pid = fields.get("pid", "")
    permissive = fields.get("permissive")
    serial = header["serial"] if header else None
    return AccessDetails(
        stamp=header[0] if header else "",
        time=int(stamp["seconds"]) + int(stamp["milliseconds"]) / 1000 if stamp else None,
        dated=dated["time"] if dated else "",
        serial=int(serial) if serial else None,
        pid=int(pid) if pid.isascii() and pid.isdigit() and len(pid) < 12 else None,
        command=fields.get("comm", ""),
        program=fields.get("exe", ""),
        path=fields.get("path", ""),
        name=fields.get("name", ""),
        permissive=permissive.startswith("1") if permissive else None,
        fields=fields,
    )


def record_fields(line: str, *, loose: bool = False) -> dict[str, str]:
    """Return the fields of a record.

    Of a name that comes twice, the first one after ``avc:`` counts: what stands before is about who sent the record.

    Args:
        line: the record.
        loose: whether values stand without quotation marks, as ``ausearch -i`` prints them.
    """
    start = max(line.find(MARK), 0)
    fields: dict[str, str] = {}
    expression = _LOOSE_FIELD if loose else _FIELD
    for part in (line[start:], line[:start]):
        for name, quoted, bare in expression.findall(part):
            value = quoted or bare.rstrip("'")
            if not quoted and not loose and name in _HEXADECIMAL and _HEX.fullmatch(value):
                value = bytes.fromhex(value).replace(b"\0", b" ").decode("utf-8", "surrogateescape")
            if value not in _NO_VALUE:
                fields.setdefault(name, value)
    return fields
