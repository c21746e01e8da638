"""Draws outcomes as a ledger: a page for each world, on it an entry for each try."""

from collections.abc import Iterator, Sequence

from rich.box import ROUNDED
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text
from story import FRIEND, WORLDS, Outcome, Verdict, World

_STYLES = {
    Verdict.TAKEN: "bold black on yellow",
    Verdict.RECORDED: "bold black on dark_orange",
    Verdict.DENIED: "bold white on red",
    Verdict.LOST: "bold white on magenta",
}
_WELCOME = "bold black on green"
_LABEL_COLUMNS = 36


def _label(context: str) -> Text:
    """Write a context with its type, which decides in this story, in bold."""
    if not context:
        return Text("no label", style="dim")
    user, role, kind, *level = context.split(":", 3)
    rest = "".join(f":{each}" for each in level)
    return Text.assemble((f"{user}:{role}:", "dim"), (kind, "bold cyan"), (rest, "dim"))


def _verdict(outcome: Outcome) -> Text:
    is_welcome = outcome.verdict is Verdict.TAKEN and outcome.scene.world.enforcing
    return Text(f" {outcome.verdict.value.upper()} ", style=_WELCOME if is_welcome else _STYLES[outcome.verdict])


def _entry(outcome: Outcome) -> Iterator[RenderableType]:
    """Write who tried what, with the labels of both, the verdict, and what policy and the audit say."""
    scene = outcome.scene
    head = Table.grid(padding=(0, 2, 0, 0))
    head.add_column(min_width=len(FRIEND.context))
    head.add_column(min_width=_LABEL_COLUMNS)
    head.add_row(Text(f"the {scene.guest.name}", "bold"), Text(f"the vault's {scene.channel.name}", "bold"))
    head.add_row(_label(outcome.guest_label), _label(outcome.object_label))
    yield head
    yield Text.assemble(_verdict(outcome), " ", _explanation(outcome))
    for line in outcome.because:
        yield Text(line, style="red")
    for line in outcome.records:
        yield Text(line, style="dim")
    if not outcome.is_expected:
        yield Text(f"The story goes otherwise: {scene.expected.value}.", style="bold reverse red")


def _explanation(outcome: Outcome) -> str:
    if outcome.error:
        return outcome.error
    if outcome.scene.world.enforcing is None:
        return "mode 0666: everyone may read and write"
    return "what policy lacks, and the audit records:" if outcome.because else "policy allows it"


def draw_world(number: int, world: World, outcomes: Sequence[Outcome]) -> Panel:
    """Draw one world's page."""
    lines: list[RenderableType] = [Text(world.moral, style="italic")]
    for each in outcomes:
        lines += [Rule(style="dim"), *_entry(each)]
    return Panel(Group(*lines), title=Text(f"{number}. {world.title}", "bold cyan"), box=ROUNDED, border_style="cyan")


def draw_ledger(outcomes: Sequence[Outcome], how: str) -> Group:
    """Draw the whole ledger.

    Args:
        outcomes: what came of the scenes.
        how: one line on how they were played; it comes first.
    """
    parts: list[RenderableType] = [Text(how)]
    for number, world in enumerate(WORLDS, 1):
        parts.append(draw_world(number, world, [each for each in outcomes if each.scene.world == world]))
    right = sum(each.is_expected for each in outcomes)
    style = "bold green" if right == len(outcomes) else "bold red"
    parts.append(Text(f"{right} of {len(outcomes)} verdicts are as expected.", style=style))
    return Group(*parts)
