"""The forms of CIL."""

from selbox.compiler.text.cilnames import is_file_name, is_string, word
from selbox.compiler.text.constraints import compared_names
from selbox.compiler.text.expressions import Notation
from selbox.compiler.text.runs import runs
from selbox.compiler.text.syntax import Syntax
from selbox.model.conditional import BooleanOperator
from selbox.model.constraint import CompareAttributes, CompareNames, Comparison, Connective
from selbox.model.context import Context
from selbox.model.extended import ExtendedKind
from selbox.model.labelling import FileKind
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.typing import Final

DEFAULT_LEVEL: Final = "systemlow"
"""Name of the only level of a policy without MLS, which CIL cannot do without."""


def _prefix(operator: str, between: str | None = " ") -> Notation:
    return Notation(f"({operator} ", between, ")")


def category_set(policy: Policy, categories: int) -> str:
    """Return a set of categories, with its parentheses; a run of three or more is a range."""
    names = policy.categories
    parts: list[str] = []
    for first, last in runs(categories):
        if last - first > 1:
            parts.append(f"(range {names[first].name} {names[last].name})")
        else:
            parts += [names[each].name for each in range(first, last + 1)]
    return f"({' '.join(parts)})"


def level_text(policy: Policy, level: Level) -> str:
    """Return a level, such as ``(s0 (c0 c1))``."""
    if not policy.mls:
        return DEFAULT_LEVEL
    name = policy.sensitivities[level.sensitivity].name
    return f"({name} {category_set(policy, level.categories)})" if level.categories else f"({name})"


def range_text(policy: Policy, level_range: LevelRange) -> str:
    """Return a range of levels; both are always written."""
    return f"({level_text(policy, level_range.low)} {level_text(policy, level_range.high)})"


def context_text(policy: Policy, context: Context) -> str:
    """Return a context, with its parentheses."""
    user, role, type_ = policy.users[context.user], policy.roles[context.role], policy.types[context.type]
    return f"({user.name} {role.name} {type_.name} {range_text(policy, context.range)})"


def _compare_attributes(term: CompareAttributes) -> str:
    return f"({term.comparison.value} {term.left.value} {term.right.value})"


def _compare_names(policy: Policy, term: CompareNames) -> str:
    names = compared_names(policy, term)
    if names:
        found = names[0] if len(names) == 1 else f"({' '.join(names)})"
        return f"({term.comparison.value} {term.left.value} {found})"
    # CIL has no empty list of names; what is equal to nothing is never equal.
    part = term.left.value[0]
    word_ = "and" if term.comparison is Comparison.EQUAL else "or"
    return f"({word_} (eq {part}1 {part}2) (neq {part}1 {part}2))"


CIL: Final = Syntax(
    rule_words={
        RuleKind.ALLOW: "allow",
        RuleKind.AUDITALLOW: "auditallow",
        RuleKind.DONTAUDIT: "dontaudit",
        RuleKind.TYPE_TRANSITION: "typetransition",
        RuleKind.TYPE_MEMBER: "typemember",
        RuleKind.TYPE_CHANGE: "typechange",
    },
    rule_start="(",
    target_end=" ",
    access_end="(%s (%s)))\n",
    type_end="%s %s)\n",
    extended_words={
        ExtendedKind.ALLOW: "allowx",
        ExtendedKind.AUDITALLOW: "auditallowx",
        ExtendedKind.DONTAUDIT: "dontauditx",
    },
    extended_rule="({keyword} {source} {target} ({permission} {object_class} (({numbers}))))",
    number_range="(range {low} {high})",
    named_transition='(typetransition {source} {target} {object_class} "{name}" {result})',
    range_transition="(rangetransition {source} {target} {object_class} {range})",
    role_transition="(roletransition {source} {target} {object_class} {result})",
    role_allow="(roleallow {source} {target})",
    constrain="({keyword} ({object_class} ({permissions})) {expression})",
    validate_transition="({keyword} {object_class} {expression})",
    constraint_operators={
        Connective.NOT: _prefix("not", None),
        Connective.AND: _prefix("and"),
        Connective.OR: _prefix("or"),
    },
    condition_operators={
        operator: _prefix(operator.value, None if operator is BooleanOperator.NOT else " ")
        for operator in BooleanOperator
    },
    users_follow_levels=False,
    compare_attributes=_compare_attributes,
    compare_names=_compare_names,
    is_filesystem=is_string,
    is_device=is_string,
    can_quote=is_string,
    is_file_name=is_file_name,
    word=word,
    sid_context="(sidcontext {name} {context})",
    filesystem_use="(fsuse {behaviour} {filesystem} {context})",
    genfs='(genfscon {filesystem} "{path}" {kind}{context})',
    port="(portcon {protocol} {range} {context})",
    node="(nodecon ({address}) ({mask}) {context})",
    interface="(netifcon {name} {interface} {packet})",
    infiniband_key="(ibpkeycon {subnet_prefix} {range} {context})",
    infiniband_port="(ibendportcon {device} {port} {context})",
    xen_interrupt="(pirqcon {interrupt} {context})",
    xen_port="(ioportcon {range} {context})",
    xen_memory="(iomemcon {range} {context})",
    xen_device="(pcidevicecon {device} {context})",
    xen_device_tree='(devicetreecon "{path}" {context})',
    file_kinds={kind: "" if kind is FileKind.ANY else f"{kind.value} " for kind in FileKind},
    number_pair="({low} {high})",
    range_text=range_text,
    context_text=context_text,
)
