"""All that a policy holds as lines: what the lines of ``policylines.py`` have, and what setools has no words for."""

import re
from collections.abc import Iterator, Sequence

from tests.oracles.policylines import condition, context, level_range, policy_lines

from selbox.compiler.text.symbols import Named
from selbox.model.bitset import members
from selbox.model.constraint import CompareNames, Constraint, ValidateTransition
from selbox.model.extended import ExtendedSpecifier
from selbox.model.policy import Policy

REPLACED = re.compile(r"\w+xperm |(mls)?(constrain|validatetrans) ")
"""Lines that say the same of different policies, or different things of the same."""


def facts(policy: Policy) -> set[str]:
    """Return every fact of a policy, such that two policies that say the same have the same facts."""
    lines = {line for line in policy_lines(policy) if not REPLACED.match(line)}
    for part in (_extended, _constraints, _identities, _labels, _user_space):
        lines.update(part(policy))
    return lines


def _extended(policy: Policy) -> Iterator[str]:
    """Iterate over the numbers of each key; a rule about whole drivers is one about all of their functions."""
    found: dict[tuple[object, ...], int] = {}
    for rule in policy.extended_rules:
        numbers = rule.permissions << 256 * rule.driver
        if rule.specifier is ExtendedSpecifier.IOCTL_DRIVER:
            numbers = sum(((1 << 256) - 1) << 256 * driver for driver in range(256) if rule.permissions >> driver & 1)
        key = (
            rule.kind.name,
            policy.types[rule.source].name,
            policy.types[rule.target].name,
            policy.classes[rule.object_class].name,
            rule.specifier is ExtendedSpecifier.NETLINK_MESSAGE,
            condition(policy, rule.condition),
        )
        found[key] = found.get(key, 0) | numbers
    return (f"extended {key} {numbers:x}" for key, numbers in found.items())


def _constraints(policy: Policy) -> Iterator[str]:
    """Iterate over constraints by the types that they compare with: old binaries do not hold the names."""
    for rule in (*policy.constraints, *policy.validate_transitions):
        assert isinstance(rule, Constraint | ValidateTransition)
        permissions = policy.classes[rule.object_class].names(rule.permissions) if isinstance(rule, Constraint) else ()
        terms = []
        for term in rule.expression:
            if isinstance(term, CompareNames):
                part = term.left.value[0]
                symbols: dict[str, Sequence[Named]] = {"t": policy.types, "r": policy.roles, "u": policy.users}
                names = sorted(symbols[part][each].name for each in members(term.ids))
                terms.append(f"{term.left.value} {term.comparison.value} {names}")
            else:
                terms.append(str(term))
        yield f"constraint {policy.classes[rule.object_class].name} {permissions} {terms}"


def _identities(policy: Policy) -> Iterator[str]:
    for role in policy.roles:
        if role.bounds is not None:
            yield f"rolebounds {policy.roles[role.bounds].name} {role.name}"
    for user in policy.users:
        if user.bounds is not None:
            yield f"userbounds {policy.users[user.bounds].name} {user.name}"
    yield from (f"neveraudit {each.name}" for each in policy.types if each.neveraudit)
    yield from (f"common {each.name} {each.permissions}" for each in policy.commons)
    yield f"target {policy.target.value}"
    yield f"classes {[each.name for each in policy.classes]} {[each.permissions for each in policy.classes]}"
    yield f"sids {[each.name for each in policy.initial_sids]}"


def _labels(policy: Policy) -> Iterator[str]:
    for generic in policy.genfs_contexts:
        where = f"{generic.filesystem} {generic.path} {generic.kind.value}"
        yield f"genfs {where} {context(policy, generic.context)}"
    for key in policy.infiniband_keys:
        yield f"ibpkey {key.subnet_prefix.hex()} {key.low} {key.high} {context(policy, key.context)}"
    for port in policy.infiniband_ports:
        yield f"ibendport {port.device} {port.port} {context(policy, port.context)}"
    for interrupt in policy.xen_interrupts:
        yield f"pirq {interrupt.interrupt} {context(policy, interrupt.context)}"
    for ioport in policy.xen_ports:
        yield f"ioport {ioport.low} {ioport.high} {context(policy, ioport.context)}"
    for memory in policy.xen_memory:
        yield f"iomem {memory.low} {memory.high} {context(policy, memory.context)}"
    for device in policy.xen_devices:
        yield f"pcidevice {device.device} {context(policy, device.context)}"
    for node in policy.xen_device_tree:
        yield f"devicetree {node.path} {context(policy, node.context)}"


def _user_space(policy: Policy) -> Iterator[str]:
    for user in policy.users:
        if user.prefix is not None:
            yield f"prefix {user.name} {user.prefix}"
    for login in policy.logins:
        levels = level_range(policy, login.range) if policy.mls else ""
        yield f"login {login.name} {policy.users[login.user].name} {levels}"
    for entry in policy.file_contexts:
        label = context(policy, entry.context) if entry.context else "none"
        yield f"filecon {entry.pattern} {entry.kind.value} {label}"
