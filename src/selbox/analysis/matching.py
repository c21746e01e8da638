"""What criteria match in a catalogue: names to ids, ids to flags by which columns are picked."""

import re
from collections.abc import Sequence

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.criteria import (
    BooleanCriterion,
    ClassCriterion,
    ExtendedPermissionCriterion,
    NameCriterion,
    PermissionCriterion,
)
from selbox.diagnostics import Diagnostic, SelboxError, SourceFile, Span, did_you_mean
from selbox.model.bitset import members

INVALID_PATTERN_CODE = "invalid-pattern"

Flags = bytearray
"""For each id whether it matches."""

_LAST_NUMBER = 0xFFFF


def type_flags(catalogue: Catalogue, criterion: NameCriterion, what: str) -> Flags:
    """Return which types and attributes a criterion matches where they stand in a rule.

    Args:
        catalogue: the policy.
        criterion: on a source, a target or a result.
        what: how a message calls it.

    Raises:
        SelboxError: ``unknown-type`` or ``invalid-pattern``.
    """
    if criterion.is_pattern:
        search = _pattern(criterion.name, what).search
        found = Flags(search(name) is not None for name in catalogue.types)
        if not criterion.indirect:
            return found
        for attribute in catalogue.attributes:
            found[attribute] = 0
    else:
        type_id = known_type(catalogue, criterion.name)
        found = Flags(len(catalogue.types))
        if not criterion.indirect:
            found[type_id] = 1
            return found
        for each in members(catalogue.members(type_id)):
            found[each] = 1
    wanted = int(bytes(found[::-1]).translate(_DIGITS) or b"0", 2)
    for attribute, types in catalogue.attributes.items():
        found[attribute] = types & wanted != 0
    return found


_DIGITS = bytes(b"01"[min(value, 1)] for value in range(256))


def known_type(catalogue: Catalogue, name: str) -> int:
    """Return the id of a type, attribute or alias.

    Raises:
        SelboxError: ``unknown-type``, with the nearest name.
    """
    found = catalogue.type_id(name)
    if found is None:
        advice = did_you_mean(name, (*catalogue.types, *catalogue.type_aliases))
        raise SelboxError.of("unknown-type", f"the policy has no type or attribute `{name}`", help=advice)
    return found


def role_flags(catalogue: Catalogue, criterion: NameCriterion, what: str) -> Flags:
    """Return which roles a criterion matches.

    Raises:
        SelboxError: ``unknown-role`` or ``invalid-pattern``.
    """
    known = catalogue.roles
    if criterion.is_pattern:
        return _by_pattern(known, criterion.name, what)
    _fail_unless_known("unknown-role", "role", known, (criterion.name,))
    return _by_names(known, (criterion.name,))


def class_flags(catalogue: Catalogue, criterion: ClassCriterion) -> Flags:
    """Return which classes a criterion matches.

    Raises:
        SelboxError: ``unknown-class`` or ``invalid-pattern``.
    """
    known = catalogue.classes
    if criterion.is_pattern:
        return _by_pattern(known, criterion.names[0], "class")
    _fail_unless_known("unknown-class", "class", known, criterion.names)
    return _by_names(known, criterion.names)


def boolean_flags(catalogue: Catalogue, criterion: BooleanCriterion) -> Flags:
    """Return which booleans a criterion matches.

    Raises:
        SelboxError: ``unknown-boolean`` or ``invalid-pattern``.
    """
    known = catalogue.booleans
    if criterion.is_pattern:
        return _by_pattern(known, criterion.names[0], "boolean")
    _fail_unless_known("unknown-boolean", "boolean", known, criterion.names)
    return _by_names(known, criterion.names)


def condition_flags(catalogue: Catalogue, criterion: BooleanCriterion) -> Flags:
    """Return for each conditional whether its booleans match a criterion."""
    matching = boolean_flags(catalogue, criterion)
    wanted = {index for index, each in enumerate(matching) if each}
    found = Flags()
    for terms in catalogue.conditions:
        own = {each for each in terms if isinstance(each, int)}
        is_equal = criterion.how == "equal" and not criterion.is_pattern
        found.append(own == wanted if is_equal else not own.isdisjoint(wanted))
    return found


def permission_vectors(
    catalogue: Catalogue, criterion: PermissionCriterion, classes: ClassCriterion | None
) -> list[int | None]:
    """Return by class the access vector of the permissions of a criterion; None where not all of them are there.

    Args:
        catalogue: the policy.
        criterion: on permissions.
        classes: the classes that are searched for; each permission must be one of at least one of them, or of any
            class where they are given by a pattern or not at all.

    Raises:
        SelboxError: ``unknown-permission`` for one that is nobody's.
    """
    names = [*dict.fromkeys(criterion.names)]
    selected: Sequence[int] = range(len(catalogue.classes))
    within = "no class has"
    if classes is not None and not classes.is_pattern:
        flags = class_flags(catalogue, classes)
        selected = [index for index in selected if flags[index]]
        within = "none of these classes has" if len(selected) > 1 else f"class `{classes.names[0]}` does not have"
    known = {each for index in selected for each in catalogue.permissions[index]}
    unknown = [each for each in names if each not in known]
    if unknown:
        raise SelboxError(
            *(
                Diagnostic("unknown-permission", f"{within} the permission `{each}`", help=did_you_mean(each, known))
                for each in unknown
            )
        )
    vectors: list[int | None] = []
    for permissions in catalogue.permissions:
        vector = sum(1 << bit for bit, name in enumerate(permissions) if name in names)
        is_whole = vector.bit_count() == len(names)
        vectors.append(vector if criterion.how == "any" or is_whole else None)
    return vectors


def extended_numbers(criterion: ExtendedPermissionCriterion) -> int:
    """Return the bitset of the numbers of a criterion.

    Raises:
        SelboxError: ``invalid-number`` for what is no extended permission.
    """
    result = 0
    for low, high in criterion.ranges:
        for each in (low, high):
            if not 0 <= each <= _LAST_NUMBER:
                words = f"`{each:#x}` is no extended permission: they are numbers from 0 to {_LAST_NUMBER:#x}"
                raise SelboxError.of("invalid-number", words)
        first, last = sorted((low, high))
        result |= (1 << last + 1) - (1 << first)
    return result


def _fail_unless_known(code: str, kind: str, known: Sequence[str], names: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise SelboxError.of(code, f"the policy has no {kind} `{name}`", help=did_you_mean(name, known))


def _by_names(known: Sequence[str], names: Sequence[str]) -> Flags:
    return Flags(each in names for each in known)


def _by_pattern(known: Sequence[str], pattern: str, what: str) -> Flags:
    search = _pattern(pattern, what).search
    return Flags(search(each) is not None for each in known)


def _pattern(text: str, what: str) -> "re.Pattern[str]":
    try:
        return re.compile(text)
    except re.error as error:
        column = (error.pos or 0) + 1
        span = Span(SourceFile(what, text), error.lineno or 1, error.colno or column, 1)
        message = f"`{text}` is no regular expression: {error.msg}"
        raise SelboxError.of(INVALID_PATTERN_CODE, message, span) from None
    except (RecursionError, OverflowError):
        raise SelboxError.of(INVALID_PATTERN_CODE, f"the pattern of the {what} is too deep or too large") from None
