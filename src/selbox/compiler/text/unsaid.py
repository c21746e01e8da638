"""What a policy holds that a language has no words for: notes for the head of its text."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from selbox.binary.kernel.output import HOLE
from selbox.compiler.text import languagenames
from selbox.compiler.text.cilnames import is_file_name, is_string, unnameable
from selbox.compiler.text.symbols import Aliased, Named, declared, permission_names
from selbox.model.bitset import members
from selbox.model.policy import Policy, Target
from selbox.typing import Final

_HOLES: Final = rf"{HOLE}[a-z]+[0-9]{{4,}}"


def unsaid_in_cil(policy: Policy) -> Iterator[str]:
    """Iterate over notes, a line each, on what the text of a policy in CIL lacks or takes for granted."""
    yield from _settings(policy)
    if roles := _dominating_roles(policy):
        yield f"left out: the roles that these dominate: {' '.join(roles)}"
    if names := unnameable(_type_names(policy), _other_names(policy)) | _dotted_levels(policy):
        yield f"written, though CIL takes no such names: {' '.join(sorted(names))}"
    paths = {(entry.filesystem, entry.path) for entry in policy.genfs_contexts}
    if len(paths) < len(policy.genfs_contexts):
        yield "written, though compilers of CIL keep one: contexts of a path that differ by the kind of file"
    yield from _counted(
        {
            "named transitions whose names hold quotes, or are `*`, which CIL takes for any name": sum(
                not is_file_name(rule.name) for rule in policy.named_transitions
            ),
            "contexts of paths with quotes": sum(not is_string(path) for path in _paths(policy)),
            "file contexts of patterns with quotes": sum(
                not is_string(entry.pattern) for entry in policy.file_contexts
            ),
        }
    )


def unsaid_in_language(policy: Policy) -> Iterator[str]:
    """Iterate over notes, a line each, on what the text of a policy in the policy language lacks."""
    yield from _settings(policy)
    if names := languagenames.unnameable({*_type_names(policy), *_other_names(policy)}):
        yield f"written, though the language takes no such names: {' '.join(sorted(names))}"
    yield from _counted(
        {
            "named transitions whose names hold quotes": sum(
                not languagenames.is_file_name(rule.name) for rule in policy.named_transitions
            ),
            "contexts of paths that are empty or hold quotes": sum(
                not languagenames.is_path(path) for path in _paths(policy)
            ),
            "contexts of file systems, interfaces and devices whose names are none of the language": sum(
                not can_say(name) for can_say, name in _device_names(policy)
            ),
            "bounds of roles": sum(each.bounds is not None for each in policy.roles),
            "bounds of users": sum(each.bounds is not None for each in policy.users),
            "prefixes of users": sum(each.prefix is not None for each in policy.users),
            "logins": len(policy.logins),
            "file contexts": len(policy.file_contexts),
        }
    )


def with_notes(mark: str, notes: Iterable[str], policy: Policy, parts: Iterable[str]) -> Iterator[str]:
    """Iterate over the parts of a text with notes at its head.

    A binary policy may hold numbers that nothing is declared for; they got made-up names when it was read. Those that
    the text has are in a note too.

    Args:
        mark: what a comment begins with.
        notes: a line each.
        policy: whose text it is.
        parts: of the text.
    """
    yield from (f"{mark}{note}\n" for note in notes)
    if _has_holes(policy):
        parts = list(parts)
        if found := {name for part in parts for name in re.findall(_HOLES, part)}:
            yield f"{mark}written, though nothing is declared for them: {' '.join(sorted(found))}\n"
    yield from parts


def _has_holes(policy: Policy) -> bool:
    """Tell whether any symbol has a made-up name."""
    tables: tuple[Iterable[Named], ...] = (
        policy.types,
        policy.classes,
        policy.commons,
        policy.roles,
        policy.users,
        policy.booleans,
        policy.sensitivities,
        policy.categories,
        policy.initial_sids,
    )
    permissions = [each.permissions for each in policy.classes] + [each.permissions for each in policy.commons]
    names = chain([each.name for table in tables for each in table], *permissions)
    return HOLE in "".join(names)


def _settings(policy: Policy) -> Iterator[str]:
    """Iterate over notes on what no language says."""
    if policy.target is Target.XEN:
        yield "to be compiled for Xen"
    if policy.unknown_capabilities:
        numbers = " ".join(map(str, members(policy.unknown_capabilities)))
        yield f"left out: policy capabilities that have no known name: {numbers}"
    if policy.unknown_config:
        yield f"left out: unknown settings of the binary policy: {policy.unknown_config:#x}"


def _counted(counts: dict[str, int]) -> Iterator[str]:
    return (f"left out: {count} {what}" for what, count in counts.items() if count)


def _paths(policy: Policy) -> Iterator[str]:
    yield from (entry.path for entry in policy.genfs_contexts)
    yield from (entry.path for entry in policy.xen_device_tree)


def _device_names(policy: Policy) -> Iterator[tuple[Callable[[str], bool], str]]:
    """Iterate over names that are not declared, with what tells whether the policy language can say them."""
    yield from ((languagenames.is_filesystem, use.filesystem) for use in policy.filesystem_uses)
    yield from ((languagenames.is_filesystem, entry.filesystem) for entry in policy.genfs_contexts)
    yield from ((languagenames.is_name, interface.name) for interface in policy.interface_contexts)
    yield from ((languagenames.is_name, port.device) for port in policy.infiniband_ports)


def _dominating_roles(policy: Policy) -> list[str]:
    return sorted(role.name for index, role in enumerate(policy.roles) if role.dominates & ~(1 << index))


def _type_names(policy: Policy) -> list[str]:
    """Return the names of types and attributes, and the aliases of types."""
    types = declared(policy.types)
    return [each.name for each in types] + [alias for each in types for alias in each.aliases]


def _other_names(policy: Policy) -> Iterator[str]:
    """Iterate over all other names that the text of a policy declares."""
    kinds: tuple[Sequence[Named], ...] = (
        policy.classes,
        policy.commons,
        policy.roles,
        policy.users,
        policy.booleans,
        policy.initial_sids,
    )
    for symbols in kinds:
        yield from (each.name for each in declared(symbols))
    for object_class in policy.classes:
        yield from permission_names(object_class, -1)
    yield from _level_names(policy)


def _level_names(policy: Policy) -> Iterator[str]:
    if policy.mls:
        kinds: tuple[Sequence[Aliased], ...] = (policy.sensitivities, policy.categories)
        for symbols in kinds:
            for each in declared(symbols):
                yield each.name
                yield from each.aliases


def _dotted_levels(policy: Policy) -> set[str]:
    """Return the names of levels that would have to stand in blocks, where CIL does not take them."""
    return {name for name in _level_names(policy) if "." in name}
