"""Effective access: what types may really do to types, after booleans, constraints, levels and bounds.

A rule allows an access only where the constraints let it pass, which look at users, roles and levels. So a question
about types is asked with every context that they can have: each role and user that go together with the type, and
ranges of levels, within the user's range, for every way in which the low and high levels of two contexts can be related
(:mod:`selbox.analysis.rangepairs`). An object may have any user and any levels that the policy has. What all of them
are granted always holds; what only some are depends.

::

    query = EffectiveAccessQuery(target=NameCriterion("shadow_t"), classes=ClassCriterion(("file",)),
                                 permissions=PermissionCriterion(("write",)))
    for access in query.results(policy):
        print(access.text)

Decisions are the security server's.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, product

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.criteria import ClassCriterion, NameCriterion, PermissionCriterion
from selbox.analysis.matching import class_flags, permission_vectors, type_flags
from selbox.analysis.rangepairs import range_pairs
from selbox.analysis.rulequery import RuleQuery
from selbox.analysis.ruletext import RULE_KINDS
from selbox.analysis.table import Table
from selbox.diagnostics import SelboxError
from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.mls import LOWEST, Level, LevelRange
from selbox.model.policy import Policy
from selbox.server.conditionals import active_conditions
from selbox.server.securityserver import SecurityServer
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.server.contextarrays import Ids

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


class _Frame(NamedTuple):
    """What contexts with a type have in common but for their levels.

    Attributes:
        user: id.
        role: id.
        within: what their ranges are within.
    """

    user: int
    role: int
    within: LevelRange


_Frames = tuple[_Frame, ...]


class _Template(NamedTuple):
    """The pairs of contexts that two types are asked about with, but for the types.

    Attributes:
        sources: contexts of the subject, each once.
        targets: contexts of the object, each once.
        of_source: for each pair, which of ``sources`` it has.
        of_target: for each pair, which of ``targets`` it has.
    """

    sources: tuple[Context, ...]
    targets: tuple[Context, ...]
    of_source: "Ids"
    of_target: "Ids"

    @classmethod
    def of(cls, pairs: Iterable[tuple[Context, Context]]) -> "_Template":
        """Number the contexts of pairs."""
        import numpy as np  # whoever searches rules alone does not pay for it

        numbers: tuple[dict[Context, int], dict[Context, int]] = {}, {}
        columns: tuple[list[int], list[int]] = [], []
        for pair in pairs:
            for context, known, column in zip(pair, numbers, columns, strict=True):
                column.append(known.setdefault(context, len(known)))
        of_source, of_target = (np.array(each, dtype=np.intp) for each in columns)
        return cls(tuple(numbers[0]), tuple(numbers[1]), of_source, of_target)


class _Contexts:
    """The contexts that types can have, as SIDs."""

    def __init__(self, policy: Policy, server: SecurityServer) -> None:
        self._policy = policy
        self._server = server
        self._categories = [each.categories for each in policy.sensitivities] or [0]
        top = len(self._categories) - 1
        every = LevelRange(LOWEST, Level(top, self._categories[top]) if policy.mls else LOWEST)
        self._objects = tuple(_Frame(user, _OBJECT_ROLE, every) for user in range(len(policy.users)))
        self._subjects: dict[int, _Frames] = {}
        self._templates: dict[tuple[_Frames, _Frames | None], _Template] = {}
        self._sids: dict[tuple[int, tuple[Context, ...]], Ids] = {}

    def pairs(self, source: int, target: int, object_class: int) -> "tuple[Ids, Ids]":
        """Return the sources and the targets of all pairs of contexts with which a class is asked about.

        What is acted on is a process, where the target is a type of processes, else an object.
        """
        own = self._frames(source)
        is_own = self._policy.classes[object_class].name in _OWN_CLASSES
        template = self._template(own, None if is_own else self._frames(target) or self._objects)
        sources, targets = self._known(source, template.sources), self._known(target, template.targets)
        return sources[template.of_source], targets[template.of_target]

    def _frames(self, type_id: int) -> _Frames:
        """Return the roles and users that processes have with a type; none when no process has it."""
        known = self._subjects.get(type_id)
        if known is None:
            known = self._subjects[type_id] = tuple(
                _Frame(user, index, entry.range)
                for index, role in enumerate(self._policy.roles)
                if index != _OBJECT_ROLE and role.types >> type_id & 1
                for user, entry in enumerate(self._policy.users)
                if entry.roles >> index & 1
            )
        return known

    def _template(self, own: _Frames, others: _Frames | None) -> _Template:
        """Return the pairs for some subjects and objects; None stands for the subject itself."""
        known = self._templates.get((own, others))
        if known is None:
            pairs = self._with_itself(own) if others is None else self._with_others(own, others)
            known = self._templates[own, others] = _Template.of(pairs)
        return known

    def _with_others(self, own: _Frames, others: _Frames) -> Iterator[tuple[Context, Context]]:
        related: dict[tuple[LevelRange, LevelRange], list[tuple[LevelRange, LevelRange]]] = {}
        for one, other in product(own, others):
            within = one.within, other.within
            if within not in related:
                related[within] = range_pairs(*within, self._categories)
            for first, second in related[within]:
                yield Context(one.user, one.role, 0, first), Context(other.user, other.role, 0, second)

    def _with_itself(self, own: _Frames) -> Iterator[tuple[Context, Context]]:
        for each in own:
            ranges = (first for first, _ in range_pairs(each.within, each.within, self._categories))
            for levels in {one.low == one.high: one for one in ranges}.values():
                context = Context(each.user, each.role, 0, levels)
                yield context, context

    def _known(self, type_id: int, contexts: tuple[Context, ...]) -> "Ids":
        """Return the SIDs of contexts with a type."""
        import numpy as np

        key = type_id, contexts
        known = self._sids.get(key)
        if known is None:
            sids = [self._server.sid_for(each._replace(type=type_id)) for each in contexts]
            known = self._sids[key] = np.array(sids, dtype=np.intp)
        return known


def _decided(policy: Policy, server: SecurityServer, pairs: _Pairs, wanted: list[int]) -> Iterator[EffectiveAccess]:
    """Ask the server about all pairs, with all contexts."""
    contexts = _Contexts(policy, server)
    batch: list[_Question] = []
    size = 0
    for object_class, by_source in pairs.items():
        for source, targets in by_source.items():
            is_own = policy.classes[object_class].name in _OWN_CLASSES
            for target in members(targets & 1 << source if is_own else targets):
                batch.append(_Question(source, target, object_class, *contexts.pairs(source, target, object_class)))
                size += len(batch[-1].sources)
                if size >= _AT_ONCE:
                    yield from _answers(policy, server, batch, wanted)
                    batch, size = [], 0
    yield from _answers(policy, server, batch, wanted)


class _Question(NamedTuple):
    """What is asked about two types.

    Attributes:
        source, target: ids of types.
        object_class: id.
        sources, targets: SIDs of the contexts that it is asked with.
    """

    source: int
    target: int
    object_class: int
    sources: "Ids"
    targets: "Ids"


def _answers(
    policy: Policy, server: SecurityServer, batch: list[_Question], wanted: list[int]
) -> Iterator[EffectiveAccess]:
    if not batch:
        return
    import numpy as np  # whoever searches rules alone does not pay for it

    sources, targets = (np.concatenate([each[column] for each in batch]) for column in (3, 4))
    counts = [len(each.sources) for each in batch]
    starts = [0, *accumulate(counts)][:-1]
    classes = np.repeat([each.object_class for each in batch], counts)
    asked = np.array(wanted, dtype=np.uint32)[classes]
    allowed = server.compute_access_arrays(sources, targets, classes).allowed & asked
    some = np.bitwise_or.reduceat(allowed, starts).tolist()
    every = np.bitwise_and.reduceat(allowed, starts).tolist()
    for index, (source, target, object_class, *_) in enumerate(batch):
        permissive = policy.types[source].permissive
        if not (some[index] or permissive):
            continue
        vectors = allowed[starts[index] : starts[index] + counts[index]].tolist()
        best = starts[index] + max(range(len(vectors)), key=lambda each: vectors[each].bit_count())
        described = policy.classes[object_class]
        granted = wanted[object_class] if permissive else some[index]
        yield EffectiveAccess(
            policy.types[source].name,
            policy.types[target].name,
            described.name,
            described.names(granted),
            described.names(granted if permissive else every[index]),
            server.sid_to_context(int(sources[best])),
            server.sid_to_context(int(targets[best])),
            permissive,
        )
