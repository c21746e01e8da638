"""The rules that a log calls for, as audit2allow writes them, and in CIL."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from selbox.analysis.advice import FORBIDDEN, Advice
from selbox.analysis.deniedrules import SELF, DeniedRule
from selbox.analysis.requirements import Requirements, number_permission, requirements
from selbox.audit.accesslines import AccessLine
from selbox.audit.details import AccessDetails, details
from selbox.server.causes import CauseKind
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.analysis.interfacematching import InterfaceCall, InterfaceMatch

_WIDTH: Final = 81
"""Columns that a record's text is broken at, the mark of the comment included."""
_VIOLATION: Final = (
    "#!!!! This avc is a constraint violation.  You would need to modify the attributes of either the source or "
    "target types to allow this access."
)


class RuleStyle(NamedTuple):
    """How rules are written.

    Attributes:
        cil: whether as CIL.
        dontaudit: whether as rules that hide the denials instead of allowing the accesses.
        numbers: whether extended rules are written too.
        requires: whether everything that a module needs is declared to be required.
        module: the module's name; empty for none.
        reference: whether interfaces of the reference policy are called where one fits.
        explanation: 0 for none; 1 for a line of the log's own words; 2 for all of them.
    """

    cil: bool = False
    dontaudit: bool = False
    numbers: bool = False
    requires: bool = False
    module: str = ""
    explanation: int = 0
    reference: bool = False


class Written(NamedTuple):
    """What is written about.

    Attributes:
        rules: from :meth:`selbox.analysis.deniedrules.DeniedRules.rules`.
        role_types: roles with the types that they lack.
        remarks: returns what audit2allow says of a rule, each without ``#!!!!``.
        advice: returns what is worth knowing about it besides.
        forbidden: returns what forbids an access that no rule helps with, as comments.
        interfaces: returns the interfaces that give an access, the nearest first.
    """

    rules: Sequence[DeniedRule]
    role_types: Sequence[tuple[str, tuple[str, ...]]]
    remarks: Callable[[DeniedRule], Iterable[str]]
    advice: Callable[[DeniedRule], Iterable[Advice]]
    forbidden: Callable[[DeniedRule], Iterable[str]]
    interfaces: "Callable[[DeniedRule], Sequence[InterfaceMatch]]" = lambda _: ()

    @property
    def helping(self) -> list[DeniedRule]:
        """The rules that would allow what was denied."""
        return [each for each in self.rules if each.kind not in FORBIDDEN]

    @property
    def is_empty(self) -> bool:
        """Whether the log calls for nothing."""
        return not self.rules and not self.role_types


def rules_text(written: Written, style: RuleStyle) -> str:
    """Return the text, without a final newline.

    Source: the order and the comments are those of sepolgen's ``output.py`` and ``policygen.py``.
    """
    return "\n".join(_lines(written, style))


def rule_line(rule: DeniedRule, style: RuleStyle) -> str:
    """Return the access rule in one line."""
    keyword = "dontaudit" if style.dontaudit else "allow"
    if style.cil:
        return f"({keyword} {rule.source} {rule.target} ({rule.object_class} ({' '.join(rule.permissions)})))"
    return f"{keyword} {rule.source} {rule.target}:{rule.object_class} {_set(rule.permissions)};"


def has_numbers(rule: DeniedRule, style: RuleStyle) -> bool:
    """Tell whether an extended rule is written too."""
    return bool(number_permission(rule)) and (style.numbers or rule.kind is CauseKind.EXTENDED)


def number_line(rule: DeniedRule, style: RuleStyle) -> str:
    """Return the extended rule in one line, about what ``number_permission`` says."""
    permission = number_permission(rule)
    ranges = _ranges(rule.numbers)
    if style.cil:
        keyword = "dontauditx" if style.dontaudit else "allowx"
        numbers = " ".join(f"{low:#x}" if low == high else f"(range {low:#x} {high:#x})" for low, high in ranges)
        return f"({keyword} {rule.source} {rule.target} ({permission} {rule.object_class} ({numbers})))"
    keyword = "dontauditxperm" if style.dontaudit else "allowxperm"
    texts = [f"{low:#x}" if low == high else f"{low:#x}-{high:#x}" for low, high in ranges]
    numbers = texts[0] if len(texts) == 1 and "-" not in texts[0] else f"{{ {' '.join(texts)} }}"
    return f"{keyword} {rule.source} {rule.target}:{rule.object_class} {permission} {numbers};"


def _lines(written: Written, style: RuleStyle) -> Iterator[str]:
    comment = ";" if style.cil else "#"
    helping = written.helping
    others = [each for each in written.rules if each.kind in FORBIDDEN]
    yield ""
    calls, rules = _called(helping, written)
    if not style.cil:
        if style.module:
            name = style.module
            yield from (f"policy_module({name}, 1.0)" if style.reference else f"module {name} 1.0;", "")
        if style.requires:
            yield from _requires(requirements(rules, written.role_types, (each.argument for each in calls)))
    yield ""
    yield from _sections(rules, calls, written, style)
    if written.role_types:
        yield f"{comment}============= ROLES =============="
        for role, types in written.role_types:
            yield from _role_lines(role, types, style)
    if others:
        yield from ("", f"{comment}============= no rule helps ==============")
    for rule in others:
        yield from _commented(_of_no_help(rule, written, style), comment)


_Calls = dict["InterfaceCall", list[DeniedRule]]


def _called(rules: Iterable[DeniedRule], written: Written) -> tuple[_Calls, list[DeniedRule]]:
    """Return the calls of interfaces with the rules that each stands for, and the rules that none stands for."""
    calls: _Calls = {}
    others = []
    for rule in rules:
        if matches := written.interfaces(rule):
            calls.setdefault(matches[0].call, []).append(rule)
        else:
            others.append(rule)
    return calls, others


def _sections(rules: Iterable[DeniedRule], calls: _Calls, written: Written, style: RuleStyle) -> Iterator[str]:
    """Yield rules under their sources, and calls of interfaces under their arguments."""
    comment = ";" if style.cil else "#"
    of_source = {source: list(found) for source, found in groupby(rules, lambda each: each.source)}
    of_argument: dict[str, list[InterfaceCall]] = {}
    for call in sorted(calls):
        of_argument.setdefault(call.argument, []).append(call)
    for place, source in enumerate(sorted({*of_source, *of_argument})):
        if place:
            yield ""
        yield f"{comment}============= {source} =============="
        for rule in of_source.get(source, ()):
            about = _about(rule, written, style)
            if about:  # there is nothing to say about most rules of a long log
                yield from _commented(about, comment)
            yield rule_line(rule, style)
            if has_numbers(rule, style):
                yield number_line(rule, style)
        for call in of_argument.get(source, ()):
            yield from _about_call(calls[call], written, style)
            yield str(call)


def _about_call(rules: Iterable[DeniedRule], written: Written, style: RuleStyle) -> Iterator[str]:
    """Yield what is said of the rules that a call of an interface stands for."""
    for rule in rules:
        options = [f"#   {each.call} # [{each.distance}]" for each in written.interfaces(rule)]
        yield from _about(rule, written, style, ["# Interface options:", *options] if style.explanation else ())


def _role_lines(role: str, types: Sequence[str], style: RuleStyle) -> Iterable[str]:
    return [f"(roletype {role} {each})" if style.cil else f"role {role} types {each};" for each in types]


def _of_no_help(rule: DeniedRule, written: Written, style: RuleStyle) -> Iterator[str]:
    yield from _explanation(rule, style)
    yield ""
    if rule.kind is CauseKind.CONSTRAINT:
        yield _VIOLATION
    yield from (each for each in written.forbidden(rule) if each)
    yield f"# {rule_line(rule, style)}"


def _about(rule: DeniedRule, written: Written, style: RuleStyle, options: Iterable[str] = ()) -> list[str]:
    explained = [*_explanation(rule, style), *options] if style.explanation else []
    remarks = [f"#!!!! {each}" for each in written.remarks(rule)]
    for each in written.advice(rule):
        remarks += _advice(each)
    return [*(explained or [""]), *remarks] if remarks else explained


def _advice(advice: Advice) -> Iterator[str]:
    first, *others = advice.text.split("\n")
    yield f"#!!!! {'Before this is granted: ' if advice.kind == 'peril' else ''}{first}"
    yield from (f"#{each}" for each in others)
    yield from (f"#\t{each}" for each in advice.commands)


def _commented(lines: Iterable[str], comment: str) -> Iterator[str]:
    """Yield lines with ``#`` at their beginnings written as a language writes a comment."""
    for text in lines:
        for line in text.split("\n"):
            yield comment + line[1:] if line.startswith("#") else line


def _explanation(rule: DeniedRule, style: RuleStyle) -> Iterator[str]:
    if style.explanation == 1:
        names = _set(rule.permissions)
        target = rule.source if rule.target == SELF else rule.target
        yield f'# src="{rule.source}" tgt="{target}" class="{rule.object_class}", perms="{names}"'
        about = details(rule.examples[0].text)
        yield f'# comm="{about.command}" exe="{about.program}" path="{about.path}"'
    elif style.explanation > 1:
        for each in rule.examples:
            yield from _whole_record(each, details(each.text))


def _whole_record(line: AccessLine, about: AccessDetails) -> Iterator[str]:
    access = line.access
    if about.stamp:
        yield f"# {about.stamp}"
    yield f'#  scontext="{access.scontext}" tcontext="{access.tcontext}"'
    yield f'#  class="{access.tclass}" perms="{_set(access.permissions)}"'
    yield f'#  comm="{about.command}" exe="{about.program}" path="{about.path}"'
    message = f'message="{line.text} "'
    yield from textwrap.wrap(message, _WIDTH, initial_indent="#  ", subsequent_indent="#   ")


def _requires(required: Requirements) -> Iterator[str]:
    if not required.types:
        return
    yield "require {"
    yield from (f"\ttype {each};" for each in required.types)
    yield from (f"\tclass {each} {_set(permissions)};" for each, permissions in required.classes.items())
    yield from (f"\trole {each};" for each in required.roles)
    yield "}"


def _set(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{{ {' '.join(names)} }}"


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return sorted numbers as ranges."""
    ranges: list[tuple[int, int]] = []
    for each in numbers:
        if ranges and ranges[-1][1] == each - 1:
            ranges[-1] = ranges[-1][0], each
        else:
            ranges.append((each, each))
    return ranges
