"""Proposals as lines of an answer."""

from selbox.compiler.text.cilsyntax import CIL
from selbox.compiler.text.extended import extended_rule_text
from selbox.compiler.text.languagesyntax import LANGUAGE
from selbox.explain.answer import ChangeLine, ProposalLine
from selbox.explain.rulelines import access_rule
from selbox.model.context import Context
from selbox.model.context_text import format_context
from selbox.model.extended import ExtendedKind, ExtendedRule, ExtendedSpecifier
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.server.decision import EXTENDED_VALUES, ExtendedBase
from selbox.server.proposal import (
    AddExtendedRule,
    AddRoleAllow,
    AddRule,
    AddToAttribute,
    Change,
    ChangeSource,
    ChangeTarget,
    Proposal,
    SetBooleans,
)
from selbox.typing import Final

_PARTS: Final[dict[str, str]] = {"user": "user", "role": "role", "type": "label", "range": "range"}
"""What a change is called by the first part of a context that differs."""


def proposal_line(policy: Policy, source: Context, target: Context, proposal: Proposal) -> ProposalLine:
    """Return a proposal as a line of an answer.

    Args:
        policy: whose ids these are.
        source: context of the subject as it was asked about.
        target: likewise of the object.
        proposal: the proposal.
    """
    lines: list[ChangeLine] = []
    for each in proposal.changes:
        lines.append(_change(policy, source, target, each))
        if isinstance(each, ChangeSource):
            source = each.context
        elif isinstance(each, ChangeTarget):
            target = each.context
    return ProposalLine(tuple(lines))


def _change(policy: Policy, source: Context, target: Context, change: Change) -> ChangeLine:
    match change:
        case AddRule():
            return _rule(policy, change)
        case AddExtendedRule():
            cil, language = (extended_rule_text(policy, syntax, _extended_rule(change)) for syntax in (CIL, LANGUAGE))
            return ChangeLine("extended-rule", f"add the rule {cil}", cil, language)
        case SetBooleans():
            words = " ".join(
                f"{policy.booleans[each].name}={'on' if value else 'off'}" for each, value in change.values
            )
            return ChangeLine("boolean", f"set {words}")
        case ChangeSource():
            return _context(policy, "process", source, change.context)
        case ChangeTarget():
            return _context(policy, "object", target, change.context)
        case AddRoleAllow():
            roles = {"source": policy.roles[change.source].name, "target": policy.roles[change.target].name}
            cil, language = (syntax.role_allow.format(**roles) for syntax in (CIL, LANGUAGE))
            return ChangeLine("role", f"add the rule {cil}", cil, language)
        case AddToAttribute():
            type_, attribute = policy.types[change.type].name, policy.types[change.attribute].name
            cil = f"(typeattributeset {attribute} {type_})"
            return ChangeLine("attribute", f"put {type_} into {attribute}", cil, f"typeattribute {type_} {attribute};")


def _rule(policy: Policy, change: AddRule) -> ChangeLine:
    cil, language = (
        access_rule(
            policy, syntax, RuleKind.ALLOW, (change.source, change.target), change.object_class, change.permissions
        )
        for syntax in (CIL, LANGUAGE)
    )
    return ChangeLine("rule", f"add the rule {cil}", cil, language)


def _extended_rule(change: AddExtendedRule) -> ExtendedRule:
    specifier = ExtendedSpecifier.IOCTL_FUNCTION
    if change.base is ExtendedBase.NLMSG:
        specifier = ExtendedSpecifier.NETLINK_MESSAGE
    driver, function = divmod(change.number, EXTENDED_VALUES)
    types = change.source, change.target, change.object_class
    return ExtendedRule(ExtendedKind.ALLOW, *types, specifier, driver, 1 << function)


def _context(policy: Policy, party: str, old: Context, new: Context) -> ChangeLine:
    part = next(name for name in old._fields if getattr(old, name) != getattr(new, name))
    verb = "label the object" if party == "object" else "run the process as"
    return ChangeLine(_PARTS[part], f"{verb} {format_context(policy, new)}")
