"""The ledger of what selbox does otherwise than the kernel: a file for each scenario, with the reason."""

import json
import tomllib
from pathlib import Path
from typing import NamedTuple

from tests.judge.outcome import Outcome, differences

DIRECTORY = Path(__file__).parent / "expected_differences"


class Entry(NamedTuple):
    """A difference.

    Attributes:
        reason: why it is there.
        kernel: the lines that only the kernel has.
        selbox: the lines that only selbox has.
    """

    reason: str
    kernel: list[str]
    selbox: list[str]

    def is_difference(self) -> bool:
        """Tell whether anything differs."""
        return bool(self.kernel or self.selbox)

    def to_text(self) -> str:
        """Return what its file holds."""
        lists = [
            f"{side} = {json.dumps(lines, indent=2, ensure_ascii=False)}\n"
            for side, lines in (("kernel", self.kernel), ("selbox", self.selbox))
        ]
        return "".join([f"reason = {json.dumps(self.reason, ensure_ascii=False)}\n", *lists])


NONE = Entry("", [], [])


def path_of(name: str) -> Path:
    """Return the file of a scenario's entry."""
    return DIRECTORY / f"{name}.toml"


def read(name: str) -> Entry:
    """Return the entry of a scenario; one without difference where there is none."""
    path = path_of(name)
    return Entry(**tomllib.loads(path.read_text())) if path.exists() else NONE


def write(name: str, entry: Entry) -> None:
    """Write the entry of a scenario; remove it when nothing differs."""
    if entry.is_difference():
        path_of(name).write_text(entry.to_text())
    else:
        path_of(name).unlink(missing_ok=True)


def found(kernel: Outcome, selbox: Outcome, reason: str) -> Entry:
    """Return the entry that would be true."""
    return Entry(reason, *differences(kernel, selbox))
