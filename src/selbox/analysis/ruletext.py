"""Rules of a catalogue as lines of text, as SETools writes them.

Source: what ``sesearch`` of SETools 4.4 prints.
"""

from collections.abc import Iterable, Sequence

from selbox.analysis.infix import infix_text
from selbox.compiler.text.runs import runs
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from array import array

    from selbox.analysis.catalogue import Assertion, Catalogue

RULE_KINDS: Final = {
    "allow": 0x0001,
    "auditallow": 0x0002,
    "dontaudit": 0x0004,
    "type_transition": 0x0010,
    "type_member": 0x0020,
    "type_change": 0x0040,
}
"""Keywords and the kinds of :class:`selbox.model.rules.RuleKind`, whose import costs more than a search."""

EXTENDED_KINDS: Final = {"allowxperm": 0x0100, "auditallowxperm": 0x0200, "dontauditxperm": 0x0400}
"""Keywords and the kinds of :class:`selbox.model.extended.ExtendedKind`."""

FIRST_TYPE_KIND: Final = 0x0010
"""The first kind whose data is a type id."""

ASSERTION_KINDS: Final = ("neverallow", "neverallowxperm")
"""Keywords of what sources assert."""

KEYWORDS: Final = {number: word for word, number in (RULE_KINDS | EXTENDED_KINDS).items()}

_DRIVERS: Final = 2
_MESSAGES: Final = 3
_CONDITION_SIGNS: Final = {"not": "!", "or": "||", "and": "&&", "xor": "^", "eq": "==", "neq": "!="}
_CONDITION_RANKS: Final = {"!": 5, "==": 4, "!=": 4, "&&": 3, "^": 2, "||": 1}
_HIGHEST_RANK: Final = 5


class Texts:
    """The pieces of lines about one catalogue; each is made when it is first asked for.

    Args:
        catalogue: what the lines are about.
    """

    def __init__(self, catalogue: "Catalogue") -> None:
        self._catalogue = catalogue
        self._conditions: dict[int, str] = {0: ""}
        classes = range(len(catalogue.classes))
        self._access_ends = [_AccessEnds(catalogue, each) for each in classes]
        self._type_ends = [_TypeEnds(catalogue, each) for each in classes]

    def rules(self, kind: int, rows: Sequence[int]) -> list[str]:
        """Return rows of ``rules`` as lines.

        Args:
            kind: of all of them.
            rows: their numbers.
        """
        catalogue = self._catalogue
        _, sources, targets, classes, data, conditions, _ = catalogue.rules
        names = catalogue.types
        start = KEYWORDS[kind]
        ends = self._access_ends if kind < FIRST_TYPE_KIND else self._type_ends
        lines = [
            f"{start} {names[source]} {names[target]}{ends[object_class][each]}"
            for source, target, object_class, each in zip(
                _at(sources, rows), _at(targets, rows), _at(classes, rows), _at(data, rows), strict=True
            )
        ]
        for index, condition in enumerate(_at(conditions, rows)):
            if condition:
                lines[index] += self.condition_end(condition)
        return lines

    def extended(self, rows: Iterable[int]) -> list[str]:
        """Return rows of ``extended`` as lines."""
        return [self._extended(self._catalogue.extended[row]) for row in rows]

    def assertions(self, rows: Iterable[int]) -> list[str]:
        """Return rows of ``assertions`` as lines."""
        return [self._assertion(self._catalogue.assertions[row]) for row in rows]

    def named_transitions(self, rows: Iterable[int]) -> list[str]:
        """Return rows of ``named_transitions`` as lines."""
        catalogue = self._catalogue
        columns = catalogue.named_transitions
        types = catalogue.types
        starts = [f"type_transition {name} " for name in types]
        classes = [f":{name} " for name in catalogue.classes]
        ends = [f" {name};" for name in columns.names]
        sources, targets, object_classes, names, results, _, _ = columns
        return [
            f"{starts[sources[row]]}{types[targets[row]]}{classes[object_classes[row]]}{types[results[row]]}"
            f"{ends[names[row]]}"
            for row in rows
        ]

    def role_allows(self, rows: Iterable[int]) -> list[str]:
        """Return rows of ``role_allows`` as lines."""
        roles = self._catalogue.roles
        return [f"allow {roles[source]} {roles[target]};" for source, target, _ in self._of("role_allows", rows)]

    def role_transitions(self, rows: Iterable[int]) -> list[str]:
        """Return rows of ``role_transitions`` as lines."""
        roles, types, classes = self._catalogue.roles, self._catalogue.types, self._catalogue.classes
        return [
            f"role_transition {roles[source]} {types[target]}:{classes[object_class]} {roles[result]};"
            for source, target, object_class, result, _ in self._of("role_transitions", rows)
        ]

    def range_transitions(self, rows: Iterable[int]) -> list[str]:
        """Return rows of ``range_transitions`` as lines."""
        types, classes = self._catalogue.types, self._catalogue.classes
        return [
            f"range_transition {types[source]} {types[target]}:{classes[object_class]} "
            f"{range_text(self._catalogue, low, high)};"
            for source, target, object_class, low, high, _ in (self._catalogue.range_transitions[row] for row in rows)
        ]

    def condition_end(self, condition: int) -> str:
        """Return what follows a conditional rule, from the value of its ``condition`` column."""
        known = self._conditions.get(condition)
        if known is None:
            known = f" [ {self.condition(condition)} ]:{bool(condition % 2)}"
            self._conditions[condition] = known
        return known

    def condition(self, condition: int) -> str:
        """Return the expression of a conditional."""
        terms = self._catalogue.conditions[(condition - 1) // 2]
        return condition_text(terms, self._catalogue.booleans)

    def _assertion(self, each: "Assertion") -> str:
        catalogue = self._catalogue
        start = f"{each.kind} {each.source} {each.target}"
        end = _AccessEnds(catalogue, each.object_class)[each.permissions]
        if not each.numbers:
            return f"{start}{end}"
        return f"{start}{end.removesuffix(';')} {numbers_text(number_ranges(0, 0, each.numbers))};"

    def _of(self, table: str, rows: Iterable[int]) -> Iterable[tuple[int, ...]]:
        content: tuple[tuple[int, ...], ...] = getattr(self._catalogue, table)
        return (content[row] for row in rows)

    def _extended(self, row: tuple[int, ...]) -> str:
        kind, source, target, object_class, specifier, driver, permissions, condition, _ = row
        catalogue = self._catalogue
        numbers = numbers_text(number_ranges(specifier, driver, permissions))
        start = (
            f"{KEYWORDS[kind]} {catalogue.types[source]} {catalogue.types[target]}:{catalogue.classes[object_class]}"
        )
        return f"{start} {extended_permission(specifier)} {numbers};{self.condition_end(condition)}"


def _at(column: "array[int]", rows: Sequence[int]) -> Iterable[int]:
    return column if len(rows) == len(column) else map(column.__getitem__, rows)


def numbers_text(ranges: Iterable[tuple[int, int]]) -> str:
    """Return ranges of extended permissions, in braces unless there is one."""
    texts = [f"0x{low:04x}" if low == high else f"0x{low:04x}-0x{high:04x}" for low, high in ranges]
    return texts[0] if len(texts) == 1 else f"{{ {' '.join(texts)} }}"


class _AccessEnds(dict[int, str]):
    """By access vector how a rule about a class ends."""

    def __init__(self, catalogue: "Catalogue", object_class: int) -> None:
        super().__init__()
        self._name = catalogue.classes[object_class]
        self._permissions = catalogue.permissions[object_class]

    def __missing__(self, vector: int) -> str:
        names = sorted(permission_names(self._permissions, vector))
        text = names[0] if len(names) == 1 else f"{{ {' '.join(names)} }}"
        self[vector] = end = f":{self._name} {text};"
        return end


class _TypeEnds(dict[int, str]):
    """By type id how a type rule about a class ends."""

    def __init__(self, catalogue: "Catalogue", object_class: int) -> None:
        super().__init__()
        self._name = catalogue.classes[object_class]
        self._types = catalogue.types

    def __missing__(self, result: int) -> str:
        self[result] = end = f":{self._name} {self._types[result]};"
        return end


def permission_names(permissions: Sequence[str], vector: int) -> list[str]:
    """Return the names of the permissions in an access vector, in bit order."""
    return [name for bit, name in enumerate(permissions) if vector >> bit & 1]


def extended_permission(specifier: int) -> str:
    """Return the permission whose numbers an extended rule is about."""
    return "nlmsg" if specifier == _MESSAGES else "ioctl"


def number_ranges(specifier: int, driver: int, permissions: int) -> list[tuple[int, int]]:
    """Return the numbers of an extended rule as ascending ranges, both ends included."""
    if specifier == _DRIVERS:
        return [(low << 8, high << 8 | 0xFF) for low, high in runs(permissions)]
    return [(driver << 8 | low, driver << 8 | high) for low, high in runs(permissions)]


def condition_text(terms: Iterable[int | str], booleans: Sequence[str]) -> str:
    """Return a conditional's expression as SETools writes it: operands from the last to the first.

    Args:
        terms: boolean ids and operators in postfix order.
        booleans: names.
    """
    words = [booleans[each] if isinstance(each, int) else _CONDITION_SIGNS[each] for each in terms]
    operators = [not isinstance(each, int) for each in terms]
    return infix_text(words, operators, _CONDITION_RANKS, highest=_HIGHEST_RANK, negation="!", last_first=True)


def range_text(catalogue: "Catalogue", low: tuple[int, int], high: tuple[int, int]) -> str:
    """Return a range as SETools writes it, which is not the kernel's way."""
    text = level_text(catalogue, low)
    return text if low == high else f"{text} - {level_text(catalogue, high)}"


def level_text(catalogue: "Catalogue", level: tuple[int, int]) -> str:
    """Return a level, in which runs of categories are ranges, those of two among them."""
    sensitivity, categories = level
    text = catalogue.sensitivities[sensitivity]
    if not categories:
        return text
    names = catalogue.categories
    runs = (
        names[first] if first == last else f"{names[first]}.{names[last]}"
        for first, last in number_ranges(0, 0, categories)
    )
    return f"{text}:{','.join(runs)}"
