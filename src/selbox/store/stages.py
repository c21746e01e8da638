"""What long work tells of itself."""

from selbox.typing import Protocol


class Stages(Protocol):
    """Is told what the work is at; the command line shows it to those who wait."""

    def stage(self, words: str) -> None:
        """Say what the work is at now, such as ``reading apache.pp``."""
        ...
