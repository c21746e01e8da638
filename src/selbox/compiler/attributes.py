"""Decides which type attributes the compiled policy keeps, and writes the others out in rules.

Source: ``cil_typeattribute_used`` (cil_post.c), ``cil_type_used`` (cil_resolve_ast.c) and
``__cil_should_expand_attribute`` (cil_binary.c) of libsepol.
"""

import re
from array import array
from collections.abc import Iterable, Iterator

from selbox.compiler.conditions import Conditions
from selbox.compiler.extended import ExtendedStatement, kernel_rules
from selbox.compiler.namespace import Symbol
from selbox.compiler.orders import GENERATED_ATTRIBUTE
from selbox.compiler.relabelling import relabelled
from selbox.compiler.renumbering import DROPPED, Renumbering
from selbox.compiler.resolution import Resolution
from selbox.compiler.sets import SetOperator
from selbox.compiler.targets import LOWEST_SPECIAL, special_pairs
from selbox.diagnostics import SelboxError
from selbox.model.constraint import CompareNames, Constraint, ConstraintTerm, Operand, ValidateTransition
from selbox.model.extended import ExtendedKind
from selbox.model.policy import Policy
from selbox.model.rules import Rules
from selbox.model.symbols import Type
from selbox.typing import Final, NamedTuple, TypeVar

GENERATED: Final = "_typeattr_"
"""Part of the names of the attributes that a translator makes for the sets of a module's rules."""

_TYPE_OPERANDS: Final = frozenset({Operand.TYPE_1, Operand.TYPE_2, Operand.TYPE_3})

_MOST_WRITTEN: Final = 4_000_000
_MOST_TIMES: Final = 20
"""Rules that attributes may be written out in, whatever there was, and for each that there was."""


class Uses(NamedTuple):
    """What the statements of a policy use type attributes for, by their ids."""

    rules: set[int]
    assertions: set[int]
    constraints: set[int]


def uses_of(resolution: Resolution) -> Uses:
    """Return what a policy uses its attributes for.

    A rule whose target is no type (``self`` and the like) does not use its source, and rules about types use nothing:
    they name types only in the end.
    """
    rules = resolution.rules
    used = Uses(set(rules.unsaid), set(), {each.id for each in resolution.constraints.named_types})
    # Targets that are no type have been written out by now: such rows name types.
    rows = rules.access.rules
    used.rules.update(rows.source[: rules.access_rows], rows.target[: rules.access_rows])
    for statement in resolution.extended.statements:
        if statement.target < LOWEST_SPECIAL:
            used.rules.update((statement.source, statement.target))
    named = [(each.source, each.target) for each in rules.neverallows]
    named += [(each.source, each.target) for each in resolution.extended.assertions]
    for source_symbol, target_symbol in named:
        if isinstance(target_symbol, Symbol):
            _mark_asserted(resolution, (source_symbol, target_symbol), used.assertions)
    return used


def _mark_asserted(resolution: Resolution, named: Iterable[Symbol], marked: set[int]) -> None:
    """Mark attributes of an assertion, and for those that a translator made what they are made of."""
    pending = list(named)
    seen: set[Symbol] = set()
    while pending:
        symbol = pending.pop()
        if symbol in seen or symbol.flavour != "typeattribute":
            continue
        seen.add(symbol)
        marked.add(symbol.id)
        if GENERATED in symbol.name:
            terms = resolution.identities.types.terms(symbol)
            pending += [term for term in terms if not isinstance(term, (int, SetOperator))]


def kept_attributes(resolution: Resolution) -> set[int]:
    """Return the ids of the attributes that stay in the compiled policy."""
    used = uses_of(resolution)
    return {
        symbol.id
        for symbol in resolution.numbered["type"]
        if symbol.flavour == "typeattribute" and _stays(resolution, symbol, used)
    }


def _stays(resolution: Resolution, symbol: Symbol, used: Uses) -> bool:
    options = resolution.program.options
    in_rules, in_assertions = symbol.id in used.rules, symbol.id in used.assertions
    in_constraints = symbol.id in used.constraints
    expand = resolution.identities.expand.get(symbol.id)
    if not (in_rules or in_assertions or in_constraints or expand is not None):
        return False
    if expand is not None:
        return not expand
    if in_constraints:
        return True
    if (options.expand_generated or not in_rules) and (
        GENERATED in symbol.name or symbol.local_name == GENERATED_ATTRIBUTE
    ):
        return False
    if not in_rules:
        return True
    return in_assertions or resolution.identities.types.bits(symbol).bit_count() >= options.expand_size


def settle_attributes(resolution: Resolution, policy: Policy, conditions: Conditions) -> Policy:
    """Return a policy with the attributes that the reference compiler keeps, and with its extended rules.

    Transitions between types name types only already.

    Args:
        resolution: what the policy was made from.
        policy: with every attribute that is declared.
        conditions: those of the policy.
    """
    kept = kept_attributes(resolution)
    options = resolution.program.options
    order = [index for index, each in enumerate(policy.types) if not each.is_attribute or index in kept]
    symbols = resolution.numbered["type"]
    order.sort(key=lambda index: symbols[index].order)
    renumbering = Renumbering(policy.types, kept, order, options.expand_size)
    marked = _marked(policy.rules, renumbering)
    _check_growth(resolution, policy.rules, marked, renumbering)
    extended = tuple(kernel_rules(_extended(resolution, renumbering, conditions)))
    ids = renumbering.ids
    gone = frozenset(policy.types[old].name for old, new in enumerate(ids) if new == DROPPED)
    named = policy.named_transitions
    ranges = policy.range_transitions
    relabelled_policy = relabelled(policy, renumbering.context) if renumbering.changes else policy
    return relabelled_policy._replace(
        types=tuple(_type(policy.types[old], renumbering, new) for new, old in enumerate(renumbering.order)),
        roles=tuple(each._replace(types=renumbering.bits(each.types)) for each in policy.roles),
        rules=_rules(policy.rules, marked, renumbering),
        extended_rules=extended,
        named_transitions=tuple(
            each._replace(source=ids[each.source], target=ids[each.target], result=ids[each.result]) for each in named
        ),
        range_transitions=tuple(each._replace(source=ids[each.source], target=ids[each.target]) for each in ranges),
        role_transitions=tuple(each._replace(target=ids[each.target]) for each in policy.role_transitions),
        constraints=tuple(_constraint(each, renumbering, gone) for each in policy.constraints),
        validate_transitions=tuple(_constraint(each, renumbering, gone) for each in policy.validate_transitions),
    )


def _type(old: Type, renumbering: Renumbering, new: int) -> Type:
    types = renumbering.bits(old.types) if old.is_attribute else 1 << new
    bounds = None if old.bounds is None else renumbering.ids[old.bounds]
    return Type(old.name, old.is_attribute, types, old.aliases, old.permissive, bounds, old.neveraudit)


def _check_growth(resolution: Resolution, rules: Rules, marked: set[int], renumbering: Renumbering) -> None:
    """Refuse rules that would become millions when their attributes are written out.

    Args:
        resolution: knows the extended rules.
        rules: the others.
        marked: rows of these that have attributes to be written out.
        renumbering: knows the types of these.

    Raises:
        SelboxError: ``cil-too-large``.
    """
    sizes = [1 if types is None else len(types) for types in renumbering.members]
    written = len(rules) - len(marked) + sum(sizes[rules.source[row]] * sizes[rules.target[row]] for row in marked)
    statements = [each for each in resolution.extended.statements if each.target < LOWEST_SPECIAL]
    written += sum(sizes[each.source] * sizes[each.target] for each in statements)
    if written > max(_MOST_WRITTEN, _MOST_TIMES * (len(rules) + len(statements))):
        raise SelboxError.of(
            "cil-too-large",
            f"with their attributes written out, {len(rules) + len(statements)} rules would become {written}",
            help="leave the option out that writes attributes out (-G), or let it spare large ones (-X)",
        )


def _rules(old: Rules, marked: set[int], renumbering: Renumbering) -> Rules:
    """Return rules with new ids; those of attributes that are written out take several rows, or none."""
    if not marked:
        return _renumbered(old, renumbering)
    groups = list(_groups(old, sorted(marked)))
    sides = [
        (renumbering.written_out(old.source[group[0]]), renumbering.written_out(old.target[group[0]]))
        for group in groups
    ]
    counts = [len(sources) * len(targets) for sources, targets in sides]
    renumbered = _renumbered(old, renumbering)
    rules = Rules()
    for column in Rules.__slots__:
        setattr(rules, column, _repeated(getattr(renumbered, column), groups, counts))
    start = done = 0
    for group, (sources, targets), count in zip(groups, sides, counts, strict=True):
        # Each source with each target, and for each pair the rows of the group.
        start += group[0] - done
        done = group[-1] + 1
        end = start + count * len(group)
        each_source = (array("I", (one,)) * (len(targets) * len(group)) for one in sources)
        rules.source[start:end] = array("I", b"".join(each.tobytes() for each in each_source))
        each_target = (array("I", (other,)) * len(group) for other in targets)
        rules.target[start:end] = array("I", b"".join(each.tobytes() for each in each_target)) * len(sources)
        start = end
    return rules


def _groups(old: Rules, marked: list[int]) -> Iterator[list[int]]:
    """Yield rows that stand side by side and are of one statement: they are written out together."""
    group: list[int] = []
    for row in marked:
        if group and (
            row != group[-1] + 1
            or not old.origin[row]
            or old.origin[row] != old.origin[group[0]]
            or old.source[row] != old.source[group[0]]
            or old.target[row] != old.target[group[0]]
        ):
            yield group
            group = []
        group.append(row)
    yield group


def _marked(rules: Rules, renumbering: Renumbering) -> set[int]:
    """Return the rows that have attributes to be written out."""
    flags = bytes(types is not None for types in renumbering.members)
    columns = (bytes(map(flags.__getitem__, ids)) for ids in (rules.source, rules.target))
    return {match.start() for column in columns for match in re.finditer(b"\1", column)}


def _repeated(column: "array[int]", groups: list[list[int]], counts: list[int]) -> "array[int]":
    """Return a column with the rows of each group repeated as one."""
    result = array("I")
    done = 0
    for group, count in zip(groups, counts, strict=True):
        result.extend(column[done : group[0]])
        done = group[-1] + 1
        result.extend(column[group[0] : done] * count)
    result.extend(column[done:])
    return result


def _renumbered(old: Rules, renumbering: Renumbering) -> Rules:
    if not renumbering.changes:
        return old
    rules = Rules()
    for column in Rules.__slots__:
        setattr(rules, column, getattr(old, column))
    ids = [max(new, 0) for new in renumbering.ids]  # rows of what is gone are given others afterwards
    rules.source = array("I", map(ids.__getitem__, old.source))
    rules.target = array("I", map(ids.__getitem__, old.target))
    rules.data = old.data[:]
    for row in old.type_rows():
        rules.data[row] = ids[old.data[row]]
    return rules


def _extended(resolution: Resolution, renumbering: Renumbering, conditions: Conditions) -> Iterator[ExtendedStatement]:
    """Yield extended rules with new ids, one for each pair of source and target."""
    types = resolution.identities.types
    symbols = resolution.numbered["type"]
    ids = renumbering.ids
    silent = resolution.program.options.disable_dontaudit
    for statement in resolution.extended.statements:
        if silent and statement.kind is ExtendedKind.DONTAUDIT:
            continue
        if statement.target < LOWEST_SPECIAL:
            pairs = renumbering.pairs(statement.source, statement.target)
        else:
            found = special_pairs(types.bits(symbols[statement.source]), statement.target, types.universe)
            pairs = ((ids[one], ids[other]) for one, other in found)
        condition = conditions.numbers[statement.branch]
        for source, target in pairs:
            yield statement._replace(source=source, target=target, branch=condition)


_Constrained = TypeVar("_Constrained", Constraint, ValidateTransition)


def _constraint(old: _Constrained, renumbering: Renumbering, gone: frozenset[str]) -> _Constrained:
    """Return a constraint with new ids, and without the names of attributes that are gone."""
    return old._replace(expression=tuple(_term(term, renumbering, gone) for term in old.expression))


def _term(term: ConstraintTerm, renumbering: Renumbering, gone: frozenset[str]) -> ConstraintTerm:
    if not isinstance(term, CompareNames) or term.left not in _TYPE_OPERANDS:
        return term
    names = tuple(name for name in term.names if name not in gone)
    return term._replace(ids=renumbering.bits(term.ids), names=names)
