"""A policy module of the rules that a log calls for, as ``checkmodule`` makes it of their text."""

from collections.abc import Sequence

from selbox.analysis.deniedrules import DeniedRule
from selbox.analysis.requirements import number_permission, requirements
from selbox.binary.module import Module
from selbox.binary.modulebuilder import (
    ALLOW,
    ALLOW_EXTENDED,
    DONTAUDIT,
    DONTAUDIT_EXTENDED,
    ModuleBuilder,
    RuleStatement,
)


def denied_module(
    name: str,
    rules: Sequence[tuple[DeniedRule, bool]],
    role_types: Sequence[tuple[str, tuple[str, ...]]],
    *,
    dontaudit: bool = False,
    mls: bool = True,
) -> Module:
    """Return a module.

    Args:
        name: its name; its version is 1.0.
        rules: each with whether an extended rule about its numbers is there too.
        role_types: roles with types that they get.
        dontaudit: whether the rules hide the denials instead of allowing the accesses.
        mls: whether the module is for policies with levels.
    """
    access, extended = (DONTAUDIT, DONTAUDIT_EXTENDED) if dontaudit else (ALLOW, ALLOW_EXTENDED)
    required = requirements((rule for rule, _ in rules), role_types)
    builder = ModuleBuilder(required.types, required.classes, required.roles)
    for rule, with_numbers in rules:
        place = (rule.source, rule.target, rule.object_class)
        builder.add_rule(RuleStatement(access, *place, rule.permissions))
        if with_numbers:
            builder.add_rule(RuleStatement(extended, *place, (number_permission(rule),), rule.numbers))
    for role, types in role_types:
        builder.add_types_to_role(role, types)
    return builder.module(name, mls=mls)
