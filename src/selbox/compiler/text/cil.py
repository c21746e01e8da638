"""A policy as CIL.

Source: order and form of the statements are those of libsepol's ``kernel_to_cil.c``, which ``checkpolicy -C`` calls;
what it leaves out of a policy stands here too.
"""

from collections.abc import Iterator

from selbox.compiler.text.cilnames import Declarations, word
from selbox.compiler.text.cilsyntax import CIL, DEFAULT_LEVEL, category_set, context_text, level_text, range_text
from selbox.compiler.text.conditions import condition_texts
from selbox.compiler.text.constraints import constraint_lines
from selbox.compiler.text.labels import label_lines
from selbox.compiler.text.rules import rule_texts
from selbox.compiler.text.symbols import (
    SortedNames,
    commons_in_order,
    declared,
    default_settings,
    own_permissions,
    sorted_aliases,
)
from selbox.compiler.text.transitions import named_transition_lines, range_transition_lines, role_lines
from selbox.compiler.text.unsaid import unsaid_in_cil, with_notes
from selbox.model.policy import Policy

_OBJECT_ROLE = "object_r"
_DEFAULT_LOGIN = "__default__"


def policy_to_cil(policy: Policy) -> str:
    """Return the text of a policy in CIL; compiled again, it is the same policy.

    Names with dots are declared in blocks, so that no option of a compiler is needed. What CIL cannot say is named in
    comments at the head.
    """
    return "".join(cil_parts(policy))


def cil_parts(policy: Policy) -> Iterator[str]:
    """Iterate over parts of the text of :func:`policy_to_cil`, whole lines each.

    Whoever writes them as they come saves the memory of the whole.
    """
    return with_notes("; ", unsaid_in_cil(policy), policy, _parts(policy))


def _parts(policy: Policy) -> Iterator[str]:
    declarations = Declarations()
    constraints = constraint_lines(policy, CIL)
    rules = rule_texts(policy, CIL, "        ")
    types = SortedNames([each.name for each in policy.types])
    pieces = [f"(handleunknown {policy.handle_unknown.value})\n"]
    pieces += _classes(policy, declarations)
    pieces += _sids(policy, declarations)
    pieces += (f"(default{part} {name} {value})\n" for part, name, value in default_settings(policy))
    pieces += _levels(policy)
    pieces += (f"{line}\n" for line in constraints.mls)
    pieces += (f"(policycap {name})\n" for name in sorted(policy.policy_capabilities))
    pieces += _types(policy, declarations, types)
    yield "".join(pieces)
    yield from rules.always
    pieces = [f"{line}\n" for line in named_transition_lines(policy, CIL)]
    pieces += (f"{line}\n" for line in range_transition_lines(policy, CIL))
    for condition in condition_texts(policy, CIL, rules.conditional):
        pieces.append(f"(booleanif {condition.expression}\n")
        pieces += (
            f"    ({branch}\n{lines}    )\n"
            for branch, lines in (("true", condition.when_true), ("false", condition.when_false))
            if lines
        )
        pieces.append(")\n")
    pieces += _roles(policy, declarations, types)
    pieces += (f"{line}\n" for line in role_lines(policy, CIL))
    pieces += _users(policy, declarations)
    pieces += (f"{line}\n" for line in constraints.plain)
    pieces += (f"{line}\n" for line in label_lines(policy, CIL))
    pieces += _user_space(policy)
    pieces += declarations.blocks()
    yield "".join(pieces)


def _classes(policy: Policy, declarations: Declarations) -> Iterator[str]:
    classes = declared(policy.classes)
    for each in classes:
        yield declarations.line("class", each.name, f" ({' '.join(own_permissions(policy, each))})")
    yield f"(classorder ({' '.join(each.name for each in classes)}))\n"
    for each in classes:
        if each.common is not None:
            yield f"(classcommon {each.name} {each.common})\n"
    for common in commons_in_order(policy):
        yield declarations.line("common", common.name, f" ({' '.join(common.permissions)})")


def _sids(policy: Policy, declarations: Declarations) -> Iterator[str]:
    if policy.initial_sids:
        yield from (declarations.line("sid", sid.name) for sid in policy.initial_sids)
        yield f"(sidorder ({' '.join(sid.name for sid in policy.initial_sids)}))\n"


def _levels(policy: Policy) -> Iterator[str]:
    """Iterate over the levels; CIL wants one even in a policy without MLS."""
    if not policy.mls:
        yield f"(mls false)\n(sensitivity s0)\n(sensitivityorder (s0))\n(level {DEFAULT_LEVEL} (s0))\n"
        return
    yield "(mls true)\n"
    for kind, symbols in (("sensitivity", declared(policy.sensitivities)), ("category", declared(policy.categories))):
        if not symbols:
            continue
        yield from (f"({kind} {each.name})\n" for each in symbols)
        yield f"({kind}order ({' '.join(each.name for each in symbols)}))\n"
        aliases = sorted_aliases(symbols)
        yield from (f"({kind}alias {alias})\n" for alias, _ in aliases)
        yield from (f"({kind}aliasactual {alias} {actual})\n" for alias, actual in aliases)
    for sensitivity in declared(policy.sensitivities):
        if sensitivity.categories:
            yield f"(sensitivitycategory {sensitivity.name} {category_set(policy, sensitivity.categories)})\n"


def _types(policy: Policy, declarations: Declarations, sorted_types: SortedNames) -> Iterator[str]:
    """Iterate over attributes, booleans, types and what is said of single types."""
    names = [each.name for each in policy.types]
    declare = declarations.line
    by_name = declared([policy.types[each] for each in sorted_types.ids])
    types = [each for each in by_name if not each.is_attribute]
    attributes = [each for each in by_name if each.is_attribute]
    yield from (declare("typeattribute", each.name) for each in attributes)
    for boolean in sorted(declared(policy.booleans)):
        yield declare("boolean", boolean.name, " true" if boolean.default else " false")
    yield from (declare("type", each.name) for each in types)
    aliases = sorted_aliases(types)
    yield from (declare("typealias", alias) for alias, _ in aliases)
    yield from (f"(typealiasactual {alias} {actual})\n" for alias, actual in aliases)
    yield from (f"(typebounds {names[each.bounds]} {each.name})\n" for each in types if each.bounds is not None)
    for each in attributes:
        if each.types:
            yield f"(typeattributeset {each.name} ({' '.join(sorted_types.of(each.types))}))\n"
    # A compiler may forget attributes that no rule names, or write them out: these are to stay.
    if attributes:
        yield f"(expandtypeattribute ({' '.join([each.name for each in attributes])}) false)\n"
    yield from (f"(typepermissive {each.name})\n" for each in types if each.permissive)
    yield from (f"(typeneveraudit {each.name})\n" for each in types if each.neveraudit)


def _roles(policy: Policy, declarations: Declarations, sorted_types: SortedNames) -> Iterator[str]:
    roles = sorted(declared(policy.roles), key=lambda each: each.name)
    yield from (declarations.line("role", each.name) for each in roles)
    for each in roles:
        if each.bounds is not None:
            yield f"(rolebounds {policy.roles[each.bounds].name} {each.name})\n"
    for each in roles:
        if each.name != _OBJECT_ROLE:
            yield from (f"(roletype {each.name} {name})\n" for name in sorted_types.of(each.types))
    # Every type may stand with the role of objects, whatever a binary policy says of it.
    types = declared([policy.types[each] for each in sorted_types.ids])
    yield from [f"(roletype {_OBJECT_ROLE} {each.name})\n" for each in types if not each.is_attribute]


def _users(policy: Policy, declarations: Declarations) -> Iterator[str]:
    roles = SortedNames([each.name for each in policy.roles])
    users = sorted(declared(policy.users), key=lambda each: each.name)
    yield from (declarations.line("user", each.name) for each in users)
    for each in users:
        for role in sorted({*roles.of(each.roles), _OBJECT_ROLE}):
            yield f"(userrole {each.name} {role})\n"
    yield from (f"(userlevel {each.name} {level_text(policy, each.default_level)})\n" for each in users)
    yield from (f"(userrange {each.name} {range_text(policy, each.range)})\n" for each in users)
    for each in users:
        if each.bounds is not None:
            yield f"(userbounds {policy.users[each.bounds].name} {each.name})\n"


def _user_space(policy: Policy) -> Iterator[str]:
    """Iterate over what the kernel does not need: labels of files, logins, prefixes of users."""
    for user in sorted(declared(policy.users), key=lambda each: each.name):
        if user.prefix is not None:
            yield f"(userprefix {user.name} {word(user.prefix)})\n"
    for login in sorted(policy.logins):
        who = f"default {policy.users[login.user].name}"
        if login.name != _DEFAULT_LOGIN:
            who = f" {word(login.name)} {policy.users[login.user].name}"
        yield f"(selinuxuser{who} {range_text(policy, login.range)})\n"
    for entry in policy.file_contexts:
        if CIL.can_quote(entry.pattern):
            context = "()" if entry.context is None else context_text(policy, entry.context)
            yield f'(filecon "{entry.pattern}" {entry.kind.value} {context})\n'
