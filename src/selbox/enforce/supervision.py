"""From a launched process to the end of its box: everything that answers its calls is put together here."""

import os
from collections.abc import Callable
from contextlib import ExitStack

from selbox.avc.cache import AccessVectorCache
from selbox.enforce.box import Box
from selbox.enforce.bpflabels import BpfLabels
from selbox.enforce.callrecords import CallRecords
from selbox.enforce.control import Control
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.handlers import build_handlers
from selbox.enforce.labels import Labels
from selbox.enforce.leads import Leads
from selbox.enforce.memory import TaskMemory
from selbox.enforce.monitor import ReferenceMonitor
from selbox.enforce.mountwatch import MountWatch
from selbox.enforce.openers import Openers
from selbox.enforce.ownimports import importing_as_oneself
from selbox.enforce.paths import PathWalker
from selbox.enforce.pidfds import Pidfds
from selbox.enforce.privileges import Privileges
from selbox.enforce.recorder import Denial, Recorder
from selbox.enforce.redirections import Redirections
from selbox.enforce.report import RunReport, make_report, not_started
from selbox.enforce.seccomp.listener import Listener
from selbox.enforce.seccomp.part import FilterSettings
from selbox.enforce.socketlabels import SocketLabels
from selbox.enforce.supervisor import Supervisor
from selbox.enforce.tasks import TaskTable
from selbox.enforce.traces import Traces
from selbox.enforce.waits import Waits
from selbox.enforce.watchdog import Watchdog
from selbox.enforce.workers import Workers
from selbox.server.securityserver import SecurityServer
from selbox.store.labels import LabelStore
from selbox.store.pathlabels import PathLabels
from selbox.store.selinuxroot import SelinuxRoot


def supervise(
    server: SecurityServer,
    tasks: TaskTable,
    store: LabelStore,
    path_labels: PathLabels,
    write: Callable[[str], None] | None,
    initial_sid: int | None,
    first: int,
    descriptor: int,
    settings: FilterSettings,
    control: Control | None,
    selinux_root: SelinuxRoot | None,
    audit_log: str | None,
    watchdog: Watchdog,
    watcher: "Callable[[Denial], None] | None",
    mounts_are_own: bool,
    kept_places: tuple[str, ...],
) -> RunReport:
    """Answer a box's calls until its first process has ended, end what is left, and report.

    Args:
        server: decides.
        tasks: holds the state that the first process was launched with.
        store: keeps labels.
        path_labels: the user's own.
        write: takes audit records; None when nobody wants them.
        initial_sid: of the first program; None for the policy's own transition.
        first: pid of the first process.
        descriptor: of the listener; stays the caller's.
        settings: what the filter was built from.
        control: where the box's owner asks; None for a box that answers nobody.
        selinux_root: what stands for ``/etc/selinux``; None for what the policy itself can tell.
        audit_log: path of the file that ``write`` writes to; None for no file.
        watchdog: ends the box when this process does not live to.
        watcher: is told of each denial.
        mounts_are_own: whether what the box mounts appears nowhere else.
        kept_places: paths that the supervisor needs, beside those that every supervisor does.

    Raises:
        SelboxError: ``first-program-denied``, ``program-not-run``, ``file-context-pattern``.
    """
    recorder = Recorder(server, write)
    if watcher is not None:
        recorder.watchers.append(watcher)
    server.add_reporter(recorder.report)
    monitor = ReferenceMonitor(server, AccessVectorCache(server), recorder.record)
    labels = Labels(server, tasks, store, path_labels)
    descriptors, memory, pidfds = Descriptors(), TaskMemory(), Pidfds()
    listener = Listener(descriptor, memory.numbers_last)
    if audit_log is not None:
        recorder.calls = CallRecords(listener, tasks, server.sid_to_context, recorder.write)
    with ExitStack() as stack:
        stack.enter_context(importing_as_oneself())
        stack.callback(memory.close)
        stack.callback(pidfds.close)
        stack.callback(labels.proc_mounts.close)
        stack.callback(tasks.close)
        walker = PathWalker(descriptors, labels, monitor, Privileges(monitor))
        stack.callback(walker.close)
        waits = Waits(listener, descriptors)
        stack.callback(waits.close)
        box = Box(
            server,
            monitor,
            recorder,
            listener,
            tasks,
            Traces(),
            memory,
            pidfds,
            descriptors,
            labels,
            walker,
            Openers(),
            SocketLabels(tasks),
            BpfLabels(),
            Workers(listener),
            waits,
            Leads(listener, memory),
            Redirections(settings.transactions),
            settings,
            selinux_root,
            audit_log,
            watchdog,
            server.enforcing,
            mounts_are_own,
            kept_places,
        )
        handlers = build_handlers(box, initial_sid)
        supervisor = Supervisor(box, first, handlers.by_number, handlers.shortcuts, handlers.execution.under_way)
        handlers.selinux_paths.attach(supervisor)
        box.traces.attach(supervisor)
        supervisor.watch(waits.descriptor, waits.take)
        if mounts_are_own:
            watch = MountWatch(box)
            stack.callback(watch.close)
            supervisor.watch_mounts(watch.descriptor, watch.take)
        if control is not None:
            control.attach(box, supervisor.watch)
        try:
            status = supervisor.run()
        finally:
            supervisor.finish()
    if not handlers.execution.under_way.started and os.WIFEXITED(status):
        if recorder.broken_labels:
            raise next(iter(recorder.broken_labels.values()))
        raise not_started(recorder.denials(), handlers.execution.refused, os.WEXITSTATUS(status))
    return make_report(recorder, monitor, status)
