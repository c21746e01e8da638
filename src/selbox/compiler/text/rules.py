"""Type enforcement rules as text: merged by key, sorted, a line each.

Debian's policy has 130,000 of them, so that the time of writing a policy is spent here. No line is put together before
all are sorted: those of one source are numbers, in which the places of kind, target and end have bits of their own, and
their text is pieces that many lines share.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from operator import add
from typing import Final, NamedTuple

from selbox.binary.kernel.output import is_hole
from selbox.compiler.text.extended import extended_lines
from selbox.compiler.text.rulecolumns import (
    ACCESS,
    HALF,
    HALF_MASK,
    WORD,
    WORD_MASK,
    KeyedColumns,
    apart,
    merged_contents,
)
from selbox.compiler.text.syntax import Syntax
from selbox.model.extended import ExtendedKind
from selbox.model.policy import Policy
from selbox.model.rules import UNCONDITIONAL, RuleKind

_ORDER: Final = (
    RuleKind.ALLOW,
    RuleKind.AUDITALLOW,
    RuleKind.DONTAUDIT,
    ExtendedKind.ALLOW,
    ExtendedKind.AUDITALLOW,
    ExtendedKind.DONTAUDIT,
    RuleKind.TYPE_TRANSITION,
    RuleKind.TYPE_MEMBER,
    RuleKind.TYPE_CHANGE,
)
_KINDS: Final = tuple(int(kind) for kind in _ORDER if isinstance(kind, RuleKind))
_EXTENDED_AT: Final = _ORDER.index(ExtendedKind.ALLOW)
_KIND_BITS: Final = len(_KINDS).bit_length()
_NOTHING: Final = -1 << 64
"""Place of the end of a rule that says nothing: less than all others together."""


def rule_texts(policy: Policy, syntax: Syntax, indent: str) -> dict[int, list[str]]:
    """Return the rules of each condition that has some, sorted by kind, then as text.

    Rules of the same key have become one.

    Args:
        policy: whose rules they are.
        syntax: of the language.
        indent: what conditional lines begin with.

    Returns:
        Pieces that make up whole lines, by values of the rules' ``condition`` column; 0 for the rules that always hold.
    """
    places, sections = _sections(policy, syntax, indent)
    extended = extended_lines(policy, syntax)
    texts: dict[int, list[str]] = {}
    for condition in dict.fromkeys(condition for condition, _ in (*sections, *extended)):
        before, after = (
            [sections[condition, kind] for kind in kinds if (condition, kind) in sections]
            for kinds in (_ORDER[:_EXTENDED_AT], _ORDER[_EXTENDED_AT:])
        )
        pieces = texts[condition] = places.pieces([*before, *after])
        start = indent if condition else ""
        at = 3 * sum(len(lines.starts) for lines in before)
        pieces[at:at] = [f"{start}{line}\n" for kind in ExtendedKind for line in extended.get((condition, kind), ())]
    return texts


class _Lines(NamedTuple):
    """Sorted lines of one condition and kind.

    Attributes:
        starts: of each line what stands before the target.
        places: of each line the number that says how it goes on.
    """

    starts: list[str]
    places: list[int]


def _sections(policy: Policy, syntax: Syntax, indent: str) -> "tuple[_Places, dict[tuple[int, int], _Lines]]":
    """Return the lines of all but extended rules by condition and kind, and what gives their pieces."""
    names = [each.name for each in policy.types]
    always, merged = KeyedColumns(policy.rules), merged_contents(policy.rules)
    ends = _Ends(policy, syntax)
    numbers = list(map(ends.__getitem__, always.content))
    contents = chain.from_iterable(found.values() for sources in merged.values() for found in sources.values())
    deque(map(ends.__getitem__, contents), maxlen=0)
    places = _Places(policy, [f"{name}{syntax.target_end}" for name in (*names, "self")], ends)
    groups = {UNCONDITIONAL: places.of_rules(always, numbers)} if numbers else {}
    for condition, sources in merged.items():
        groups[condition] = {source: places.of_contents(source, found) for source, found in sources.items()}
    ranks = _sorted([f"{name} " for name in names])[1]
    sections: dict[tuple[int, int], _Lines] = {}
    for condition, of_sources in groups.items():
        start = f"{indent if condition else ''}{syntax.rule_start}"
        starts = [f"{start}{syntax.rule_words[kind]} " for kind in _KINDS]
        ordered = [(names[source], of_sources[source]) for source in sorted(of_sources, key=ranks.__getitem__)]
        for kind, lines in places.by_kind(ordered, starts).items():
            sections[condition, kind] = lines
    return places, sections


class _Places:
    """Gives lines of one source an order, by numbers: the kind's place, the target's, and that of the end.

    Args:
        policy: whose rules they are.
        targets: texts of the targets, by id, and that of ``self`` after them.
        ends: ends of lines.
    """

    def __init__(self, policy: Policy, targets: Sequence[str], ends: "_Ends") -> None:
        self._are_types = [not each.is_attribute for each in policy.types]
        self._ends = ends
        self._end_bits, self._target_bits = len(ends.texts).bit_length(), len(targets).bit_length()
        self._kind_at = self._end_bits + self._target_bits
        self._sorted_targets, target_places = _sorted(targets)
        self._sorted_ends, end_places = _sorted(ends.texts)
        self._of_targets = [place << self._end_bits for place in target_places]
        self._of_ends = [
            _KINDS.index(kind) << self._kind_at | place if text else _NOTHING
            for text, kind, place in zip(ends.texts, ends.kinds, end_places, strict=True)
        ]

    def of_rules(self, rules: KeyedColumns, ends: Sequence[int]) -> dict[int, list[int]]:
        """Return the places of the lines of rules by source.

        Args:
            rules: the rules.
            ends: numbers of the ends of their lines.
        """
        sources, targets = rules.source, rules.target[:]
        are_types, kinds, self_ = self._are_types, self._ends.kinds, len(self._are_types)
        for row in rules.own_rows():
            if kinds[ends[row]] & ACCESS and are_types[sources[row]]:
                targets[row] = self_
        places = map(add, map(self._of_targets.__getitem__, targets), map(self._of_ends.__getitem__, ends))
        of_source: list[list[int]] = [[] for _ in are_types]
        for of_one, place in zip(map(of_source.__getitem__, sources), places, strict=True):
            of_one.append(place)
        return {source: found for source, found in enumerate(of_source) if found}

    def of_contents(self, source: int, contents: dict[int, int]) -> list[int]:
        """Return the places of the lines of rules of one source, which are as in :func:`merged_contents`."""
        of_targets, of_ends, ends, kinds = self._of_targets, self._of_ends, self._ends, self._ends.kinds
        own = source if self._are_types[source] else None
        places = []
        for key, content in contents.items():
            target, end = key & WORD_MASK, ends[content]
            if target == own and kinds[end] & ACCESS:
                target = len(self._are_types)
            places.append(of_targets[target] + of_ends[end])
        return places

    def by_kind(self, sources: Iterable[tuple[str, list[int]]], starts: Sequence[str]) -> dict[int, _Lines]:
        """Return the lines of one condition by kind.

        Args:
            sources: the names of the sources, in their order, with the places of their lines, which are sorted here.
            starts: what lines begin with, by the place of the kind.
        """
        kind_at = self._kind_at
        found: dict[int, _Lines] = {}
        for source, places in sources:
            places.sort()
            begin = bisect_left(places, 0)
            while begin < len(places):
                kind = places[begin] >> kind_at
                limit = kind + 1 << kind_at
                end = len(places) if places[-1] < limit else bisect_left(places, limit, begin)
                lines = found.get(kind)
                if lines is None:
                    lines = found[kind] = _Lines([], [])
                lines.starts.extend([f"{starts[kind]}{source} "] * (end - begin))
                lines.places.extend(places[begin:end])
                begin = end
        return {_KINDS[kind]: lines for kind, lines in found.items()}

    def pieces(self, sections: Collection[_Lines]) -> list[str]:
        """Return the texts of lines, three pieces each."""
        places = list(chain.from_iterable(lines.places for lines in sections))
        pieces = [""] * (3 * len(places))
        pieces[0::3] = chain.from_iterable(lines.starts for lines in sections)
        parts = (self._end_bits, self._target_bits), (0, self._end_bits)
        targets, ends = apart(places, self._kind_at + _KIND_BITS, parts)
        pieces[1::3] = map(self._sorted_targets.__getitem__, targets)
        pieces[2::3] = map(self._sorted_ends.__getitem__, ends)
        return pieces


def _sorted(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return texts in their order, and the place of each in it."""
    order = sorted(range(len(texts)), key=texts.__getitem__)
    places = [0] * len(texts)
    for place, index in enumerate(order):
        places[index] = place
    return [texts[index] for index in order], places


class _Ends(dict[int, int]):
    """Numbers of the ends of lines, which follow the target, by the contents of rules, as they are asked for.

    Attributes:
        texts: by number; empty where an access vector holds no permission of the class, for such a rule says nothing.
        kinds: of the rules, by number.
    """

    def __init__(self, policy: Policy, syntax: Syntax) -> None:
        self._policy = policy
        self._syntax = syntax
        self._known: dict[int, list[tuple[int, str]]] = {}
        self.texts: list[str] = []
        self.kinds: list[int] = []

    def __missing__(self, content: int) -> int:
        kind, class_id, data = content >> WORD + HALF, content >> WORD & HALF_MASK, content & WORD_MASK
        object_class = self._policy.classes[class_id]
        if kind & ACCESS:
            names = " ".join([name for bit, name in self._permissions(class_id) if data & bit])
            text = self._syntax.access_end % (object_class.name, names) if names else ""
        else:
            text = self._syntax.type_end % (object_class.name, self._policy.types[data].name)
        self[content] = number = len(self.texts)
        self.texts.append(text)
        self.kinds.append(kind)
        return number

    def _permissions(self, class_id: int) -> list[tuple[int, str]]:
        """Return the permissions of a class that have names, each with its bit."""
        known = self._known.get(class_id)
        if known is None:
            names = enumerate(self._policy.classes[class_id].permissions)
            known = self._known[class_id] = [(1 << index, name) for index, name in names if not is_hole(name)]
        return known
