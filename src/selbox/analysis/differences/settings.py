"""Differences of what holds for a policy as a whole, of constraints, of defaults and of bounds.

Source: ``setools/diff``: ``properties.py``, ``polcap.py``, ``constraints.py``, ``default.py``, ``bounds.py``.
"""

from collections.abc import Sequence

from selbox.analysis.constrainttext import constraint_keyword, constraint_text
from selbox.analysis.differences.section import Change, Part, Section
from selbox.analysis.differences.side import Side
from selbox.model.bitset import members
from selbox.model.constraint import Constraint, ValidateTransition
from selbox.model.objectclass import DefaultFrom, DefaultRange
from selbox.model.policy import Policy
from selbox.typing import Final


def property_section(left: Side, right: Side) -> Section:
    """Return the differences of how unknown permissions are handled, of levels, and of the version.

    The version of what comes from sources is that of what it is compared with.
    """
    facts = (left.catalogue.facts, right.catalogue.facts)
    versions = [each["version"] for each in facts]
    values = [
        ("MLS", str(left.policy.mls), str(right.policy.mls)),
        ("handle_unknown", left.policy.handle_unknown.value, right.policy.handle_unknown.value),
    ]
    if all(versions):
        values.append(("version", *map(str, versions)))  # type: ignore[arg-type]  # there are two
    changes = [
        Change(name, f"{name} +{after} -{before}", (Part("", (after,), (before,)),), in_line=True)
        for name, before, after in values
        if before != after
    ]
    return Section("property", "Policy Properties", "", modified=changes)


def capability_section(left: Side, right: Side) -> Section:
    """Return the differences of policy capabilities."""
    before, after = (_capabilities(each.policy) for each in (left, right))
    title = "Policy Capabilities"
    return Section("polcap", title, title, sorted(after - before), sorted(before - after), is_modifiable=False)


def _capabilities(policy: Policy) -> set[str]:
    return {*policy.policy_capabilities, *(f"unknown{bit}" for bit in members(policy.unknown_capabilities))}


_CONSTRAINTS: Final = {
    "constrain": "Constraints",
    "mlsconstrain": "MLS Constraints",
    "validatetrans": "Validatetrans",
    "mlsvalidatetrans": "MLS Validatetrans",
}

CONSTRAINT_KINDS: Final = tuple(_CONSTRAINTS)
"""The kinds of constraints."""


def constraint_section(kind: str, left: Side, right: Side) -> Section:
    """Return the differences of constraints of one kind: ``constrain``, ``mlsconstrain`` and so on."""
    before, after = (_constraints(each.policy, kind) for each in (left, right))
    title = _CONSTRAINTS[kind]
    return Section(kind, title, title, sorted(after - before), sorted(before - after), is_modifiable=False)


def _constraints(policy: Policy, kind: str) -> set[str]:
    is_about_permissions = kind.endswith("constrain")
    constraints: Sequence[Constraint | ValidateTransition] = (
        policy.constraints if is_about_permissions else policy.validate_transitions
    )
    return {constraint_text(policy, each) for each in constraints if constraint_keyword(each) == kind}


def default_section(left: Side, right: Side) -> Section:
    """Return the differences of whose parts new contexts take."""
    before, after = (_defaults(each.policy) for each in (left, right))
    changes = [
        _default_change(name, before[name], after[name])
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
    added, removed = (
        sorted(f"{name} {' '.join(values[name])};" for name in values.keys() - others.keys())
        for values, others in ((after, before), (before, after))
    )
    return Section("default", "Defaults", "Defaults", added, removed, changes)


def _default_change(name: str, before: tuple[str, ...], after: tuple[str, ...]) -> Change:
    words = [
        f"+{new} -{old}" if new != old else new
        for old, new in zip((*before, "")[:2], (*after, "")[:2], strict=True)
        if old or new
    ]
    part = Part("", (" ".join(after),), (" ".join(before),))
    return Change(name, f"{name} {' '.join(words)};", (part,), in_line=True)


def _defaults(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Return what each default names: whose, and of a range, which part."""
    found: dict[str, tuple[str, ...]] = {}
    for each in policy.classes:
        for word, value in (("user", each.default_user), ("role", each.default_role), ("type", each.default_type)):
            if value is not DefaultFrom.UNSPECIFIED:
                found[f"default_{word} {each.name}"] = (value.value,)
        if each.default_range is not DefaultRange.UNSPECIFIED:
            found[f"default_range {each.name}"] = tuple(each.default_range.value.replace("-", "_").split())
    return found


def bounds_section(left: Side, right: Side) -> Section:
    """Return the differences of which types bound others."""
    before, after = (_bounds(each.policy) for each in (left, right))
    changes = [
        Change(
            f"typebounds {name}",
            f"typebounds +{after[name]} -{before[name]} {name};",
            (Part("", (after[name],), (before[name],)),),
            in_line=True,
        )
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
    added, removed = (
        sorted(f"typebounds {values[name]} {name};" for name in values.keys() - others.keys())
        for values, others in ((after, before), (before, after))
    )
    return Section("typebounds", "Typebounds", "Typebounds", added, removed, changes)


def _bounds(policy: Policy) -> dict[str, str]:
    return {each.name: policy.types[each.bounds].name for each in policy.types if each.bounds is not None}
