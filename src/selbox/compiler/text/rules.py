"""Type enforcement rules as text: sorted, a line each, those that always hold merged by key.

Debian's policy has 130,000 of them, so that the time of writing a policy is spent here. No line is put together before
all are sorted: until then lines are numbers, in which the places of kind, source, target and end have bits of their
own, and their text is pieces that many lines share.
"""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from selbox.binary.kernel.output import is_hole
from selbox.compiler.text.extended import extended_lines
from selbox.compiler.text.rulecolumns import ACCESS, HALF, HALF_MASK, WORD, WORD_MASK, merged_columns
from selbox.compiler.text.symbols import SortedNames
from selbox.compiler.text.syntax import Syntax
from selbox.model.extended import ExtendedKind
from selbox.model.policy import Policy
from selbox.model.rules import UNCONDITIONAL, RuleKind
from selbox.typing import Final, NamedTuple

_ORDER: Final = (
    RuleKind.ALLOW,
    RuleKind.AUDITALLOW,
    RuleKind.DONTAUDIT,
    RuleKind.TYPE_TRANSITION,
    RuleKind.TYPE_MEMBER,
    RuleKind.TYPE_CHANGE,
)
_PLACES: Final = {int(kind): place for place, kind in enumerate(_ORDER)}
_KIND_MASK: Final = (1 << len(_ORDER).bit_length()) - 1
_AFTER_EXTENDED: Final = _ORDER.index(RuleKind.TYPE_TRANSITION)
"""Place of the first kind that comes after the extended rules."""

_MANY: Final = 4096
"""Lines that are put together at once, in memory that the next ones use again."""

_FLOAT_BIAS: Final = 1 << 52
"""What is added to a smaller number has, as a floating-point number, the bits of the other at the same places."""

_MOST_IN_FLOATS: Final = 1 << HALF
"""Targets, and ends, up to which lines are such numbers. There are no more where sources have more than 16 bits."""

_NOTHING: Final = -1 << 100
"""Place of the end of a rule that says nothing: less than all others together."""

_ExtendedLines = Mapping[tuple[int, ExtendedKind], Sequence[str]]


class RuleTexts(NamedTuple):
    """Rules as text, sorted by kind, then as text.

    Those of the same key have become one, but for access rules of conditionals.

    Attributes:
        always: parts of the text of the rules that always hold, whole lines each, made as they are asked for.
        conditional: all lines by values of the rules' ``condition`` column.
    """

    always: Iterator[str]
    conditional: dict[int, str]


def rule_texts(policy: Policy, syntax: Syntax, indent: str) -> RuleTexts:
    """Return the rules of a policy as text.

    Args:
        policy: whose rules they are.
        syntax: of the language.
        indent: what conditional lines begin with.
    """
    lines = _Lines(policy, syntax)
    extended = extended_lines(policy, syntax)
    return RuleTexts(_always(lines, extended), _conditional(lines, extended, indent))


def _always(lines: "_Lines", extended: _ExtendedLines) -> Iterator[str]:
    found = lines.always
    middle = lines.place_of_extended(found)
    for at in range(0, middle, _MANY):
        yield from lines.texts([found[at : min(at + _MANY, middle)]], "")
    yield _extended_text(extended, UNCONDITIONAL, "")
    for at in range(middle, len(found), _MANY):
        yield from lines.texts([found[at : at + _MANY]], "")


def _conditional(lines: "_Lines", extended: _ExtendedLines, indent: str) -> dict[int, str]:
    conditions = {*lines.conditional, *(condition for condition, _ in extended)} - {UNCONDITIONAL}
    halves: list[Sequence[float]] = []
    for condition in conditions:
        found = lines.conditional.get(condition, [])
        middle = lines.place_of_extended(found)
        halves += (found[:middle], found[middle:])
    texts = list(lines.texts(halves, indent))
    return {
        condition: f"{before}{_extended_text(extended, condition, indent)}{after}"
        for condition, before, after in zip(conditions, texts[0::2], texts[1::2], strict=True)
    }


def _extended_text(extended: _ExtendedLines, condition: int, indent: str) -> str:
    found = (line for kind in ExtendedKind for line in extended.get((condition, kind), ()))
    return "".join([f"{indent}{line}\n" for line in found])


class _Lines:
    """Lines of all but extended rules, as numbers.

    The interpreter sorts nothing more quickly than floating-point numbers, and that is what they are where their bits
    suffice: 16 for the end, 16 for the target, and those above for kind and source.

    Attributes:
        always: those of the rules that always hold, sorted.
        conditional: those of each condition, sorted.
    """

    def __init__(self, policy: Policy, syntax: Syntax) -> None:
        self._syntax = syntax
        self._are_types = [not each.is_attribute for each in policy.types]
        names = [each.name for each in policy.types]
        rules = merged_columns(policy.rules)
        ends = _Ends(policy, syntax)
        numbers = list(map(ends.__getitem__, rules.content))
        targets = SortedNames([f"{name}{syntax.target_end}" for name in (*names, "self")])
        sources = targets if syntax.target_end == " " else SortedNames([f"{name} " for name in names])
        line_ends = SortedNames(ends.texts)
        self._sources, self._targets, self._ends = sources.all, targets.all, line_ends.all
        self._source_bits = len(names).bit_length()
        self._are_floats = max(len(targets.all), len(line_ends.all)) <= _MOST_IN_FLOATS
        self._bits = HALF if self._are_floats else WORD
        self._kind_at = 2 * self._bits + self._source_bits
        self._bias = _FLOAT_BIAS if self._are_floats else 0
        number = float if self._are_floats else int
        self._of_sources = [number(self._bias + (place << 2 * self._bits)) for place in sources.places]
        self._of_targets = [number(place << self._bits) for place in targets.places]
        self._of_ends = [
            number(_PLACES[kind] << self._kind_at | place if text else _NOTHING)
            for text, kind, place in zip(ends.texts, ends.kinds, line_ends.places, strict=True)
        ]
        self._are_accesses = [kind & ACCESS != 0 for kind in ends.kinds]

        first = rules.keyed
        self.always = self._in_order(self._numbers(rules.source[:first], rules.target[:first], numbers[:first]))
        lines = self._numbers(rules.source[first:], rules.target[first:], numbers[first:])
        conditional: dict[int, list[float]] = {}
        for condition, begin, end in rules.runs:
            conditional.setdefault(condition, []).extend(lines[begin - first : end - first])
        self.conditional = {condition: self._in_order(found) for condition, found in conditional.items()}
        self.always = self.always or self.conditional.pop(UNCONDITIONAL, [])

    def _numbers(self, sources: Sequence[int], targets: Sequence[int], ends: Sequence[int]) -> list[float]:
        of_sources, of_targets, of_ends, accesses = (
            self._of_sources,
            self._of_targets,
            self._of_ends,
            self._are_accesses,
        )
        *of_types, self_ = of_targets
        of_own = [self_ if is_type else each for each, is_type in zip(of_types, self._are_types, strict=True)]
        return [
            of_sources[source]
            + (of_own[target] if source == target and accesses[end] else of_targets[target])
            + of_ends[end]
            for source, target, end in zip(sources, targets, ends, strict=True)
        ]

    def place_of_extended(self, lines: Sequence[float]) -> int:
        """Return the place of extended rules among sorted lines."""
        return bisect_left(lines, self._bias + (_AFTER_EXTENDED << self._kind_at))

    def _in_order(self, lines: list[float]) -> Sequence[float]:
        """Return lines sorted, without those that say nothing."""
        lines.sort()
        if lines and lines[0] < 0:
            del lines[: bisect_left(lines, 0)]
        return array("d", lines) if self._are_floats else lines

    def texts(self, groups: Sequence[Sequence[float]], indent: str) -> Iterator[str]:
        """Iterate over the texts of groups of sorted lines, which begin with an indent."""
        words = [f"{indent}{self._syntax.rule_start}{self._syntax.rule_words[kind]} " for kind in _ORDER]
        starts, targets, ends = self._parts(groups[0] if len(groups) == 1 else self._joined(groups))
        pieces = [""] * (3 * len(starts))
        pieces[1::3] = map(self._targets.__getitem__, targets)
        pieces[2::3] = map(self._ends.__getitem__, ends)
        begin = 0
        for group in groups:
            end = begin + len(group)
            pieces[3 * begin : 3 * end : 3] = self._starts(words, starts[begin:end])
            yield "".join(pieces[3 * begin : 3 * end])
            begin = end

    def _joined(self, groups: Iterable[Sequence[float]]) -> Sequence[float]:
        lines = [*chain.from_iterable(groups)]
        return array("d", lines) if self._are_floats else lines

    def _parts(self, lines: Sequence[float]) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """Return of each line the kind and source together, the place of the target, and that of the end."""
        if not isinstance(lines, array):
            numbers = [int(line) for line in lines]
            return (
                [number >> 2 * WORD for number in numbers],
                [number >> WORD & WORD_MASK for number in numbers],
                [number & WORD_MASK for number in numbers],
            )
        content = lines.tobytes()
        halves, words = array("H", content), array("I", content)
        if sys.byteorder == "little":
            return words[1::2], halves[1::4], halves[0::4]
        return words[0::2], halves[2::4], halves[3::4]

    def _starts(self, words: Sequence[str], numbers: Sequence[int]) -> list[str]:
        """Return what lines begin with.

        Args:
            words: the beginning for each kind.
            numbers: kinds and sources, ascending: many of those that stand side by side are alike.
        """
        texts: list[str] = []
        while len(texts) < len(numbers):
            number = numbers[len(texts)]
            end = bisect_right(numbers, number, len(texts))
            kind = number >> self._source_bits & _KIND_MASK
            source = self._sources[number & (1 << self._source_bits) - 1]
            texts += [f"{words[kind]}{source}"] * (end - len(texts))
        return texts


class _Ends(dict[int, int]):
    """Numbers of the ends of lines, which follow the target, by the contents of rules, as they are asked for.

    Attributes:
        texts: by number; empty where an access vector holds no permission of the class, for such a rule says nothing.
        kinds: of the rules, by number.
    """

    def __init__(self, policy: Policy, syntax: Syntax) -> None:
        self._syntax = syntax
        self._types = [each.name for each in policy.types]
        self._classes = [each.name for each in policy.classes]
        self._permissions = [
            [(1 << index, name) for index, name in enumerate(each.permissions) if not is_hole(name)]
            for each in policy.classes
        ]
        self.texts: list[str] = []
        self.kinds: list[int] = []

    def __missing__(self, content: int) -> int:
        self[content] = number = len(self.texts)
        self.texts.append(self._text(content) if content else "")
        self.kinds.append(content >> WORD + HALF)
        return number

    def _text(self, content: int) -> str:
        class_id, data = content >> WORD & HALF_MASK, content & WORD_MASK
        name = self._classes[class_id]
        if content >> WORD + HALF & ACCESS:
            names = " ".join([each for bit, each in self._permissions[class_id] if data & bit])
            return self._syntax.access_end % (name, names) if names else ""
        return self._syntax.type_end % (name, self._types[data])
