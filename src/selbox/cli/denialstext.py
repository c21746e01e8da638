"""Denials by their causes, as a person reads them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from textwrap import wrap

from selbox.analysis.denials import AdvisedDenial, Denial, Named
from selbox.analysis.requirements import number_permission
from selbox.audit.logreader import EventLine
from selbox.audit.summary import printable
from selbox.cli.audit2allowtext import RuleStyle, number_line, rule_line
from selbox.cli.terminal import BOLD, CYAN, DIM, RED, YELLOW, Terminal
from selbox.server.causes import CauseKind
from selbox.typing import Final

_LABEL: Final = 12
"""Columns of the words at the beginnings of lines."""

_REASONS: Final = {
    CauseKind.ALLOWED: "the policy allows it now: it, or a boolean, was another when the record was written",
    CauseKind.DONTAUDIT: "no rule allows it, and a dontaudit rule says that the denial does no harm",
    CauseKind.RULE: "no rule allows it",
    CauseKind.ROLE: "no rule allows the change of role",
    CauseKind.BOUNDS: "the type that bounds the source may not do it",
    CauseKind.EXTENDED: "rules allow ioctl, but not this command",
    CauseKind.CONSTRAINT: "rules allow it, and a constraint forbids it",
}


def denials_text(denials: Sequence[AdvisedDenial], events: Sequence[EventLine], most: int, terminal: Terminal) -> str:
    """Return what a log comes to.

    Args:
        denials: those first that are shown first.
        events: what happened to the policy.
        most: denials that are shown.
        terminal: what the text is laid out for.
    """
    if not denials:
        return "no denials"
    records = sum(each.denial.times for each in denials)
    times = [time for each in denials for time in (each.denial.first, each.denial.last) if time is not None]
    head = f"{_many(records, 'denial')} of {_many(len(denials), 'cause')}"
    if times:
        head += f", from {when(min(times))} to {when(max(times))}"
    lines = [terminal.paint(head, BOLD), *(terminal.paint(_event(each), DIM) for each in events)]
    for number, each in enumerate(denials[:most], 1):
        lines += ["", *denial_lines(number, each, terminal)]
    if len(denials) > most:
        lines += ["", f"{_many(len(denials) - most, 'further cause')}; --top {len(denials)} shows all"]
    return "\n".join(lines)


def denial_lines(number: int, advised: AdvisedDenial, terminal: Terminal) -> Iterator[str]:
    """Yield the lines on one cause."""
    denial = advised.denial
    names = ", ".join(denial.permissions)
    what = f"{denial.source} may not {names} {denial.target}:{denial.object_class}"
    yield f"{number}. {terminal.paint(printable(what), BOLD, RED)}  {_often(denial, terminal)}"
    told: list[tuple[str, str]] = []
    if denial.programs:
        told.append(("program", _named(denial.programs)))
    if denial.objects:
        told.append(("object", _named(denial.objects)))
    told.append(("reason", _reason(denial)))
    for label, words in told:
        yield from _laid_out(label, words, terminal)
    for label, words, commands in _remedies(advised):
        yield from _laid_out(label, words, terminal)
        yield from (" " * _LABEL + "  " + terminal.paint(printable(each), CYAN) for each in commands)


def when(time: float) -> str:
    """Return a time as people read it, in UTC."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):  # whatever stood in the log
        return f"{time:.0f}"


def _often(denial: Denial, terminal: Terminal) -> str:
    words = "once" if denial.times == 1 else f"{denial.times} times"
    if denial.first is not None:
        words += f", {'' if denial.times == 1 else 'first '}{when(denial.first)}"
    if denial.last is not None and denial.last != denial.first:
        words += f", last {when(denial.last)}"
    if denial.permissive:
        words += terminal.paint(
            "  not enforced" if denial.permissive == denial.times else "  partly not enforced", YELLOW
        )
    return words


def _reason(denial: Denial) -> str:
    if denial.cause is None:
        return f"not to be said: the policy does not know `{denial.unknown}`"
    if denial.cause is CauseKind.BOOLEAN:
        names = " or ".join(f"{name} is {'off' if value else 'on'}" for name, value in denial.booleans)
        return f"a rule allows it that is switched off: {names}"
    return _REASONS[denial.cause]


def _remedies(advised: AdvisedDenial) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield label, words and commands of what can be done, the likeliest first."""
    denial = advised.denial
    better = [each for each in advised.advice if each.kind not in ("peril", "constraint")]
    for each in better:
        yield "fix", each.text, each.commands
    for name, value in denial.booleans:
        yield "fix" if not better else "or", f"set the boolean {name}", (f"setsebool -P {name} {int(value)}",)
    if denial.cause in (CauseKind.RULE, CauseKind.DONTAUDIT, CauseKind.EXTENDED):
        words = "a rule, if this is meant to be allowed" if better else "if it is meant to be allowed, a rule"
        yield "or" if better else "fix", words, (_rule(denial),)
    for each in advised.advice:
        if each.kind == "constraint":
            first, *rest = each.text.split("\n")
            yield "but", first, tuple(line.strip() for line in rest)
        elif each.kind == "peril":
            yield "careful", each.text, each.commands


def _rule(denial: Denial) -> str:
    rule, style = denial.rule, RuleStyle()
    is_number = denial.cause is CauseKind.EXTENDED and number_permission(rule)
    return number_line(rule, style) if is_number else rule_line(rule, style)


def _event(event: EventLine) -> str:
    return printable(_event_words(event))


def _event_words(event: EventLine) -> str:
    fields = dict(event.fields)
    match event.kind:
        case "MAC_STATUS":
            return f"line {event.line}: enforcing was set to {fields.get('enforcing', '?')}"
        case "MAC_CONFIG_CHANGE":
            return f"line {event.line}: the boolean {fields.get('bool', '?')} was set to {fields.get('val', '?')}"
        case "SELINUX_ERR":
            about = fields.get("invalid_context") or fields.get("newcontext") or ""
            return printable(
                f"line {event.line}: {fields.get('op', 'an error of the security server')} {about}".rstrip()
            )
    return f"line {event.line}: {event.kind}"


def _named(names: Iterable[Named]) -> str:
    return ", ".join(printable(name) + (f" ({times})" if times > 1 else "") for name, times in names)


def _laid_out(label: str, words: str, terminal: Terminal) -> Iterator[str]:
    indent = " " * _LABEL
    width = max(40, terminal.width or 100)
    lines = [
        line for part in printable(words).split("\n") for line in wrap(part, width - _LABEL, break_on_hyphens=False)
    ]
    for place, line in enumerate(lines):
        yield (terminal.paint(f"   {label:<{_LABEL - 3}}", DIM) if not place else indent) + line


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
