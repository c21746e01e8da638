"""Queries over the rules of a policy: criteria, and one generator of what matches.

::

    from selbox.analysis import Catalogue, NameCriterion, PermissionCriterion, RuleQuery

    query = RuleQuery(
        kinds=("allow",),
        source=NameCriterion("httpd_t"),
        permissions=PermissionCriterion(("write",)),
    )
    catalogue = Catalogue.of(policy)
    for rule in query.results(catalogue):
        print(rule.text, rule.places)
    query.table(catalogue)  # in a notebook, the last line of a cell: shown as a table

A query is a value that knows no policy: one may be asked of many.
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from selbox.analysis.catalogue import Assertion, Catalogue
from selbox.analysis.criteria import (
    BooleanCriterion,
    ClassCriterion,
    ExtendedPermissionCriterion,
    How,
    NameCriterion,
    PermissionCriterion,
)
from selbox.analysis.foundrule import FoundRule, found_assertion, found_extended, found_named, found_rule, rules_table
from selbox.analysis.matching import (
    Flags,
    class_flags,
    condition_flags,
    extended_numbers,
    permission_vectors,
    type_flags,
)
from selbox.analysis.ruletext import (
    ASSERTION_KINDS,
    EXTENDED_KINDS,
    FIRST_TYPE_KIND,
    RULE_KINDS,
    Texts,
    extended_permission,
    number_ranges,
)
from selbox.model.bitset import members
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.analysis.table import Table

NAMED_TRANSITIONS: Final = "type_transition"
"""The keyword that transitions by the new object's name share with those without."""

KINDS: Final = (*RULE_KINDS, *EXTENDED_KINDS, *ASSERTION_KINDS)
"""The keywords that a :class:`RuleQuery` may look for."""


class Rows(NamedTuple):
    """Rows of a catalogue.

    Attributes:
        rules: by kind.
        extended, named_transitions, assertions: of these tables.
    """

    rules: dict[int, Sequence[int]]
    extended: Sequence[int]
    named_transitions: Sequence[int]
    assertions: Sequence[int]


class RuleQuery(NamedTuple):
    """A search over rules about access and types. What is None is not asked.

    Attributes:
        kinds: keywords of :data:`KINDS`.
        source, target: types or attributes.
        classes: object classes.
        permissions: of access rules; an extended rule has the permission ``ioctl`` or ``nlmsg``.
        extended: numbers of extended rules.
        default: the type that type rules result in.
        booleans: of conditional rules.
    """

    kinds: tuple[str, ...] = KINDS
    source: NameCriterion | None = None
    target: NameCriterion | None = None
    classes: ClassCriterion | None = None
    permissions: PermissionCriterion | None = None
    extended: ExtendedPermissionCriterion | None = None
    default: NameCriterion | None = None
    booleans: BooleanCriterion | None = None

    def results(self, catalogue: Catalogue) -> Iterator[FoundRule]:
        """Yield the rules that match, in no order that means anything.

        Raises:
            SelboxError: when a criterion names what the policy does not have, or a pattern is none.
        """
        found = self.rows(catalogue)
        texts = Texts(catalogue)
        for kind, rows in found.rules.items():
            for row, text in zip(rows, texts.rules(kind, rows), strict=True):
                yield found_rule(catalogue, texts, row, text)
        for row, text in zip(found.extended, texts.extended(found.extended), strict=True):
            yield found_extended(catalogue, texts, row, text)
        for row, text in zip(found.named_transitions, texts.named_transitions(found.named_transitions), strict=True):
            yield found_named(catalogue, row, text)
        for row, text in zip(found.assertions, texts.assertions(found.assertions), strict=True):
            yield found_assertion(catalogue, row, text)

    def table(self, catalogue: Catalogue) -> "Table":
        """Return the rules that match as a table, sorted, which a notebook shows as such.

        Raises:
            SelboxError: likewise.
        """
        return rules_table(self.results(catalogue))

    def lines(self, catalogue: Catalogue) -> list[str]:
        """Return the rules that match as text; many times as fast as :meth:`results`.

        Raises:
            SelboxError: likewise.
        """
        found = self.rows(catalogue)
        texts = Texts(catalogue)
        lines = [line for kind, rows in found.rules.items() for line in texts.rules(kind, rows)]
        lines += texts.extended(found.extended)
        lines += texts.named_transitions(found.named_transitions)
        return lines + texts.assertions(found.assertions)

    def rows(self, catalogue: Catalogue) -> Rows:
        """Return where the rules that match stand in a catalogue.

        Raises:
            SelboxError: likewise.
            ValueError: when a kind is none.
        """
        for word in self.kinds:
            if word not in KINDS:
                raise ValueError(f"`{word}` is no kind of rule; these are: {', '.join(KINDS)}")
        match = _Match(self, catalogue)
        rules = {
            RULE_KINDS[word]: match.rules(RULE_KINDS[word]) for word in dict.fromkeys(self.kinds) if word in RULE_KINDS
        }
        extended = frozenset(EXTENDED_KINDS[word] for word in self.kinds if word in EXTENDED_KINDS)
        named = match.named_transitions() if NAMED_TRANSITIONS in self.kinds else ()
        asserted = frozenset(self.kinds).intersection(ASSERTION_KINDS)
        return Rows(rules, match.extended(extended), named, match.assertions(asserted) if asserted else ())


class _Match:
    """A query's criteria as ids of one catalogue."""

    def __init__(self, query: RuleQuery, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._query = query

        def types(criterion: NameCriterion | None, what: str) -> Flags | None:
            return None if criterion is None else type_flags(catalogue, criterion, what)

        self._source = types(query.source, "source")
        self._target = types(query.target, "target")
        # A rule's result is a type, so that an attribute stands for its types in any case.
        default = query.default
        self._default = types(None if default is None else default._replace(indirect=True), "default")
        self._class = None if query.classes is None else class_flags(catalogue, query.classes)
        wanted = query.permissions
        self._vectors = None if wanted is None else permission_vectors(catalogue, wanted, query.classes)
        self._numbers = None if query.extended is None else extended_numbers(query.extended)
        self._conditions = None
        if query.booleans is not None:
            # Values of the ``condition`` column: 0, then two for each conditional.
            flags = condition_flags(catalogue, query.booleans)
            self._conditions = Flags([0, *(each for each in flags for _ in range(2))])

    def rules(self, kind: int) -> Sequence[int]:
        """Return the rows of a kind that match."""
        is_type_rule = kind >= FIRST_TYPE_KIND
        if self._numbers is not None or (self._vectors if is_type_rule else self._default) is not None:
            return ()
        columns = self._catalogue.rules
        rows = _picked(
            (self._source, columns.source),
            (self._target, columns.target),
            (self._class, columns.object_class),
            (self._conditions, columns.condition),
            (_only(kind), columns.kind),
            (self._default, columns.data),  # of other kinds it is no type, and these are gone by now
        )
        return rows if self._vectors is None else self._with_permissions(rows, self._vectors)

    def _with_permissions(self, rows: Iterable[int], vectors: Sequence[int | None]) -> list[int]:
        classes, data = self._catalogue.rules.object_class, self._catalogue.rules.data
        how = self._query.permissions.how if self._query.permissions is not None else "any"
        if how == "any":
            masks = [each or 0 for each in vectors]
            return [row for row in rows if data[row] & masks[classes[row]]]
        if how == "equal":
            return [row for row in rows if data[row] == vectors[classes[row]]]
        return [row for row in rows if (vector := vectors[classes[row]]) is not None and not vector & ~data[row]]

    def extended(self, kinds: frozenset[int]) -> list[int]:
        """Return the rows of extended rules of some kinds that match."""
        if self._default is not None:
            return []
        return [
            row
            for row, each in enumerate(self._catalogue.extended)
            if each[0] in kinds
            and self._holds(each[1], each[2], each[3])
            and (self._conditions is None or self._conditions[each[7]])
            and self._has_permission(each[4])
            and self._has_numbers(each[4:7])
        ]

    def _holds(self, source: int, target: int, object_class: int) -> bool:
        return all(
            flags is None or flags[each]
            for flags, each in ((self._source, source), (self._target, target), (self._class, object_class))
        )

    def _has_permission(self, specifier: int) -> bool:
        wanted = self._query.permissions
        if wanted is None:
            return True
        if wanted.how == "equal" and len(set(wanted.names)) > 1:
            return False
        return extended_permission(specifier) in wanted.names

    def _has_numbers(self, numbers: tuple[int, ...]) -> bool:
        if self._numbers is None:
            return True
        specifier, driver, permissions = numbers
        own = sum((1 << high + 1) - (1 << low) for low, high in number_ranges(specifier, driver, permissions))
        is_equal = self._query.extended is not None and self._query.extended.how == "equal"
        return own == self._numbers if is_equal else bool(own & self._numbers)

    def assertions(self, kinds: frozenset[str]) -> list[int]:
        """Return the rows of assertions of some kinds that match."""
        if self._default is not None or self._conditions is not None:
            return []
        return [
            row for row, each in enumerate(self._catalogue.assertions) if each.kind in kinds and self._asserts(each)
        ]

    def _asserts(self, assertion: Assertion) -> bool:
        query = self._query
        vector = 0 if self._vectors is None else self._vectors[assertion.object_class]
        return (
            _names(query.source, self._source, assertion.source, assertion.sources)
            and _names(query.target, self._target, assertion.target, assertion.targets)
            and (self._class is None or bool(self._class[assertion.object_class]))
            and (query.permissions is None or _agrees(vector, assertion.permissions, query.permissions.how))
            and (query.extended is None or _agrees(self._numbers, assertion.numbers, query.extended.how))
        )

    def named_transitions(self) -> Sequence[int]:
        """Return the rows of transitions by name that match."""
        if self._vectors is not None or self._numbers is not None or self._conditions is not None:
            return ()
        columns = self._catalogue.named_transitions
        return _picked(
            (self._source, columns.source),
            (self._target, columns.target),
            (self._class, columns.object_class),
            (self._default, columns.result),
            (None, columns.name),
        )


def _picked(*criteria: "tuple[Flags | bytes | None, array[int] | bytes]") -> Sequence[int]:
    """Return the rows that match all criteria: flags by value, each with a column; None matches everything."""
    rows: Sequence[int] | None = None
    for flags, column in criteria:
        if flags is None:
            continue
        if rows is None:
            rows = list(compress(range(len(column)), map(flags.__getitem__, column)))
        else:
            rows = list(compress(rows, map(flags.__getitem__, map(column.__getitem__, rows))))
    return range(len(criteria[-1][1])) if rows is None else rows


def _names(criterion: NameCriterion | None, flags: Flags | None, name: str, types: int) -> bool:
    """Tell whether a name in an assertion, which stands for some types, is what is looked for."""
    if criterion is None or flags is None:
        return True
    if criterion.indirect:
        return any(flags[each] for each in members(types))
    return re.search(criterion.name, name) is not None if criterion.is_pattern else name == criterion.name


def _agrees(wanted: int | None, own: int, how: How) -> bool:
    """Tell whether a set agrees with one that is looked for; None is one with what cannot be in the other."""
    if wanted is None:
        return False
    return own == wanted if how == "equal" else not wanted & ~own if how == "subset" else bool(own & wanted)


def _only(kind: int) -> bytes:
    """Return flags that match one kind."""
    return bytes(each == kind for each in range(256))
