"""From the server's explanation to an answer."""

from itertools import islice

from selbox.compiler.text.constraints import constraint_line
from selbox.compiler.text.languagesyntax import LANGUAGE
from selbox.explain.answer import Answer, ClassLine, NearMisses, ReasonLine, RuleLine
from selbox.explain.changes import proposal_line
from selbox.explain.question import Question
from selbox.explain.rulelines import extended_line, rule_line
from selbox.explain.terms import term_lines
from selbox.model.context import Context
from selbox.model.context_text import format_context
from selbox.model.rules import RuleKind
from selbox.server.decision import NEVERAUDIT_FLAG, PERMISSIVE_FLAG
from selbox.server.explanation import DenialKind, DenialReason, Explanation, switched_off
from selbox.server.reasontext import reason_text
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final

_KINDS: Final = {
    DenialKind.NO_RULE: "no-rule",
    DenialKind.CONSTRAINT: "constraint",
    DenialKind.ROLE: "role",
    DenialKind.BOUNDS: "bounds",
    DenialKind.EXTENDED: "extended",
    DenialKind.UNKNOWN: "undefined",
}

_MOST_CLASSES: Final = 6
"""Other classes that are asked about."""


def answer(server: SecurityServer, question: Question) -> Answer:
    """Ask the server, and tell what it says.

    Raises:
        SelboxError: code ``unknown-sid``.
    """
    explanation = server.explain(*question[:5])
    teller = _Teller(server, question, explanation)
    denied = explanation.denied
    proposals = server.propose(explanation) if denied else ()
    beyond = server.reasons_beyond_rules(explanation) if denied else ()
    policy = server.policy
    contexts = explanation.source, explanation.target
    return Answer(
        source=format_context(policy, contexts[0]),
        target=format_context(policy, contexts[1]),
        object_class=server.class_name(explanation.object_class),
        permissions=teller.names(explanation.requested),
        number=question.number,
        denied=teller.names(denied),
        permissive=bool(explanation.flags & PERMISSIVE_FLAG),
        neveraudit=bool(explanation.flags & NEVERAUDIT_FLAG),
        audited=teller.names(explanation.audited),
        undefined=teller.undefined(),
        rules=teller.rules(RuleKind.ALLOW, explanation.allowed, holds=True),
        extended=tuple(extended_line(policy, each, teller.types, explanation.values) for each in explanation.extended),
        reasons=tuple(teller.reason(each, *contexts) for each in explanation.reasons),
        even_with_rule=tuple(teller.reason(each, *contexts) for each in beyond),
        near=teller.near() if denied else NearMisses(),
        proposals=tuple(proposal_line(policy, *contexts, each) for each in proposals),
        assumed=question.assumed,
        times=question.times,
    )


class _Teller:
    def __init__(self, server: SecurityServer, question: Question, explanation: Explanation) -> None:
        self._server = server
        self._question = question
        self._policy = server.policy
        self._explanation = explanation
        self.types = explanation.source.type, explanation.target.type

    def names(self, permissions: int) -> tuple[str, ...]:
        return self._server.permission_names(self._explanation.object_class, permissions)

    def undefined(self) -> tuple[str, ...]:
        classes, object_class = self._policy.classes, self._explanation.object_class
        known = classes[object_class].permissions if object_class < len(classes) else ()
        return tuple(each for each in self.names(self._explanation.allowed) if each not in known)

    def rules(self, kind: RuleKind, permissions: int, *, holds: bool) -> tuple[RuleLine, ...]:
        rules = self._policy.rules
        return tuple(
            self._line(row, active)
            for row, active in self._explanation.rules
            if active == holds and rules.kind[row] == kind and rules.data[row] & permissions
        )

    def _line(self, row: int, holds: bool) -> RuleLine:
        return rule_line(self._policy, row, self.types, self._explanation.values, holds)

    def reason(self, reason: DenialReason, source: Context, target: Context) -> ReasonLine:
        policy = self._policy
        text = reason_text(self._server, self._explanation._replace(source=source, target=target), reason)
        line = ReasonLine(_KINDS[reason.kind], self.names(reason.permissions), text)
        if reason.constraint is not None:
            constraint = policy.constraints[reason.constraint]
            origin = policy.origin(constraint.origin)
            return line._replace(
                place=origin.place if origin else "",
                language=constraint_line(policy, LANGUAGE, constraint, constraint.is_mls),
                terms=term_lines(policy, constraint.expression, reason.truths, source, target),
            )
        if reason.bounds is not None:
            bound = policy.types[target.type].bounds
            bounding = source._replace(type=reason.bounds)
            bounding_target = target if bound is None else target._replace(type=bound)
            inner = tuple(self.reason(each, bounding, bounding_target) for each in reason.bounding)
            return line._replace(bounding=inner)
        return line

    def near(self) -> NearMisses:
        explanation = self._explanation
        unruled = explanation.unruled
        groups = switched_off(self._policy, explanation, unruled)
        return NearMisses(
            switched_off=tuple(self._line(row, False) for each in groups for row in each.rows),
            others=self.names(explanation.others),
            classes=self._classes(unruled) if unruled else (),
            silent=self.rules(RuleKind.DONTAUDIT, explanation.denied & ~explanation.audited, holds=True),
        )

    def _classes(self, denied: int) -> tuple[ClassLine, ...]:
        """Return other classes of which the same permissions are granted: those alone that share a common."""
        policy, own = self._policy, self._explanation.object_class
        common = policy.classes[own].common
        if common is None:
            return ()
        wanted = self.names(denied)
        lines = []
        alike = (
            number
            for number, each in enumerate(policy.classes)
            if each.common == common and number != own and all(name in each.permissions for name in wanted)
        )
        for number in islice(alike, _MOST_CLASSES):
            granted = self._server.compute_access(self._question.source, self._question.target, number).allowed
            granted &= policy.classes[number].vector(wanted)
            if granted:
                lines.append(ClassLine(policy.classes[number].name, policy.classes[number].names(granted)))
        return tuple(lines)
