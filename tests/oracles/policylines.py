"""Writes a :class:`Policy` as lines, one fact a line, like ``setools_lines.py`` does for a binary policy."""

from collections.abc import Iterator
from ipaddress import ip_address

from selbox.model.bitset import members
from selbox.model.conditional import BooleanOperator, Conditional
from selbox.model.constraint import CompareAttributes, CompareNames, Connective, Constraint, ValidateTransition
from selbox.model.context import Context
from selbox.model.extended import ExtendedKind, ExtendedSpecifier
from selbox.model.mls import Level, LevelRange
from selbox.model.objectclass import DefaultFrom, DefaultRange
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS, RuleKind

# A binary policy holds numbers of initial SIDs, not names; setools shows the kernel's names of the numbers.
KERNEL_SIDS = [
    "kernel",
    "security",
    "unlabeled",
    "fs",
    "file",
    "file_labels",
    "init",
    "any_socket",
    "port",
    "netif",
    "netmsg",
    "node",
    "igmp_packet",
    "icmp_socket",
    "tcp_socket",
    "sysctl_modprobe",
    "sysctl",
    "sysctl_fs",
    "sysctl_kernel",
    "sysctl_net",
    "sysctl_net_unix",
    "sysctl_vm",
    "sysctl_dev",
    "kmod",
    "policy",
    "scmp_packet",
    "devnull",
]

COMPARISONS = {"eq": "==", "neq": "!=", "dom": "dom", "domby": "domby", "incomp": "incomp"}


def level(policy: Policy, value: Level) -> str:
    names = sorted(policy.categories[each].name for each in members(value.categories))
    return f"{policy.sensitivities[value.sensitivity].name}:{','.join(names)}"


def level_range(policy: Policy, value: LevelRange) -> str:
    return f"{level(policy, value.low)}-{level(policy, value.high)}"


def context(policy: Policy, value: Context) -> str:
    text = f"{policy.users[value.user].name}:{policy.roles[value.role].name}:{policy.types[value.type].name}"
    return text + (f":{level_range(policy, value.range)}" if policy.mls else "")


def types(policy: Policy, type_id: int) -> list[str]:
    return sorted(policy.types[each].name for each in members(policy.types[type_id].types))


def evaluate(conditional: Conditional, values: dict[int, bool]) -> bool:
    stack: list[bool] = []
    for term in conditional.expression:
        if isinstance(term, int):
            stack.append(values[term])
        elif term is BooleanOperator.NOT:
            stack.append(not stack.pop())
        else:
            right, left = stack.pop(), stack.pop()
            stack.append(
                {
                    BooleanOperator.AND: left and right,
                    BooleanOperator.OR: left or right,
                    BooleanOperator.XOR: left != right,
                    BooleanOperator.EQUAL: left == right,
                    BooleanOperator.NOT_EQUAL: left != right,
                }[term]
            )
    return stack[-1]


def condition(policy: Policy, number: int) -> str:
    if not number:
        return ""
    index, side = divmod(number - 1, 2)
    conditional = policy.conditionals[index]
    used = {policy.booleans[term].name: term for term in conditional.expression if isinstance(term, int)}
    names = sorted(used)
    rows = []
    for row in range(1 << len(names)):
        values = {used[name]: bool(row >> bit & 1) for bit, name in enumerate(names)}
        rows.append("1" if evaluate(conditional, values) == (side == 0) else "0")
    return f" if {' '.join(names)} {''.join(rows)}"


def te_rules(policy: Policy) -> Iterator[str]:
    words = {
        RuleKind.ALLOW: "allow",
        RuleKind.AUDITALLOW: "auditallow",
        RuleKind.DONTAUDIT: "dontaudit",
        RuleKind.TYPE_TRANSITION: "type_transition",
        RuleKind.TYPE_CHANGE: "type_change",
        RuleKind.TYPE_MEMBER: "type_member",
    }
    for rule in policy.rules:
        object_class = policy.classes[rule.object_class]
        when = condition(policy, rule.condition)
        for source in types(policy, rule.source):
            for target in types(policy, rule.target):
                start = f"{words[rule.kind]} {source} {target} {object_class.name}"
                if rule.kind in ACCESS_KINDS:
                    yield from (f"{start} {name}{when}" for name in object_class.names(rule.data))
                else:
                    yield f"{start} = {policy.types[rule.data].name}{when}"
    yield from extended_rules(policy)
    for named in policy.named_transitions:
        for source in types(policy, named.source):
            for target in types(policy, named.target):
                start = f"type_transition {source} {target} {policy.classes[named.object_class].name}"
                yield f"{start} {named.name} = {policy.types[named.result].name}"


def extended_rules(policy: Policy) -> Iterator[str]:
    words = {
        ExtendedKind.ALLOW: "allowxperm",
        ExtendedKind.AUDITALLOW: "auditallowxperm",
        ExtendedKind.DONTAUDIT: "dontauditxperm",
    }
    for rule in policy.extended_rules:
        if rule.specifier is ExtendedSpecifier.IOCTL_DRIVER:
            numbers = [driver << 8 | function for driver in members(rule.permissions) for function in range(256)]
        else:
            numbers = [rule.driver << 8 | function for function in members(rule.permissions)]
        permission = "nlmsg" if rule.specifier is ExtendedSpecifier.NETLINK_MESSAGE else "ioctl"
        when = condition(policy, rule.condition)
        for source in types(policy, rule.source):
            for target in types(policy, rule.target):
                start = f"{words[rule.kind]} {source} {target} {policy.classes[rule.object_class].name}"
                yield f"{start} {permission} {' '.join(f'{each:04x}' for each in numbers)}{when}"


def constraint(policy: Policy, rule: Constraint | ValidateTransition) -> str:
    terms: list[str] = []
    for term in rule.expression:
        if isinstance(term, Connective):
            terms.append(term.value)
        elif isinstance(term, CompareAttributes):
            terms += [term.left.value, term.right.value, COMPARISONS[term.comparison.value]]
        else:
            terms += [term.left.value, names(policy, term), COMPARISONS[term.comparison.value]]
    object_class = policy.classes[rule.object_class]
    if isinstance(rule, Constraint):
        kind = "mlsconstrain" if compares_levels(rule) else "constrain"
        permissions = " " + " ".join(sorted(object_class.names(rule.permissions)))
    else:
        kind, permissions = "mlsvalidatetrans" if compares_levels(rule) else "validatetrans", ""
    return f"{kind} {object_class.name}{permissions}: {' '.join(terms)}"


def compares_levels(rule: Constraint | ValidateTransition) -> bool:
    """A binary policy does not tell the two kinds of constraint apart; setools goes by what they compare."""
    return any(isinstance(term, CompareAttributes) and term.left.value[0] in "lh" for term in rule.expression)


def names(policy: Policy, term: CompareNames) -> str:
    part = term.left.value[0]
    if part == "u":
        found = [policy.users[each].name for each in members(term.ids)]
    elif part == "r":
        found = [policy.roles[each].name for each in members(term.ids)]
    else:  # a binary policy holds the names too, but for attributes that were written out; setools goes by them
        found = list({name for each in term.names for name in types(policy, policy.type_ids[each])})
    return "{" + " ".join(sorted(found)) + "}"


def other_rules(policy: Policy) -> Iterator[str]:
    for rule in policy.range_transitions:
        found = level_range(policy, policy.ranges[rule.range])
        for source in types(policy, rule.source):
            for target in types(policy, rule.target):
                yield f"range_transition {source} {target} {policy.classes[rule.object_class].name} = {found}"
    for allow in policy.role_allows:
        yield f"role_allow {policy.roles[allow.source].name} {policy.roles[allow.target].name}"
    for change in policy.role_transitions:
        for target in types(policy, change.target):
            start = f"role_transition {policy.roles[change.source].name} {target}"
            yield f"{start} {policy.classes[change.object_class].name} = {policy.roles[change.result].name}"
    yield from (constraint(policy, each) for each in policy.constraints)
    yield from (constraint(policy, each) for each in policy.validate_transitions)
    for bounded in policy.types:
        if bounded.bounds is not None:
            yield f"typebounds {policy.types[bounded.bounds].name} {bounded.name}"


def classes(policy: Policy) -> Iterator[str]:
    for each in policy.classes:
        yield f"class {each.name} {each.common or '-'}: {' '.join(sorted(each.permissions))}"
        for word, side in (("user", each.default_user), ("role", each.default_role), ("type", each.default_type)):
            if side is not DefaultFrom.UNSPECIFIED:
                yield f"default_{word} {each.name} {side.value}"
        if each.default_range is not DefaultRange.UNSPECIFIED:
            yield f"default_range {each.name} {each.default_range.value}"


def symbols(policy: Policy) -> Iterator[str]:
    for type_ in policy.types:
        if type_.is_attribute:
            found = sorted(policy.types[member].name for member in members(type_.types))
            yield f"attribute {type_.name}: {' '.join(found)}"
        else:
            yield f"type {type_.name}{' permissive' if type_.permissive else ''} {' '.join(sorted(type_.aliases))}"
    for role in policy.roles[1:]:
        yield f"role {role.name}: {' '.join(sorted(policy.types[each].name for each in members(role.types)))}"
    for user in policy.users:
        roles = sorted(policy.roles[each].name for each in members(user.roles) if each)
        ranges = f" {level(policy, user.default_level)} {level_range(policy, user.range)}" if policy.mls else ""
        yield f"user {user.name}: {' '.join(roles)}{ranges}"
    for boolean in policy.booleans:
        yield f"boolean {boolean.name} {boolean.default}"
    if policy.mls:
        for index, sensitivity in enumerate(policy.sensitivities):
            yield f"sensitivity {index} {sensitivity.name} {' '.join(sorted(sensitivity.aliases))}"
            yield f"level {level(policy, Level(index, sensitivity.categories))}"
        for category in policy.categories:
            yield f"category {category.name} {' '.join(sorted(category.aliases))}"


def labels(policy: Policy) -> Iterator[str]:
    for number, sid in enumerate(policy.initial_sids):
        if sid.context is not None:
            yield f"sid {KERNEL_SIDS[number]} {context(policy, sid.context)}"
    for use in policy.filesystem_uses:
        yield f"fs_use_{use.behaviour.value} {use.filesystem} {context(policy, use.context)}"
    for generic in policy.genfs_contexts:
        yield f"genfscon {generic.filesystem} {generic.path} {context(policy, generic.context)}"
    for port in policy.port_contexts:
        yield f"portcon {port.protocol} {port.low} {port.high} {context(policy, port.context)}"
    for node in policy.node_contexts:
        yield f"nodecon {ip_address(node.address)} {ip_address(node.mask)} {context(policy, node.context)}"
    for interface in policy.interface_contexts:
        both = f"{context(policy, interface.interface)} {context(policy, interface.packet)}"
        yield f"netifcon {interface.name} {both}"
    for capability in policy.policy_capabilities:
        yield f"policycap {capability}"
    yield f"handle_unknown {policy.handle_unknown.value}"
    yield f"mls {policy.mls}"


def policy_lines(policy: Policy) -> set[str]:
    """Return every fact of a policy."""
    return {line for part in (classes, symbols, te_rules, other_rules, labels) for line in part(policy)}
