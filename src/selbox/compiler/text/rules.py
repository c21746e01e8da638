"""Type enforcement rules as text: merged by key, sorted, a line each.

Debian's policy has 130,000 of them, so that the time of writing a policy is spent here: rules are grouped by source in
one pass, the text of a permission set is made once, and the lines of one source are joined in one go.
"""

from typing import Final

from selbox.compiler.text.extended import extended_lines
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

_CLASS_BITS: Final = 16
_CLASS_MASK: Final = (1 << _CLASS_BITS) - 1
_SOURCE_BITS: Final = 32
_SOURCE_MASK: Final = (1 << _SOURCE_BITS) - 1
_KIND_BITS: Final = 16
_KIND_MASK: Final = (1 << _KIND_BITS) - 1


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
        condition, kind = group >> _SOURCE_BITS + _KIND_BITS, group >> _SOURCE_BITS & _KIND_MASK
        lines = writer.lines(condition, kind, group & _SOURCE_MASK, groups.pop(group))
        sections.setdefault((condition, kind), []).append(lines)
    for (condition, extended_kind), extended in extended_lines(policy, syntax).items():
        start = indent if condition else ""
        sections[condition, extended_kind] = [f"{start}{line}\n" for line in extended]
    return {
        condition: "".join(piece for kind in _ORDER for piece in sections.get((condition, kind), ()))
        for condition in dict.fromkeys(condition for condition, _ in sections)
    }


def _merged(policy: Policy) -> dict[int, dict[int, int]]:
    """Return by condition, kind and source the data of the rules by target and class, packed into integers."""
    groups: dict[int, dict[int, int]] = {}
    rules = policy.rules
    access = sum(ACCESS_KINDS)
    for condition, kind, source, target, object_class, data in zip(
        rules.condition, rules.kind, rules.source, rules.target, rules.object_class, rules.data, strict=True
    ):
        number = (condition << _KIND_BITS | kind) << _SOURCE_BITS | source
        group = groups.get(number)
        if group is None:
            group = groups[number] = {}
        key = target << _CLASS_BITS | object_class
        if key in group and kind & access:
            group[key] |= data
        else:
            group[key] = data  # a type rule that stands there twice says the same twice
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
        source = group & _SOURCE_MASK
        return group - source + self._ranks[source]

    def lines(self, condition: int, kind: int, source: int, group: dict[int, int]) -> str:
        """Return the lines of a group, sorted as text."""
        syntax = self._syntax
        if kind in ACCESS_KINDS:
            targets, ends = self._access_targets, self._access_ends
            written_out = targets[source]
            if not self._policy.types[source].is_attribute:
                targets[source] = f"self{syntax.access_target}"
            tails = [
                targets[key >> _CLASS_BITS] + end
                for key, data in group.items()
                if (end := ends[data << _CLASS_BITS | key & _CLASS_MASK])
            ]
            targets[source] = written_out
        else:
            targets, type_ends = self._type_targets, self._type_ends
            tails = [
                targets[key >> _CLASS_BITS] + type_ends[data << _CLASS_BITS | key & _CLASS_MASK]
                for key, data in group.items()
            ]
        if not tails:
            return ""
        tails.sort()
        start = (
            f"{self._indent if condition else ''}{syntax.rule_start}{syntax.rule_words[kind]} {self._names[source]} "
        )
        return f"{start}{start.join(tails)}"


class _AccessEnds(dict[int, str]):
    """The end of an access rule's line by access vector and class, made when first asked for.

    It is empty where the vector holds no permission of the class: such a rule says nothing.
    """

    def __init__(self, policy: Policy, template: str) -> None:
        self._classes = policy.classes
        self._template = template

    def __missing__(self, key: int) -> str:
        object_class = self._classes[key & _CLASS_MASK]
        names = object_class.names(key >> _CLASS_BITS)
        text = self[key] = self._template % (object_class.name, " ".join(names)) if names else ""
        return text


class _TypeEnds(dict[int, str]):
    """The end of a type rule's line by resulting type and class, made when first asked for."""

    def __init__(self, policy: Policy, template: str) -> None:
        self._policy = policy
        self._template = template

    def __missing__(self, key: int) -> str:
        names = self._policy.classes[key & _CLASS_MASK].name, self._policy.types[key >> _CLASS_BITS].name
        text = self[key] = self._template % names
        return text
