"""``selbox sesearch --effective``: what types may really do, as a result of the verb."""

from selbox.analysis.effective import EffectiveAccess, EffectiveAccessQuery, effective_table
from selbox.analysis.table import Table
from selbox.cli.output import JsonValue
from selbox.cli.searched import shown_notices, whole_policies
from selbox.cli.terminal import Terminal
from selbox.diagnostics import Diagnostic
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import Namespace


class EffectiveMatches(NamedTuple):
    """What was found in one policy."""

    policy: str
    accesses: tuple[EffectiveAccess, ...]


class EffectiveFound(NamedTuple):
    """What was found.

    Attributes:
        matches: by policy.
        notices: warnings about the policies.
    """

    matches: tuple[EffectiveMatches, ...]
    notices: tuple[Diagnostic, ...]

    @property
    def exit_status(self) -> int:
        """0 also when nothing was found."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return the accesses, a line each."""
        several = len(self.matches) > 1
        return "\n".join(
            f"{each.policy}: {access.text}" if several else access.text
            for each in self.matches
            for access in each.accesses
        )

    def to_json(self) -> JsonValue:
        """Return the accesses by policy, as :class:`selbox.analysis.effective.EffectiveAccess` names their parts."""
        return [{"policy": each.policy, "effective": [one._asdict() for one in each.accesses]} for each in self.matches]

    def to_table(self) -> Table:
        """Return the accesses as a table; the first column is the policy where there are several."""
        tables = [(each.policy, effective_table(each.accesses)) for each in self.matches]
        if len(tables) == 1:
            return tables[0][1]
        columns = ("policy", *tables[0][1].columns)
        return Table(columns, [(policy, *row) for policy, table in tables for row in table.rows])


def search_effective(arguments: "Namespace", query: EffectiveAccessQuery) -> EffectiveFound:
    """Ask about every policy.

    Raises:
        SelboxError: with what is wrong with the policies or the question.
    """
    wholes = whole_policies(arguments)
    matches = tuple(EffectiveMatches(each.name, tuple(query.results(each.policy))) for each in wholes)
    return EffectiveFound(matches, shown_notices(arguments, wholes))
