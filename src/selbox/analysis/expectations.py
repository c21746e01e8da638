"""Expectations held against a policy.

Every answer is the security server's; what is missing is its own explanation.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from selbox.analysis.coverage import Coverage
from selbox.analysis.permissions import class_of, wanted_permissions
from selbox.analysis.questions import Questions, number_groups
from selbox.analysis.subjects import Subjects
from selbox.compiler.text.cilsyntax import CIL
from selbox.diagnostics import Diagnostic, Diagnostics, SelboxError, did_you_mean
from selbox.explain.rulelines import access_rule, condition_of
from selbox.language.expectations import (
    SYNTAX_CODE,
    Access,
    AccessExpectation,
    BooleanExpectation,
    Demand,
    Expectation,
    LabelExpectation,
    LabelKind,
    Settings,
    TransitionExpectation,
    ValidityExpectation,
    Word,
)
from selbox.model.bitset import members
from selbox.model.context import Context
from selbox.model.context_text import format_context, parse_context
from selbox.model.policy import Policy
from selbox.model.rules import UNCONDITIONAL, RuleKind
from selbox.server.decision import PERMISSIVE_FLAG
from selbox.server.reasontext import denial_texts
from selbox.server.securityserver import SecurityServer
from selbox.server.validity import context_fault
from selbox.typing import Final, NamedTuple

EMPTY_CODE: Final = "expectation-empty"
"""Code of the error that an expectation is about nothing."""

SHOWN: Final = 5
"""Reasons that a failed expectation gives at most; the rest are counted."""

_EXPLAINED: Final = 1000
"""Reasons after which, of many questions, those that fail are counted and not explained."""

_SELF: Final = "self"
_TRANSITION_NEEDS: Final = (("process", ("transition",)), ("file", ("execute", "execute_no_trans", "entrypoint")))
"""What a policy has to define for domain transitions to be asked about."""

_RULE_KINDS: Final = {
    LabelKind.CREATE: RuleKind.TYPE_TRANSITION,
    LabelKind.RELABEL: RuleKind.TYPE_CHANGE,
    LabelKind.MEMBER: RuleKind.TYPE_MEMBER,
}


class Outcome(NamedTuple):
    """What came of an expectation.

    Attributes:
        expectation: the line.
        reasons: why it is not met; none when it is.
    """

    expectation: Expectation
    reasons: tuple[str, ...]


class _Others(NamedTuple):
    """Further reasons, which are not shown.

    Attributes:
        number: how many.
        is_least: whether there may be more.
    """

    number: int
    is_least: bool = False


class _Question(NamedTuple):
    """One access."""

    source: Context
    target: Context
    object_class: int
    vector: int
    number: int | None = None


class Examiner:
    """Holds expectations against one policy.

    Args:
        policy: the policy.
        coverage: notes the rules that answers came from, where it is given.
    """

    def __init__(self, policy: Policy, coverage: Coverage | None = None) -> None:
        self._coverage = coverage
        self._settings: Settings | None = ()
        self._policy = policy
        self._server = SecurityServer(policy)
        self._defaults = self._server.booleans
        self._bounds: dict[bool, SecurityServer] = {}
        self._subjects = Subjects(policy)

    def examine(self, expectations: Iterable[Expectation]) -> Iterator[Outcome]:
        """Yield the outcome of each expectation, in order.

        Raises:
            SelboxError: when names are not the policy's, with all of them, before anything is decided.
        """
        wanted = list(expectations)
        diagnostics = Diagnostics()
        told: set[Diagnostic] = set()  # a section's booleans are those of all its lines
        for each in wanted:
            try:
                self._check_names(each)
            except SelboxError as error:
                for found in error.diagnostics:
                    if found not in told:
                        told.add(found)
                        diagnostics.error(found.code, found.message, found.span, found.help)
        diagnostics.raise_if_errors()
        for each in wanted:
            if each.settings != self._settings:
                self._set(each.settings)
            yield Outcome(each, tuple(_first(self._reasons(each))))

    # --- Names -----------------------------------------------------------------------------------------------------

    def _check_names(self, expectation: Expectation) -> None:
        for word, _ in expectation.settings or ():
            self._check_boolean(word)
        match expectation.what:
            case AccessExpectation(demand, access):
                self._check_access(access, may_be_nobody=demand is Demand.ONLY)
            case BooleanExpectation(boolean, _, access):
                self._check_boolean(boolean)
                self._check_access(access)
            case TransitionExpectation(source, program, domain):
                for word in (source, program, domain):
                    self._subjects.context(word)
                for class_name, permissions in _TRANSITION_NEEDS:
                    needed = (Word(each, *source[1:]) for each in permissions)
                    wanted_permissions(self._policy, class_of(self._policy, Word(class_name, *source[1:])), needed)
            case LabelExpectation():
                what = expectation.what
                for word in (what.source, what.target, what.label):
                    self._subjects.context(word)
                class_of(self._policy, what.object_class)
            case ValidityExpectation():
                pass
        if expectation.settings is None and not isinstance(expectation.what, AccessExpectation):
            words = "whatever the booleans are, only `allow`, `deny` and `only` can be expected"
            raise SelboxError.of(SYNTAX_CODE, words, expectation.span, "put it under `[booleans]`")

    def _check_boolean(self, word: Word) -> None:
        if word.text not in self._defaults:
            advice = did_you_mean(word.text, self._defaults)
            raise SelboxError.of("unknown-boolean", f"the policy has no boolean `{word.text}`", word.span, advice)

    def _check_access(self, access: Access, *, may_be_nobody: bool = False) -> None:
        """Check the names of an access, and that it is about something: of nothing everything would hold.

        Raises:
            SelboxError: at the word that is wrong.
        """
        if not self._subjects.contexts(access.sources) and not may_be_nobody:
            raise SelboxError.of(EMPTY_CODE, "no type is left as a source", access.sources[0].span)
        targets = [word for word in access.targets if word.text != _SELF]
        if not self._subjects.contexts(targets) and len(targets) == len(access.targets):
            raise SelboxError.of(EMPTY_CODE, "no type is left as a target", access.targets[0].span)
        for word in access.classes:
            wanted_permissions(self._policy, class_of(self._policy, word), access.permissions)

    # --- Answers ---------------------------------------------------------------------------------------------------

    def _set(self, settings: Settings | None) -> None:
        self._settings = settings
        values = {word.text: value for word, value in settings or ()}
        self._server.set_booleans({**self._defaults, **values})

    def _reasons(self, expectation: Expectation) -> Iterator[str | _Others]:
        what = expectation.what
        match what:
            case AccessExpectation():
                yield from self._access_reasons(what, any_booleans=expectation.settings is None)
            case BooleanExpectation():
                yield from self._boolean_reasons(what)
            case TransitionExpectation():
                yield from self._transition_reasons(what)
            case LabelExpectation():
                yield from self._label_reasons(what)
            case ValidityExpectation():
                yield from self._validity_reasons(what)

    def _questions(self, access: Access, sources: Sequence[Context] | None = None) -> Questions:
        chosen = self._subjects.contexts(access.sources) if sources is None else sources
        targets = self._subjects.contexts([word for word in access.targets if word.text != _SELF])
        with_self = any(word.text == _SELF for word in access.targets)
        classes = [class_of(self._policy, word) for word in access.classes]
        wanted = [asked for each in classes for asked in wanted_permissions(self._policy, each, access.permissions)]
        return Questions(chosen, targets, wanted, with_self=with_self)

    def _access_reasons(self, what: AccessExpectation, *, any_booleans: bool) -> Iterator[str | _Others]:
        is_allowed = what.demand is Demand.ALLOW
        server = self._whatever(granted=not is_allowed) if any_booleans else self._server
        if what.demand is Demand.ONLY:
            allowed = {each.type for each in self._subjects.contexts(what.access.sources)}
            others = [each for each in self._subjects.every_context() if each.type not in allowed]
            questions = self._questions(what.access, others)
        else:
            questions = self._questions(what.access)
        yield from self._answers(server, questions, granted=is_allowed)

    def _boolean_reasons(self, what: BooleanExpectation) -> Iterator[str | _Others]:
        before = self._server.booleans
        try:
            for value in (what.value, not what.value):
                self._server.set_booleans({what.boolean.text: value})
                state = f"with {what.boolean.text} {'on' if value else 'off'}: "
                for each in self._answers(self._server, self._questions(what.access), granted=value is what.value):
                    yield state + each if isinstance(each, str) else each
        finally:
            self._server.set_booleans(before)

    def _transition_reasons(self, what: TransitionExpectation) -> Iterator[str]:
        source, program = self._subjects.context(what.source), self._subjects.context(what.program)
        process, file = self._known_class("process"), self._known_class("file")
        domain = self._created(LabelKind.CREATE, source, program, process, None)
        if isinstance(domain, str):
            yield domain
            return
        yield from self._differences(domain, what.domain)
        steps = [(source, program, file, ("execute",))]
        if domain == source:
            steps.append((source, program, file, ("execute_no_trans",)))
        else:
            steps += [(source, domain, process, ("transition",)), (domain, program, file, ("entrypoint",))]
        for first, second, object_class, permissions in steps:
            names = self._policy.classes[object_class].permissions
            vector = sum(1 << names.index(name) for name in permissions)
            yield from self._denials(self._server, _Question(first, second, object_class, vector))

    def _known_class(self, name: str) -> int:
        return self._policy.class_ids[name]

    def _label_reasons(self, what: LabelExpectation) -> Iterator[str]:
        source, target = self._subjects.context(what.source), self._subjects.context(what.target)
        found = self._created(what.kind, source, target, class_of(self._policy, what.object_class), what.name)
        if isinstance(found, str):
            yield found
        else:
            yield from self._differences(found, what.label)

    def _created(
        self, kind: LabelKind, source: Context, target: Context, object_class: int, name: str | None
    ) -> Context | str:
        """Return a computed context, or why there is none."""
        server = self._server
        sids = server.sid_for(source), server.sid_for(target)
        try:
            if kind is LabelKind.CREATE:
                sid = server.compute_create(*sids, object_class, name)
            else:
                compute = server.compute_relabel if kind is LabelKind.RELABEL else server.compute_member
                sid = compute(*sids, object_class)
        except SelboxError as error:
            return str(error)
        result = server.context_of(sid)
        if self._coverage is not None:
            self._coverage.touch_label(_RULE_KINDS[kind], source, target, object_class, name, result)
        return result

    def _differences(self, found: Context, expected: Word) -> Iterator[str]:
        is_type = ":" not in expected.text
        wanted = self._subjects.context(expected)
        if found.type != wanted.type if is_type else found != wanted:
            shown = self._policy.types[found.type].name if is_type else format_context(self._policy, found)
            yield f"it is {shown}"

    def _validity_reasons(self, what: ValidityExpectation) -> Iterator[str]:
        try:
            fault = context_fault(self._policy, parse_context(self._policy, what.context.text))
        except SelboxError as error:
            fault = error.diagnostics[0].message
        if what.valid and fault:
            yield fault
        if not what.valid and not fault:
            yield "the context is valid"

    def _answers(self, server: SecurityServer, questions: Questions, *, granted: bool) -> Iterator[str | _Others]:
        """Yield why questions are not answered as is expected.

        Args:
            server: decides.
            questions: about accesses.
            granted: whether all of everything is expected to be granted; else none of it.
        """
        ask = self._denials if granted else self._grants
        is_covered = granted and self._coverage is not None and server is self._server
        found = 0
        for each in questions if is_covered else questions.suspects(server, granted=granted):
            asked = _Question(each.source, each.target, each.wanted.object_class, each.wanted.vector)
            if each.wanted.numbers is not None:
                yield from _of_numbers(ask, server, asked, number_groups(server, each))
            elif found >= _EXPLAINED and questions.are_many and not is_covered:
                yield _Others(1, is_least=granted)  # a denial has one reason or several
            else:
                for words in ask(server, asked):
                    found += 1
                    yield words

    def _denials(self, server: SecurityServer, question: _Question) -> Iterator[str]:
        """Yield why a part of an access is denied; nothing when all of it is granted."""
        source, target = server.sid_for(question.source), server.sid_for(question.target)
        asked = source, target, question.object_class, question.vector, question.number
        if self._coverage is not None and server is self._server:
            self._coverage.touch_access(server.explain(*asked))
        denied = question.vector & ~_allowed(server, question)
        if denied:
            subject = _shown(server, question, denied)
            for words in denial_texts(server, *asked[:3], denied, question.number):
                yield f"{subject} is denied: {words}"

    def _grants(self, server: SecurityServer, question: _Question) -> Iterator[str]:
        """Yield by which rules a part of an access is granted; nothing when all of it is denied."""
        source, target = server.sid_for(question.source), server.sid_for(question.target)
        granted = question.vector & _allowed(server, question)
        if granted:
            explanation = server.explain(source, target, question.object_class, granted)
            policy = self._policy  # a server that decides for all values has its rows, without their conditions
            rules = [
                _rule_text(policy, row, granted)
                for row, active in explanation.rules
                if active and policy.rules.kind[row] == RuleKind.ALLOW and policy.rules.data[row] & granted
            ]
            yield f"{_shown(server, question, granted)} is granted by {', '.join(_first(rules))}"
        elif server.compute_access(source, target, question.object_class).flags & PERMISSIVE_FLAG:
            name = server.policy.types[question.source.type].name
            yield f"{_shown(server, question, question.vector)} is denied, but {name} is permissive, so that it goes on"

    def _whatever(self, *, granted: bool) -> SecurityServer:
        """Return a server that decides for all values of the booleans.

        Args:
            granted: whether it grants what any of them grants; else what the rules outside of conditions do, which all
                of them grant.
        """
        server = self._bounds.get(granted)
        if server is None:
            server = self._bounds[granted] = SecurityServer(_without_conditions(self._policy, kept=granted))
        return server


def _without_conditions(policy: Policy, *, kept: bool) -> Policy:
    """Return a policy whose conditional rules are all in force, or all gone."""
    conditions = policy.rules.condition
    rules = policy.rules.select(row for row, each in enumerate(conditions) if kept or each == UNCONDITIONAL)
    rules.condition = array("I", bytes(rules.condition.itemsize * len(rules)))
    return policy._replace(rules=rules)


def _allowed(server: SecurityServer, question: _Question) -> int:
    """Return the permissions that are granted, whatever was asked for."""
    source, target = server.sid_for(question.source), server.sid_for(question.target)
    if question.number is None:
        return server.compute_access(source, target, question.object_class).allowed
    return server.explain(source, target, *question[2:]).allowed


def _rule_text(policy: Policy, row: int, permissions: int) -> str:
    """Return a rule, of some of its permissions, with its condition, and where it was written."""
    rule = policy.rules[row]
    types = rule.source, rule.target
    text = access_rule(policy, CIL, rule.kind, types, rule.object_class, rule.data & permissions)
    if rule.condition:
        values = [each.default for each in policy.booleans]
        text += f" if {condition_of(policy, rule.condition, values)[0]}"
    origin = policy.origin(rule.origin)
    return f"{text} at {origin.place}" if origin else text


def _shown(server: SecurityServer, question: _Question, vector: int) -> str:
    source, target = (format_context(server.policy, each) for each in (question.source, question.target))
    names = server.permission_names(question.object_class, vector)
    permissions = names[0] if len(names) == 1 else f"{{ {' '.join(names)} }}"
    if question.number is not None:
        permissions += f"({question.number:#06x})"
    return f"{source} {target}:{server.class_name(question.object_class)} {permissions}"


def _of_numbers(
    ask: Callable[[SecurityServer, _Question], Iterator[str]],
    server: SecurityServer,
    question: _Question,
    groups: Iterable[int],
) -> Iterator[str | _Others]:
    """Yield the reasons of a question about many extended permissions, asking about the first of each group only."""
    shown: list[int] = []
    others = 0
    for group in groups:
        first = list(islice(members(group), SHOWN))
        reasons = sum(1 for _ in ask(server, question._replace(number=first[0])))
        if reasons:
            shown += first
            others += reasons * (group.bit_count() - len(first))
    for number in sorted(shown):
        yield from ask(server, question._replace(number=number))
    if others:
        yield _Others(others)


def _first(reasons: Iterable[str | _Others]) -> Iterator[str]:
    """Yield the first reasons, and how many more there are."""
    shown = more = 0
    at_least = ""
    for each in reasons:
        if isinstance(each, _Others):
            more += each.number
            at_least = "at least " if each.is_least else at_least
        elif shown < SHOWN:
            shown += 1
            yield each
        else:
            more += 1
    if more:
        yield f"and {at_least}{more} more"
