"""A policy in the policy language, the text that checkpolicy compiles.

Source: order and form of the statements are those of libsepol's ``kernel_to_conf.c``, which ``checkpolicy -F`` calls.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter

from selbox.compiler.text.conditions import condition_texts
from selbox.compiler.text.constraints import ConstraintLines, constraint_line, constraint_lines, names_users
from selbox.compiler.text.labels import label_lines
from selbox.compiler.text.languagesyntax import LANGUAGE, range_text
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
from selbox.compiler.text.unsaid import unsaid_in_language, with_notes
from selbox.model.bitset import members
from selbox.model.context_text import format_level
from selbox.model.mls import Level
from selbox.model.policy import Policy

_NAME = attrgetter("name")
_OBJECT_ROLE = "object_r"

_LINE_LENGTH = 600
"""Characters after which a list of types goes on in another statement: checkpolicy's scanner bounds its lines."""

_LONG_LIST = 900


def policy_to_language(policy: Policy) -> str:
    """Return the text of a policy in the policy language; ``checkpolicy`` makes the same policy of it.

    A policy with MLS is compiled with ``-M``; how unknown permissions are handled is for ``-U`` to say. What the
    language cannot say is named in comments at the head.
    """
    return "".join(language_parts(policy))


def language_parts(policy: Policy) -> Iterator[str]:
    """Iterate over parts of the text of :func:`policy_to_language`, whole lines each.

    Whoever writes them as they come saves the memory of the whole.
    """
    notes = (f"handle_unknown {policy.handle_unknown.value}", *unsaid_in_language(policy))
    return with_notes("# ", notes, policy, _parts(policy))


def _parts(policy: Policy) -> Iterator[str]:
    constraints = _constraints(policy)
    rules = rule_texts(policy, LANGUAGE, "    ")
    pieces = [*_classes(policy)]
    pieces += (f"default_{part} {{ {name} }} {value};\n" for part, name, value in default_settings(policy))
    if policy.mls:
        pieces += _levels(policy)
    pieces += (f"{line}\n" for line in constraints.mls)
    pieces += (f"policycap {name};\n" for name in sorted(policy.policy_capabilities))
    pieces += _types(policy)
    yield "".join(pieces)
    yield from rules.always
    pieces = [f"{line}\n" for line in named_transition_lines(policy, LANGUAGE)]
    pieces += (f"{line}\n" for line in range_transition_lines(policy, LANGUAGE))
    for condition in condition_texts(policy, LANGUAGE, rules.conditional):
        pieces.append(f"if ({condition.expression}) {{\n{condition.when_true}}}")
        pieces.append(f" else {{\n{condition.when_false}}}\n" if condition.when_false else "\n")
    pieces += _roles(policy)
    pieces += (f"{line}\n" for line in role_lines(policy, LANGUAGE))
    pieces += _users(policy)
    pieces += (f"{line}\n" for line in constraints.plain)
    pieces += (f"{line}\n" for line in label_lines(policy, LANGUAGE))
    yield "".join(pieces)


def _constraints(policy: Policy) -> ConstraintLines:
    """Return the lines of the constraints, of which a policy with MLS has to have one among its levels.

    A binary policy does not tell the two kinds of constraints apart, so that another may stand there if none is about
    levels; where there is none at all, one that always holds does.
    """
    lines = constraint_lines(policy, LANGUAGE)
    if lines.mls or not policy.mls:
        return lines
    for rule in policy.constraints:
        line = constraint_line(policy, LANGUAGE, rule, is_mls=False)
        if line in lines.plain and not names_users(rule):
            lines.plain.remove(line)
            lines.mls.append(constraint_line(policy, LANGUAGE, rule, is_mls=True))
            return lines
    for object_class in declared(policy.classes):
        if object_class.permissions:
            lines.mls.append("# the language wants a constraint here; this one always holds")
            lines.mls.append(
                f"mlsconstrain {object_class.name} {{ {object_class.permissions[0]} }} (u1 == u2 or u1 != u2);"
            )
            break
    return lines


def _classes(policy: Policy) -> Iterator[str]:
    classes = declared(policy.classes)
    yield from (f"class {each.name}\n" for each in classes)
    yield from (f"sid {sid.name}\n" for sid in policy.initial_sids)
    for common in commons_in_order(policy):
        yield f"common {common.name} {{ {' '.join(common.permissions)} }}\n"
    for each in classes:
        inherited = f" inherits {each.common}" if each.common is not None else ""
        own = own_permissions(policy, each)
        # A class without any permission has been declared, and the language can say no more of it.
        if inherited or own:
            yield f"class {each.name}{inherited}{' { ' if own else ''}{' '.join(own)}{' }' if own else ''}\n"


def _levels(policy: Policy) -> Iterator[str]:
    sensitivities = declared(policy.sensitivities)
    yield from (f"sensitivity {each.name}{_alias_clause(each.aliases)};\n" for each in sensitivities)
    yield f"dominance {{ {' '.join(each.name for each in sensitivities)} }}\n"
    yield from (f"category {each.name}{_alias_clause(each.aliases)};\n" for each in declared(policy.categories))
    for index, sensitivity in enumerate(policy.sensitivities):
        if sensitivity not in sensitivities:
            continue
        yield f"level {format_level(policy, Level(index, sensitivity.categories))};\n"


def _alias_clause(aliases: Sequence[str]) -> str:
    if not aliases:
        return ""
    return f" alias {aliases[0]}" if len(aliases) == 1 else f" alias {{ {' '.join(sorted(aliases))} }}"


def _types(policy: Policy) -> Iterator[str]:
    """Iterate over attributes, booleans, types and what is said of single types."""
    by_name = sorted(declared(policy.types), key=_NAME)
    types = [each for each in by_name if not each.is_attribute]
    attributes = [each for each in by_name if each.is_attribute]
    yield from (f"attribute {each.name};\n" for each in attributes)
    for boolean in sorted(declared(policy.booleans)):
        yield f"bool {boolean.name} {'true' if boolean.default else 'false'};\n"
    yield from (f"type {each.name};\n" for each in types)
    yield from (f"typealias {actual} alias {alias};\n" for alias, actual in sorted_aliases(types))
    for each in types:
        if each.bounds is not None:
            yield f"typebounds {policy.types[each.bounds].name} {each.name};\n"
    attributes_of: defaultdict[int, list[str]] = defaultdict(list)
    for attribute in attributes:
        name = attribute.name
        for member in members(attribute.types):
            attributes_of[member].append(name)
    found = sorted([(policy.types[member].name, names) for member, names in attributes_of.items()])
    yield from (f"typeattribute {name} {', '.join(names)};\n" for name, names in found)
    yield from (f"permissive {each.name};\n" for each in types if each.permissive)
    yield from (f"neveraudit {each.name};\n" for each in types if each.neveraudit)


def _roles(policy: Policy) -> Iterator[str]:
    types = SortedNames([each.name for each in policy.types])
    roles = sorted((each for each in declared(policy.roles) if each.name != _OBJECT_ROLE), key=lambda each: each.name)
    yield from (f"role {each.name};\n" for each in roles)
    for each in roles:
        for part in _short_lists(types.of(each.types)):
            yield f"role {each.name} types {{ {part} }};\n"
    for index, role in enumerate(policy.roles):
        below = [policy.roles[each].name for each in members(role.dominates) if each != index]
        if below:
            inner = " ".join(f"role {name};" for name in below)
            yield f"dominance {{ role {role.name} {{ {inner} }} }}\n"


def _short_lists(names: list[str]) -> Iterator[str]:
    """Iterate over a list of names as text, in parts where it is long."""
    if not names:
        return
    whole = " ".join(names)
    if len(whole) <= _LONG_LIST:
        yield whole
        return
    part: list[str] = []
    length = 0
    for name in names:
        part.append(name)
        length += len(name) + 1
        if length >= _LINE_LENGTH:
            yield " ".join(part)
            part, length = [], 0
    if part:
        yield " ".join(part)


def _users(policy: Policy) -> Iterator[str]:
    roles = SortedNames([each.name for each in policy.roles])
    for user in sorted(declared(policy.users), key=lambda each: each.name):
        # The role of objects goes without saying, but the language wants one at least.
        names = [name for name in roles.of(user.roles) if name != _OBJECT_ROLE] or [_OBJECT_ROLE]
        text = names[0] if len(names) == 1 else f"{{ {' '.join(names)} }}"
        levels = ""
        if policy.mls:
            levels = f" level {format_level(policy, user.default_level)} range {range_text(policy, user.range)}"
        yield f"user {user.name} roles {text}{levels};\n"
