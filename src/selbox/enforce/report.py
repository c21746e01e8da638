"""What is told when a box has ended."""

import os

from selbox.diagnostics import SelboxError
from selbox.enforce.monitor import AccessDenied
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from selbox.audit.summary import SummaryRow
    from selbox.avc.cache import Statistics
    from selbox.enforce.monitor import ReferenceMonitor
    from selbox.enforce.recorder import Recorder


class RunReport(NamedTuple):
    """The end of a box.

    Attributes:
        exit_status: what a shell would see: the program's own, or 128 and the signal that ended it.
        denials: most frequent first.
        hidden: how many more times something was denied that ``dontaudit`` rules leave unrecorded.
        intruders: programs killed because another file ran than the one that was decided about.
        hindrances: what the machine or file contexts refused to the supervisor: calls failed, or records were lost.
        faults: errors of selbox itself, whose calls failed with EIO, with how often each was met.
        cache: what the access vector cache did.
    """

    exit_status: int
    denials: "tuple[SummaryRow, ...]"
    hidden: int
    intruders: tuple[str, ...]
    hindrances: tuple[str, ...]
    faults: tuple[tuple[str, int], ...]
    cache: "Statistics"


def make_report(recorder: "Recorder", monitor: "ReferenceMonitor", wait_status: int) -> RunReport:
    """Sum up a box from its records, its decisions and the wait status of its first process."""
    code = os.waitstatus_to_exitcode(wait_status)
    status = 128 - code if code < 0 else code
    return RunReport(
        status,
        recorder.denials(),
        monitor.hidden,
        tuple(recorder.intruders),
        (*recorder.hindrances, *recorder.broken_labels, *recorder.losses()),
        tuple(recorder.faults.items()),
        monitor.cache.statistics,
    )


def not_started(denials: "tuple[SummaryRow, ...]", refused: OSError | None, number: int) -> SelboxError:
    """Return the error of a box whose first program never ran.

    Args:
        denials: what policy denied.
        refused: why the supervisor refused to run it; None where the kernel did.
        number: the errno with which its exec failed.
    """
    if isinstance(refused, AccessDenied):
        what = "; ".join(f"{row.tclass} {{ {' '.join(row.permissions)} }} of {row.tcontext}" for row in denials)
        reasons = "; ".join(reason for row in denials for reason in row.reasons)
        return SelboxError.of(
            "first-program-denied",
            f"the policy denies the first program: {what or 'by a rule that has nothing recorded'}; nothing was run",
            help=reasons or "see with --disable-dontaudit what the rule is about, or give it another domain",
        )
    words = os.strerror((refused.errno if refused is not None else number) or number)
    return SelboxError.of(
        "program-not-run",
        f"the program cannot be run: {words}",
        help="run it without selbox; where that works, see with --permissive what it needs",
    )
