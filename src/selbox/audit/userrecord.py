"""Records of userspace object managers, as they stand in auditd's log: ``USER_AVC`` and what goes with it."""

import re
from collections.abc import Mapping

from selbox.audit.fields import Field, Stamp, broken, format_header, parse_fields, parse_header
from selbox.diagnostics import SelboxError
from selbox.typing import NamedTuple

USER_AVC = "USER_AVC"

OWN_FIELDS = frozenset(
    {"scontext", "tcontext", "tclass", "permissive", "exe", "sauid", "hostname", "addr", "terminal", "msg"}
)
"""Names of fields that the record itself has, so that no object manager may use them for its own."""

_NAME = re.compile(r"[A-Za-z][A-Za-z_-]*")
# What the kernel writes in hexadecimal, and the quotation mark that ends the whole message.
_NEEDS_HEX = re.compile(r"[^!#-&(-~]")
_HEX = re.compile(r"(?:[0-9A-F]{2})+")
_NUMBER = re.compile(r"-?\d+")
_DECISION = r"avc: +(?P<verdict>denied|granted) +\{ (?P<permissions>[^{}]*[^{} ]) +\} for +"
_ENVELOPE = r"pid=(?P<pid>\d+) uid=(?P<uid>\d+) auid=(?P<auid>\d+) ses=(?P<session>\d+)(?: subj=(?P<subject>\S+))?"
_MESSAGE = r" msg='(?P<message>[^']*?) +exe=(?P<exe>\S+) sauid=(?P<sauid>\d+) hostname=\S+ addr=\S+ terminal=\S+'"


class Sender(NamedTuple):
    """The process that an object manager is, as the kernel and auditd write it.

    Attributes:
        pid: its number.
        uid: its real user.
        auid: audit user id; of a process that never logged in 4294967295.
        session: number of the login session, or 4294967295.
        subject: its security context; empty where it has none.
        exe: path of its program; empty where that is not known.
    """

    pid: int
    uid: int
    auid: int
    session: int
    subject: str
    exe: str


class UserAvc(NamedTuple):
    """One access that an object manager denied, or granted and audited.

    Attributes:
        stamp: time and serial number.
        sender: the object manager.
        granted: whether it was granted (``auditallow``).
        permissions: names, in the order of the class's bits; at least one.
        fields: what the object manager says about the access, as it is written; see :func:`own_fields`.
        scontext: context of the source.
        tcontext: context of the target.
        tclass: class of the target.
        permissive: whether a denial was not enforced; False where granted.
    """

    stamp: Stamp
    sender: Sender
    granted: bool
    permissions: tuple[str, ...]
    fields: tuple[Field, ...]
    scontext: str
    tcontext: str
    tclass: str
    permissive: bool = False

    @property
    def message(self) -> str:
        """What the object manager itself says: ``avc:  denied  { … } for  … scontext=… tcontext=… tclass=… …``.

        Source: ``avc_audit`` of libselinux; granted records say nothing of ``permissive``.
        """
        verdict = "granted" if self.granted else "denied"
        about = " ".join(f"{name}={value}" for name, value in self.fields)
        text = f"avc:  {verdict}  {{ {' '.join(self.permissions)} }} for {about} "
        text += f"scontext={self.scontext} tcontext={self.tcontext} tclass={self.tclass}"
        return text if self.granted else f"{text} permissive={int(self.permissive)}"

    def field(self, name: str) -> str | None:
        """Return the value of a field as text, with quotation marks and hexadecimal undone; None without one."""
        for each, value in self.fields:
            if each == name:
                return _value(value)
        return None

    def __str__(self) -> str:
        """Return the record as auditd writes it, without a line end."""
        return _format(USER_AVC, self.stamp, self.sender, self.message)


class UserEvent(NamedTuple):
    """A change that an object manager has taken notice of.

    Attributes:
        kind: ``USER_MAC_POLICY_LOAD`` or ``USER_MAC_STATUS``.
        stamp: time and serial number.
        sender: the object manager.
        message: what it says.
    """

    kind: str
    stamp: Stamp
    sender: Sender
    message: str

    def __str__(self) -> str:
        """Return the record as auditd writes it, without a line end."""
        return _format(self.kind, self.stamp, self.sender, self.message)


def policy_load_noticed(stamp: Stamp, sender: Sender, seqno: int) -> UserEvent:
    """Record that another policy, or other values of booleans, are in force.

    Source: ``avc_process_policyload`` of libselinux.
    """
    return UserEvent("USER_MAC_POLICY_LOAD", stamp, sender, f"avc:  op=load_policy lsm=selinux seqno={seqno} res=1")


def mode_change_noticed(stamp: Stamp, sender: Sender, enforcing: bool) -> UserEvent:
    """Record that enforcing was switched on or off. Source: ``avc_process_setenforce`` of libselinux."""
    message = f"avc:  op=setenforce lsm=selinux enforcing={int(enforcing)} res=1"
    return UserEvent("USER_MAC_STATUS", stamp, sender, message)


def own_fields(values: Mapping[str, object]) -> tuple[Field, ...]:
    """Return what an object manager says about an access, as fields of a record.

    Numbers and truth values are written bare; everything else as text in quotation marks, or in hexadecimal where it
    has a space, a quotation mark or a character that is not ASCII: what somebody else chose cannot end its field.

    Args:
        values: by name; None leaves a field out.

    Raises:
        SelboxError: code ``audit-field-name``, for a name that is none or that the record uses itself.
    """
    fields = []
    for name, value in values.items():
        if not _NAME.fullmatch(name) or name in OWN_FIELDS:
            why = "a field's name is letters, `_` and `-`" if name not in OWN_FIELDS else "every record has it already"
            raise SelboxError.of("audit-field-name", f"`{name}` cannot be a field of an audit record: {why}")
        if value is not None:
            fields.append((name, _written(value)))
    return tuple(fields)


def _written(value: object) -> str:
    if isinstance(value, bool | int):
        return str(int(value))
    text = str(value)
    if _NEEDS_HEX.search(text) or not text:
        return text.encode("utf-8", "surrogateescape").hex().upper() or '""'
    return f'"{text}"'


def _value(written: str) -> str:
    if written.startswith('"'):
        return written[1:-1]
    if _HEX.fullmatch(written) and not _NUMBER.fullmatch(written):
        return bytes.fromhex(written).decode("utf-8", "surrogateescape")
    return written


def _format(kind: str, stamp: Stamp, sender: Sender, message: str) -> str:
    """Put the kernel's part of a record around the sender's.

    Source: ``audit_log_common_recv_msg`` and ``audit_receive_msg`` of the kernel, ``audit_log_user_avc_message`` of
    libaudit.
    """
    subject = f" subj={sender.subject}" if sender.subject else ""
    exe = _written(sender.exe) if sender.exe else "?"
    return (
        f"{format_header(kind, stamp)} pid={sender.pid} uid={sender.uid} auid={sender.auid} ses={sender.session}"
        f"{subject} msg='{message} exe={exe} sauid={sender.uid} hostname=? addr=? terminal=?'"
    )


def parse_user_avc(line: str) -> UserAvc:
    """Read a ``USER_AVC`` record from a line of auditd's or of the kernel's log.

    Raises:
        SelboxError: codes ``audit-header`` when it is no audit record, ``audit-kind`` when it is another kind,
            ``audit-fields`` when it breaks the grammar, ``audit-missing-field`` when it lacks something.
    """
    kind, stamp, rest = parse_header(line)
    if kind != USER_AVC:
        raise broken("audit-kind", f"expected a record of type {USER_AVC}", f"type={kind}")
    whole = re.match(_ENVELOPE + _MESSAGE, rest)
    if whole is None:
        raise broken("audit-fields", "expected `pid=… uid=… auid=… ses=… subj=… msg='…'`", rest)
    decision = re.match(_DECISION, whole["message"])
    if decision is None:
        raise broken("audit-fields", "expected `avc:  denied  { PERMISSIONS } for`", whole["message"])
    fields = _raw_fields(whole["message"][decision.end() :])
    values = dict(fields)
    missing = [name for name in ("scontext", "tcontext", "tclass") if name not in values]
    if missing:
        raise broken("audit-missing-field", f"lacks {', '.join(missing)}", rest)
    exe = "" if whole["exe"] == "?" else _value(whole["exe"])
    pid, uid, auid, session = map(int, whole.group("pid", "uid", "auid", "session"))
    return UserAvc(
        stamp=stamp,
        sender=Sender(pid, uid, auid, session, whole["subject"] or "", exe),
        granted=decision["verdict"] == "granted",
        permissions=tuple(decision["permissions"].split()),
        fields=tuple(each for each in fields if each[0] not in OWN_FIELDS),
        scontext=values["scontext"],
        tcontext=values["tcontext"],
        tclass=values["tclass"],
        permissive=values.get("permissive") == "1",
    )


def _raw_fields(text: str) -> list[Field]:
    """Split fields, leaving their values as they are written."""
    parse_fields(text)  # whatever stands among them is refused there
    return [(name, value) for name, value in re.findall(r'([A-Za-z_-]+)=("[^"]*"|\S*)', text)]
