"""Differences between two policies as text in the form of SETools, and as Markdown."""

from collections.abc import Iterator, Sequence

from selbox.analysis.differences.section import Change, Part, Section
from selbox.typing import Final

_ADDED_PLURALS: Final = {"sensitivity": "Sensitivites"}
"""What SETools calls a list of added components where it does not call it as it calls the others; here, a slip."""

_SHOWN_LINES: Final = 200
"""Lines of a list that Markdown shows before it says how many more there are: forges show no megabytes."""


def section_text(section: Section, *, only_counts: bool) -> Iterator[str]:
    """Yield the lines of a section, the empty one after it included.

    Source: what ``sediff`` of SETools 4.4 prints.
    """
    yield f"{section.title} ({_counts(section)})"
    if not only_counts:
        if not section.plural:
            yield from (f"      * {each.line}" for each in section.modified)
        else:
            plural = section.plural
            yield from _listed("Added", _ADDED_PLURALS.get(section.kind, plural), "+", section.added)
            yield from _listed("Removed", plural, "-", section.removed)
            if section.modified:
                yield f"   Modified {plural}: {len(section.modified)}"
                for each in section.modified:
                    yield from _changed(each)
    yield ""


def _counts(section: Section) -> str:
    words = []
    if section.plural:
        words += [f"{len(section.added)} Added", f"{len(section.removed)} Removed"]
    if section.is_modifiable:
        words.append(f"{len(section.modified)} Modified")
    return ", ".join(words)


def _listed(word: str, plural: str, sign: str, statements: Sequence[str]) -> Iterator[str]:
    if statements:
        yield f"   {word} {plural}: {len(statements)}"
        for each in statements:
            yield f"      {sign} {each}"


def _changed(change: Change) -> Iterator[str]:
    yield f"      * {change.line}"
    if change.in_line:
        return
    for part in change.parts:
        if part.name:
            yield f"          {part.name}:"
        yield from _part_lines(part)


def _part_lines(part: Part) -> Iterator[str]:
    indent = " " * (10 + part.indent)
    for sign, values in (("+", part.added), ("-", part.removed)):
        for each in values:
            yield f"{indent}{sign} {each}"


def section_markdown(section: Section) -> Iterator[str]:
    """Yield the lines of a section as Markdown: a heading, and what differs as a ``diff`` that can be folded away."""
    if not section:
        return
    yield f"### {section.title}: {_counts(section).lower()}"
    yield ""
    yield "<details><summary>Show</summary>"
    yield ""
    yield "```diff"
    lines = [*(f"+ {each}" for each in section.added), *(f"- {each}" for each in section.removed)]
    for change in section.modified:
        lines += _change_markdown(change)
    yield from lines[:_SHOWN_LINES]
    if len(lines) > _SHOWN_LINES:
        yield f"# and {len(lines) - _SHOWN_LINES} lines more"
    yield "```"
    yield ""
    yield "</details>"
    yield ""


def _change_markdown(change: Change) -> Iterator[str]:
    yield f"# {change.name}"
    for part in change.parts:
        heading = f"{part.name}: " if part.name else ""
        yield from (f"+   {heading}{each}" for each in part.added)
        yield from (f"-   {heading}{each}" for each in part.removed)
