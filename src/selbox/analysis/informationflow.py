"""Information flow: from which types information gets to which others, by the permissions that rules grant.

Information flows from a subject's type to an object's where a rule grants a permission that the permission map says
writes, and the other way where it says reads. All types are in one graph: what one process writes another reads.
"""

from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import compress
from typing import Final, NamedTuple

from selbox.analysis.graphs import SHIFT, Graph, united_targets
from selbox.analysis.rulelookup import RuleLookup, TypeEntries
from selbox.language.permissionmap import WEIGHTS, Direction, PermissionMap
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.conditionals import active_conditions

DEFAULT_WEIGHT: Final = 3
"""The least weight of the steps that are followed where nothing else is asked for; SETools' too."""

_READS: Final = (Direction.READ, Direction.BOTH)
_WRITES: Final = (Direction.WRITE, Direction.BOTH)


class _Masks(NamedTuple):
    """By class id, the access vectors of the permissions that read and that write enough."""

    read: list[int]
    write: list[int]


class InformationFlow:
    """The flows of information between the types of a policy.

    ::

        flows = InformationFlow(policy, permission_map, excluded=[policy.type_ids["init_t"]])
        for path in flows.graph.shortest_paths(source, target):
            for step in pairwise(path):
                rows = flows.rules(*step)

    Args:
        policy: the policy.
        permissions: which way information flows by which permission; by one that it does not map flows nothing.
        weight: the least weight of steps that are followed, one of :data:`WEIGHTS`; a step weighs what the heaviest
            permission of its rules does.
        excluded: ids of types that nothing may flow through; of an attribute, all its types.
        booleans: a value for each boolean, by id: by rules that are off flows nothing then. None: all rules count. A
            step that has its weight by a rule that is off is followed where another rule is on, of any weight.

    Source: ``setools/infoflow.py``.
    """

    def __init__(
        self,
        policy: Policy,
        permissions: PermissionMap,
        weight: int = DEFAULT_WEIGHT,
        excluded: Collection[int] = (),
        booleans: Sequence[bool] | None = None,
    ) -> None:
        self._policy = policy
        self._permissions = permissions
        self._weight = weight
        self._excluded = 0
        for each in excluded:
            self._excluded |= policy.types[each].types
        self._active = None if booleans is None else active_conditions(policy, booleans)

    @cached_property
    def graph(self) -> Graph:
        """The steps that are followed."""
        graph = self._graph(self._weight, only_active=False)
        if self._active is not None:
            graph = graph.intersection(self._graph(WEIGHTS[0], only_active=True))
        return graph.without(self._excluded)

    @cached_property
    def whole_graph(self) -> Graph:
        """The steps of any weight, with no type left out and all rules on."""
        return self._graph(WEIGHTS[0], only_active=False)

    def _graph(self, weight: int, *, only_active: bool) -> Graph:
        return Graph.of(united_targets(self._policy, self._pairs(weight, only_active=only_active)))

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
            (each.name, name)
            for each in self._policy.classes
            for name in each.permissions
            if name not in self._permissions.get(each.name, {})
        ]

    def _masks(self, weight: int) -> _Masks:
        masks = _Masks([], [])
        for each in self._policy.classes:
            mappings = self._permissions.get(each.name, {})
            read = write = 0
            for bit, name in enumerate(each.permissions):
                mapping = mappings.get(name)
                if mapping is not None and mapping.weight >= weight:
                    read |= (mapping.direction in _READS) << bit
                    write |= (mapping.direction in _WRITES) << bit
            masks.read.append(read)
            masks.write.append(write)
        return masks

    def _pairs(self, weight: int, *, only_active: bool) -> set[int]:
        """Return between which types and attributes information flows, by rules of some weight."""
        rules = self._policy.rules
        masks = self._masks(weight)
        columns = zip(
            rules.source,
            rules.target,
            rules.data,
            map(masks.read.__getitem__, rules.object_class),
            map(masks.write.__getitem__, rules.object_class),
            strict=True,
        )
        counting = list(compress(columns, self._counting(only_active=only_active)))
        pairs = {source << SHIFT | target for source, target, vector, _, write in counting if vector & write}
        pairs.update([target << SHIFT | source for source, target, vector, read, _ in counting if vector & read])
        return pairs

    def _counting(self, *, only_active: bool) -> list[bool]:
        """Tell for each row whether the rule lets information flow."""
        rules = self._policy.rules
        if self._active is None or not only_active:
            return [kind == RuleKind.ALLOW for kind in rules.kind]
        active = self._active
        return [
            kind == RuleKind.ALLOW and active[condition]
            for kind, condition in zip(rules.kind, rules.condition, strict=True)
        ]

    @cached_property
    def _writing(self) -> RuleLookup:
        return self._lookup(self._masks(WEIGHTS[0]).write)

    @cached_property
    def _reading(self) -> RuleLookup:
        return self._lookup(self._masks(WEIGHTS[0]).read)

    def _lookup(self, masks: list[int]) -> RuleLookup:
        rules = self._policy.rules
        vectors = zip(range(len(rules)), rules.data, map(masks.__getitem__, rules.object_class), strict=True)
        counting = compress(vectors, self._counting(only_active=True))
        return RuleLookup(self._policy, (row for row, vector, mask in counting if vector & mask), self._entries)

    @cached_property
    def _entries(self) -> TypeEntries:
        return TypeEntries(self._policy)
