"""Which rules of a policy's source a run of expectations has touched."""

from collections.abc import Callable
from functools import cached_property, partial

from selbox.compiler.text.cilsyntax import CIL
from selbox.diagnostics import SelboxError
from selbox.explain.rulelines import access_rule
from selbox.model.context import Context
from selbox.model.origin import Origin
from selbox.model.policy import Policy
from selbox.model.rules import NamedTransition, RuleKind
from selbox.server.explanation import Explanation
from selbox.typing import Final, NamedTuple

_TYPE_KINDS: Final = frozenset({RuleKind.TYPE_TRANSITION, RuleKind.TYPE_MEMBER, RuleKind.TYPE_CHANGE})
_COUNTED: Final = _TYPE_KINDS | {RuleKind.ALLOW}


class UntouchedRule(NamedTuple):
    """A rule that no expectation touched.

    Attributes:
        origin: where it was written.
        text: the rule as CIL writes it; the first of them where one place makes several.
    """

    origin: Origin
    text: str


class FileCoverage(NamedTuple):
    """What was touched of one source.

    Attributes:
        file: its name.
        rules: places in it that make rules that grant something or say a type.
        untouched: those of them that no expectation touched, in the order of the file.
    """

    file: str
    rules: int
    untouched: tuple[UntouchedRule, ...]


class Coverage:
    """Notes the places of rules that answers came from.

    An access touches the rules that grant a part of it, a label the rule that says its type.

    Args:
        policy: the policy that is asked.

    Raises:
        SelboxError: ``coverage-without-source``, when the policy does not know where its rules were written.
    """

    def __init__(self, policy: Policy) -> None:
        if not policy.origins:
            raise SelboxError.of(
                "coverage-without-source",
                "the policy does not know where its rules were written",
                help="test the source, or a policy that `selbox compile --origins` compiled",
            )
        self._policy = policy
        self._touched: set[int] = set()

    def touch_access(self, explanation: Explanation) -> None:
        """Note the rules that grant a part of an access."""
        rules = self._policy.rules
        for row, active in explanation.rules:
            if active and rules.kind[row] == RuleKind.ALLOW and rules.data[row] & explanation.allowed:
                self._touched.add(rules.origin[row])

    def touch_label(
        self, kind: RuleKind, source: Context, target: Context, object_class: int, name: str | None, result: Context
    ) -> None:
        """Note the rules that say the type of a computed label.

        Args:
            kind: of the rule.
            source: context of the subject.
            target: context of the related object.
            object_class: class id of what is labelled.
            name: of a new object, where one was given.
            result: the label.
        """
        types = self._policy.types

        def is_about(rule: _LabelRule) -> bool:
            return bool(types[rule.source].types >> source.type & 1 and types[rule.target].types >> target.type & 1)

        for each in self._label_rules.get((kind, object_class, result.type), ()):
            if each.name in (None, name) and is_about(each):
                self._touched.add(each.origin)

    @cached_property
    def _label_rules(self) -> dict[tuple[int, int, int], list["_LabelRule"]]:
        """The rules that say a type, by kind, class and that type."""
        found: dict[tuple[int, int, int], list[_LabelRule]] = {}
        for each in self._policy.rules:
            if each.kind in _TYPE_KINDS:
                rule = _LabelRule(each.source, each.target, None, each.origin)
                found.setdefault((each.kind, each.object_class, each.data), []).append(rule)
        for named in self._policy.named_transitions:
            rule = _LabelRule(named.source, named.target, named.name, named.origin)
            found.setdefault((RuleKind.TYPE_TRANSITION, named.object_class, named.result), []).append(rule)
        return found

    def files(self) -> tuple[FileCoverage, ...]:
        """Return what was touched, by source, in the order of their names."""
        texts = self._texts()
        files: dict[str, list[tuple[Origin, int]]] = {}
        for number in texts:
            origin = self._policy.origins[number - 1]
            files.setdefault(origin.file, []).append((origin, number))
        result = []
        for file, found in sorted(files.items()):
            untouched = sorted(each for each in found if each[1] not in self._touched)
            shown = tuple(UntouchedRule(origin, texts[number]()) for origin, number in untouched)
            result.append(FileCoverage(file, len(found), shown))
        return tuple(result)

    def _texts(self) -> dict[int, Callable[[], str]]:
        """Return what makes the text of the first rule of each place."""
        policy = self._policy
        texts: dict[int, Callable[[], str]] = {}
        for row, (kind, origin) in enumerate(zip(policy.rules.kind, policy.rules.origin, strict=True)):
            if origin and kind in _COUNTED:
                texts.setdefault(origin, partial(_rule_text, policy, row))
        for each in policy.named_transitions:
            if each.origin:
                texts.setdefault(each.origin, partial(_named_transition_text, policy, each))
        return texts


class _LabelRule(NamedTuple):
    """A rule that says a type, for objects of one name or of any."""

    source: int
    target: int
    name: str | None
    origin: int


def _rule_text(policy: Policy, row: int) -> str:
    rule = policy.rules[row]
    if rule.kind not in _TYPE_KINDS:
        return access_rule(policy, CIL, rule.kind, (rule.source, rule.target), rule.object_class, rule.data)
    source, target, result = (policy.types[each].name for each in (rule.source, rule.target, rule.data))
    end = CIL.type_end % (policy.classes[rule.object_class].name, result)
    return f"{CIL.rule_start}{CIL.rule_words[rule.kind]} {source} {target}{CIL.target_end}{end}".rstrip("\n")


def _named_transition_text(policy: Policy, rule: NamedTransition) -> str:
    source, target, result = (policy.types[each].name for each in (rule.source, rule.target, rule.result))
    object_class = policy.classes[rule.object_class].name
    fields = {"source": source, "target": target, "object_class": object_class, "name": rule.name, "result": result}
    return CIL.named_transition.format(**fields)
