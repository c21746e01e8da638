"""Makes the immutable policy from the tables of a resolution."""

from array import array

from selbox.compiler.conditions import Conditions
from selbox.compiler.namespace import Symbol
from selbox.compiler.program import OBJECT_ROLE
from selbox.compiler.resolution import Resolution
from selbox.compiler.targets import LOWEST_SPECIAL, SELF, special_pairs
from selbox.model.labelling import InitialSid
from selbox.model.mls import LOWEST, LevelRange
from selbox.model.objectclass import Common, DefaultFrom, DefaultRange, ObjectClass
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind, Rules
from selbox.model.symbols import Boolean, Category, Role, Sensitivity, Type, User
from selbox.typing import Final

_OBJECT_ROLE_BIT: Final = 1


def emit(resolution: Resolution, conditions: Conditions) -> Policy:
    """Return the policy that a resolution without errors describes."""
    numbered = resolution.numbered
    rules = resolution.rules
    constraints = resolution.constraints
    labelling = resolution.labelling
    settings = resolution.settings
    return Policy(
        classes=_classes(resolution),
        types=_types(resolution),
        roles=_roles(resolution),
        users=_users(resolution),
        booleans=tuple(Boolean(each.name, each.form[2] == "true") for each in numbered["boolean"]),
        sensitivities=tuple(
            Sensitivity(each.name, resolution.levels.usable_categories(each), _aliases(resolution, each))
            for each in numbered["sensitivity"]
        ),
        categories=tuple(Category(each.name, _aliases(resolution, each)) for each in numbered["category"]),
        rules=_rules(resolution, conditions),
        conditionals=conditions.conditionals,
        named_transitions=tuple(rules.named_transitions),
        range_transitions=tuple(rules.range_transitions),
        ranges=tuple(rules.ranges),
        role_allows=tuple(rules.role_allows),
        role_transitions=tuple(rules.role_transitions),
        constraints=tuple(constraints.constraints),
        validate_transitions=tuple(constraints.validate_transitions),
        initial_sids=tuple(InitialSid(each.name, labelling.sid_contexts.get(each)) for each in numbered["sid"]),
        policy_capabilities=frozenset(each.local_name.lower() for each in resolution.program.declared("policycap")),
        handle_unknown=settings.handle_unknown,
        mls=settings.mls,
        origins=resolution.origins.table(),
        commons=_commons(resolution),
    )


def _aliases(resolution: Resolution, symbol: Symbol) -> tuple[str, ...]:
    return tuple(resolution.aliases.get(symbol, ()))


def _commons(resolution: Resolution) -> tuple[Common, ...]:
    """Return the commons that classes have, in the order of those classes; ``secilc`` leaves out the others."""
    used = dict.fromkeys(resolution.classes.layout(each).common for each in resolution.numbered["class"])
    declared = {each.name: each for each in resolution.program.declared("common")}
    return tuple(
        Common(name, resolution.classes.layout(declared[name]).permissions) for name in used if name is not None
    )


def _classes(resolution: Resolution) -> tuple[ObjectClass, ...]:
    defaults = resolution.settings.defaults
    ranges = resolution.settings.ranges
    made = []
    for index, symbol in enumerate(resolution.numbered["class"]):
        layout = resolution.classes.layout(symbol)
        made.append(
            ObjectClass(
                symbol.name,
                layout.common,
                layout.permissions,
                defaults["defaultuser"].get(index, DefaultFrom.UNSPECIFIED),
                defaults["defaultrole"].get(index, DefaultFrom.UNSPECIFIED),
                defaults["defaulttype"].get(index, DefaultFrom.UNSPECIFIED),
                ranges.get(index, DefaultRange.UNSPECIFIED),
            )
        )
    return tuple(made)


def _types(resolution: Resolution) -> tuple[Type, ...]:
    identities = resolution.identities
    bounds = identities.bounds["type"]
    return tuple(
        Type(
            symbol.name,
            symbol.flavour == "typeattribute",
            identities.types.bits(symbol),
            _aliases(resolution, symbol),
            index in identities.permissive,
            bounds.get(index),
            index in identities.neveraudit,
        )
        for index, symbol in enumerate(resolution.numbered["type"])
    )


def _roles(resolution: Resolution) -> tuple[Role, ...]:
    identities = resolution.identities
    bounds = identities.bounds["role"]
    return tuple(
        Role(
            symbol.name,
            identities.types.universe if symbol.name == OBJECT_ROLE else identities.role_types.get(index, 0),
            bounds.get(index),
            0 if symbol.name == OBJECT_ROLE else 1 << index,
        )
        for index, symbol in enumerate(resolution.numbered["role"])
    )


def _users(resolution: Resolution) -> tuple[User, ...]:
    identities = resolution.identities
    bounds = identities.bounds["user"]
    lowest = LevelRange(LOWEST, LOWEST)
    return tuple(
        User(
            symbol.name,
            identities.user_roles.get(index, 0) & ~_OBJECT_ROLE_BIT,  # everyone may take it
            identities.user_levels.get(index, LOWEST),
            identities.user_ranges.get(index, lowest),
            bounds.get(index),
            identities.prefixes.get(index),
        )
        for index, symbol in enumerate(resolution.numbered["user"])
    )


def _rules(resolution: Resolution, conditions: Conditions) -> Rules:
    """Complete the columns: give conditions their final numbers and write out targets that are no type."""
    rules = resolution.rules.access.rules
    if any(rules.condition):
        rules.condition = array("I", map(conditions.numbers.__getitem__, rules.condition))
    unwanted = _write_out_special(resolution, rules)
    if resolution.program.options.disable_dontaudit:
        unwanted.update(row for row, kind in enumerate(rules.kind) if kind == RuleKind.DONTAUDIT)
    return rules.select(row for row in range(len(rules)) if row not in unwanted) if unwanted else rules


def _write_out_special(resolution: Resolution, rules: Rules) -> set[int]:
    """Write out targets that are no type; return the rows of those that stand for none."""
    if max(rules.target, default=0) < LOWEST_SPECIAL:
        return set()
    special = [row for row, target in enumerate(rules.target) if target >= LOWEST_SPECIAL]
    bits = resolution.identities.types.bits
    universe = resolution.identities.types.universe
    symbols = resolution.numbered["type"]
    empty: set[int] = set()
    for row in special:
        if rules.target[row] == SELF and symbols[rules.source[row]].flavour == "type":
            rules.target[row] = rules.source[row]
            continue
        kind, source, target, class_id, data, condition, origin = rules[row]
        pairs = special_pairs(bits(symbols[source]), target, universe)
        first = next(pairs, None)
        if first is None:
            empty.add(row)
            continue
        rules.source[row], rules.target[row] = first
        for one, other in pairs:
            rules.append(kind, one, other, class_id, data, condition, origin)
    return empty
