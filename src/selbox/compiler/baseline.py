"""What is kept of a compilation so that a later one of nearly the same sources need not start over.

Source of the argument why nothing else has to be looked at: docs/adr/0007-one-module-compiled-again.md.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from operator import le
from typing import NamedTuple

from selbox.compiler.namespace import Symbol
from selbox.compiler.options import DEFAULTS
from selbox.compiler.orders import GENERATED_ATTRIBUTE
from selbox.compiler.resolution import Resolution
from selbox.language.cil import Tree
from selbox.model.bitset import bitset, members
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS

Assertion = tuple[int, int, tuple[tuple[int, int], ...]]
"""Bitsets of the types of source and target, where a target that is no type has every type; and vectors by class."""


class Baseline(NamedTuple):
    """A compilation, as far as access rules can change without changing anything else.

    All parts are plain values. Ids are those of the compiled policy. Sources are numbered in their order.

    Attributes:
        starts: by source, the offset of every top-level form (``array('I')`` as bytes).
        dead: source and offset of every optional block that is off.
        declared: names in the root's table of types.
        types: ids of types and attributes by name and alias.
        attributes: bitsets of types by the ids of attributes.
        uses: how many rows of access rules name an attribute, by its id.
        classes: id and bits of permissions, by the name of a class.
        assertions: what no rule may grant.
        first_rows: by source, the first of its rows; and how many rows there are.
        rows: columns of the access rules (``array('I')`` as bytes), in the order of the sources: kind, source, target,
            class, data, condition, and the statement's offset in its source.
        binary: the policy, written.
        table: where in it the table of these rules begins.
    """

    starts: tuple[bytes, ...]
    dead: frozenset[tuple[int, int]]
    declared: frozenset[str]
    types: dict[str, int]
    attributes: dict[int, int]
    uses: dict[int, int]
    classes: dict[str, tuple[int, dict[str, int]]]
    assertions: tuple[Assertion, ...]
    first_rows: tuple[int, ...]
    rows: tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]
    binary: bytes
    table: int


def baseline_of(
    trees: Sequence[Tree], policy: Policy, resolution: Resolution, binary: bytes, table: int
) -> Baseline | None:
    """Return what to keep of a compilation; None when its policy has what such a later compilation does not know.

    Args:
        trees: all sources.
        policy: what they were compiled to.
        resolution: what it was made from.
        binary: the policy, written.
        table: where in it the table of the rules that always hold begins.
    """
    if not _is_plain(policy, resolution):
        return None
    rows = _rows(trees, policy, resolution)
    if rows is None:
        return None
    first_rows, columns = rows
    program = resolution.program
    return Baseline(
        starts=tuple(array("I", [form.offset for form in tree.forms]).tobytes() for tree in trees),
        dead=frozenset(
            (symbol.place.path[0], symbol.form.offset)
            for symbol in program.symbols.get("optional", ())
            if symbol.content is not None and symbol.content.optional is not None and not symbol.content.optional.live
        ),
        declared=_declared(resolution),
        types=dict(policy.type_ids),
        attributes={index: each.types for index, each in enumerate(policy.types) if each.is_attribute},
        uses=_uses(policy, resolution),
        classes={
            each.name: (index, {name: 1 << bit for bit, name in enumerate(each.permissions)})
            for index, each in enumerate(policy.classes)
        },
        assertions=_assertions(policy, resolution),
        first_rows=first_rows,
        rows=columns,
        binary=binary,
        table=table,
    )


def _is_plain(policy: Policy, resolution: Resolution) -> bool:
    """Tell whether statements have their effect where they stand, and access rules have none but their own."""
    program = resolution.program
    scoped = program.rearranged or any(program.symbols.get(flavour) for flavour in ("block", "macro", "tunable"))
    options = program.options._replace(mls=None, handle_unknown=None, disable_neverallow=False)
    beyond = policy.extended_rules or resolution.extended.assertions or resolution.denials.statements
    bounded = any(each.bounds is not None for each in policy.types)
    return options == DEFAULTS and not (scoped or beyond or bounded)


def _rows(
    trees: Sequence[Tree], policy: Policy, resolution: Resolution
) -> tuple[tuple[int, ...], tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes]] | None:
    """Return where each source's rows begin, and their columns; None when they are not in the order of the sources."""
    rules = policy.rules
    count = next((row for row, kind in enumerate(rules.kind) if kind not in ACCESS_KINDS), len(rules))
    if any(kind in ACCESS_KINDS for kind in rules.kind[count:]) or not all(rules.origin[:count]):
        return None
    statements = [
        place.path[0] << 32 | form.offset
        for form, place in zip(resolution.origins.forms, resolution.origins.places, strict=True)
    ]
    places = [statements[origin - 1] for origin in rules.origin[:count]]
    if not all(map(le, places, islice(places, 1, None))):
        return None
    offsets = array("I", [place & 0xFFFF_FFFF for place in places])
    columns = (rules.kind, rules.source, rules.target, rules.object_class, rules.data, rules.condition)
    kind, source, target, object_class, data, condition = (column[:count].tobytes() for column in columns)
    first_rows = tuple(bisect_left(places, index << 32) for index in range(len(trees) + 1))
    return first_rows, (kind, source, target, object_class, data, condition, offsets.tobytes())


def _declared(resolution: Resolution) -> frozenset[str]:
    names = resolution.program.root.tables.get("type", {})
    generated = names.get(GENERATED_ATTRIBUTE)
    return frozenset(names) if generated is not None and generated.flavour == "typeattribute" else frozenset()


def _uses(policy: Policy, resolution: Resolution) -> dict[int, int]:
    rows = resolution.rules.access.rules
    count = resolution.rules.access_rows
    by_old = Counter(rows.source[:count]) + Counter(rows.target[:count])
    symbols = resolution.numbered["type"]
    ids = policy.type_ids
    return {
        ids[symbols[old].name]: uses
        for old, uses in by_old.items()
        if symbols[old].flavour == "typeattribute" and symbols[old].name in ids
    }


def _assertions(policy: Policy, resolution: Resolution) -> tuple[Assertion, ...]:
    if resolution.program.options.disable_neverallow:
        return ()
    known: dict[int, int] = {}
    symbols = resolution.numbered["type"]
    ids = policy.type_ids

    def types(symbol: Symbol | int) -> int:
        if isinstance(symbol, int):
            return -1
        old = resolution.identities.types.bits(symbol)
        if old not in known:
            known[old] = bitset(ids[symbols[each].name] for each in members(old))
        return known[old]

    return tuple((types(each.source), types(each.target), each.vectors) for each in resolution.rules.neverallows)
