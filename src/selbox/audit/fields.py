"""The grammar that all audit records share: a header with time and serial number, then ``name=value`` fields."""

import re

from selbox.diagnostics import SelboxError
from selbox.typing import NamedTuple

Field = tuple[str, str]
"""Name and value of a field; numbers are decimal text, as the kernel prints them."""

UNTRUSTED = frozenset(
    {
        "anonclass",
        "comm",
        "dev",
        "exe",
        "invalid_context",
        "key_desc",
        "kmod",
        "name",
        "ocomm",
        "path",
        "proctitle",
        "srawcon",
        "trawcon",
    }
)
"""Fields whose value somebody else chose; all others hold no spaces, quotes or control characters.

INVARIANT: whatever an untrusted value holds, it cannot end its field or its record.
"""

_NUMBERS = {
    "AVC": "1400",
    "USER_AVC": "1107",
    "SELINUX_ERR": "1401",
    "AVC_PATH": "1402",
    "MAC_POLICY_LOAD": "1403",
    "MAC_STATUS": "1404",
    "MAC_CONFIG_CHANGE": "1405",
    "DAEMON_START": "1200",
    "SYSTEM_BOOT": "1127",
    "SYSCALL": "1300",
    "EXECVE": "1309",
    "PATH": "1302",
    "CWD": "1307",
    "PROCTITLE": "1327",
}
KINDS = {number: kind for kind, number in _NUMBERS.items()}
"""Type of a record by its number, as the kernel's log has it."""

_NEEDS_HEX = re.compile(r"[^!#-~]")
# A box only writes records: the expressions for reading them are compiled, and then kept by `re`, at first use.
# `type=AVC msg=audit(…)` in auditd's log, `audit: type=1400 audit(…)` in the kernel's.
_HEADER = r"(?:.*?\s)?type=(?P<kind>\w+) (?:msg=)?audit\((?P<seconds>\d+)\.(?P<milliseconds>\d{3}):(?P<serial>\d+)\): *"
_FIELD = r'\s*(?P<name>[A-Za-z_-]+)=(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]\S*|))(?=\s|\Z)'
_HEX = r"(?:[0-9A-F]{2})+"
# What auditd's ENRICHED format adds follows this character.
_ENRICHMENT = "\x1d"


class Stamp(NamedTuple):
    """What names an audit event.

    Attributes:
        seconds: since 1970.
        milliseconds: 0 to 999.
        serial: number of the event; records of one event share it.
    """

    seconds: int
    milliseconds: int
    serial: int


def format_header(kind: str, stamp: Stamp) -> str:
    """Return the start of a record as auditd writes it, up to the space before the first field."""
    return f"type={kind} msg=audit({stamp.seconds}.{stamp.milliseconds:03}:{stamp.serial}):"


def format_field(name: str, value: str) -> str:
    """Return ``name=value``, with an untrusted value so that it cannot be misread."""
    return f"{name}={format_untrusted(value) if name in UNTRUSTED else value}"


def format_untrusted(value: str) -> str:
    """Return a value in quotes, or in hexadecimal where it might be misread.

    Source: ``audit_log_n_untrustedstring`` of the kernel: hexadecimal when a byte is a quote, below 0x21 or above 0x7e.
    """
    if _NEEDS_HEX.search(value):
        return value.encode("utf-8", "surrogateescape").hex().upper()
    return f'"{value}"'


def parse_header(line: str) -> tuple[str, Stamp, str]:
    """Split a record, of auditd's or of the kernel's log, into its kind, its stamp and the rest.

    Raises:
        SelboxError: code ``audit-header`` when it does not begin as an audit record does.
    """
    header = re.match(_HEADER, line)
    if header is None:
        raise SelboxError.of(
            "audit-header",
            f"this is not an audit record: `{_excerpt(line)}`",
            help="a record begins with `type=AVC msg=audit(SECONDS.MILLISECONDS:SERIAL):`; give the log itself, not "
            "`ausearch -i`'s reading of it",
        )
    stamp = Stamp(int(header["seconds"]), int(header["milliseconds"]), int(header["serial"]))
    rest = line[header.end() :].partition(_ENRICHMENT)[0]
    return KINDS.get(header["kind"], header["kind"]), stamp, rest.rstrip()


def parse_fields(text: str) -> list[Field]:
    """Read ``name=value`` fields, with what was written in hexadecimal decoded.

    Raises:
        SelboxError: code ``audit-fields`` when something else stands among them.
    """
    fields: list[Field] = []
    position = 0
    expression = re.compile(_FIELD)
    while position < len(text):
        field = expression.match(text, position)
        if field is None:
            raise broken("audit-fields", "expected `name=value`", text[position:])
        position = field.end()
        name, quoted, bare = field.group("name", "quoted", "bare")
        if quoted is not None:
            fields.append((name, quoted))
        elif name in UNTRUSTED and re.fullmatch(_HEX, bare):
            fields.append((name, bytes.fromhex(bare).decode("utf-8", "surrogateescape")))
        else:
            fields.append((name, bare))
    return fields


def broken(code: str, what: str, text: str) -> SelboxError:
    """Return the error for a record that breaks the grammar at a text."""
    return SelboxError.of(code, f"broken audit record: {what}, found `{_excerpt(text.strip())}`")


def _excerpt(text: str) -> str:
    shown = text if len(text) <= 60 else text[:60] + "…"
    return shown if shown.isprintable() else ascii(shown)[1:-1]
