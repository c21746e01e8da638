"""Rules of a policy as lines of an answer: in both languages, with place, attributes and condition."""

from collections.abc import Sequence

from selbox.compiler.text.cilsyntax import CIL
from selbox.compiler.text.expressions import expression_text
from selbox.compiler.text.extended import extended_rule_text
from selbox.compiler.text.languagesyntax import LANGUAGE
from selbox.compiler.text.syntax import Syntax
from selbox.explain.answer import BooleanValue, RuleLine
from selbox.model.conditional import BooleanOperator
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.explanation import MetExtendedRule
from selbox.typing import Final

NEGATION: Final = LANGUAGE.condition_operators[BooleanOperator.NOT]


def access_rule(
    policy: Policy, syntax: Syntax, kind: RuleKind, types: tuple[int, int], object_class: int, permissions: int
) -> str:
    """Return an access rule as a language writes it.

    Args:
        policy: whose ids these are.
        syntax: of the language.
        kind: an access kind.
        types: ids of the source and the target, types or attributes.
        object_class: class id.
        permissions: access vector.
    """
    source, target = (policy.types[each] for each in types)
    is_self = source is target and not source.is_attribute
    named = policy.classes[object_class]
    vector = syntax.access_end % (named.name, " ".join(named.names(permissions)))
    start = f"{syntax.rule_start}{syntax.rule_words[kind]} {source.name} "
    return f"{start}{'self' if is_self else target.name}{syntax.target_end}{vector}".rstrip("\n")


def rule_line(policy: Policy, row: int, types: tuple[int, int], values: Sequence[bool], holds: bool) -> RuleLine:
    """Return an access rule as a line of an answer.

    Args:
        policy: whose rule it is.
        row: of ``Policy.rules``.
        types: ids of the source's and the target's type, to which it was found to apply.
        values: of the booleans, by id.
        holds: whether it counts.
    """
    rule = policy.rules[row]
    named = rule.source, rule.target
    origin = policy.origin(rule.origin)
    condition, booleans = condition_of(policy, rule.condition, values)
    return RuleLine(
        cil=access_rule(policy, CIL, rule.kind, named, rule.object_class, rule.data),
        language=access_rule(policy, LANGUAGE, rule.kind, named, rule.object_class, rule.data),
        place=origin.place if origin else "",
        through=through(policy, types, named),
        condition=condition,
        booleans=booleans,
        holds=holds,
    )


def extended_line(policy: Policy, met: MetExtendedRule, types: tuple[int, int], values: Sequence[bool]) -> RuleLine:
    """Return an extended rule as a line of an answer.

    Args:
        policy: whose rule it is.
        met: the rule, and whether it counts.
        types: as for :func:`rule_line`.
        values: likewise.
    """
    rule = met.rule
    origin = policy.origin(rule.origin)
    condition, booleans = condition_of(policy, rule.condition, values)
    return RuleLine(
        cil=extended_rule_text(policy, CIL, rule),
        language=extended_rule_text(policy, LANGUAGE, rule),
        place=origin.place if origin else "",
        through=through(policy, types, (rule.source, rule.target)),
        condition=condition,
        booleans=booleans,
        holds=met.active,
    )


def through(policy: Policy, types: tuple[int, int], named: tuple[int, int]) -> tuple[str, ...]:
    """Return which attributes a rule names in place of two types."""
    names = policy.types
    pairs = dict.fromkeys(pair for pair in zip(types, named, strict=True) if pair[0] != pair[1])
    return tuple(f"{names[type_id].name} is in {names[entry].name}" for type_id, entry in pairs)


def condition_of(policy: Policy, condition: int, values: Sequence[bool]) -> tuple[str, tuple[BooleanValue, ...]]:
    """Return the expression under which rules hold, and its booleans with their values.

    Args:
        policy: whose condition it is.
        condition: value of the rules' ``condition`` column.
        values: of the booleans, by id.
    """
    if not condition:
        return "", ()
    terms = policy.conditionals[(condition - 1) // 2].expression

    def operand(term: int | BooleanOperator) -> str:
        assert isinstance(term, int)  # noqa: S101 - operators have a notation
        return policy.booleans[term].name

    text = expression_text(terms, LANGUAGE.condition_operators, operand)
    if condition % 2 == 0:
        text = f"{NEGATION.before}{text}"
    booleans = dict.fromkeys(term for term in terms if isinstance(term, int))
    return text, tuple(BooleanValue(policy.booleans[each].name, values[each]) for each in booleans)
