"""Draws outcomes as a programme: a page for each act, on it an entry for each wish."""

from collections.abc import Iterator, Sequence

from acts import ACTS, Act, Outcome, Verdict
from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

_STYLES = {
    Verdict.DONE: "bold black on green",
    Verdict.DENIED: "bold white on red",
    Verdict.UNKNOWN: "bold black on yellow",
    Verdict.FAILED: "bold white on magenta",
}


def _label(context: str) -> Text:
    """Write a context with its type and level, which decide in this story, in bold."""
    if not context:
        return Text("nobody knows", style="dim")
    user, role, kind, *level = context.split(":", 3)
    parts = [(f"{user}:{role}:", "dim"), (kind, "bold cyan"), *((f":{each}", "cyan") for each in level)]
    return Text.assemble(*parts)


def _wish(outcome: Outcome) -> str:
    wish = outcome.scene.wish
    message = f" “{wish['message']}”" if "message" in wish else ""
    return (
        f"{wish['do']}{message}"
        + {"create": " the queue ", "publish": " in ", "consume": " from "}[wish["do"]]
        + (f"`{wish['queue']}`")
    )


def _entry(outcome: Outcome) -> Iterator[RenderableType]:
    scene = outcome.scene
    yield Text.assemble((scene.who, "bold"), " wants to ", (_wish(outcome), "bold"), f": {scene.remark}")
    yield Text.assemble("  who asks    ", _label(outcome.you))
    if outcome.label:
        yield Text.assemble("  the queue   ", _label(outcome.label))
    verdict = outcome.verdict.value.partition(":")[0].upper()
    tail = f" “{scene.message}”" if scene.message and not outcome.error else f" {outcome.error}"
    yield Text.assemble("  ", Text(f" {verdict} ", style=_STYLES[outcome.verdict]), tail.rstrip())
    for line in outcome.because:
        yield Text(f"  {line}", style="red")
    if outcome.record:
        yield Text(f"  {outcome.record}", style="dim")
    if not outcome.is_expected:
        yield Text(f"  The story goes otherwise: {scene.expected.value}.", style="bold reverse red")


def draw_act(number: int, act: Act, outcomes: Sequence[Outcome]) -> Panel:
    """Draw one act's page."""
    lines: list[RenderableType] = [Text(act.moral, style="italic")]
    for each in outcomes:
        lines += [Rule(style="dim"), *_entry(each)]
    return Panel(Group(*lines), title=Text(f"{number}. {act.title}", "bold cyan"), box=ROUNDED, border_style="cyan")


def draw_programme(outcomes: Sequence[Outcome], how: str) -> Group:
    """Draw the whole programme.

    Args:
        outcomes: what came of the scenes.
        how: one line on how they were played; it comes first.
    """
    parts: list[RenderableType] = [Text(how)]
    for number, act in enumerate(ACTS, 1):
        parts.append(draw_act(number, act, [each for each in outcomes if each.scene in act.scenes]))
    right = sum(each.is_expected for each in outcomes)
    style = "bold green" if right == len(outcomes) else "bold red"
    parts.append(Text(f"{right} of {len(outcomes)} verdicts are as expected.", style=style))
    return Group(*parts)
