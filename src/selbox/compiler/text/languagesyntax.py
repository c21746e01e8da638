"""The forms of the policy language."""

import re

from selbox.compiler.text.constraints import compared_names
from selbox.compiler.text.expressions import Notation
from selbox.compiler.text.languagenames import is_file_name, is_filesystem, is_name, is_path
from selbox.compiler.text.syntax import Syntax
from selbox.model.conditional import BooleanOperator
from selbox.model.constraint import CompareAttributes, CompareNames, Comparison, Connective
from selbox.model.context import Context
from selbox.model.context_text import format_level
from selbox.model.extended import ExtendedKind
from selbox.model.labelling import FileKind
from selbox.model.mls import LevelRange
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.typing import Final

_COMPARISONS: Final = {Comparison.EQUAL: "==", Comparison.NOT_EQUAL: "!="}
_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]{1,4}")


def range_text(policy: Policy, level_range: LevelRange) -> str:
    """Return a range of levels; both are always written."""
    return f"{format_level(policy, level_range.low)} - {format_level(policy, level_range.high)}"


def context_text(policy: Policy, context: Context) -> str:
    """Return a context."""
    parts = [policy.roles[context.role].name, policy.types[context.type].name]
    if policy.mls:
        parts.append(range_text(policy, context.range))
    return ":".join([policy.users[context.user].name, *map(_apart, parts)])


def _apart(part: str) -> str:
    """Return a part of a context after its colon.

    checkpolicy takes hexadecimal digits between colons for an IPv6 address: a blank keeps it from that.
    """
    return f" {part}" if _HEXADECIMAL.fullmatch(part.partition(":")[0]) else part


def _compare_attributes(term: CompareAttributes) -> str:
    return f"{term.left.value} {_COMPARISONS.get(term.comparison, term.comparison.value)} {term.right.value}"


def _compare_names(policy: Policy, term: CompareNames) -> str:
    names = compared_names(policy, term)
    if names:
        found = names[0] if len(names) == 1 else f"{{ {' '.join(names)} }}"
        return f"{term.left.value} {_COMPARISONS[term.comparison]} {found}"
    # There is no empty set of names; what is equal to nothing is never equal.
    part = term.left.value[0]
    word = "and" if term.comparison is Comparison.EQUAL else "or"
    return f"({part}1 == {part}2 {word} {part}1 != {part}2)"


LANGUAGE: Final = Syntax(
    rule_words={
        RuleKind.ALLOW: "allow",
        RuleKind.AUDITALLOW: "auditallow",
        RuleKind.DONTAUDIT: "dontaudit",
        RuleKind.TYPE_TRANSITION: "type_transition",
        RuleKind.TYPE_MEMBER: "type_member",
        RuleKind.TYPE_CHANGE: "type_change",
    },
    rule_start="",
    target_end=":",
    access_end="%s { %s };\n",
    type_end="%s %s;\n",
    extended_words={
        ExtendedKind.ALLOW: "allowxperm",
        ExtendedKind.AUDITALLOW: "auditallowxperm",
        ExtendedKind.DONTAUDIT: "dontauditxperm",
    },
    extended_rule="{keyword} {source} {target}:{object_class} {permission} {{ {numbers} }};",
    number_range="{low}-{high}",
    named_transition='type_transition {source} {target}:{object_class} {result} "{name}";',
    range_transition="range_transition {source} {target}:{object_class} {range};",
    role_transition="role_transition {source} {target}:{object_class} {result};",
    role_allow="allow {source} {target};",
    constrain="{keyword} {object_class} {{ {permissions} }} {expression};",
    validate_transition="{keyword} {object_class} {expression};",
    constraint_operators={
        Connective.NOT: Notation("not (", None, ")"),
        Connective.AND: Notation("(", " and ", ")"),
        Connective.OR: Notation("(", " or ", ")"),
    },
    condition_operators={
        BooleanOperator.NOT: Notation("! ", None, ""),
        BooleanOperator.OR: Notation("(", " || ", ")"),
        BooleanOperator.AND: Notation("(", " && ", ")"),
        BooleanOperator.XOR: Notation("(", " ^ ", ")"),
        BooleanOperator.EQUAL: Notation("(", " == ", ")"),
        BooleanOperator.NOT_EQUAL: Notation("(", " != ", ")"),
    },
    users_follow_levels=True,
    compare_attributes=_compare_attributes,
    compare_names=_compare_names,
    is_filesystem=is_filesystem,
    is_device=is_name,
    can_quote=is_path,
    is_file_name=is_file_name,
    word=str,
    sid_context="sid {name} {context}",
    filesystem_use="fs_use_{behaviour} {filesystem} {context};",
    genfs='genfscon {filesystem} "{path}" {kind}{context}',
    port="portcon {protocol} {range} {context}",
    node="nodecon {address} {mask} {context}",
    interface="netifcon {name} {interface} {packet}",
    infiniband_key="ibpkeycon {subnet_prefix} {range} {context}",
    infiniband_port="ibendportcon {device} {port} {context}",
    xen_interrupt="pirqcon {interrupt} {context}",
    xen_port="ioportcon {range} {context}",
    xen_memory="iomemcon {range} {context}",
    xen_device="pcidevicecon {device} {context}",
    xen_device_tree='devicetreecon "{path}" {context}',
    file_kinds={
        FileKind.ANY: "",
        FileKind.FILE: "-- ",
        FileKind.DIRECTORY: "-d ",
        FileKind.CHARACTER: "-c ",
        FileKind.BLOCK: "-b ",
        FileKind.SOCKET: "-s ",
        FileKind.PIPE: "-p ",
        FileKind.SYMLINK: "-l ",
    },
    number_pair="{low}-{high}",
    range_text=range_text,
    context_text=context_text,
)
