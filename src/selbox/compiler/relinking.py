"""Writes a policy that has been put together again: what has not changed as it was, the rest section by section."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from selbox.binary.ebitmap import ebitmap_bytes
from selbox.binary.kernel.accesspatch import with_chains
from selbox.binary.kernel.accessvectors import file_data
from selbox.binary.kernel.booleans import booleans_bytes, conditionals_bytes
from selbox.binary.kernel.classes import joined
from selbox.binary.kernel.constraints import Piece, TypeNames
from selbox.binary.kernel.filenametransitions import named_transitions_bytes
from selbox.binary.kernel.genericfilesystems import genfs_bytes
from selbox.binary.kernel.identities import roles_bytes
from selbox.binary.kernel.initialsids import initial_sids_bytes
from selbox.binary.kernel.mergedrules import MergedRules
from selbox.binary.kernel.objectcontexts import object_contexts_bytes
from selbox.binary.kernel.output import u32s
from selbox.binary.kernel.rangetransitions import range_transitions_bytes
from selbox.binary.kernel.relinked import (
    Entries,
    Numbers,
    access_vectors_bytes,
    conditionals_parts,
    in_triple_order,
    renumbered_conditionals,
    type_attributes_bytes,
    types_bytes,
)
from selbox.binary.kernel.rolerules import role_transitions_bytes
from selbox.binary.kernel.versions import layout_of
from selbox.compiler.conditions import Conditions, unite
from selbox.compiler.moving import Moved
from selbox.compiler.relabels import Relabels
from selbox.compiler.renewal import Parts, Rules, Triple, Types
from selbox.compiler.rereading import GiveUpError
from selbox.compiler.transitionfacts import nothing, written_out
from selbox.diagnostics import Diagnostics
from selbox.model.bitset import bitset, members
from selbox.model.conditional import BooleanOperator, Conditional
from selbox.model.mls import Level, LevelRange
from selbox.model.objectclass import ObjectClass
from selbox.model.policy import Policy, Target
from selbox.model.rules import (
    UNCONDITIONAL,
    NamedTransition,
    RangeTransition,
    RoleTransition,
    RuleKind,
)
from selbox.model.rules import Rules as RuleTable
from selbox.model.symbols import Boolean, Role

_MOST_PATCHED: Final = 1 << 10
"""Sources, targets and classes whose entries are replaced in the table as it is; for more, it is sorted again."""

_FIRST_TYPE_KIND: Final = int(RuleKind.TYPE_TRANSITION)
_TYPE: Final = 1
_ATTRIBUTE: Final = 3
_ALIAS: Final = 0
_OPERATORS: Final = {each.value: each for each in BooleanOperator}


class Renumbering:
    """Final ids of types.

    Args:
        types: those that are declared.
        rules: know which attributes stay.
        count: how many types and attributes the earlier policy had.
        total: how many ids there are.

    Attributes:
        order: the ids in the order of the final ones.
        ids: final ids; -1 for what is not in the policy.
        numbers: the file's numbers, which are ids plus one.
        changes: whether the policy has other types or attributes, or in another order.
    """

    def __init__(self, types: Types, rules: Rules, count: int, total: int) -> None:
        self.order = [each for each in types.order if not types.flags[each] or each in rules.kept]
        self.ids = [-1] * total
        for new, old in enumerate(self.order):
            self.ids[old] = new
        self.numbers = Numbers([0, *(each + 1 for each in self.ids)], count + 1)
        self.changes = self.order != list(range(count))
        self._moved = Moved(self.order)

    def bits(self, old: int) -> int:
        """Return a set of types by their final ids; what is not in the policy is left out."""
        return self._moved.bits(old) if self.changes else old


class Relinking:
    """Writes a policy from what is known of it.

    Args:
        parts: what it is put together from.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._baseline = parts.baseline
        self._names = parts.reread.names
        self._resolution = parts.reread.resolution
        self._layout = layout_of(self._baseline.written.version, Target.SELINUX)
        self._types = Types(parts)
        self._rules = Rules(parts, self._types)
        self._diagnostics = Diagnostics()
        self._final = Renumbering(self._types, self._rules, self._baseline.written.types, len(self._names.types))
        self._labels = Relabels(parts, self._types, self._final.ids)

    def sections(self) -> dict[str, bytes]:
        """Return the sections of the policy.

        Raises:
            GiveUpError: a whole compilation has to say what is wrong, or what is to be warned of.
        """
        if not self._final.numbers.ascending and any(each[4] for each in self._baseline.rules.own):
            raise GiveUpError  # their rows stand in the order of types
        self._rules.check_assertions()
        self._labels.check_roles()
        sections = dict(self._baseline.written.sections)
        for name, (is_same, written) in self._steps().items():
            if not is_same:
                sections[name] = written()
        if self._diagnostics.warnings or self._diagnostics.errors:
            raise GiveUpError
        return sections

    def file_contexts(self) -> bytes:
        """Return the lines of file contexts."""
        return self._labels.file_contexts()

    def _steps(self) -> dict[str, tuple[bool, Callable[[], bytes]]]:
        """Return, by section, whether it is as it was, and what writes it."""
        is_same = not self._final.changes
        members_are_same = is_same and not self._types.changed
        transitions = is_same and not self._transitions_change
        conditions = not self._conditions_change
        has_permissive = bool(self._baseline.groups.permissive or self._resolution.identities.permissive)
        has_permissive = has_permissive or bool(self._baseline.groups.neveraudit)
        return {
            "header": (not has_permissive, self._header),
            "classes": (members_are_same, self._classes),
            "roles": (members_are_same and self._role_types == self._baseline.groups.role_types, self._roles),
            "types": (is_same and self._aliases_are_same, self._symbols),
            "booleans": (self._booleans_are_same, lambda: booleans_bytes(self._policy)),
            "access vectors": (False, self._access_vectors),
            "conditionals": (is_same and conditions, self._conditionals),
            "role transitions": (
                transitions,
                lambda: role_transitions_bytes(self._policy, self._layout, self._diagnostics),
            ),
            "filename transitions": (
                transitions,
                lambda: named_transitions_bytes(self._policy, self._layout, self._diagnostics),
            ),
            "initial SIDs": (is_same, lambda: initial_sids_bytes(self._policy)),
            "object contexts": (
                is_same and not self._labels.objects_change,
                lambda: object_contexts_bytes(self._policy, self._layout, self._diagnostics),
            ),
            "genfs": (is_same and not self._labels.genfs_change, lambda: genfs_bytes(self._policy)),
            "range transitions": (transitions, lambda: range_transitions_bytes(self._policy)),
            "type attributes": (members_are_same, self._type_attributes),
        }

    @cached_property
    def _policy(self) -> Policy:
        """The policy with its final ids, without types, users, rules and what else is not written from it."""
        ids = self._final.ids
        baseline = self._baseline
        settled = self._settled
        return Policy(
            classes=tuple(ObjectClass(name, None, ()) for name, _, _ in baseline.names.classes),
            types=(),
            roles=self._final_roles,
            users=(),
            booleans=self._booleans,
            sensitivities=(),
            categories=(),
            rules=RuleTable(),
            named_transitions=tuple(
                NamedTransition(ids[source], ids[target], class_id, name, ids[result])
                for source, target, class_id, name, result, *_ in settled.named_transitions
            ),
            range_transitions=tuple(
                RangeTransition(ids[each.source], ids[each.target], each.object_class, each.range)
                for each in settled.range_transitions
            ),
            ranges=settled.ranges,
            role_transitions=tuple(each._replace(target=ids[each.target]) for each in settled.role_transitions),
            mls=baseline.written.mls,
            **self._labels.fields(),
        )

    # What stands before the rules

    def _header(self) -> bytes:
        groups = self._baseline.groups
        content = self._baseline.written.sections["header"]
        earlier = ebitmap_bytes(bitset(each + 1 for each, _ in groups.permissive))
        silent = b""
        if self._layout.neveraudit:
            earlier += ebitmap_bytes(bitset(each + 1 for each in groups.neveraudit))
            silent = ebitmap_bytes(self._final.bits(bitset(groups.neveraudit)) << 1)
        if not content.endswith(earlier):
            raise GiveUpError
        permissive = bitset(each for each, place in groups.permissive if not self._parts.gone(place))
        permissive |= bitset(self._resolution.identities.permissive)
        return content.removesuffix(earlier) + ebitmap_bytes(self._final.bits(permissive) << 1) + silent

    def _classes(self) -> bytes:
        known: dict[tuple[int, bool], TypeNames] = {}

        def piece(each: bytes | tuple[int, int, bool]) -> Piece:
            if isinstance(each, bytes):
                return each
            _, named, are_written = each
            found = known.get((named, are_written))
            if found is None:
                ids = 0
                for number in members(named):
                    ids |= self._types.of(number)
                found = TypeNames(self._final.bits(ids), self._final.bits(named), 0, are_written)
                known[named, are_written] = found
            return found

        return joined(map(piece, self._baseline.written.class_pieces))

    @cached_property
    def _role_types(self) -> dict[int, int]:
        return self._resolution.identities.role_types

    @cached_property
    def _final_roles(self) -> tuple[Role, ...]:
        bits = self._final.bits
        return tuple(
            Role(name, bits(self._role_types.get(index, 0)), None, 1 << index if index else 0)
            for index, name in enumerate(self._baseline.names.roles)
        )

    def _roles(self) -> bytes:
        return roles_bytes(self._policy)

    @cached_property
    def _aliases(self) -> dict[str, int]:
        """The types of aliases."""
        program = self._parts.reread.program
        aliases = {
            name: number for name, number, place, _ in self._baseline.names.aliases if not self._parts.gone(place)
        }
        aliases.update((each.name, program.actual(each).id) for each in program.symbols.get("typealias", ()))
        return aliases

    @property
    def _aliases_are_same(self) -> bool:
        return self._aliases == {name: number for name, number, _, _ in self._baseline.names.aliases}

    def _symbols(self) -> bytes:
        names, flags = self._names.types, self._types.flags
        symbols = {
            names[old]: (new + 1, _ATTRIBUTE if flags[old] else _TYPE) for new, old in enumerate(self._final.order)
        }
        for name, number in self._aliases.items():
            new = self._final.ids[number]
            if new >= 0:
                symbols[name] = new + 1, _ALIAS
        return types_bytes(symbols, self._baseline.written.type_order, len(self._final.order))

    @cached_property
    def _boolean_order(self) -> list[int]:
        """Ids of booleans in the order of their declarations."""
        program = self._parts.reread.program
        declared = program.declared("boolean")
        again = {each.id for each in declared}
        ordered = [
            (2 * place + 1, 0, number)
            for number, (_, _, place) in enumerate(self._baseline.names.booleans)
            if number not in again and not self._parts.gone(place)
        ]
        ordered += [(*self._parts.order(each.place, index), each.id) for index, each in enumerate(declared)]
        return [number for _, _, number in sorted(ordered)]

    @cached_property
    def _booleans(self) -> tuple[Boolean, ...]:
        defaults = {number: default for number, (_, default, _) in enumerate(self._baseline.names.booleans)}
        declared = self._parts.reread.program.declared("boolean")
        defaults.update((each.id, each.form[2] == "true") for each in declared)
        return tuple(Boolean(self._names.booleans[each], defaults[each]) for each in self._boolean_order)

    @property
    def _booleans_are_same(self) -> bool:
        return self._booleans == tuple(Boolean(name, default) for name, default, _ in self._baseline.names.booleans)

    # Rules about types

    @cached_property
    def _transitions_change(self) -> bool:
        rows = self._baseline.rules
        rules = self._resolution.rules
        gone = self._parts.gone
        if not self._final.numbers.ascending:  # attributes are written out in the order of types
            return True
        facts: tuple[tuple[Any, ...], ...] = (*rows.type_rules, *rows.named, *rows.ranged)
        if any(gone(fact[-1]) for fact in facts) or len(rules.access.rules) > rules.access_rows:
            return True
        if rules.named_transitions or rules.range_transitions or self._conditionals_change:
            return True
        changed = self._types.changed.keys()
        if not changed:
            return False
        named = any(fact[0] in changed or fact[1] in changed for fact in (*rows.named, *rows.ranged))
        named = named or any(fact[1] in changed or fact[2] in changed for fact in rows.type_rules)
        return named or any(fact[1] in changed for fact in rows.role_transitions)

    @cached_property
    def _settled(self) -> Policy:
        """Rules about types and transitions, attributes written out, by ids of the baseline and new ones."""
        rows = self._baseline.rules
        ranges = [LevelRange(Level(*low), Level(*high)) for low, high in rows.ranges]
        if not self._transitions_change:
            return nothing()._replace(
                named_transitions=tuple(NamedTransition(*each) for each in rows.settled_named),
                range_transitions=tuple(RangeTransition(*each) for each in rows.settled_ranged),
                ranges=tuple(ranges),
                role_transitions=tuple(RoleTransition(*each) for each in rows.settled_roles),
            )
        if rows.is_tolerant or not rows.own_transitions.isdisjoint(self._types.changed):
            raise GiveUpError
        return written_out(self._parts, self._types, self._conditions.numbers, ranges, self._diagnostics)

    @cached_property
    def _type_entries(self) -> dict[Triple, list[tuple[int, int]]]:
        """The unconditional rules about types: kinds and results by source, target and class, in their order."""
        return _by_triple(row[:5] for row in _rows(self._settled.rules) if row[5] == UNCONDITIONAL)

    def _access_vectors(self) -> bytes:
        numbers = self._final.numbers
        written = self._baseline.written
        earlier = Entries(written.entries)
        affected = self._rules.affected()
        if self._transitions_change:
            before = _by_triple(row[:5] for row in self._baseline.rules.settled if row[5] == UNCONDITIONAL)
            now = self._type_entries
            affected |= {triple for triple in before.keys() | now.keys() if before.get(triple) != now.get(triple)}
        old: dict[Triple, list[tuple[int, int]]] = {}
        new: dict[Triple, list[tuple[int, int]]] = {}
        count = written.types
        ids = self._final.ids
        for triple, chain in self._rules.chains(affected):
            source, target, class_id = triple
            own = self._own_entries(earlier, triple)
            entries = [(kind, file_data(kind, data)) for kind, data in chain]
            if source < count and target < count:
                old[source + 1, target + 1, class_id + 1] = own + entries
            elif ids[source] >= 0 and ids[target] >= 0:
                final = [(kind, numbers[result]) for kind, result in own]
                new[ids[source] + 1, ids[target] + 1, class_id + 1] = final + entries
        if not self._final.changes and len(old) < _MOST_PATCHED:
            table = written.sections["access vectors"]
            return with_chains(table, old) if old else table
        content = earlier.replaced(old) if old else written.entries
        content = numbers.entries(content)
        if not numbers.ascending:
            content = in_triple_order(content)
        if new:
            content = Entries(content).replaced(new)
        return access_vectors_bytes(content)

    def _own_entries(self, earlier: Entries, triple: Triple) -> list[tuple[int, int]]:
        """Return kinds and results, as numbers of the earlier file and new ones, of rules about types."""
        if self._transitions_change:
            return [(kind, file_data(kind, result)) for kind, result in self._type_entries.get(triple, ())]
        source, target, class_id = triple
        first, last = earlier.chain((source + 1, target + 1, class_id + 1))
        return [(kind, data) for *_, kind, data in earlier.rows(first, last) if kind >= _FIRST_TYPE_KIND]

    # Conditionals

    @cached_property
    def _conditionals_change(self) -> bool:
        """Whether conditionals have come or gone, or booleans."""
        known = self._baseline.rules.conditionals
        gone = any(each is not None and self._parts.gone(each[1]) for each in known)
        return gone or bool(self._resolution.conditionals) or not self._booleans_are_same

    @cached_property
    def _conditions_change(self) -> bool:
        if self._conditionals_change or self._rules.conditional_changes:
            return True
        if not self._transitions_change:
            return False
        before = [row for row in self._baseline.rules.settled if row[5] != UNCONDITIONAL]
        return before != [row for row in _rows(self._settled.rules) if row[5] != UNCONDITIONAL]

    @cached_property
    def _conditions(self) -> Conditions:
        known = self._baseline.rules.conditionals
        conditionals: dict[int, Conditional] = {}
        orders: list[tuple[int, ...]] = []
        for index, each in enumerate(known):
            orders.append(())
            if each is not None and not self._parts.gone(each[1]):
                terms, place = each
                conditionals[index] = Conditional(
                    tuple(_OPERATORS[term] if isinstance(term, str) else term for term in terms)
                )
                orders[index] = 2 * place + 1, 0
        program = self._parts.reread.program
        for index, (_, place_of) in enumerate(program.conditionals):
            found = self._resolution.conditionals.get(index)
            orders.append(self._parts.order(place_of, index))
            if found is not None:
                conditionals[len(known) + index] = found
        return unite(conditionals, orders)

    def _conditionals(self) -> bytes:
        if not self._conditions_change:
            return renumbered_conditionals(self._baseline.written.sections["conditionals"], self._final.numbers)
        ids = self._final.ids
        numbers = self._conditions.numbers
        table = RuleTable()
        settled = _rows(self._settled.rules) if self._transitions_change else self._baseline.rules.settled
        conditional = [row for row in settled if row[5] != UNCONDITIONAL]
        kept = self._kept_branches(conditional)
        written_again = {branch for branch, final in numbers.items() if branch and final not in kept}
        for kind, source, target, class_id, data, branch in self._rules.conditional(written_again):
            table.append(RuleKind(kind), ids[source], ids[target], class_id, data, numbers[branch])
        for kind, source, target, class_id, result, condition in conditional:
            if condition not in kept:
                table.append(RuleKind(kind), ids[source], ids[target], class_id, ids[result], condition)
        booleans = {old: new for new, old in enumerate(self._boolean_order)}
        policy = self._policy._replace(
            rules=table,
            conditionals=tuple(
                Conditional(tuple(booleans[term] if isinstance(term, int) else term for term in each.expression))
                for each in self._conditions.conditionals
            ),
        )
        return conditionals_bytes(policy, _Branches(MergedRules(policy), kept))

    def _kept_branches(self, settled: Sequence[tuple[int, ...]]) -> dict[int, bytes]:
        """Return the entries of branches in which nothing has changed, by the number of their condition.

        Args:
            settled: the conditional rules about types.
        """
        rows = self._baseline.rules
        booleans = {number: default for number, (_, default, _) in enumerate(self._baseline.names.booleans)}
        now = {self._names.booleans.index(each.name): each.default for each in self._booleans}
        if any(now.get(number, default) is not default for number, default in booleans.items()):
            return {}  # entries tell whether they hold at first
        changed = self._rules.changed_branches()
        earlier = _by_condition(dict(enumerate(rows.branch_numbers)))
        types_before = _by_last(row for row in rows.settled if row[5] != UNCONDITIONAL)
        types_now = _by_last(settled)
        contents: dict[int, bytes] = {}
        parts = list(conditionals_parts(self._baseline.written.sections["conditionals"]))
        for index, (_, _, *branches) in enumerate(reversed(parts)):
            contents[2 * index + 1], contents[2 * index + 2] = branches
        found = {statements: condition for condition, statements in earlier.items()}
        kept: dict[int, bytes] = {}
        for condition, statements in _by_condition(self._conditions.numbers).items():
            before = found.get(statements)
            is_same = before is not None and changed.isdisjoint(statements)
            if is_same and types_before.get(before or 0) == types_now.get(condition):
                kept[condition] = contents[before or 0]
        renewed = self._final.numbers.entries(b"".join(kept.values()))
        done = 0
        for condition, content in kept.items():
            kept[condition] = renewed[done : done + len(content)]
            done += len(content)
        return kept

    # Behind the rules

    def _type_attributes(self) -> bytes:
        held: list[list[int]] = [[] for _ in self._final.ids]
        for new, old in enumerate(self._final.order):
            if self._types.flags[old]:
                for member in members(self._types.bits[old]):
                    held[member].append(new)
        return type_attributes_bytes(tuple(held[old]) for old in self._final.order)


class _Branches:
    """The entries of the branches of conditionals, some as they were.

    Args:
        fresh: the others.
        kept: those, by the number of their condition.
    """

    def __init__(self, fresh: MergedRules, kept: Mapping[int, bytes]) -> None:
        self._fresh = fresh
        self._kept = kept

    def branch_bytes(self, branch: int, *, is_on: bool) -> bytes:
        """Return the entries of a branch after their number."""
        content = self._kept.get(branch)
        if content is None:
            return self._fresh.branch_bytes(branch, is_on=is_on)
        return u32s(len(content) // 12) + content


def _by_condition(numbers: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    """Return the branches of statements by the condition that they are of."""
    found: dict[int, list[int]] = {}
    for branch, condition in numbers.items():
        if branch and condition:
            found.setdefault(condition, []).append(branch)
    return {condition: tuple(sorted(branches)) for condition, branches in found.items()}


def _by_last(rows: Iterable[tuple[int, ...]]) -> dict[int, list[tuple[int, ...]]]:
    """Return rules about types, without their conditions, by these."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for row in rows:
        found.setdefault(row[5], []).append(tuple(row[:5]))
    return found


def _by_triple(rows: Iterable[tuple[int, ...]]) -> dict[Triple, list[tuple[int, int]]]:
    """Return kinds and results by source, target and class."""
    found: dict[Triple, list[tuple[int, int]]] = {}
    for kind, source, target, class_id, result in rows:
        found.setdefault((source, target, class_id), []).append((kind, result))
    return found


def _rows(table: RuleTable) -> Iterable[tuple[int, int, int, int, int, int]]:
    return zip(table.kind, table.source, table.target, table.object_class, table.data, table.condition, strict=True)
