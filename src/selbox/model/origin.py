"""Where a rule was written."""

from typing import NamedTuple


class Origin(NamedTuple):
    """A place in the policy's source: file name, line and column, both from 1."""

    file: str
    line: int
    column: int

    @property
    def place(self) -> str:
        """``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"
