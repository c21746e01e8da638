"""What the handlers of a box share."""

from selbox.enforce.bpflabels import BpfLabels
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.labels import Labels
from selbox.enforce.leads import Leads
from selbox.enforce.memory import TaskMemory
from selbox.enforce.monitor import ReferenceMonitor
from selbox.enforce.openers import Openers
from selbox.enforce.paths import PathWalker
from selbox.enforce.pidfds import Pidfds
from selbox.enforce.recorder import Recorder
from selbox.enforce.redirections import Redirections
from selbox.enforce.seccomp.listener import Listener
from selbox.enforce.seccomp.part import FilterSettings
from selbox.enforce.socketlabels import SocketLabels
from selbox.enforce.tasks import TaskTable
from selbox.enforce.traces import Traces
from selbox.enforce.waits import Waits
from selbox.enforce.watchdog import Watchdog
from selbox.enforce.workers import Workers
from selbox.server.securityserver import SecurityServer
from selbox.store.selinuxroot import SelinuxRoot
from selbox.typing import NamedTuple


class Box(NamedTuple):
    """One running box.

    Attributes:
        server: decides.
        monitor: asks, records and refuses.
        recorder: writes records and counts them.
        listener: the calls.
        tasks: states of tasks.
        traces: who traces whom.
        memory: what tasks point at.
        pidfds: stand for tasks.
        descriptors: those of the call being handled.
        labels: labels of files.
        walker: paths to objects.
        openers: who opened what.
        socket_labels: labels of sockets.
        bpf_labels: those of BPF maps and programs.
        workers: run what may block.
        waits: callers that wait for sockets.
        leads: tasks that are led to other calls.
        redirections: tasks that have moved files which answer writes.
        settings: what the filter was built from.
        selinux_root: what stands for ``/etc/selinux``; None for what the policy itself can tell.
        watchdog: ends the box with the supervisor.
        audit_log: the file that the audit records go to; None for none.
        started_enforcing: whether the box was started enforcing.
        mounts_are_own: whether what the box mounts appears nowhere else.
        kept_places: paths that the supervisor needs, beside those that every supervisor does.
    """

    server: SecurityServer
    monitor: ReferenceMonitor
    recorder: Recorder
    listener: Listener
    tasks: TaskTable
    traces: Traces
    memory: TaskMemory
    pidfds: Pidfds
    descriptors: Descriptors
    labels: Labels
    walker: PathWalker
    openers: Openers
    socket_labels: SocketLabels
    bpf_labels: BpfLabels
    workers: Workers
    waits: Waits
    leads: Leads
    redirections: Redirections
    settings: FilterSettings
    selinux_root: SelinuxRoot | None
    audit_log: str | None
    watchdog: Watchdog
    started_enforcing: bool
    mounts_are_own: bool
    kept_places: tuple[str, ...]
