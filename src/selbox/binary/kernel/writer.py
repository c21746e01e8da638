"""Writes a binary policy: every section in the order of the file."""

from selbox.binary.kernel.booleans import booleans_bytes, conditionals_bytes
from selbox.binary.kernel.classes import classes_pieces, commons_bytes, joined
from selbox.binary.kernel.filenametransitions import named_transitions_bytes
from selbox.binary.kernel.genericfilesystems import genfs_bytes
from selbox.binary.kernel.header import header_bytes
from selbox.binary.kernel.identities import roles_bytes, types_bytes, users_bytes
from selbox.binary.kernel.initialsids import initial_sids_bytes
from selbox.binary.kernel.levels import categories_bytes, sensitivities_bytes
from selbox.binary.kernel.mergedrules import rules_to_write
from selbox.binary.kernel.objectcontexts import object_contexts_bytes
from selbox.binary.kernel.rangetransitions import range_transitions_bytes
from selbox.binary.kernel.rolerules import role_allows_bytes, role_transitions_bytes
from selbox.binary.kernel.typeattributes import type_attributes_bytes
from selbox.binary.kernel.versions import (
    FIRST_VERSIONS,
    NEWEST_VERSION,
    OLDEST_VERSION,
    USUAL_VERSION,
    XEN_VERSIONS,
    layout_of,
)
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.policy import Policy, Target


def write_policy(policy: Policy, version: int | None = None, diagnostics: Diagnostics | None = None) -> bytes:
    """Return a policy as the kernel reads it.

    Rules are merged: the file has one entry for each key. A policy that was read from a binary gives the same bytes
    again: its order of symbols, rules and transitions is kept. Any other is in the order in which libsepol 3.4 writes
    it. Lost on the way is only what decides nothing, and what no compiler writes: names in constraints on users and
    roles, levels in a policy without MLS.

    Args:
        policy: what to write.
        version: the version of the format; None for 33, or the least above it that can say all that the policy says;
            for 30 where the policy is one of Xen.
        diagnostics: takes warnings about what the version cannot say and what does not decide access.

    Raises:
        SelboxError: ``binary-unknown-version``, or ``binary-unwritable`` for what the version cannot say and must.

    Source: ``policydb_write`` of libsepol.
    """
    return b"".join(write_sections(policy, version, diagnostics).values())


def write_sections(
    policy: Policy, version: int | None = None, diagnostics: Diagnostics | None = None
) -> dict[str, bytes]:
    """Write as :func:`write_policy` does; return the sections by their names, in the order of the file.

    Raises:
        SelboxError: as :func:`write_policy`.
    """
    diagnostics = diagnostics or Diagnostics()
    if version is None:
        version = _least_version(policy)
    else:
        _check_version(policy, version)
    layout = layout_of(version, policy.target)
    rules = rules_to_write(policy)
    return {
        "header": header_bytes(policy, layout, diagnostics),
        "commons": commons_bytes(policy),
        "classes": joined(classes_pieces(policy, layout, diagnostics)),
        "roles": roles_bytes(policy),
        "types": types_bytes(policy),
        "users": users_bytes(policy),
        "booleans": booleans_bytes(policy),
        "sensitivities": sensitivities_bytes(policy),
        "categories": categories_bytes(policy),
        "access vectors": rules.table_bytes(layout),
        "conditionals": conditionals_bytes(policy, rules),
        "role transitions": role_transitions_bytes(policy, layout, diagnostics),
        "role allow rules": role_allows_bytes(policy),
        "filename transitions": named_transitions_bytes(policy, layout, diagnostics),
        "initial SIDs": initial_sids_bytes(policy),
        "object contexts": object_contexts_bytes(policy, layout, diagnostics),
        "genfs": genfs_bytes(policy),
        "range transitions": range_transitions_bytes(policy),
        "type attributes": type_attributes_bytes(policy),
    }


def _check_version(policy: Policy, version: int) -> None:
    if not OLDEST_VERSION <= version <= NEWEST_VERSION:
        raise SelboxError.of(
            "binary-unknown-version",
            f"policy version {version} cannot be written, only {OLDEST_VERSION} to {NEWEST_VERSION}",
        )
    if policy.target is Target.XEN and version not in XEN_VERSIONS:
        raise SelboxError.of(
            "binary-unknown-version",
            f"policy version {version} is none of Xen, which has {' and '.join(map(str, XEN_VERSIONS))}",
        )


def _least_version(policy: Policy) -> int:
    """Return the usual version, or the least above it that can say all that the policy says."""
    if policy.target is Target.XEN:
        return XEN_VERSIONS[-1]
    if any(each.neveraudit for each in policy.types):
        return FIRST_VERSIONS["neveraudit"]
    if any(each.condition for each in policy.extended_rules):
        return FIRST_VERSIONS["conditional_extended_rules"]
    return USUAL_VERSION
