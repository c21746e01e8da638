"""Role transitions and role allow rules.

Both stand in the file in the reverse of the order in which the policy's author wrote them.
"""

from struct import Struct

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.output import u32s
from selbox.binary.kernel.versions import FIRST_VERSIONS, Layout
from selbox.diagnostics import Diagnostics
from selbox.model.policy import Policy
from selbox.model.rules import RoleAllow, RoleTransition

PROCESS = "process"

_WITH_CLASS = Struct("<4I")
_WITHOUT_CLASS = Struct("<3I")
_ALLOW = Struct("<2I")


def read_role_transitions(
    cursor: Cursor, layout: Layout, roles: int, types: int, class_ids: dict[str, int]
) -> tuple[RoleTransition, ...]:
    """Read the role transitions; in old versions, all are for class ``process``."""
    cursor.section = "role transitions"
    form = _WITH_CLASS if layout.role_transition_classes else _WITHOUT_CLASS
    count = cursor.count(form.size)
    process = class_ids.get(PROCESS)
    if count and process is None and not layout.role_transition_classes:
        cursor.corrupt(f"there are role transitions, and no class `{PROCESS}`")
    result = []
    start = cursor.offset
    for row, entry in enumerate(form.iter_unpack(cursor.bytes(count * form.size))):
        role, type_number, new_role = entry[:3]
        object_class = entry[3] if layout.role_transition_classes else (process or 0) + 1
        if not (
            1 <= role <= roles
            and 1 <= type_number <= types
            and 1 <= new_role <= roles
            and 1 <= object_class <= len(class_ids)
        ):
            message = f"a role transition has role {role}, type {type_number}, class {object_class}, result {new_role}"
            cursor.corrupt(message, start + row * form.size)
        result.append(RoleTransition(role - 1, type_number - 1, object_class - 1, new_role - 1))
    result.reverse()
    return tuple(result)


def role_transitions_bytes(policy: Policy, layout: Layout, diagnostics: Diagnostics) -> bytes:
    """Return the role transitions, each key once.

    In old versions those of other classes than ``process`` are left out, with the warning ``binary-dropped``.
    """
    rows = list(dict.fromkeys(each[:4] for each in policy.role_transitions))
    rows.reverse()
    if layout.role_transition_classes:
        entries = [
            _WITH_CLASS.pack(source + 1, target + 1, result + 1, object_class + 1)
            for source, target, object_class, result in rows
        ]
        return u32s(len(entries)) + b"".join(entries)
    process = policy.class_ids.get(PROCESS)
    entries = [
        _WITHOUT_CLASS.pack(source + 1, target + 1, result + 1)
        for source, target, object_class, result in rows
        if object_class == process
    ]
    if len(entries) < len(rows):
        diagnostics.warning(
            "binary-dropped",
            f"policy version {layout.version} cannot hold role transitions of other classes than `{PROCESS}`; "
            f"{len(rows) - len(entries)} are left out",
            help=f"write version {FIRST_VERSIONS['role_transition_classes']} or later",
        )
    return u32s(len(entries)) + b"".join(entries)


def read_role_allows(cursor: Cursor, roles: int) -> tuple[RoleAllow, ...]:
    """Read the role allow rules."""
    cursor.section = "role allow rules"
    count = cursor.count(_ALLOW.size)
    start = cursor.offset
    result = []
    for row, (source, target) in enumerate(_ALLOW.iter_unpack(cursor.bytes(count * _ALLOW.size))):
        if not (1 <= source <= roles and 1 <= target <= roles):
            message = f"a role allow rule has the roles {source} and {target} of {roles}"
            cursor.corrupt(message, start + row * _ALLOW.size)
        result.append(RoleAllow(source - 1, target - 1))
    result.reverse()
    return tuple(result)


def role_allows_bytes(policy: Policy) -> bytes:
    """Return the role allow rules; one that was written twice stands there twice, as libsepol has it."""
    rows = policy.role_allows
    return u32s(len(rows)) + b"".join([_ALLOW.pack(each.source + 1, each.target + 1) for each in reversed(rows)])
