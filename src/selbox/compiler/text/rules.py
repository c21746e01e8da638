"""Type enforcement rules as text: merged by key, sorted, a line each.

Debian's policy has 130,000 of them, so that the time of writing a policy is spent here: rules are grouped by source in
one pass, the text of a permission set is made once, and the lines of one source are joined in one go.
"""

import sys
from array import array
from typing import Final

from selbox.compiler.text.extended import extended_lines
from selbox.compiler.text.symbols import permission_names
from selbox.compiler.text.syntax import Syntax
from selbox.model.extended import ExtendedKind
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS, RuleKind

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

_WORD: Final = 32
_WORD_MASK: Final = (1 << _WORD) - 1


def rule_texts(policy: Policy, syntax: Syntax, indent: str) -> dict[int, str]:
    """Return the rules of each condition that has some as whole lines, sorted by kind, then as text.

    Rules of the same key have become one.

    Args:
        policy: whose rules they are.
        syntax: of the language.
        indent: what conditional lines begin with.

    Returns:
        By values of the rules' ``condition`` column; 0 for the rules that always hold.
    """
    sections: dict[tuple[int, int], list[str]] = {}
    writer = _Writer(policy, syntax, indent)
    groups = _merged(policy)
    for group in sorted(groups, key=writer.order):
        condition, kind = group >> 2 * _WORD, group >> _WORD & _WORD_MASK
        lines = writer.lines(condition, kind, group & _WORD_MASK, groups.pop(group))
        sections.setdefault((condition, kind), []).append(lines)
    for (condition, extended_kind), extended in extended_lines(policy, syntax).items():
        start = indent if condition else ""
        sections[condition, extended_kind] = [f"{start}{line}\n" for line in extended]
    return {
        condition: "".join(piece for kind in _ORDER for piece in sections.get((condition, kind), ()))
        for condition in dict.fromkeys(condition for condition, _ in sections)
    }


def _pairs(high: "array[int]", low: "array[int]") -> "memoryview[int]":
    """Return each two words of two columns as one number, made without a step of the interpreter for each."""
    both = array("I", bytes(2 * low.itemsize * len(low)))
    first = 0 if sys.byteorder == "little" else 1
    both[first::2] = low
    both[1 - first :: 2] = high
    return memoryview(both).cast("B").cast("Q")


class _Groups(dict[int, dict[int, int]]):
    """Rules by condition, kind and source: by target and class, class and data. All of these are words of a number."""

    def __missing__(self, key: int) -> dict[int, int]:
        group = self[key] = {}
        return group


def _merged(policy: Policy) -> _Groups:
    """Return the rules in groups; those of the same key have become one."""
    groups = _Groups()
    rules = policy.rules
    access = sum(ACCESS_KINDS)
    columns = (
        rules.condition,
        _pairs(rules.kind, rules.source),
        _pairs(rules.target, rules.object_class),
        _pairs(rules.object_class, rules.data),
    )
    for condition, kind_and_source, key, value in zip(*columns, strict=True):
        group = groups[condition << 2 * _WORD | kind_and_source if condition else kind_and_source]
        if key in group and kind_and_source >> _WORD & access:
            group[key] |= value
        else:
            group[key] = value  # a type rule that stands there twice says the same twice
    return groups


class _Writer:
    """Writes the rules of one source after the other."""

    def __init__(self, policy: Policy, syntax: Syntax, indent: str) -> None:
        names = [each.name for each in policy.types]
        self._policy = policy
        self._names = names
        self._syntax = syntax
        self._indent = indent
        self._access_targets = [name + syntax.access_target for name in names]
        self._type_targets = [name + syntax.type_target for name in names]
        self._access_ends = _AccessEnds(policy, syntax.access_end)
        self._type_ends = _TypeEnds(policy, syntax.type_end)
        self._ranks = [0] * len(names)
        for rank, index in enumerate(sorted(range(len(names)), key=[f"{name} " for name in names].__getitem__)):
            self._ranks[index] = rank

    def order(self, group: int) -> int:
        """Return the key by which groups are sorted: condition, kind, name of the source."""
        source = group & _WORD_MASK
        return group - source + self._ranks[source]

    def lines(self, condition: int, kind: int, source: int, group: dict[int, int]) -> str:
        """Return the lines of a group, sorted as text."""
        syntax = self._syntax
        if kind in ACCESS_KINDS:
            targets, ends = self._access_targets, self._access_ends
            written_out = targets[source]
            if not self._policy.types[source].is_attribute:
                targets[source] = f"self{syntax.access_target}"
            tails = [targets[key >> _WORD] + end for key, value in group.items() if (end := ends[value])]
            targets[source] = written_out
        else:
            targets, type_ends = self._type_targets, self._type_ends
            tails = [targets[key >> _WORD] + type_ends[value] for key, value in group.items()]
        if not tails:
            return ""
        tails.sort()
        start = (
            f"{self._indent if condition else ''}{syntax.rule_start}{syntax.rule_words[kind]} {self._names[source]} "
        )
        return f"{start}{start.join(tails)}"


class _AccessEnds(dict[int, str]):
    """The end of an access rule's line by class and access vector, made when first asked for.

    It is empty where the vector holds no permission of the class: such a rule says nothing.
    """

    def __init__(self, policy: Policy, template: str) -> None:
        self._classes = policy.classes
        self._template = template

    def __missing__(self, key: int) -> str:
        object_class = self._classes[key >> _WORD]
        names = permission_names(object_class, key & _WORD_MASK)
        text = self[key] = self._template % (object_class.name, " ".join(names)) if names else ""
        return text


class _TypeEnds(dict[int, str]):
    """The end of a type rule's line by class and resulting type, made when first asked for."""

    def __init__(self, policy: Policy, template: str) -> None:
        self._policy = policy
        self._template = template

    def __missing__(self, key: int) -> str:
        names = self._policy.classes[key >> _WORD].name, self._policy.types[key & _WORD_MASK].name
        text = self[key] = self._template % names
        return text
