"""What can be done under one of two policies alone, as text and as Markdown, with what a reviewer should look at."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from selbox.analysis.differences.grants import Grant, GrantDifferences
from selbox.analysis.perils import Perils
from selbox.typing import Final

_NAMES: Final = 6
"""Types of a list that are named before the others are counted."""

_SOURCES: Final = 3
"""Types that are named of those that gain the same perilous access."""

_PERILS: Final = 40
"""Things to look at that are shown before the others are counted."""

_PAIRS: Final = 20_000
"""Pairs of types that are looked through for what is perilous."""

_DOMAINS: Final = 10
_GRANTS: Final = 100
"""Domains that gain the most, and grants, that Markdown shows."""


class Review:
    """What a reviewer should know about the differences.

    Args:
        found: the differences.
        perils: of the right policy.
    """

    def __init__(self, found: GrantDifferences, perils: Perils) -> None:
        self._found = found
        self._perils = perils

    def summary(self) -> Iterator[str]:
        """Yield a line for each thing of note, the weightiest first."""
        found = self._found
        for each in found.permissive:
            yield f"`{each}` is permissive now: nothing is denied to it"
        for each in found.enforced:
            yield f"`{each}` is not permissive any more: what it is denied is denied"
        for source, target in found.transitions_gained:
            yield f"a process can go on from `{source}` to `{target}`"
        for source, target in found.transitions_lost:
            yield f"a process cannot go on from `{source}` to `{target}` any more"
        for grants, one, several in ((found.gained, "gains", "gain"), (found.lost, "loses", "lose")):
            pairs = _pairs(grants)
            if pairs:
                words = f"1 pair of types {one}" if pairs == 1 else f"{pairs} pairs of types {several}"
                yield f"{words} access: {_most(grants)}"

    def perils(self) -> list[str]:
        """Return what of the access that is gained should not be granted without a thought, a line for each."""
        sources: dict[tuple[str, str], list[str]] = {}
        pairs = (
            (source, target, grant)
            for grant in self._found.gained
            for source in grant.sources
            for target in grant.targets
        )
        for source, target, grant in islice(pairs, _PAIRS):
            for words in self._perils.of(source, target, grant.object_class, grant.permissions):
                sources.setdefault((f"{target}:{grant.object_class}", words), []).append(source)
        lines = []
        for (onto, words), names in sources.items():
            named = ", ".join(f"`{each}`" for each in names[:_SOURCES])
            lines.append(f"{named}{_others(len(names) - _SOURCES)} on `{onto}`: {words}")
        return lines


def _pairs(grants: Sequence[Grant]) -> int:
    return sum(len(each.sources) * len(each.targets) for each in grants)


def _most(grants: Sequence[Grant]) -> str:
    counts: Counter[str] = Counter()
    for each in grants:
        for source in each.sources:
            counts[source] += len(each.targets)
    named = ", ".join(f"`{name}` {count}" for name, count in sorted(counts.items(), key=_by_count)[:_DOMAINS])
    return f"{named}{_others(len(counts) - _DOMAINS)}"


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _others(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{{ {' '.join(names[:_NAMES])}{_others(len(names) - _NAMES)} }}"


def grant_line(grant: Grant) -> str:
    """Return what is granted in a line, long lists of types cut short."""
    start = f"{_listed(grant.sources)} {_listed(grant.targets)}:{grant.object_class}"
    permissions = grant.permissions
    return f"{start} {permissions[0] if len(permissions) == 1 else f'{{ {chr(32).join(permissions)} }}'}"


def grants_text(found: GrantDifferences, review: Review) -> Iterator[str]:
    """Yield the differences as text."""
    yield f"Access ({_pairs(found.gained)} Gained, {_pairs(found.lost)} Lost)"
    for each in review.summary():
        yield f"   {each.replace('`', '')}"
    perils = review.perils()
    if perils:
        yield f"   To be looked at: {len(perils)}"
        yield from (f"      ! {each.replace('`', '')}" for each in perils[:_PERILS])
        if len(perils) > _PERILS:
            yield f"      and {len(perils) - _PERILS} more"
    for words, sign, grants in (("Gained", "+", found.gained), ("Lost", "-", found.lost)):
        if grants:
            yield f"   {words}: {len(grants)}"
            yield from (f"      {sign} {grant_line(each)}" for each in grants)
    yield ""


def grants_markdown(found: GrantDifferences, review: Review) -> Iterator[str]:
    """Yield the differences as Markdown."""
    yield "### What can now be done that could not, and the other way round"
    yield ""
    summary = list(review.summary())
    yield from (f"* {each}" for each in summary or ["the same can be done"])
    yield ""
    perils = review.perils()
    if perils:
        yield f"**To be looked at** ({len(perils)}):"
        yield ""
        yield from (f"* {each}" for each in perils[:_PERILS])
        if len(perils) > _PERILS:
            yield f"* and {len(perils) - _PERILS} more"
        yield ""
    lines = [
        f"{sign} {grant_line(each)}" for sign, grants in (("+", found.gained), ("-", found.lost)) for each in grants
    ]
    if lines:
        yield "<details><summary>All of it</summary>"
        yield ""
        yield "```diff"
        yield from lines[:_GRANTS]
        if len(lines) > _GRANTS:
            yield f"# and {len(lines) - _GRANTS} lines more"
        yield "```"
        yield ""
        yield "</details>"
        yield ""
