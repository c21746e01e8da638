"""Type transitions by the new object's name, plain and, from version 33, grouped by target, class and name."""

from collections.abc import Iterable
from struct import Struct

from selbox.binary.cursor import Cursor
from selbox.binary.ebitmap import ebitmap_bytes, read_ebitmap
from selbox.binary.kernel.output import encoded, sized, u32s
from selbox.binary.kernel.tables import read_name
from selbox.binary.kernel.versions import FIRST_VERSIONS, Layout
from selbox.diagnostics import Diagnostics
from selbox.model.bitset import members
from selbox.model.policy import Policy
from selbox.model.rules import NamedTransition
from selbox.typing import NoReturn

_FOUR = Struct("<4I")
_SLOTS = 1 << 10

Key = tuple[int, int, bytes]
Results = dict[int, int]


def read_named_transitions(cursor: Cursor, layout: Layout, types: int, classes: int) -> tuple[NamedTransition, ...]:
    """Read the filename transitions.

    A transition that stands twice in the plain form is taken once, for old compilers wrote such.
    """
    if not layout.filename_transitions:
        return ()
    cursor.section = "filename transitions"
    if layout.compressed_filename_transitions:
        return _read_grouped(cursor, types, classes)
    result: dict[tuple[int, int, int, str], NamedTransition] = {}
    for _ in range(cursor.count(21)):
        name = read_name(cursor, cursor.u32())
        source, target, object_class, new_type = cursor.u32s(4)
        if not (
            1 <= source <= types and 1 <= target <= types and 1 <= object_class <= classes and 1 <= new_type <= types
        ):
            _fail(cursor, name)
        row = NamedTransition(source - 1, target - 1, object_class - 1, name, new_type - 1)
        result.setdefault(row[:4], row)
    return tuple(result.values())


def _read_grouped(cursor: Cursor, types: int, classes: int) -> tuple[NamedTransition, ...]:
    result: list[NamedTransition] = []
    keys: set[tuple[int, int, str]] = set()
    for _ in range(cursor.count(45)):
        name = read_name(cursor, cursor.u32())
        target, object_class, groups = cursor.u32s(3)
        key = (target, object_class, name)
        if not (1 <= target <= types and 1 <= object_class <= classes) or key in keys or not groups:
            _fail(cursor, name)
        keys.add(key)
        seen = 0
        for _ in range(groups):
            sources = read_ebitmap(cursor, types)
            new_type = cursor.u32()
            if not 1 <= new_type <= types or not sources or sources >> types or sources & seen:
                _fail(cursor, name)
            seen |= sources
            result += [
                NamedTransition(source, target - 1, object_class - 1, name, new_type - 1) for source in members(sources)
            ]
    return tuple(result)


def _fail(cursor: Cursor, name: str) -> NoReturn:
    cursor.corrupt(f"the transitions of the name `{name}` have numbers that are not there, or stand twice")


def named_transitions_bytes(policy: Policy, layout: Layout, diagnostics: Diagnostics) -> bytes:
    """Return the filename transitions.

    Those of a binary keep their order, others get that of libsepol's hash table. A version without filename
    transitions gives the warning ``binary-dropped``.
    """
    if not layout.filename_transitions:
        if policy.named_transitions:
            diagnostics.warning(
                "binary-dropped",
                f"policy version {layout.version} cannot hold filename transitions; "
                f"{len(policy.named_transitions)} are left out",
                help=f"write version {FIRST_VERSIONS['filename_transitions']} or later",
            )
        return b""
    groups = _grouped(policy.named_transitions)
    keys: Iterable[Key] = groups
    if policy.binary_form is None:
        keys = _in_slots(groups)
    if layout.compressed_filename_transitions:
        parts = []
        for key in keys:
            target, object_class, name = key
            results = groups[key]
            parts.append(b"".join((u32s(len(name)), name, u32s(target + 1, object_class + 1, len(results)))))
            parts += [ebitmap_bytes(sources) + u32s(new_type + 1) for new_type, sources in results.items()]
        return u32s(len(groups)) + b"".join(parts)
    entries = [
        sized(name.decode("utf-8", "surrogateescape"))
        + _FOUR.pack(source + 1, target + 1, object_class + 1, new_type + 1)
        for target, object_class, name in keys
        for new_type, sources in groups[target, object_class, name].items()
        for source in members(sources)
    ]
    return u32s(len(entries)) + b"".join(entries)


def _grouped(transitions: Iterable[NamedTransition]) -> dict[Key, Results]:
    """Return, for each target, class and name, the sources of each result; of rows with one key the first counts."""
    groups: dict[Key, Results] = {}
    seen: dict[Key, int] = {}
    names: dict[str, bytes] = {}
    for source, target, object_class, name, new_type, _ in transitions:
        content = names.get(name)
        if content is None:
            content = names[name] = encoded(name)
        key = (target, object_class, content)
        bit = 1 << source
        before = seen.get(key, 0)
        if before & bit:
            continue
        seen[key] = before | bit
        results = groups.setdefault(key, {})
        results[new_type] = results.get(new_type, 0) | bit
    return groups


def _in_slots(groups: dict[Key, Results]) -> list[Key]:
    """Return the keys as libsepol's hash table gives them.

    Source: ``filenametr_hash`` and ``filenametr_cmp`` of libsepol 3.4.
    """
    slots = _SLOTS
    while slots < len(groups):
        slots *= 2
    mask = slots - 1

    def place(key: Key) -> tuple[int, int, int, bytes]:
        target, object_class, name = key
        value = (target + 1) ^ (object_class + 1)
        for byte in name:
            value = ((value + (byte << 4) + (byte >> 4)) * 11) & 0xFFFFFFFF
        return value & mask, target, object_class, name

    return sorted(groups, key=place)
