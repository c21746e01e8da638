"""Audit records other than AVC: changes of the mode, the policy and its booleans, and errors of the security server."""

from collections.abc import Mapping

from selbox.audit.fields import Field, Stamp, format_field, format_header, parse_fields, parse_header
from selbox.typing import NamedTuple

UNSET = 4294967295
"""Audit user id and session of a process that never logged in."""


class Login(NamedTuple):
    """Who is behind a process, by the login that it descends from.

    Attributes:
        auid: audit user id.
        session: number of the login session.
    """

    auid: int = UNSET
    session: int = UNSET


class EventRecord(NamedTuple):
    """One such record.

    Attributes:
        kind: ``MAC_STATUS``, ``MAC_POLICY_LOAD``, ``MAC_CONFIG_CHANGE`` or ``SELINUX_ERR``.
        stamp: time and serial number.
        fields: in the kernel's order.
    """

    kind: str
    stamp: Stamp
    fields: tuple[Field, ...]


def format_event(record: EventRecord) -> str:
    """Return a record as auditd writes it, without a line end."""
    fields = (format_field(name, value) for name, value in record.fields)
    return " ".join((format_header(record.kind, record.stamp), *fields))


def parse_event(line: str) -> EventRecord:
    """Read a record that consists of fields alone.

    Raises:
        SelboxError: codes ``audit-header`` and ``audit-fields``.
    """
    kind, stamp, rest = parse_header(line)
    return EventRecord(kind, stamp, tuple(parse_fields(rest)))


def mode_changed(stamp: Stamp, enforcing: bool, was_enforcing: bool, login: Login) -> EventRecord:
    """Record that enforcing was switched on or off. Source: ``sel_write_enforce`` of the kernel."""
    values = {"enforcing": int(enforcing), "old_enforcing": int(was_enforcing), **_by(login)}
    constant = {"enabled": "1", "old-enabled": "1", "lsm": "selinux", "res": "1"}
    return _event("MAC_STATUS", stamp, {**values, **constant})


def policy_loaded(stamp: Stamp, login: Login) -> EventRecord:
    """Record that a policy was loaded. Source: ``sel_write_load`` of the kernel."""
    return _event("MAC_POLICY_LOAD", stamp, {**_by(login), "lsm": "selinux", "res": "1"})


def boolean_changed(stamp: Stamp, name: str, value: bool, old_value: bool, login: Login) -> EventRecord:
    """Record that a boolean of the policy was set. Source: ``security_set_bools`` of the kernel."""
    return _event(
        "MAC_CONFIG_CHANGE", stamp, {"bool": name, "val": int(value), "old_val": int(old_value), **_by(login)}
    )


def invalid_computed_context(stamp: Stamp, context: str, scontext: str, tcontext: str, tclass: str) -> EventRecord:
    """Record that a transition leads to a context that the policy does not allow.

    Source: ``compute_sid_handle_invalid_context`` of the kernel.
    """
    contexts = {"invalid_context": context, "scontext": scontext, "tcontext": tcontext, "tclass": tclass}
    return _event("SELINUX_ERR", stamp, {"op": "security_compute_sid", **contexts})


def bounds_exceeded(
    stamp: Stamp, scontext: str, tcontext: str, tclass: str, permissions: tuple[str, ...]
) -> EventRecord:
    """Record that rules allow a type what its bounding type may not do. Source: ``security_dump_masked_av``."""
    contexts = {"scontext": scontext, "tcontext": tcontext, "tclass": tclass}
    fields = {"op": "security_compute_av", "reason": "bounds", **contexts, "perms": ",".join(permissions)}
    return _event("SELINUX_ERR", stamp, fields)


def invalid_context(stamp: Stamp, operation: str, context: str) -> EventRecord:
    """Record that a program asked for a context that the policy does not know.

    Source: ``selinux_inode_setxattr`` (``setxattr``) and ``selinux_setprocattr`` (``fscreate``) of the kernel.
    """
    return _event("SELINUX_ERR", stamp, {"op": operation, "invalid_context": context})


def bounded_transition_denied(stamp: Stamp, old_context: str, new_context: str) -> EventRecord:
    """Record that a process asked for a domain that its own does not bound.

    Source: ``security_bounded_transition`` of the kernel.
    """
    contexts = {"oldcontext": old_context, "newcontext": new_context}
    return _event("SELINUX_ERR", stamp, {"op": "security_bounded_transition", "seresult": "denied", **contexts})


def relabelling_denied(stamp: Stamp, old_context: str, new_context: str, task_context: str, tclass: str) -> EventRecord:
    """Record that ``validatetrans`` forbids a new label of an object.

    Source: ``security_validtrans_handle_fail`` of the kernel.
    """
    contexts = {"oldcontext": old_context, "newcontext": new_context, "taskcontext": task_context, "tclass": tclass}
    return _event("SELINUX_ERR", stamp, {"op": "security_validate_transition", "seresult": "denied", **contexts})


def _by(login: Login) -> dict[str, int]:
    return {"auid": login.auid, "ses": login.session}


def _event(kind: str, stamp: Stamp, fields: Mapping[str, str | int]) -> EventRecord:
    return EventRecord(kind, stamp, tuple((name, str(value)) for name, value in fields.items()))
