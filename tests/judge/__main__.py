"""``python -m tests.judge [NAME…]`` performs scenarios under selbox and shows what came of them.

``python -m tests.judge --expect REASON [NAME…]`` writes what differs from the kernel into the ledger, with this reason;
with an empty one, with the reason that stands there. Entries of what differs no longer are removed.
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from tests.judge import ledger, scenariopolicy  # noqa: E402 - after the path to tools
from tests.judge.outcome import Outcome, read_recording  # noqa: E402
from tests.judge.selboxrun import perform  # noqa: E402


def show(name: str, outcome: Outcome) -> None:
    """Print what came of a scenario."""
    print(name)
    for line in outcome.lines():
        print(f"  {line}")


def expect(name: str, outcome: Outcome, reason: str) -> None:
    """Write what differs into the ledger."""
    entry = ledger.found(read_recording(name)[1], outcome, reason or ledger.read(name).reason)
    ledger.write(name, entry)
    if entry.is_difference():
        print(f"{name} differs: {entry.reason or 'it has no reason yet'}")


def main(words: list[str]) -> None:
    """Perform scenarios."""
    reason = words[1] if words[:1] == ["--expect"] else None
    names = words if reason is None else words[2:]
    with tempfile.TemporaryDirectory(prefix="judge-") as directory:
        outcomes = perform(Path(directory), names or scenariopolicy.names())
    for name, outcome in outcomes.items():
        if reason is None:
            show(name, outcome)
        else:
            expect(name, outcome, reason)


if __name__ == "__main__":
    main(sys.argv[1:])
