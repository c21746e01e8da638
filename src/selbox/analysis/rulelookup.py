"""Some of a policy's rules, found again by the types that they apply to."""

from collections import defaultdict
from collections.abc import Iterable

from selbox.analysis.catalogue import Catalogue


class TypeEntries:
    """The ids under which rules may name each type.

    Args:
        catalogue: of the policy.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._attributes = catalogue.attributes.items()
        self._known: dict[int, frozenset[int]] = {}

    def of(self, type_id: int) -> frozenset[int]:
        """Return the id of a type and those of its attributes."""
        found = self._known.get(type_id)
        if found is None:
            attributes = [index for index, types in self._attributes if types >> type_id & 1]
            found = self._known[type_id] = frozenset((type_id, *attributes))
        return found


class RuleLookup:
    """Rows of rules by source and target.

    Args:
        catalogue: whose rules these are.
        rows: the numbers of those to be found.
        entries: of its types.
    """

    def __init__(self, catalogue: Catalogue, rows: Iterable[int], entries: TypeEntries) -> None:
        self._entries = entries
        self._rows: defaultdict[int, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        sources, targets = catalogue.rules.source, catalogue.rules.target
        for row in rows:
            self._rows[sources[row]][targets[row]].append(row)

    def between(self, source: int, target: int) -> list[int]:
        """Return the rows of the rules from one type to another, by these names or by those of their attributes."""
        targets = self._entries.of(target)
        return [
            row
            for entry in self._rows.keys() & self._entries.of(source)
            for other in self._rows[entry].keys() & targets
            for row in self._rows[entry][other]
        ]

    def of_source(self, source: int) -> list[int]:
        """Return the rows of the rules from a type to whatever."""
        found = self._rows.keys() & self._entries.of(source)
        return [row for entry in found for rows in self._rows[entry].values() for row in rows]
