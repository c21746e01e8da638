"""Declarations and labels of a policy as SETools writes them.

Source: what ``seinfo -x`` of SETools 4.4 prints.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from selbox.analysis.constrainttext import names_text
from selbox.analysis.ruletext import number_ranges
from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.labelling import FileKind, FilesystemUseBehaviour
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy
from selbox.typing import Final

_FILE_KINDS: Final = {
    FileKind.ANY: "",
    FileKind.FILE: "--",
    FileKind.DIRECTORY: "-d",
    FileKind.CHARACTER: "-c",
    FileKind.BLOCK: "-b",
    FileKind.SOCKET: "-s",
    FileKind.PIPE: "-p",
    FileKind.SYMLINK: "-l",
}
_OBJECT_ROLE: Final = 0


def level_text(policy: Policy, level: Level) -> str:
    """Return a level; runs of categories are ranges, those of two among them."""
    name = policy.sensitivities[level.sensitivity].name
    if not level.categories:
        return name
    names = policy.categories
    runs = (
        names[first].name if first == last else f"{names[first].name}.{names[last].name}"
        for first, last in number_ranges(0, 0, level.categories)
    )
    return f"{name}:{','.join(runs)}"


def range_text(policy: Policy, level_range: LevelRange) -> str:
    """Return a range, whose levels have blanks around the dash between them."""
    low = level_text(policy, level_range.low)
    return low if level_range.low == level_range.high else f"{low} - {level_text(policy, level_range.high)}"


def context_text(policy: Policy, context: Context) -> str:
    """Return a context."""
    names = (policy.users[context.user].name, policy.roles[context.role].name, policy.types[context.type].name)
    return ":".join((*names, range_text(policy, context.range)) if policy.mls else names)


def _alias_text(aliases: Sequence[str]) -> str:
    if not aliases:
        return ""
    return f" alias {aliases[0]}" if len(aliases) == 1 else f" alias {{ {' '.join(sorted(aliases))} }}"


def attributes_of_types(policy: Policy) -> dict[int, list[str]]:
    """Return the names of each type's attributes, in the order of their ids."""
    found: dict[int, list[str]] = {}
    for each in policy.types:
        if each.is_attribute:
            for member in members(each.types):
                found.setdefault(member, []).append(each.name)
    return found


def type_statement(policy: Policy, type_id: int, attributes: Sequence[str]) -> str:
    """Return the declaration of a type."""
    each = policy.types[type_id]
    return f"{', '.join((f'type {each.name}{_alias_text(each.aliases)}', *attributes))};"


def attribute_statement(policy: Policy, attribute_id: int) -> str:
    """Return the declaration of an attribute, and its types in lines of their own."""
    each = policy.types[attribute_id]
    names = sorted(policy.types[member].name for member in members(each.types))
    return "\n\t".join((f"attribute {each.name};", *(names or ("<empty attribute>",))))


def role_statement(policy: Policy, role_id: int) -> str:
    """Return the declaration of a role; ``object_r``, which goes with every type, has those that the file gives it."""
    each = policy.roles[role_id]
    types = each.types
    if role_id == _OBJECT_ROLE:
        types = policy.binary_form.object_role_types if policy.binary_form is not None else 0
    names = [policy.types[member].name for member in members(types)]
    return f"role {each.name} types {names_text(names)};"


def user_statement(policy: Policy, user_id: int) -> str:
    """Return the declaration of a user; ``object_r`` is not shown, since all have it."""
    each = policy.users[user_id]
    names = [policy.roles[role].name for role in members(each.roles) if role != _OBJECT_ROLE]
    start = f"user {each.name} roles {names_text(names)}"
    if not policy.mls:
        return f"{start};"
    return f"{start} level {level_text(policy, each.default_level)} range {range_text(policy, each.range)};"


def symbol_statement(keyword: str, name: str, aliases: Sequence[str]) -> str:
    """Return the declaration of a sensitivity or a category."""
    return f"{keyword} {name}{_alias_text(aliases)};"


def class_statement(policy: Policy, class_id: int) -> str:
    """Return the declaration of a class with the permissions that are its own."""
    each = policy.classes[class_id]
    shared = next((common.permissions for common in policy.commons if common.name == each.common), ())
    own = sorted(name for name in each.permissions if name not in shared)
    inherits = f"inherits {each.common}\n" if each.common is not None else ""
    return f"class {each.name}\n{inherits}{_block(own) if own else ''}"


def common_statement(name: str, permissions: Sequence[str]) -> str:
    """Return the declaration of a common."""
    return f"common {name}\n{_block(sorted(permissions))}"


def _block(names: Sequence[str]) -> str:
    return "{\n\t" + "\n\t".join(names) + "\n}"


def filesystem_use_keyword(behaviour: FilesystemUseBehaviour) -> str:
    """Return the keyword of an ``fs_use`` statement."""
    return f"fs_use_{behaviour.value}"


def genfscon_start(filesystem: str, path: str, kind: FileKind) -> str:
    """Return a ``genfscon`` statement up to its context; it ends in a blank where it is for all kinds of files."""
    return f"genfscon {filesystem} {path} {_FILE_KINDS[kind]}"


def genfscon_text(policy: Policy, filesystem: str, path: str, kind: FileKind, context: Context) -> str:
    """Return a ``genfscon`` statement."""
    return f"{genfscon_start(filesystem, path, kind)} {context_text(policy, context)}"


def numbers_text(low: int, high: int, form: str = "d") -> str:
    """Return a range of numbers, or the one number that it is."""
    return f"{low:{form}}" if low == high else f"{low:{form}}-{high:{form}}"


def network_text(address: bytes, mask: bytes) -> str:
    """Return the address and the mask of a network; bits of the address outside the mask are not shown."""
    masked = bytes(one & other for one, other in zip(address, mask, strict=True))
    make = IPv4Address if len(address) == 4 else IPv6Address
    return f"{make(masked)} {make(mask)}"


def prefix_text(prefix: bytes) -> str:
    """Return the subnet prefix of Infiniband."""
    return str(IPv6Address(prefix + bytes(8)))
