"""The AVC record: one denied or granted access, as the kernel and auditd write it."""

import re

from selbox.audit.fields import Field, Stamp, broken, format_field, format_header, parse_fields, parse_header
from selbox.typing import NamedTuple

_LEADING = ("pid", "comm")
_CLOSING = ("scontext", "tcontext", "tclass")
# The kernel puts a further space behind these two.
_SPACED = frozenset({"capability", "ipc_key"})
# Contexts that the policy does not know are given once more, as they were, at the very end.
_RAW_CONTEXTS = frozenset({"srawcon", "trawcon"})
_DECISION = r"avc: +(?P<verdict>denied|granted) +\{ (?P<permissions>[^{}]*[^{} ]) +\} for +"


class AvcRecord(NamedTuple):
    """One access that was denied, or granted and audited.

    Attributes:
        stamp: time and serial number.
        granted: whether it was granted (``auditallow``).
        permissions: names in the order of the class's bits; at least one.
        pid: the process that asked (its thread group).
        comm: its command name, at most 15 bytes.
        fields: what the object is, in the kernel's order; see the list in ``dump_common_audit_data``: ``path dev
            ino`` of an open file, ``name dev ino`` of a directory entry, ``capability``, ``ipc_key``, ``opid ocomm``,
            and of sockets ``laddr lport faddr fport path``.
        scontext: context of the source.
        tcontext: context of the target.
        tclass: class of the target.
        permissive: whether a denial was not enforced; False where granted.
    """

    stamp: Stamp
    granted: bool
    permissions: tuple[str, ...]
    pid: int
    comm: str
    fields: tuple[Field, ...]
    scontext: str
    tcontext: str
    tclass: str
    permissive: bool = False

    def field(self, name: str) -> str | None:
        """Return the value of a field, or None."""
        for each, value in self.fields:
            if each == name:
                return value
        return None


def format_record(record: AvcRecord) -> str:
    """Return a record as auditd writes it, without a line end.

    Source: ``avc_audit_pre_callback``, ``dump_common_audit_data`` and ``avc_audit_post_callback`` of the kernel,
    double spaces included; granted records say nothing of ``permissive``.
    """
    verdict = "granted" if record.granted else "denied"
    parts = [
        format_header("AVC", record.stamp),
        f"avc:  {verdict}  {{ {' '.join(record.permissions)} }} for  pid={record.pid}",
        format_field("comm", record.comm),
    ]
    for name, value in record.fields:
        if name not in _RAW_CONTEXTS:
            parts.append(format_field(name, value) + (" " if name in _SPACED else ""))
    parts.append(f"scontext={record.scontext} tcontext={record.tcontext} tclass={record.tclass}")
    if not record.granted:
        parts.append(f"permissive={int(record.permissive)}")
    parts += [format_field(name, value) for name, value in record.fields if name in _RAW_CONTEXTS]
    return " ".join(parts)


def parse_record(line: str) -> AvcRecord:
    """Read an AVC record from a line of auditd's or of the kernel's log.

    Raises:
        SelboxError: codes ``audit-header`` when it is no audit record, ``audit-kind`` when it is another kind,
            ``audit-fields`` when it breaks the grammar, ``audit-missing-field`` when it lacks something.
    """
    kind, stamp, rest = parse_header(line)
    if kind != "AVC":
        raise broken("audit-kind", "expected a record of type AVC", f"type={kind}")
    decision = re.match(_DECISION, rest)
    if decision is None:
        raise broken("audit-fields", "expected `avc:  denied  { PERMISSIONS } for`", rest)
    fields = parse_fields(rest[decision.end() :])
    values = dict(fields)
    missing = [name for name in (*_LEADING, *_CLOSING) if name not in values]
    if missing:
        raise broken("audit-missing-field", f"lacks {', '.join(missing)}", rest)
    permissive = values.pop("permissive", "0")
    if permissive not in ("0", "1"):
        raise broken("audit-fields", "expected `permissive=0` or `permissive=1`", f"permissive={permissive}")
    pid = values["pid"]
    if not (pid.isascii() and pid.isdigit()):
        raise broken("audit-fields", "expected a process number", f"pid={pid}")
    known = {*_LEADING, *_CLOSING, "permissive"}
    return AvcRecord(
        stamp=stamp,
        granted=decision["verdict"] == "granted",
        permissions=tuple(decision["permissions"].split()),
        pid=int(pid),
        comm=values["comm"],
        fields=tuple((name, value) for name, value in fields if name not in known),
        scontext=values["scontext"],
        tcontext=values["tcontext"],
        tclass=values["tclass"],
        permissive=permissive == "1",
    )
