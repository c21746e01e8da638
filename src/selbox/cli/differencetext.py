"""Differences between two policies as text in the form of SETools, and as Markdown."""

from collections.abc import Collection, Iterator

from selbox.analysis.differences.section import Change, Lines, Part, Section
from selbox.typing import Final

_ADDED_PLURALS: Final = {"sensitivity": "Sensitivites"}
"""What SETools calls a list of added components where it does not call it as it calls the others; here, a slip."""

_SHOWN_LINES: Final = 200
"""Lines of a section after which Markdown says how many more there are: forges show no megabytes."""


def section_text(section: Section, *, only_counts: bool) -> Iterator[str]:
    """Yield the text of a section, the empty line after it included, several lines at a time.

    Source: what ``sediff`` of SETools 4.4 prints.
    """
    yield f"{section.title} ({_counts(section)})\n"
    if not only_counts:
        if not section.plural:
            yield from (f"      * {each.line}\n" for each in section.modified)
        else:
            plural = section.plural
            yield from _listed("Added", _ADDED_PLURALS.get(section.kind, plural), "+", section.added)
            yield from _listed("Removed", plural, "-", section.removed)
            yield from _changed(plural, section.modified)
    yield "\n"


def _counts(section: Section) -> str:
    words = []
    if section.plural:
        words += [f"{len(section.added)} Added", f"{len(section.removed)} Removed"]
    if section.is_modifiable:
        words.append(f"{len(section.modified)} Modified")
    return ", ".join(words)


def _listed(word: str, plural: str, sign: str, statements: Collection[str]) -> Iterator[str]:
    if statements:
        yield f"   {word} {plural}: {len(statements)}\n"
        before = f"      {sign} "
        if isinstance(statements, Lines):
            yield from statements.text(before)
        else:
            yield from (f"{before}{each}\n" for each in statements)


def _changed(plural: str, changes: Collection[Change]) -> Iterator[str]:
    if changes:
        yield f"   Modified {plural}: {len(changes)}\n"
        before = "      * "
        if isinstance(changes, Lines):
            yield from changes.text(before)
            return
        for change in changes:
            yield f"{before}{change.line}\n"
            if not change.in_line:
                yield from (line for part in change.parts for line in _part_lines(part))


def _part_lines(part: Part) -> Iterator[str]:
    if part.name:
        yield f"          {part.name}:\n"
    indent = " " * (10 + part.indent)
    for sign, values in (("+", part.added), ("-", part.removed)):
        for each in values:
            yield f"{indent}{sign} {each}\n"


def section_markdown(section: Section) -> Iterator[str]:
    """Yield the lines of a section as Markdown: a heading, and what differs as a ``diff`` that can be folded away."""
    if not section:
        return
    yield f"### {section.title}: {_counts(section).lower()}"
    yield ""
    yield "<details><summary>Show</summary>"
    yield ""
    yield "```diff"
    shown = lines = 0
    for each in _components(section):
        if lines >= _SHOWN_LINES:
            break
        yield from each
        shown += 1
        lines += len(each)
    count = len(section.added) + len(section.removed) + len(section.modified)
    if shown < count:
        yield f"# and {count - shown} more"
    yield "```"
    yield ""
    yield "</details>"
    yield ""


def _components(section: Section) -> Iterator[list[str]]:
    """Yield the lines of each component."""
    yield from ([f"+ {each}"] for each in section.added)
    yield from ([f"- {each}"] for each in section.removed)
    for change in section.modified:
        lines = [f"# {change.name}"]
        for part in change.parts:
            heading = f"{part.name}: " if part.name else ""
            lines += (f"+   {heading}{each}" for each in part.added)
            lines += (f"-   {heading}{each}" for each in part.removed)
        yield lines
