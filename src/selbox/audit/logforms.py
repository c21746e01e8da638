"""Lines of logs taken out of what a journal wraps them in."""

import json
import re

from selbox.typing import Final

WRAPPED: Final = '"MESSAGE"'
"""What a text has in it when lines of it are wrapped."""

_PRETTY: Final = re.compile(r'\s*"MESSAGE"\s*:\s*("(?:[^"\\]|\\.)*")\s*,?\s*')
_MICROSECONDS: Final = 1_000_000
_STAMPS: Final = ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP")


def plain_line(line: str) -> str:
    """Return what a journal's entry in JSON says, as auditd would have written it; any other line as it is.

    Entries come from ``journalctl -o json``, ``json-seq``, ``json-sse`` and ``json-pretty``.

    Source: systemd's ``journal-fields`` and ``journald-audit.c``: an audit record's message begins with its type, and
    its time and serial number are fields of their own.
    """
    start = line.find("{")
    if start < 0 or line[:start].strip("\x1e \t") not in ("", "data:"):
        return _pretty(line)
    entry = _loaded(line[start:])
    if not isinstance(entry, dict):
        return line
    message = _text(entry.get("MESSAGE"))
    kind, serial = entry.get("_AUDIT_TYPE_NAME"), entry.get("_AUDIT_ID")
    if not isinstance(kind, str) or not isinstance(serial, str):
        return message
    microseconds = next((entry[each] for each in _STAMPS if each in entry), None)
    if not isinstance(microseconds, str) or not (microseconds.isascii() and microseconds.isdigit()):
        return message
    seconds, rest = divmod(int(microseconds[:20]), _MICROSECONDS)
    return f"type={kind} msg=audit({seconds}.{rest // 1000:03}:{serial}): {message.removeprefix(kind + ' ')}"


def _pretty(line: str) -> str:
    found = _PRETTY.fullmatch(line)
    return _text(_loaded(found[1])) if found else line


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # whoever writes into a log may nest as deep as a line is long
        return None


def _text(message: object) -> str:
    """Return a message as one line; the journal gives one that is not printable as the numbers of its bytes."""
    if isinstance(message, list):
        try:
            message = bytes(message).decode("utf-8", "surrogateescape")
        except (TypeError, ValueError):
            return ""
    return " ".join(message.splitlines()) if isinstance(message, str) else ""
