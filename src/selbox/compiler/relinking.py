"""Writes a policy that has been put together again: what has not changed as it was, the rest section by section."""

from collections.abc import Callable, Iterable
from functools import cached_property

from selbox.binary.ebitmap import ebitmap_bytes
from selbox.binary.kernel.accesspatch import with_chains, with_extended
from selbox.binary.kernel.accessvectors import file_data
from selbox.binary.kernel.booleans import booleans_bytes
from selbox.binary.kernel.classes import joined
from selbox.binary.kernel.constraints import IdentityNames, Piece, TypeNames
from selbox.binary.kernel.filenametransitions import named_transitions_bytes
from selbox.binary.kernel.genericfilesystems import genfs_bytes
from selbox.binary.kernel.identities import roles_bytes, users_bytes
from selbox.binary.kernel.initialsids import initial_sids_bytes
from selbox.binary.kernel.objectcontexts import object_contexts_bytes
from selbox.binary.kernel.rangetransitions import range_transitions_bytes
from selbox.binary.kernel.relinked import (
    Entries,
    access_vectors_bytes,
    in_triple_order,
    types_bytes,
)
from selbox.binary.kernel.rolerules import role_allows_bytes, role_transitions_bytes
from selbox.binary.kernel.typeattributes import attribute_map_bytes
from selbox.binary.kernel.versions import layout_of
from selbox.compiler.baseline import ClassPiece
from selbox.compiler.finalids import FinalIds
from selbox.compiler.reassertion import Reassertion, Violation
from selbox.compiler.relabels import Relabels
from selbox.compiler.relinkedbounds import check_bounds, type_bounds
from selbox.compiler.relinkedconditionals import RelinkedConditionals
from selbox.compiler.relinkedextended import RelinkedExtended
from selbox.compiler.relinkedidentities import RelinkedIdentities
from selbox.compiler.renewal import Parts, Rules, Triple, Types
from selbox.compiler.rereading import GiveUpError
from selbox.compiler.transitionfacts import nothing, written_out
from selbox.diagnostics import Diagnostics
from selbox.model.bitset import bitset, members
from selbox.model.conditional import BooleanOperator
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
from selbox.typing import Any, Final

_MOST_PATCHED: Final = 1 << 10
"""Sources, targets and classes whose entries are replaced in the table as it is; for more, it is sorted again."""

_FIRST_TYPE_KIND: Final = int(RuleKind.TYPE_TRANSITION)
_TYPE: Final = 1
_ATTRIBUTE: Final = 3
_ALIAS: Final = 0
_OPERATORS: Final = {each.value: each for each in BooleanOperator}


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
        self._extended = RelinkedExtended(parts, self._types)
        self._rules = Rules(parts, self._types, self._extended.uses)
        self._diagnostics = Diagnostics()
        self._final = FinalIds(self._types, self._rules, self._baseline.written.types, len(self._names.types))
        self._identities = RelinkedIdentities(parts, self._final)
        self._labels = Relabels(parts, self._types, self._final.ids, self._identities)
        self._branches = RelinkedConditionals(parts, self._rules, self._final)

    def sections(self) -> dict[str, bytes]:
        """Return the sections of the policy.

        Raises:
            GiveUpError: a whole compilation has to say what is wrong, or what is to be warned of.
        """
        if not self._final.numbers.ascending and any(each[4] for each in self._baseline.rules.own):
            raise GiveUpError  # their rows stand in the order of types
        self._identities.check()
        check_bounds(self._bounds, self._types, self._rules)
        self._labels.check_contexts()
        sections = dict(self._baseline.written.sections)
        for name, (is_same, written) in self._steps().items():
            if not is_same:
                sections[name] = written()
        if self._diagnostics.warnings or self._diagnostics.errors:
            raise GiveUpError
        return sections

    def violations(self) -> list[Violation]:
        """Return the rules that violate an assertion now."""
        return Reassertion(self._parts, self._types, self._rules).violations()

    def file_contexts(self) -> bytes:
        """Return the lines of file contexts."""
        return self._labels.file_contexts()

    def _steps(self) -> dict[str, tuple[bool, Callable[[], bytes]]]:
        """Return, by section, whether it is as it was, and what writes it."""
        is_same = not self._final.changes
        members_are_same = is_same and not self._types.changed
        transitions = is_same and not self._transitions_change
        conditions = not self._conditions_change
        contexts_are_same = is_same and not self._identities.are_renumbered
        has_permissive = bool(self._baseline.groups.permissive or self._resolution.identities.permissive)
        has_permissive = has_permissive or bool(self._baseline.groups.neveraudit)
        return {
            "header": (not has_permissive, self._header),
            "classes": (members_are_same and self._named_are_same, self._classes),
            "roles": (self._identities.is_as_it_was(members_are_same), lambda: roles_bytes(self._policy)),
            "users": (False, lambda: users_bytes(self._policy)),
            "role allow rules": (False, lambda: role_allows_bytes(self._policy)),
            "types": (is_same and self._aliases_are_same and self._bounds_are_same, self._symbols),
            "booleans": (self._branches.booleans_are_same, lambda: booleans_bytes(self._policy)),
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
            "initial SIDs": (contexts_are_same, lambda: initial_sids_bytes(self._policy)),
            "object contexts": (
                contexts_are_same and not self._labels.objects_change,
                lambda: object_contexts_bytes(self._policy, self._layout, self._diagnostics),
            ),
            "genfs": (contexts_are_same and not self._labels.genfs_change, lambda: genfs_bytes(self._policy)),
            "range transitions": (transitions, lambda: range_transitions_bytes(self._policy)),
            "type attributes": (members_are_same, self._type_attributes),
        }

    @cached_property
    def _policy(self) -> Policy:
        """The policy with its final ids, without types, rules and what else is not written from it."""
        ids = self._final.ids
        baseline = self._baseline
        settled = self._settled
        return Policy(
            classes=tuple(ObjectClass(name, None, ()) for name, _, _ in baseline.names.classes),
            types=(),
            roles=self._identities.table_of_roles(),
            users=self._identities.table_of_users(),
            booleans=self._branches.booleans,
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
            role_allows=self._identities.role_allows,
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

        def piece(each: ClassPiece) -> Piece:
            if isinstance(each, bytes):
                return each
            if len(each) == 4:
                table, _, names, are_written = each
                return IdentityNames(table, self._identities.bits(table, names), names, are_written)
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

    @property
    def _named_are_same(self) -> bool:
        """Whether constraints name the roles and users that they named, with the ids that these had."""
        return all(
            isinstance(each, bytes) or len(each) < 4 or self._identities.bits(each[0], each[2]) == each[1]
            for each in self._baseline.written.class_pieces
        )

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

    @cached_property
    def _bounds(self) -> dict[int, int]:
        return type_bounds(self._parts)

    @property
    def _bounds_are_same(self) -> bool:
        return self._bounds == {child: parent for child, parent, _ in self._baseline.groups.type_bounds}

    def _symbols(self) -> bytes:
        names, flags = self._names.types, self._types.flags
        bounds, ids = self._bounds, self._final.ids
        symbols = {
            names[old]: (new + 1, _ATTRIBUTE if flags[old] else _TYPE, ids[bounds[old]] + 1 if old in bounds else 0)
            for new, old in enumerate(self._final.order)
        }
        for name, number in self._aliases.items():
            new = ids[number]
            if new >= 0:
                symbols[name] = new + 1, _ALIAS, 0
        return types_bytes(symbols, self._baseline.written.type_order, len(self._final.order))

    # Rules about types

    @cached_property
    def _transitions_change(self) -> bool:
        rows = self._baseline.rules
        rules = self._resolution.rules
        gone = self._parts.gone
        if rows.role_transitions != tuple(each[1:] for each in self._identities.role_transitions):
            return True
        if not self._final.numbers.ascending:  # attributes are written out in the order of types
            return True
        facts: tuple[tuple[Any, ...], ...] = (*rows.type_rules, *rows.named, *rows.ranged)
        if any(gone(fact[-1]) for fact in facts) or len(rules.access.rules) > rules.access_rows:
            return True
        if rules.named_transitions or rules.range_transitions or self._branches.have_changed:
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
        numbers, role_transitions = self._branches.conditions.numbers, self._identities.role_transitions
        return written_out(self._parts, self._types, numbers, ranges, role_transitions, self._diagnostics)

    @cached_property
    def _type_entries(self) -> dict[Triple, list[tuple[int, int]]]:
        """The unconditional rules about types: kinds and results by source, target and class, in their order."""
        return _by_triple(row[:5] for row in _rows(self._settled.rules) if row[5] == UNCONDITIONAL)

    def _access_vectors(self) -> bytes:
        plain = self._plain_access_vectors()
        extended = self._extended.rules(self._rules, self._final)
        if extended and not self._layout.extended_rules:
            raise GiveUpError
        return with_extended(plain, extended) if extended else plain

    def _plain_access_vectors(self) -> bytes:
        """Return the table of rules without the extended ones."""
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
            table = written.plain or written.sections["access vectors"]
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
    def _conditions_change(self) -> bool:
        if self._branches.have_changed or self._rules.conditional_changes:
            return True
        if not self._transitions_change:
            return False
        before = [row for row in self._baseline.rules.settled if row[5] != UNCONDITIONAL]
        return before != [row for row in _rows(self._settled.rules) if row[5] != UNCONDITIONAL]

    def _conditionals(self) -> bytes:
        if not self._conditions_change:
            return self._branches.unchanged_section()
        settled = _rows(self._settled.rules) if self._transitions_change else self._baseline.rules.settled
        return self._branches.section([row for row in settled if row[5] != UNCONDITIONAL])

    # Behind the rules

    def _type_attributes(self) -> bytes:
        held: list[list[int]] = [[] for _ in self._final.ids]
        for new, old in enumerate(self._final.order):
            if self._types.flags[old]:
                for member in members(self._types.bits[old]):
                    held[member].append(new)
        return attribute_map_bytes(tuple(held[old]) for old in self._final.order)


def _by_triple(rows: Iterable[tuple[int, ...]]) -> dict[Triple, list[tuple[int, int]]]:
    """Return kinds and results by source, target and class."""
    found: dict[Triple, list[tuple[int, int]]] = {}
    for kind, source, target, class_id, result in rows:
        found.setdefault((source, target, class_id), []).append((kind, result))
    return found


def _rows(table: RuleTable) -> Iterable[tuple[int, int, int, int, int, int]]:
    return zip(table.kind, table.source, table.target, table.object_class, table.data, table.condition, strict=True)
