"""Type enforcement rules as text: merged by key, sorted, a line each.

Debian's policy has 130,000 of them, so that the time of writing a policy is spent here: rules are grouped by source,
the lines of a group are sorted among themselves and joined in one go, and the text of a permission set is made once.
"""

from bisect import bisect_left
from itertools import islice
from operator import add
from typing import Final

from selbox.compiler.text.extended import extended_lines
from selbox.compiler.text.rulecolumns import HALF, HALF_MASK, WORD, WORD_MASK, RuleColumns
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
_ACCESS: Final = sum(ACCESS_KINDS)


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
    names = [each.name for each in policy.types]
    in_order = sorted(range(len(names)), key=[f"{name} " for name in names].__getitem__)
    ranks = {source: rank for rank, source in enumerate(in_order)}
    groups = _tails(policy, syntax)
    for group in sorted(groups, key=lambda group: group - (group & WORD_MASK) + ranks[group & WORD_MASK]):
        condition, kind = group >> 2 * WORD, group >> WORD & WORD_MASK
        source = policy.types[group & WORD_MASK]
        tails = sorted(groups.pop(group))
        if kind & _ACCESS and not source.is_attribute:
            tails = _with_self(tails, f"{source.name}{syntax.target_end}", f"self{syntax.target_end}")
        start = f"{indent if condition else ''}{syntax.rule_start}{syntax.rule_words[kind]} {source.name} "
        sections.setdefault((condition, kind), []).append(f"{start}{start.join(tails)}")
    for (condition, extended_kind), extended in extended_lines(policy, syntax).items():
        start = indent if condition else ""
        sections[condition, extended_kind] = [f"{start}{line}\n" for line in extended]
    return {
        condition: "".join(piece for kind in _ORDER for piece in sections.get((condition, kind), ()))
        for condition in dict.fromkeys(condition for condition, _ in sections)
    }


def _with_self(tails: list[str], own: str, self_: str) -> list[str]:
    """Return sorted ends of lines with a type's own name as ``self``, still sorted."""
    first = last = bisect_left(tails, own)
    while last < len(tails) and tails[last].startswith(own):
        last += 1
    if first == last:
        return tails
    return sorted([*tails[:first], *(self_ + tail[len(own) :] for tail in tails[first:last]), *tails[last:]])


class _Groups(dict[int, list[str]]):
    """The ends of lines, from the target on, by condition, kind and source, a word of a number each."""

    def __missing__(self, key: int) -> list[str]:
        group: list[str] = []
        self[key] = group
        return group


class _Merged(dict[int, dict[int, int]]):
    """The content of rules by kind and source, and by target and class."""

    def __missing__(self, key: int) -> dict[int, int]:
        group: dict[int, int] = {}
        self[key] = group
        return group


def _tails(policy: Policy, syntax: Syntax) -> _Groups:
    """Return the ends of all lines, rules of the same key merged."""
    columns = RuleColumns(policy)
    targets = [f"{each.name}{syntax.target_end}" for each in policy.types]
    ends = _Ends(policy, syntax)
    groups = _Groups()
    distinct = columns.distinct_rows()
    tails = map(add, map(targets.__getitem__, columns.target), map(ends.__getitem__, columns.content))
    for group, tail in zip(columns.group[:distinct], tails, strict=False):
        groups[group].append(tail)
    for condition, merged in _merged(columns, distinct).items():
        for kind_and_source, contents in merged.items():
            groups[condition << 2 * WORD | kind_and_source] = [
                targets[key >> WORD] + ends[content] for key, content in contents.items()
            ]
    if "" not in ends.values():
        return groups
    filled = {group: [tail for tail in tails if tail.endswith("\n")] for group, tails in groups.items()}
    return _Groups((group, tails) for group, tails in filled.items() if tails)


def _merged(columns: RuleColumns, first: int) -> dict[int, _Merged]:
    """Return the rules from a row on by condition, those of the same key as one."""
    tables: dict[int, _Merged] = {}
    last = -1
    merged = _Merged()
    rows = zip(columns.condition, columns.group, columns.key, columns.content, strict=True)
    for condition, kind_and_source, key, content in islice(rows, first, None):
        if condition != last:
            last = condition
            merged = tables.setdefault(condition, _Merged())
        group = merged[kind_and_source]
        if key in group and kind_and_source >> WORD & _ACCESS:
            group[key] |= content
        else:
            group[key] = content  # a type rule that stands there twice says the same twice
    return tables


class _Ends(dict[int, str]):
    """The end of a rule's line, after the target, by its content, made when first asked for.

    It is empty where an access vector holds no permission of the class: such a rule says nothing.
    """

    def __init__(self, policy: Policy, syntax: Syntax) -> None:
        self._policy = policy
        self._syntax = syntax

    def __missing__(self, key: int) -> str:
        kind, class_id, data = key >> WORD + HALF, key >> WORD & HALF_MASK, key & WORD_MASK
        object_class = self._policy.classes[class_id]
        if kind & _ACCESS:
            names = permission_names(object_class, data)
            text = self._syntax.access_end % (object_class.name, " ".join(names)) if names else ""
        else:
            text = self._syntax.type_end % (object_class.name, self._policy.types[data].name)
        self[key] = text
        return text
