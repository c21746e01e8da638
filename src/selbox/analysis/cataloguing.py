"""Lays a policy out as a catalogue."""

import sys
from array import array
from collections.abc import Iterable, Sequence

from selbox.analysis.catalogue import Assertion, Catalogue, Condition, NamedTransitionColumns, RuleColumns
from selbox.analysis.constrainttext import is_about_levels
from selbox.binary.kernel.output import is_hole
from selbox.model.conditional import BooleanOperator, Conditional
from selbox.model.extended import ExtendedKind, ExtendedRule
from selbox.model.mls import Level
from selbox.model.objectclass import DefaultFrom, DefaultRange
from selbox.model.policy import Policy
from selbox.model.rules import NamedTransition, RuleKind, Rules
from selbox.typing import Final

_FIRST_TYPE_KIND: Final = int(RuleKind.TYPE_TRANSITION)


def catalogue(policy: Policy, version: int, assertions: tuple[Assertion, ...]) -> Catalogue:
    """Lay a policy out; see :meth:`selbox.analysis.catalogue.Catalogue.of`.

    Statements that a binary policy has as one rule are one, with the places of all.
    """
    is_merged = policy.binary_form is not None and not policy.origins
    rules, further = _rules(policy.rules) if is_merged else _merged_rules(policy.rules)
    extended = policy.extended_rules if is_merged else _merged_extended(policy.extended_rules)
    named = policy.named_transitions if is_merged else _first_of_each(policy.named_transitions)
    ranges = policy.ranges
    result = Catalogue(
        facts={},
        types=tuple(each.name for each in policy.types),
        attributes={index: each.types for index, each in enumerate(policy.types) if each.is_attribute},
        type_aliases={alias: index for index, each in enumerate(policy.types) for alias in each.aliases},
        classes=tuple(each.name for each in policy.classes),
        permissions=tuple(each.permissions for each in policy.classes),
        roles=tuple(each.name for each in policy.roles),
        booleans=tuple(each.name for each in policy.booleans),
        defaults=tuple(each.default for each in policy.booleans),
        conditions=tuple(map(_condition, policy.conditionals)),
        sensitivities=tuple(each.name for each in policy.sensitivities),
        categories=tuple(each.name for each in policy.categories),
        level_aliases={
            alias: name
            for table in (policy.sensitivities, policy.categories)
            for name, aliases in ((each.name, each.aliases) for each in table)
            for alias in aliases
        },
        rules=rules,
        named_transitions=_named_transitions(named),
        extended=tuple(tuple(map(int, each)) for each in extended),
        role_allows=tuple(tuple(each) for each in policy.role_allows),
        role_transitions=tuple(
            (*key, origin)
            for key, origin in {each[:4]: each.origin for each in reversed(policy.role_transitions)}.items()
        ),
        range_transitions=tuple(
            (*key, _level(ranges[index].low), _level(ranges[index].high), origin)
            for key, (index, origin) in {each[:3]: each[3:] for each in reversed(policy.range_transitions)}.items()
        ),
        further_origins=further,
        origins=policy.origins,
        assertions=assertions,
    )
    result.facts.update(_facts(policy, result, version))
    return result


def _condition(conditional: Conditional) -> Condition:
    return tuple(each.value if isinstance(each, BooleanOperator) else each for each in conditional.expression)


def _level(level: Level) -> tuple[int, int]:
    return level.sensitivity, level.categories


def _rules(rules: Rules) -> tuple[RuleColumns, dict[int, tuple[int, ...]]]:
    size = rules.kind.itemsize
    kinds = rules.kind.tobytes()[0 if sys.byteorder == "little" else size - 1 :: size]
    columns = (rules.source, rules.target, rules.object_class, rules.data, rules.condition)
    return RuleColumns(kinds, *columns, array("I")), {}


def _merged_rules(rules: Rules) -> tuple[RuleColumns, dict[int, tuple[int, ...]]]:
    """Merge rules that always hold by kind, source, target and class; of type rules the first counts.

    Returns:
        The rules, and the further origins of rows that have some.
    """
    rows: dict[tuple[int, int, int, int, int, int], int] = {}
    kept: list[list[int]] = []
    further: dict[int, tuple[int, ...]] = {}
    columns = (rules.kind, rules.source, rules.target, rules.object_class, rules.data, rules.condition, rules.origin)
    for number, row in enumerate(zip(*columns, strict=True)):
        kind, source, target, object_class, data, condition, origin = row
        is_type_rule = kind >= _FIRST_TYPE_KIND
        # Access rules of a conditional stay apart, as they do in a binary.
        own = number + 1 if condition and not is_type_rule else 0
        place = rows.setdefault((kind, source, target, object_class, condition, own), len(kept))
        if place == len(kept):
            kept.append(list(row))
        elif not is_type_rule:
            kept[place][4] |= data
            further[place] = (*further.get(place, ()), origin)
    kinds, *others = zip(*kept, strict=True) if kept else ((),) * 7
    return RuleColumns(bytes(kinds), *(array("I", each) for each in others)), further


def _merged_extended(rules: Iterable[ExtendedRule]) -> list[ExtendedRule]:
    """Merge extended rules by everything but their numbers."""
    merged: dict[tuple[object, ...], ExtendedRule] = {}
    for rule in rules:
        key = (*rule[:6], rule.condition)
        before = merged.setdefault(key, rule)
        if before is not rule:
            merged[key] = before._replace(permissions=before.permissions | rule.permissions)
    return list(merged.values())


def _first_of_each(transitions: Iterable[NamedTransition]) -> list[NamedTransition]:
    first: dict[tuple[object, ...], NamedTransition] = {}
    for each in transitions:
        first.setdefault(each[:4], each)
    return list(first.values())


def _named_transitions(transitions: Sequence[NamedTransition]) -> NamedTransitionColumns:
    if not transitions:
        nothing = array("I")
        return NamedTransitionColumns(nothing, nothing, nothing, nothing, nothing, nothing, ())
    sources, targets, classes, names, results, origins = zip(*transitions, strict=True)
    numbers: dict[str, int] = {}
    for name in names:
        numbers.setdefault(name, len(numbers))
    return NamedTransitionColumns(
        array("I", sources),
        array("I", targets),
        array("I", classes),
        array("I", map(numbers.__getitem__, names)),
        array("I", results),
        array("I", origins if any(origins) else ()),
        tuple(numbers),
    )


def _facts(policy: Policy, made: Catalogue, version: int) -> dict[str, int | str]:
    kinds = made.rules.kind
    extended = [row[0] for row in made.extended]
    constraints = list(map(is_about_levels, policy.constraints))
    validations = list(map(is_about_levels, policy.validate_transitions))
    asserted = [each.kind for each in made.assertions]
    named = len(made.named_transitions.source)
    shared = {each.name: len(each.permissions) for each in policy.commons}
    own = sum(len(each.permissions) - shared.get(each.common or "", 0) for each in policy.classes)
    return {
        "version": version,
        "mls": "enabled" if policy.mls else "disabled",
        "target": policy.target.value,
        "handle_unknown": policy.handle_unknown.value,
        "classes": len(policy.classes),
        "permissions": own + sum(shared.values()),
        "sensitivities": len(policy.sensitivities) if policy.mls else 0,
        "categories": len(policy.categories) if policy.mls else 0,
        "types": len(policy.types) - len(made.attributes),
        "attributes": len(made.attributes),
        "users": len(policy.users),
        "roles": sum(not is_hole(each.name) for each in policy.roles),
        "booleans": len(policy.booleans),
        "conditionals": len(policy.conditionals),
        "allow": kinds.count(RuleKind.ALLOW),
        "neverallow": asserted.count("neverallow"),
        "auditallow": kinds.count(RuleKind.AUDITALLOW),
        "dontaudit": kinds.count(RuleKind.DONTAUDIT),
        "type_transition": kinds.count(RuleKind.TYPE_TRANSITION) + named,
        "type_change": kinds.count(RuleKind.TYPE_CHANGE),
        "type_member": kinds.count(RuleKind.TYPE_MEMBER),
        "range_transition": len(made.range_transitions),
        "role_allow": len(made.role_allows),
        "role_transition": len(made.role_transitions),
        "constrain": constraints.count(False),
        "mlsconstrain": constraints.count(True),
        "validatetrans": validations.count(False),
        "mlsvalidatetrans": validations.count(True),
        "permissives": sum(each.permissive for each in policy.types),
        "polcap": len(policy.policy_capabilities) + policy.unknown_capabilities.bit_count(),
        "defaults": sum(_defaults(policy)),
        "typebounds": sum(each.bounds is not None for each in policy.types),
        "allowxperm": extended.count(ExtendedKind.ALLOW),
        "neverallowxperm": asserted.count("neverallowxperm"),
        "auditallowxperm": extended.count(ExtendedKind.AUDITALLOW),
        "dontauditxperm": extended.count(ExtendedKind.DONTAUDIT),
        "ibendportcon": len(policy.infiniband_ports),
        "ibpkeycon": len(policy.infiniband_keys),
        "initialsid": sum(each.context is not None for each in policy.initial_sids),
        "fs_use": len(policy.filesystem_uses),
        "genfscon": len(policy.genfs_contexts),
        "portcon": len(policy.port_contexts),
        "netifcon": len(policy.interface_contexts),
        "nodecon": len(policy.node_contexts),
        "devicetreecon": len(policy.xen_device_tree),
        "iomemcon": len(policy.xen_memory),
        "ioportcon": len(policy.xen_ports),
        "pcidevicecon": len(policy.xen_devices),
        "pirqcon": len(policy.xen_interrupts),
    }


def _defaults(policy: Policy) -> Iterable[bool]:
    for each in policy.classes:
        yield from (
            value is not DefaultFrom.UNSPECIFIED for value in (each.default_user, each.default_role, each.default_type)
        )
        yield each.default_range is not DefaultRange.UNSPECIFIED
