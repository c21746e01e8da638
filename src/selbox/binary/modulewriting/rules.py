"""Rules of a module: access vector and type rules, conditionals, transitions of roles, ranges and file names.

Source: ``avrule_write_list``, ``cond_write_node``, ``role_trans_rule_write`` … of libsepol's ``write.c``.
"""

from collections.abc import Callable, Sequence
from operator import and_, eq, ne, or_

from selbox.binary.ebitmap import ebitmap_bytes
from selbox.binary.kernel.output import sized, u32s
from selbox.binary.modulesections import versions
from selbox.binary.modulesections.values import (
    Conditional,
    FilenameTransition,
    RangeTransition,
    RoleAllow,
    RoleTransition,
    Rule,
    SymbolTables,
    TypeSet,
)
from selbox.binary.modulewriting.parts import ModuleForm, context_level, level_bytes, range_bytes, role_set_bytes

_BOOLEAN, _NOT = 1, 2
_JOINED: dict[int, Callable[[bool, bool], bool]] = {3: or_, 4: and_, 5: ne, 6: eq, 7: ne}
"""Kinds of terms of a condition, and what those come to that join two others."""


def rules_bytes(rules: Sequence[Rule], form: ModuleForm) -> bytes:
    """Return a list of access vector rules and type rules.

    Raises:
        SelboxError: ``binary-unwritable``.
    """
    pieces = [u32s(len(rules))]
    for kind, flags, source, target, permissions, extended in rules:
        pieces += (u32s(kind, flags), form.type_set(source), form.type_set(target), form.permissions(permissions))
        if extended is not None:
            form.need(versions.EXTENDED_PERMISSIONS, "extended permissions")
            pieces.append(bytes((extended.specified, extended.driver)))
            pieces.append(extended.permissions.to_bytes(32, "little"))
    return b"".join(pieces)


def conditionals_bytes(conditionals: Sequence[Conditional], tables: SymbolTables, form: ModuleForm) -> bytes:
    """Return the conditionals of a declaration.

    Args:
        conditionals: what is written.
        tables: those of the module, which say whether booleans are true.
        form: how the module is written.

    Raises:
        SelboxError: ``binary-unwritable``.
    """
    pieces = [u32s(len(conditionals))]
    for each in conditionals:
        numbers = (number for term in each.expression for number in term)
        pieces.append(u32s(_holds(each, tables), len(each.expression), *numbers))
        pieces += (rules_bytes(each.when_true, form), rules_bytes(each.when_false, form))
        if form.version >= versions.TUNABLES:
            pieces.append(u32s(each.tunable))
        elif each.tunable:
            form.need(versions.TUNABLES, "that a condition is about tunables")
    return b"".join(pieces)


def _holds(conditional: Conditional, tables: SymbolTables) -> int:
    """Return whether a condition holds before anybody has set a boolean: 1 or 0."""
    booleans = tables.booleans
    stack: list[bool] = []
    for kind, boolean in conditional.expression:
        if kind == _BOOLEAN:
            stack.append(booleans.symbols[booleans.names[boolean]].state)
        elif kind == _NOT:
            stack.append(not stack.pop())
        else:
            stack.append(_JOINED[kind](stack.pop(), stack.pop()))
    return int(stack[0])


def role_transitions_bytes(transitions: Sequence[RoleTransition], tables: SymbolTables, form: ModuleForm) -> bytes:
    """Return the role transitions of a declaration.

    Raises:
        SelboxError: ``binary-unwritable``.
    """
    pieces = [u32s(len(transitions))]
    for each in transitions:
        pieces += (role_set_bytes(each.roles), form.type_set(each.types))
        if form.version >= versions.ROLE_TRANSITION_CLASSES:
            pieces.append(ebitmap_bytes(each.classes))
        elif each.classes != _process(tables):
            form.need(versions.ROLE_TRANSITION_CLASSES, "role transitions of other classes than `process`")
        pieces.append(u32s(each.new_role))
    return b"".join(pieces)


def _process(tables: SymbolTables) -> int:
    """Return class ``process`` as a set."""
    process = tables.classes.symbols.get("process")
    return 1 << process.value - 1 if process is not None else 0


def role_allows_bytes(allows: Sequence[RoleAllow]) -> bytes:
    """Return the role allow rules of a declaration."""
    pieces = [u32s(len(allows))]
    for each in allows:
        pieces += (role_set_bytes(each.roles), role_set_bytes(each.new_roles))
    return b"".join(pieces)


def filename_transitions_bytes(transitions: Sequence[FilenameTransition], form: ModuleForm) -> bytes:
    """Return the type transitions by file name of a declaration.

    Raises:
        SelboxError: ``binary-unwritable``.
    """
    if form.version < versions.FILENAME_TRANSITIONS:
        if transitions:
            form.need(versions.FILENAME_TRANSITIONS, "transitions by file name")
        return b""
    pieces = [u32s(len(transitions))]
    for each in transitions:
        pieces += (sized(each.name), form.type_set(each.source), form.type_set(each.target))
        pieces.append(u32s(each.object_class, each.new_type))
        if form.version >= versions.SELF_TRANSITIONS:
            pieces.append(u32s(each.flags))
        elif each.flags:
            form.need(versions.SELF_TRANSITIONS, "transitions by file name with `self`")
    return b"".join(pieces)


def range_transitions_bytes(transitions: Sequence[RangeTransition], form: ModuleForm) -> bytes:
    """Return the range transitions of a declaration; before version 6 these stand at the end of a base module.

    Raises:
        SelboxError: ``binary-unwritable``.
    """
    if form.version < versions.RANGE_TRANSITION_RULES:
        if transitions and not (form.is_base and form.version >= versions.MLS):
            form.need(versions.RANGE_TRANSITION_RULES, "range transitions")
        return b""
    pieces = [u32s(len(transitions))]
    for each in transitions:
        pieces += (form.type_set(each.source), form.type_set(each.target), ebitmap_bytes(each.classes))
        pieces += (level_bytes(each.low), level_bytes(each.high))
    return b"".join(pieces)


def old_range_transitions_bytes(
    transitions: Sequence[RangeTransition], types: Sequence[TypeSet], tables: SymbolTables, form: ModuleForm
) -> bytes:
    """Return the range transitions at the end of a base module of version 5: single types, and class ``process``.

    Raises:
        SelboxError: ``binary-unwritable``.
    """
    pieces = [u32s(len(transitions))]
    for each in transitions:
        source, target = types[each.source], types[each.target]
        single = all(not (one.excluded or one.flags) and one.types.bit_count() == 1 for one in (source, target))
        if not single or each.classes != _process(tables):
            form.need(versions.RANGE_TRANSITION_RULES, "range transitions of sets of types, or of other classes")
        pieces.append(u32s(source.types.bit_length(), target.types.bit_length()))
        pieces.append(range_bytes(context_level(each.low), context_level(each.high)))
    return b"".join(pieces)
