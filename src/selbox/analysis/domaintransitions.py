"""Domain transitions: which domains a process can go on to, by running a program or by itself.

A process changes from one domain to another when it runs a program, where rules let the old domain make the
transition (``process transition``) and execute the program's type (``file execute``), let the new one be entered
through it (``file entrypoint``), and either a type transition asks for it or the old domain may ask for it itself
(``process setexec``). It changes without one where it may make the transition (``process dyntransition``) and ask for
it (``process setcurrent``).
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import compress

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.conditions import active_conditions
from selbox.analysis.graphs import Graph, united_targets
from selbox.analysis.rulelookup import RuleLookup, TypeEntries
from selbox.model.bitset import members
from selbox.model.rules import RuleKind
from selbox.typing import NamedTuple


class Entrypoint(NamedTuple):
    """A type of programs through which a domain is entered.

    Attributes:
        type: its id.
        entrypoint: rows of the rules by which the new domain may be entered through it.
        execute: of those by which the old domain may execute it.
        type_transition: of those that ask for the new domain.
    """

    type: int
    entrypoint: tuple[int, ...]
    execute: tuple[int, ...]
    type_transition: tuple[int, ...]


class DomainTransition(NamedTuple):
    """A transition from one domain to another.

    Attributes:
        source: type id.
        target: type id.
        transition: rows of the rules by which it may be made when a program is run; empty when it cannot.
        entrypoints: the programs.
        setexec: rows of the rules by which the old domain may ask for it.
        dyntransition: rows of the rules by which it may be made without running a program; empty when it cannot.
        setcurrent: of those by which the domain may then ask for it.
    """

    source: int
    target: int
    transition: tuple[int, ...] = ()
    entrypoints: tuple[Entrypoint, ...] = ()
    setexec: tuple[int, ...] = ()
    dyntransition: tuple[int, ...] = ()
    setcurrent: tuple[int, ...] = ()


class _Ask(NamedTuple):
    """A type transition of processes, as one source type meets it.

    Attributes:
        programs: bitset of the types of programs.
        domain: id of the type that it asks for.
        row: of the rule.
    """

    programs: int
    domain: int
    row: int


class _Rows(NamedTuple):
    """Rows of the rules that transitions take, by what they grant."""

    transition: list[int]
    dyntransition: list[int]
    setexec: list[int]
    setcurrent: list[int]
    execute: list[int]
    entrypoint: list[int]
    type_transition: list[int]


class DomainTransitions:
    """The domain transitions of a policy.

    ::

        transitions = DomainTransitions(catalogue)
        for domain in members(transitions.graph.successors[source]):
            print(transitions.between(source, domain).entrypoints)

    Args:
        catalogue: of the policy.
        excluded: ids of types that are left out, as domains and as programs; of an attribute, all its types.
        booleans: a value for each boolean, by id: rules that are off do not count then. None: all rules count.

    Source: ``setools/dta.py``.
    """

    def __init__(
        self, catalogue: Catalogue, excluded: Collection[int] = (), booleans: Sequence[bool] | None = None
    ) -> None:
        self._catalogue = catalogue
        self._active = None if booleans is None else active_conditions(catalogue, booleans)
        self._excluded = 0
        for each in excluded:
            self._excluded |= catalogue.members(each)
        self._entries = TypeEntries(catalogue)
        self._lookups: dict[str, RuleLookup] = {}

    @cached_property
    def graph(self) -> Graph:
        """The transitions from each domain, without what is left out."""
        return Graph(self._catalogue.types, [self.successors(index) for index in range(len(self._catalogue.types))])

    @cached_property
    def whole_graph(self) -> Graph:
        """The transitions from each domain, with nothing left out."""
        return Graph(self._catalogue.types, [self._successors(index, 0) for index in range(len(self._catalogue.types))])

    @cached_property
    def candidates(self) -> Graph:
        """From each domain, those that it may go on to as far as the rules between the two are concerned."""
        pairs = zip(self._may_transit, self._may_change, strict=True)
        return Graph.of(self._catalogue.types, [transitions | changes for transitions, changes in pairs])

    def successors(self, source: int) -> int:
        """Return the bitset of the domains that one transition leads to from a type: an entry of :attr:`graph`."""
        return 0 if self._excluded >> source & 1 else self._successors(source, self._excluded)

    def between(self, source: int, target: int) -> DomainTransition:
        """Return what makes up the transition from one domain to another, without what is left out.

        Args:
            source: type id.
            target: type id of a successor.
        """
        found = DomainTransition(source, target)
        if self._is_entered(source, target):
            programs = self._programs(source, target) & ~self._excluded
            found = found._replace(
                transition=self._between("transition", source, target),
                entrypoints=tuple(self._entrypoint(source, target, each) for each in members(programs)),
                setexec=self._of_source("setexec", source),
            )
        if self._is_changed(source, target):
            found = found._replace(
                dyntransition=self._between("dyntransition", source, target),
                setcurrent=self._of_source("setcurrent", source),
            )
        return found

    def _successors(self, source: int, excluded: int) -> int:
        changes = self._may_change[source] if self._may_set_current >> source & 1 else 0
        result = changes
        if self._may_execute[source]:
            for target in members(self._may_transit[source] & ~changes):
                if self._is_entered(source, target):
                    programs = self._programs(source, target)
                    # A transition is left out for its programs only when that leaves none of them.
                    if programs & ~excluded:
                        result |= 1 << target
        return result & ~(excluded | 1 << source)

    def _is_changed(self, source: int, target: int) -> bool:
        """Tell whether a process may go on from one domain to the other without running a program."""
        return bool(self._may_set_current >> source & self._may_change[source] >> target & 1)

    def _is_entered(self, source: int, target: int) -> bool:
        """Tell whether a process may go on from one domain to the other by running a program."""
        if not self._may_transit[source] >> target & 1:
            return False
        programs = self._may_execute[source] & self._may_be_entered_by[target]
        if self._may_set_exec >> source & 1:
            return bool(programs)
        return any(each.domain == target and each.programs & programs for each in self._asks[source])

    def _programs(self, source: int, target: int) -> int:
        """Return the bitset of the types of programs through which a transition can be made, or could be."""
        programs = self._may_execute[source] & self._may_be_entered_by[target]
        if self._may_set_exec >> source & 1:
            return programs
        # As SETools has it: programs count for which any type transition is there, though it asks for another domain.
        asked = 0
        for each in self._asks[source]:
            asked |= each.programs
        return programs & asked

    def _entrypoint(self, source: int, target: int, program: int) -> Entrypoint:
        asks = (each.row for each in self._asks[source] if each.domain == target and each.programs >> program & 1)
        return Entrypoint(
            program,
            self._between("entrypoint", target, program),
            self._between("execute", source, program),
            tuple(asks),
        )

    def _between(self, what: str, source: int, target: int) -> tuple[int, ...]:
        return tuple(self._lookup(what).between(source, target))

    def _of_source(self, what: str, source: int) -> tuple[int, ...]:
        return tuple(self._lookup(what).of_source(source))

    def _lookup(self, what: str) -> RuleLookup:
        found = self._lookups.get(what)
        if found is None:
            found = self._lookups[what] = RuleLookup(self._catalogue, getattr(self._rows, what), self._entries)
        return found

    @cached_property
    def _may_transit(self) -> list[int]:
        return self._targets(self._rows.transition)

    @cached_property
    def _may_change(self) -> list[int]:
        return self._targets(self._rows.dyntransition)

    @cached_property
    def _may_execute(self) -> list[int]:
        return self._targets(self._rows.execute)

    @cached_property
    def _may_be_entered_by(self) -> list[int]:
        return self._targets(self._rows.entrypoint)

    @cached_property
    def _may_set_exec(self) -> int:
        return self._sources(self._rows.setexec)

    @cached_property
    def _may_set_current(self) -> int:
        return self._sources(self._rows.setcurrent)

    @cached_property
    def _asks(self) -> defaultdict[int, list[_Ask]]:
        """The type transitions of processes, by source type."""
        asks: defaultdict[int, list[_Ask]] = defaultdict(list)
        catalogue, rules = self._catalogue, self._catalogue.rules
        for row in self._rows.type_transition:
            ask = _Ask(catalogue.members(rules.target[row]), rules.data[row], row)
            for source in members(catalogue.members(rules.source[row])):
                asks[source].append(ask)
        return asks

    def _targets(self, rows: list[int]) -> list[int]:
        """Return for each type the bitset of the types that some rules are about."""
        sources, targets = self._catalogue.rules.source, self._catalogue.rules.target
        count = len(self._catalogue.types)
        return united_targets(self._catalogue, {sources[row] * count + targets[row] for row in rows})

    def _sources(self, rows: list[int]) -> int:
        """Return the bitset of the types that are the sources of some rules."""
        types = 0
        for row in rows:
            types |= self._catalogue.members(self._catalogue.rules.source[row])
        return types

    @cached_property
    def _rows(self) -> _Rows:
        """The rules that transitions take, found in one pass over all rules."""
        rules = self._catalogue.rules
        found = _Rows(*([] for _ in _Rows._fields))
        process, file = map(self._class_id, ("process", "file"))
        grants = {
            process: self._grants(process, found, ("transition", "dyntransition", "setexec", "setcurrent")),
            file: self._grants(file, found, ("execute", "entrypoint")),
        }
        columns = zip(range(len(rules.kind)), rules.kind, rules.object_class, rules.data, rules.condition, strict=True)
        wanted = [each in (process, file) for each in rules.object_class]
        for row, kind, object_class, data, condition in compress(columns, wanted):
            if self._active is not None and not self._active[condition]:
                continue
            if kind == RuleKind.ALLOW:
                for bit, rows in grants[object_class]:
                    if data & bit:
                        rows.append(row)
            elif kind == RuleKind.TYPE_TRANSITION and object_class == process:
                found.type_transition.append(row)
        return found

    def _class_id(self, name: str) -> int:
        classes = self._catalogue.classes
        return classes.index(name) if name in classes else -1

    def _grants(self, object_class: int, found: _Rows, names: Sequence[str]) -> list[tuple[int, list[int]]]:
        """Return access vectors of permissions of a class, each with where rows that grant it go to."""
        if object_class < 0:
            return []
        permissions = self._catalogue.permissions[object_class]
        return [(1 << permissions.index(name), getattr(found, name)) for name in names if name in permissions]
