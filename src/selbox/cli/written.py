"""The result of commands that write files and say nothing when all is well, as the programs of their names do."""

from collections.abc import Mapping

from selbox.cli.notices import notices, warning_values
from selbox.cli.output import JsonValue
from selbox.cli.terminal import Terminal
from selbox.diagnostics import Diagnostic
from selbox.typing import NamedTuple


class Written(NamedTuple):
    """What was written.

    Attributes:
        values: paths and what else a program reads about them.
        warnings: what was noticed.
        verbose: whether people are shown all of it.
    """

    values: Mapping[str, JsonValue]
    warnings: tuple[Diagnostic, ...]
    verbose: bool = True

    @property
    def exit_status(self) -> int:
        """0: what could not be written is no result."""
        return 0

    @property
    def notices(self) -> tuple[Diagnostic, ...]:
        """The warnings that are shown."""
        return notices(self.warnings, verbose=self.verbose)

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return nothing."""
        return ""

    def to_json(self) -> JsonValue:
        """Return the values, and ``warnings``."""
        return {**self.values, "warnings": warning_values(self.warnings)}
