"""Answers of ``selbox why`` as a person reads them."""

from collections.abc import Iterable, Iterator, Sequence

from selbox.cli.terminal import BOLD, CYAN, DIM, GREEN, RED, YELLOW, Terminal
from selbox.explain.answer import Answer, NearMisses, ProposalLine, ReasonLine, RuleLine, TermLine
from selbox.typing import Final

_MOST_RULES: Final = 8
"""Rules of one kind that are shown."""


def answer_text(answer: Answer, terminal: Terminal) -> str:
    """Return an answer as a terminal shows it, without a final newline."""
    lines = [_verdict(answer, terminal), *_contexts(answer, terminal)]
    if answer.reasons:
        lines += ["", terminal.paint("because", BOLD)]
        for reason in answer.reasons:
            lines += _indented(_reason(reason, terminal))
    if answer.even_with_rule:
        lines += ["", terminal.paint("and even with a rule", BOLD)]
        for reason in answer.even_with_rule:
            lines += _indented(_reason(reason, terminal))
    if answer.undefined:
        names = " ".join(answer.undefined)
        words = f"the policy does not define {answer.object_class} {{ {names} }}, and allows what it does not define"
        lines += ["", words]
    if answer.rules:
        granted = [each for each in answer.permissions if each not in {*answer.denied, *answer.undefined}]
        lines += ["", terminal.paint(f"{{ {' '.join(granted)} }} by", BOLD)]
        lines += _indented(_rules(answer.rules, terminal))
    if answer.extended:
        refining = [*_rules([each for each in answer.extended if each.holds], terminal)]
        lines += ["", terminal.paint("extended rules", BOLD), *_indented(refining)]
    near = list(_near(answer.near, terminal))
    if near:
        lines += ["", terminal.paint("near misses", BOLD), *_indented(near)]
    if answer.proposals:
        lines += ["", terminal.paint("each of these would allow it", BOLD)]
        for number, proposal in enumerate(answer.proposals, 1):
            lines += _indented(_proposal(number, proposal, terminal))
    return "\n".join(lines)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _verdict(answer: Answer, terminal: Terminal) -> str:
    word = terminal.paint("denied", BOLD, RED) if answer.denied else terminal.paint("allowed", BOLD, GREEN)
    denied = set(answer.denied)
    names = answer.denied if 0 < len(denied) < len(answer.permissions) else answer.permissions
    number = "" if answer.number is None else f" {answer.number:#x}"
    text = f"{word}  {answer.object_class} {{ {' '.join(names)} }}{number}"
    if answer.times > 1:
        text += f"  ({answer.times} records)"
    if answer.permissive:
        goes_on = "its type is permissive: denials go on"
        text += "  " + terminal.paint(goes_on if denied else "its type is permissive", YELLOW)
    return text


def _contexts(answer: Answer, terminal: Terminal) -> Iterator[str]:
    yield f"  source  {answer.source}"
    yield f"  target  {answer.target}"
    if answer.assumed:
        yield terminal.paint(f"          assumed: {'; '.join(answer.assumed)}", DIM)
    if answer.neveraudit:
        yield terminal.paint("          nothing that the source does is recorded (neveraudit)", DIM)
    elif answer.audited and not answer.denied:
        yield terminal.paint(f"          recorded all the same (auditallow): {' '.join(answer.audited)}", DIM)


def _reason(reason: ReasonLine, terminal: Terminal) -> Iterator[str]:
    yield terminal.paint(reason.text, RED)
    yield from _indented(_terms(reason.terms, terminal))
    for each in reason.bounding:
        yield from _indented(_reason(each, terminal))


def _terms(terms: Sequence[TermLine], terminal: Terminal) -> Iterator[str]:
    width = max((2 * each.depth + len(each.term) for each in terms), default=0)
    for each in terms:
        holds = terminal.paint("true ", GREEN) if each.holds else terminal.paint("false", RED)
        yield f"{holds}  {'  ' * each.depth}{each.term:<{width - 2 * each.depth}}  {each.values}".rstrip()


def _rules(rules: Sequence[RuleLine], terminal: Terminal) -> Iterator[str]:
    for each in rules[:_MOST_RULES]:
        yield each.cil
        about = []
        if each.place:
            about.append(f"at {each.place}")
        if each.through:
            about.append(", ".join(each.through))
        if each.condition:
            values = ", ".join(f"{name} is {'on' if value else 'off'}" for name, value in each.booleans)
            about.append(f"while {each.condition}; {values}")
        yield from (terminal.paint(f"  {words}", DIM) for words in about)
    if len(rules) > _MOST_RULES:
        yield f"and {len(rules) - _MOST_RULES} more rules"


def _near(near: NearMisses, terminal: Terminal) -> Iterator[str]:
    if near.switched_off:
        yield "rules that are switched off:"
        yield from _indented(_rules(near.switched_off, terminal))
    if near.others:
        yield f"granted of the same class: {' '.join(near.others)}"
    for each in near.classes:
        yield f"granted of class {each.object_class}: {' '.join(each.permissions)}"
    if near.silent:
        yield "the denial is not recorded:"
        yield from _indented(_rules(near.silent, terminal))


def _proposal(number: int, proposal: ProposalLine, terminal: Terminal) -> Iterator[str]:
    head = f"{number}. "
    for each in proposal.changes:
        yield f"{head}{terminal.paint(each.text, CYAN)}"
        if each.language:
            yield terminal.paint(f"   or, in the policy language, {each.language}", DIM)
        head = "   and "
