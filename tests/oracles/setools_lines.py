"""Writes a binary policy as lines, one fact a line; run by the Python that has Debian's setools.

The lines are those of ``policylines.py``: names only, attributes and sets written out, so that two policies that
mean the same have the same lines.
"""

import sys
from collections.abc import Iterator
from typing import Any

import setools  # type: ignore[import-not-found]  # belongs to the distribution's Python, not to the environment


def level(value: Any) -> str:
    return f"{value.sensitivity}:{','.join(sorted(str(each) for each in value.categories()))}"


def level_range(value: Any) -> str:
    return f"{level(value.low)}-{level(value.high)}"


def context(value: Any, mls: bool) -> str:
    return f"{value.user}:{value.role}:{value.type_}" + (f":{level_range(value.range_)}" if mls else "")


def types(value: Any) -> list[str]:
    return sorted(str(each) for each in value.expand())


def condition(rule: Any) -> str:
    try:
        expression, block = rule.conditional, rule.conditional_block
    except AttributeError:
        return ""
    names = sorted(str(each) for each in expression.booleans)
    rows = []
    for row in range(1 << len(names)):
        values = {name: bool(row >> index & 1) for index, name in enumerate(names)}
        rows.append("1" if expression.evaluate(**values) == block else "0")
    return f" if {' '.join(names)} {''.join(rows)}"


def te_rules(policy: Any) -> Iterator[str]:
    for rule in policy.terules():
        kind = str(rule.ruletype)
        when = condition(rule)
        for source in types(rule.source):
            for target in types(rule.target):
                start = f"{kind} {source} {target} {rule.tclass}"
                if kind.endswith("xperm"):
                    numbers = " ".join(f"{each:04x}" for each in sorted(rule.perms))
                    yield f"{start} {rule.xperm_type} {numbers}{when}"
                elif kind in ("allow", "auditallow", "dontaudit"):
                    yield from (f"{start} {permission}{when}" for permission in rule.perms)
                else:
                    name = getattr(rule, "filename", None) if kind == "type_transition" else None
                    yield f"{start} {name + ' ' if name else ''}= {rule.default}{when}"


def constraint(rule: Any, kind: str) -> str:
    terms: list[str] = []
    left = ""
    for term in rule.expression:
        if isinstance(term, frozenset):
            names: set[str] = set()
            for each in term:
                names.update(types(each) if left[0] == "t" else [str(each)])
            terms.append("{" + " ".join(sorted(names)) + "}")
        else:
            left = term if term[0] in "tru" else left
            terms.append(term)
    permissions = "" if "validatetrans" in kind else " " + " ".join(sorted(rule.perms))
    return f"{kind} {rule.tclass}{permissions}: {' '.join(terms)}"


def other_rules(policy: Any) -> Iterator[str]:
    for rule in policy.mlsrules():
        for source in types(rule.source):
            for target in types(rule.target):
                yield f"range_transition {source} {target} {rule.tclass} = {level_range(rule.default)}"
    for rule in policy.rbacrules():
        if str(rule.ruletype) == "allow":
            yield f"role_allow {rule.source} {rule.target}"
        else:
            for target in types(rule.target):
                yield f"role_transition {rule.source} {target} {rule.tclass} = {rule.default}"
    for rule in policy.constraints():
        yield constraint(rule, str(rule.ruletype))
    for rule in policy.defaults():
        side = f"{rule.default} {rule.default_range}" if getattr(rule, "default_range", None) else rule.default
        yield f"{rule.ruletype} {rule.tclass} {side}".replace("_", "-").replace("default-", "default_")
    for rule in policy.bounds():
        yield f"{rule.ruletype} {rule.parent} {rule.child}"


def classes(policy: Any) -> Iterator[str]:
    for each in policy.classes():
        try:
            common = each.common
            yield f"class {each} {common}: {' '.join(sorted(each.perms | common.perms))}"
        except AttributeError:
            yield f"class {each} -: {' '.join(sorted(each.perms))}"


def symbols(policy: Any) -> Iterator[str]:
    for each in policy.types():
        yield f"type {each}{' permissive' if each.ispermissive else ''} {' '.join(sorted(map(str, each.aliases())))}"
    for each in policy.typeattributes():
        yield f"attribute {each}: {' '.join(types(each))}"
    for each in policy.roles():
        if str(each) != "object_r":
            yield f"role {each}: {' '.join(sorted(map(str, each.types())))}"
    for each in policy.users():
        roles = " ".join(sorted(str(role) for role in each.roles if str(role) != "object_r"))
        ranges = f" {level(each.mls_level)} {level_range(each.mls_range)}" if policy.mls else ""
        yield f"user {each}: {roles}{ranges}"
    for each in policy.bools():
        yield f"boolean {each} {each.state}"
    if policy.mls:
        for index, each in enumerate(sorted(policy.sensitivities())):
            yield f"sensitivity {index} {each} {' '.join(sorted(map(str, each.aliases())))}"
        for each in policy.categories():
            yield f"category {each} {' '.join(sorted(map(str, each.aliases())))}"
        for each in policy.levels():
            yield f"level {level(each)}"


def labels(policy: Any) -> Iterator[str]:
    mls = policy.mls
    for each in policy.initialsids():
        yield f"sid {each} {context(each.context, mls)}"
    for each in policy.fs_uses():
        yield f"{each.ruletype} {each.fs} {context(each.context, mls)}"
    for each in policy.genfscons():
        yield f"genfscon {each.fs} {each.path} {context(each.context, mls)}"
    for each in policy.portcons():
        yield f"portcon {each.protocol} {each.ports.low} {each.ports.high} {context(each.context, mls)}"
    for each in policy.nodecons():
        network = each.network
        yield f"nodecon {network.network_address} {network.netmask} {context(each.context, mls)}"
    for each in policy.netifcons():
        yield f"netifcon {each.netif} {context(each.context, mls)} {context(each.packet, mls)}"
    for each in policy.polcaps():
        yield f"policycap {each}"
    yield f"handle_unknown {policy.handle_unknown}"
    yield f"mls {mls}"


def main() -> None:
    """Answer each path on a line of the input with the lines of its policy and an empty line."""
    for path in sys.stdin:
        lines: set[str] = set()
        try:
            policy = setools.SELinuxPolicy(path.rstrip("\n"))
            for part in (classes, symbols, te_rules, other_rules, labels):
                lines.update(part(policy))
        except setools.exception.InvalidPolicy:
            lines = {"unreadable"}  # secilc wrote what libsepol does not read back
        sys.stdout.write("\n".join(sorted(lines)) + "\n\n")
        sys.stdout.flush()


main()
