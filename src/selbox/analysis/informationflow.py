"""Information flow: from which types information gets to which others, by the permissions that rules grant.

Information flows from a subject's type to an object's where a rule grants a permission that the permission map says
writes, and the other way where it says reads. All types are in one graph: what one process writes another reads.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from itertools import compress
from operator import add, and_

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.conditions import active_conditions
from selbox.analysis.graphs import Graph, united_targets
from selbox.analysis.rulelookup import RuleLookup, TypeEntries
from selbox.language.permissionmap import WEIGHTS, Direction, PermissionMap
from selbox.model.rules import RuleKind
from selbox.typing import Final, NamedTuple

DEFAULT_WEIGHT: Final = 3
"""The least weight of the steps that are followed where nothing else is asked for; SETools' too."""

_IS_ALLOW: Final = bytes(kind == RuleKind.ALLOW for kind in range(256))
_READS: Final = (Direction.READ, Direction.BOTH)
_WRITES: Final = (Direction.WRITE, Direction.BOTH)


class _Masks(NamedTuple):
    """By class id, the access vectors of the permissions that read and that write enough."""

    read: list[int]
    write: list[int]


class InformationFlow:
    """The flows of information between the types of a policy.

    ::

        flows = InformationFlow(catalogue, permission_map, excluded=[catalogue.type_id("init_t")])
        for path in flows.graph.shortest_paths(source, target):
            for step in pairwise(path):
                rows = flows.rules(*step)

    Args:
        catalogue: of the policy.
        permissions: which way information flows by which permission; by one that it does not map flows nothing.
        weight: the least weight of steps that are followed, one of :data:`WEIGHTS`; a step weighs what the heaviest
            permission of its rules does.
        excluded: ids of types that nothing may flow through; of an attribute, all its types.
        booleans: a value for each boolean, by id: by rules that are off flows nothing then. None: all rules count.
        exact: whether rules that are off add no weight either. SETools weighs steps first, and so follows one that has
            its weight by a rule that is off where another rule is on, of any weight.

    Source: ``setools/infoflow.py``.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        permissions: PermissionMap,
        weight: int = DEFAULT_WEIGHT,
        excluded: Collection[int] = (),
        booleans: Sequence[bool] | None = None,
        *,
        exact: bool = False,
    ) -> None:
        self._catalogue = catalogue
        self._permissions = permissions
        self._weight = weight
        self._excluded = 0
        for each in excluded:
            self._excluded |= catalogue.members(each)
        self._exact = exact
        self._active = None if booleans is None else active_conditions(catalogue, booleans)

    @cached_property
    def graph(self) -> Graph:
        """The steps that are followed."""
        graph = self._graph(self._weight, only_active=self._exact)
        if self._active is not None and not self._exact:
            graph = graph.intersection(self._graph(WEIGHTS[0], only_active=True))
        return graph.without(self._excluded)

    @cached_property
    def whole_graph(self) -> Graph:
        """The steps of any weight, with no type left out and all rules on."""
        return self._graph(WEIGHTS[0], only_active=False)

    def _graph(self, weight: int, *, only_active: bool) -> Graph:
        pairs = self._pairs(weight, only_active=only_active)
        return Graph.of(self._catalogue.types, united_targets(self._catalogue, pairs))

    def rules(self, source: int, target: int) -> list[int]:
        """Return the rows of the rules by which information gets from one type to another, whatever they weigh.

        A rule is there twice where it applies both ways round, as between the types of one attribute.

        Args:
            source: type id.
            target: type id.
        """
        return self._writing.between(source, target) + self._reading.between(target, source)

    def unmapped(self) -> list[tuple[str, str]]:
        """Return the classes and permissions of the policy that the map does not know."""
        return [
            (object_class, name)
            for object_class, names in self._classes()
            for name in names
            if name not in self._permissions.get(object_class, {})
        ]

    def _classes(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        return zip(self._catalogue.classes, self._catalogue.permissions, strict=True)

    def _masks(self, weight: int) -> _Masks:
        masks = _Masks([], [])
        for object_class, names in self._classes():
            mappings = self._permissions.get(object_class, {})
            read = write = 0
            for bit, name in enumerate(names):
                mapping = mappings.get(name)
                if mapping is not None and mapping.weight >= weight:
                    read |= (mapping.direction in _READS) << bit
                    write |= (mapping.direction in _WRITES) << bit
            masks.read.append(read)
            masks.write.append(write)
        return masks

    def _pairs(self, weight: int, *, only_active: bool) -> set[int]:
        """Return between which types and attributes information flows, by rules of some weight."""
        rules = self._catalogue.rules
        counting = self._counting(only_active=only_active)
        sources, targets, classes, data = (
            tuple(compress(each, counting)) for each in (rules.source, rules.target, rules.object_class, rules.data)
        )
        masks = self._masks(weight)
        count = len(self._catalogue.types)
        shifted = [*range(0, count * count, count)]
        # Loops over all rules run inside the interpreter here: a third of the time that they take in Python.
        to_target = map(add, map(shifted.__getitem__, sources), targets)
        to_source = map(add, map(shifted.__getitem__, targets), sources)
        pairs = set(compress(to_target, map(and_, data, map(masks.write.__getitem__, classes))))
        pairs.update(compress(to_source, map(and_, data, map(masks.read.__getitem__, classes))))
        return pairs

    def _counting(self, *, only_active: bool) -> Sequence[bool | int]:
        """Tell for each row whether the rule lets information flow."""
        rules = self._catalogue.rules
        are_allow = rules.kind.translate(_IS_ALLOW)
        if self._active is None or not only_active:
            return are_allow
        return [*map(and_, are_allow, map(self._active.__getitem__, rules.condition))]

    @cached_property
    def _writing(self) -> RuleLookup:
        return self._lookup(self._masks(WEIGHTS[0]).write)

    @cached_property
    def _reading(self) -> RuleLookup:
        return self._lookup(self._masks(WEIGHTS[0]).read)

    def _lookup(self, masks: list[int]) -> RuleLookup:
        rules = self._catalogue.rules
        vectors = zip(range(len(rules.kind)), rules.data, map(masks.__getitem__, rules.object_class), strict=True)
        counting = compress(vectors, self._counting(only_active=True))
        return RuleLookup(self._catalogue, (row for row, vector, mask in counting if vector & mask), self._entries)

    @cached_property
    def _entries(self) -> TypeEntries:
        return TypeEntries(self._catalogue)
