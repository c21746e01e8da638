"""Effective access: what types may really do to types, after booleans, constraints, levels and bounds.

A rule allows an access only where the constraints let it pass, which look at users, roles and levels. So a question
about types is asked with every context that they can have: each role and user that go together with the type, at both
ends of the user's range, over all of it, and at two levels in it of which neither dominates the other, so that two
levels are related in every way there is. What all of them are granted always holds; what only some are depends.

::

    query = EffectiveAccessQuery(target=NameCriterion("shadow_t"), classes=ClassCriterion(("file",)),
                                 permissions=PermissionCriterion(("write",)))
    for access in query.results(policy):
        print(access.text)

Decisions are the security server's.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.criteria import ClassCriterion, NameCriterion, PermissionCriterion
from selbox.analysis.matching import class_flags, permission_vectors, type_flags
from selbox.analysis.rulequery import RuleQuery
from selbox.analysis.ruletext import RULE_KINDS
from selbox.analysis.table import Table
from selbox.diagnostics import SelboxError
from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy
from selbox.server.conditionals import active_conditions
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final, NamedTuple

_OBJECT_ROLE: Final = 0
_ALLOW: Final = RULE_KINDS["allow"]
_OWN_CLASSES: Final = frozenset({"capability", "capability2", "cap_userns", "cap2_userns"})
"""Classes whose permissions a process is only ever asked for on itself."""

_MOST_PAIRS: Final = 200_000
_AT_ONCE: Final = 1 << 18


class EffectiveAccess(NamedTuple):
    """What a type may do to a type.

    Attributes:
        source, target: names of types.
        object_class: name of the class.
        permissions: granted with at least one user, role and level; in the order of the class.
        always: those of them that are granted with all.
        source_context, target_context: contexts with which all of ``permissions`` are granted, or as many as with any.
        permissive: whether the source goes on where it is denied.
    """

    source: str
    target: str
    object_class: str
    permissions: tuple[str, ...]
    always: tuple[str, ...]
    source_context: str
    target_context: str
    permissive: bool

    @property
    def text(self) -> str:
        """The access as an allow rule, with what it depends on."""
        names = sorted(self.permissions)
        listed = names[0] if len(names) == 1 else f"{{ {' '.join(names)} }}"
        line = f"allow {self.source} {self.target}:{self.object_class} {listed};"
        depending = [name for name in names if name not in self.always]
        if self.permissive:
            line += "  # permissive"
        elif depending:
            which = f"{' '.join(depending)} only" if self.always else "only"
            line += f"  # {which} with some contexts, such as {self.source_context} on {self.target_context}"
        return line


COLUMNS: Final = EffectiveAccess._fields


def effective_table(found: Iterable[EffectiveAccess]) -> Table:
    """Return effective access as a table."""
    return Table(COLUMNS, [tuple(each) for each in found])


class EffectiveAccessQuery(NamedTuple):
    """A search for effective access. What is None is not asked.

    Attributes:
        source, target: types, or attributes for their types.
        classes: object classes.
        permissions: any of these, whatever is said of ``how``.
        booleans: values of booleans; the others have those that the policy gives them.
    """

    source: NameCriterion | None = None
    target: NameCriterion | None = None
    classes: ClassCriterion | None = None
    permissions: PermissionCriterion | None = None
    booleans: Mapping[str, bool] = {}

    def results(self, policy: Policy) -> Iterator[EffectiveAccess]:
        """Yield what is granted, by source, target and class.

        A type that no role may have is never a source: no process runs with it.

        Raises:
            SelboxError: when a criterion names what the policy does not have; ``search-too-wide``, when there are too
                many pairs of types to ask about.
        """
        catalogue = Catalogue.of(policy)
        server = SecurityServer(policy)
        server.set_booleans(self.booleans)
        wanted = self._vectors(catalogue)
        pairs = self._pairs(catalogue, policy, server.booleans, wanted)
        yield from sorted(_decided(policy, server, pairs, wanted))

    def table(self, policy: Policy) -> Table:
        """Return what is granted as a table.

        Raises:
            SelboxError: likewise.
        """
        return effective_table(self.results(policy))

    def _vectors(self, catalogue: Catalogue) -> list[int]:
        """Return by class the access vector that is asked about; nothing where the class is not."""
        if self.permissions is None:
            vectors: list[int] = [(1 << len(each)) - 1 for each in catalogue.permissions]
        else:
            found = permission_vectors(catalogue, self.permissions._replace(how="any"), self.classes)
            vectors = [each or 0 for each in found]
        flags = None if self.classes is None else class_flags(catalogue, self.classes)
        return [each if flags is None or flags[index] else 0 for index, each in enumerate(vectors)]

    def _pairs(self, catalogue: Catalogue, policy: Policy, booleans: Mapping[str, bool], wanted: list[int]) -> "_Pairs":
        """Return the pairs that rules grant something, and those of permissive sources."""
        sources = _types(catalogue, self.source, "source") & _subjects(policy)
        targets = _types(catalogue, self.target, "target")
        rules = catalogue.rules
        rows = RuleQuery(("allow",), self.source, self.target, self.classes).rows(catalogue).rules[_ALLOW]
        active = active_conditions(policy, [booleans[each.name] for each in policy.booleans])
        pairs: _Pairs = {}
        for row in rows:
            object_class = rules.object_class[row]
            if not (rules.data[row] & wanted[object_class] and active[rules.condition[row]]):
                continue
            onto = catalogue.members(rules.target[row]) & targets
            _add(pairs, object_class, catalogue.members(rules.source[row]) & sources, onto)
        if self.target is not None and self.classes is not None:
            permissive = sources & sum(1 << index for index, each in enumerate(policy.types) if each.permissive)
            for object_class, vector in enumerate(wanted):
                if vector:
                    _add(pairs, object_class, permissive, targets)
        if sum(onto.bit_count() for by_source in pairs.values() for onto in by_source.values()) > _MOST_PAIRS:
            raise SelboxError.of(
                "search-too-wide",
                f"rules let more than {_MOST_PAIRS} pairs of types do this to one another",
                help="name a source, a target, classes or permissions",
            )
        return pairs


_Pairs = dict[int, dict[int, int]]
"""By class and source the bitset of targets."""


def _add(pairs: _Pairs, object_class: int, sources: int, targets: int) -> None:
    if targets:
        by_source = pairs.setdefault(object_class, {})
        for source in members(sources):
            by_source[source] = by_source.get(source, 0) | targets


def _types(catalogue: Catalogue, criterion: NameCriterion | None, what: str) -> int:
    """Return the bitset of types that a criterion stands for."""
    attributes = sum(1 << each for each in catalogue.attributes)
    plain = ((1 << len(catalogue.types)) - 1) & ~attributes
    if criterion is None:
        return plain
    flags = type_flags(catalogue, criterion._replace(indirect=True), what)
    return sum(1 << index for index, each in enumerate(flags) if each) & plain


def _subjects(policy: Policy) -> int:
    """Return the bitset of the types that a process may have."""
    result = 0
    reachable = 0
    for user in policy.users:
        reachable |= user.roles
    for index, role in enumerate(policy.roles):
        if index != _OBJECT_ROLE and reachable >> index & 1:
            result |= role.types
    return result


class _Contexts:
    """The contexts that types can have, as SIDs."""

    def __init__(self, policy: Policy, server: SecurityServer) -> None:
        self._policy = policy
        self._server = server
        self._subjects: dict[int, list[int]] = {}
        self._objects: dict[int, list[int]] = {}

    def subjects(self, type_id: int) -> list[int]:
        """Return those of processes."""
        known = self._subjects.get(type_id)
        if known is None:
            roles = [
                index
                for index, role in enumerate(self._policy.roles)
                if index != _OBJECT_ROLE and role.types >> type_id & 1
            ]
            known = self._subjects[type_id] = self._sids(type_id, roles)
        return known

    def objects(self, type_id: int) -> list[int]:
        """Return those of what is acted on: processes, where the type is one of processes, else objects."""
        known = self._objects.get(type_id)
        if known is None:
            known = self._objects[type_id] = self.subjects(type_id) or self._sids(type_id, [_OBJECT_ROLE])
        return known

    def pairs(self, source: int, target: int, object_class: int) -> tuple[list[int], list[int]]:
        """Return the sources and the targets of all pairs of contexts with which a class is asked about."""
        own = self.subjects(source)
        if self._policy.classes[object_class].name in _OWN_CLASSES:
            return own, own
        others = self.objects(target)
        return [each for each in own for _ in others], others * len(own)

    def _sids(self, type_id: int, roles: Iterable[int]) -> list[int]:
        sids = []
        for role, (user, entry) in product(roles, enumerate(self._policy.users)):
            if role != _OBJECT_ROLE and not entry.roles >> role & 1:
                continue
            sids += [self._server.sid_for(Context(user, role, type_id, each)) for each in _ranges(entry.range)]
        return sids


def _ranges(whole: LevelRange) -> dict[LevelRange, None]:
    """Return ranges within a range: of their levels some are equal, some dominate others, and some neither."""
    low, high = whole
    ranges = [LevelRange(low, low), whole, LevelRange(high, high)]
    between = high.categories & ~low.categories
    first = between & -between
    if between != first:
        levels = (Level(high.sensitivity, low.categories | each) for each in (first, between ^ first))
        ranges += (LevelRange(each, each) for each in levels)
    return dict.fromkeys(ranges)


def _decided(policy: Policy, server: SecurityServer, pairs: _Pairs, wanted: list[int]) -> Iterator[EffectiveAccess]:
    """Ask the server about all pairs, with all contexts."""
    contexts = _Contexts(policy, server)
    batch: list[tuple[int, int, int]] = []
    size = 0
    for object_class, by_source in pairs.items():
        for source, targets in by_source.items():
            is_own = policy.classes[object_class].name in _OWN_CLASSES
            for target in members(targets & 1 << source if is_own else targets):
                batch.append((source, target, object_class))
                size += len(contexts.subjects(source)) * len(contexts.objects(target))
                if size >= _AT_ONCE:
                    yield from _answers(policy, server, contexts, batch, wanted)
                    batch, size = [], 0
    yield from _answers(policy, server, contexts, batch, wanted)


def _answers(
    policy: Policy,
    server: SecurityServer,
    contexts: _Contexts,
    batch: list[tuple[int, int, int]],
    wanted: list[int],
) -> Iterator[EffectiveAccess]:
    if not batch:
        return
    import numpy as np  # whoever searches rules alone does not pay for it

    sources: list[int] = []
    targets: list[int] = []
    classes: list[int] = []
    starts = []
    for source, target, object_class in batch:
        starts.append(len(sources))
        own, others = contexts.pairs(source, target, object_class)
        sources += own
        targets += others
        classes += [object_class] * len(own)
    asked = np.array(wanted, dtype=np.uint32)[classes]
    allowed = server.compute_access_arrays(sources, targets, classes).allowed & asked
    some = np.bitwise_or.reduceat(allowed, starts).tolist()
    every = np.bitwise_and.reduceat(allowed, starts).tolist()
    for index, (source, target, object_class) in enumerate(batch):
        permissive = policy.types[source].permissive
        if not (some[index] or permissive):
            continue
        start = starts[index]
        end = starts[index + 1] if index + 1 < len(starts) else len(sources)
        counts = [each.bit_count() for each in allowed[start:end].tolist()]
        best = start + counts.index(max(counts))
        described = policy.classes[object_class]
        granted = wanted[object_class] if permissive else some[index]
        yield EffectiveAccess(
            policy.types[source].name,
            policy.types[target].name,
            described.name,
            described.names(granted),
            described.names(granted if permissive else every[index]),
            server.sid_to_context(sources[best]),
            server.sid_to_context(targets[best]),
            permissive,
        )
