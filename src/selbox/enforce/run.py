"""Running a program tree in a box: everything from a policy and a command to an exit status and a report."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import NamedTuple

from selbox.avc.cache import AccessVectorCache
from selbox.diagnostics import SelboxError, did_you_mean
from selbox.enforce.box import Box
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.handlers import build_handlers
from selbox.enforce.labels import Labels
from selbox.enforce.launch import launch
from selbox.enforce.linux import PR_SET_CHILD_SUBREAPER, prctl
from selbox.enforce.memory import TaskMemory
from selbox.enforce.monitor import ReferenceMonitor
from selbox.enforce.openers import Openers
from selbox.enforce.paths import PathWalker
from selbox.enforce.recorder import Recorder, open_audit_file
from selbox.enforce.report import RunReport, make_report
from selbox.enforce.seccomp.listener import Listener
from selbox.enforce.supervisor import BLOCKED, Supervisor
from selbox.enforce.tasks import TaskState, TaskTable
from selbox.enforce.workers import WAKE_SIGNAL, Workers
from selbox.model.context import Context
from selbox.model.mls import LevelRange
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer
from selbox.store.labels import LabelStore
from selbox.store.pathlabels import PathLabels


class RunOptions(NamedTuple):
    """What to run, and how.

    Attributes:
        command: the program and its arguments.
        context: context of the first program; it needs no transition rule.
        domain: type of the first program, where user, role and level may be those of the initial SID ``kernel``.
            With neither, the first program starts from that SID by the policy's own transition.
        enforcing: whether denials are enforced, or recorded only.
        audit: file that audit records are appended to; ``-`` is standard error; None for none.
        labels: ``PATH=CONTEXT`` as the user wrote them.
        label_store: file that keeps labels from one box to the next; None keeps them with the box.
        environment: the program's environment; None is the supervisor's own.
    """

    command: tuple[str, ...]
    context: str | None = None
    domain: str | None = None
    enforcing: bool = True
    audit: str | None = None
    labels: tuple[str, ...] = ()
    label_store: str | None = None
    environment: Mapping[str, str] | None = None


def run_box(policy: Policy, options: RunOptions) -> RunReport:
    """Run a program tree under a policy until its first process ends; whatever is left of it is ended then.

    The calling process becomes the supervisor: it must be single-threaded, and it reaps every child it has. One box
    runs in a process at a time.

    Args:
        policy: the policy.
        options: the rest.

    Raises:
        SelboxError: before anything is started: ``program-not-found``, ``invalid-context``, ``unknown-domain``,
            ``missing-initial-sid``, ``missing-class``, ``audit-unwritable``, ``enforcement-unavailable``.
    """
    environment = os.environ if options.environment is None else options.environment
    program = find_program(options.command[0], environment.get("PATH", os.defpath))
    require(policy)
    server = SecurityServer(policy, enforcing=options.enforcing)
    kernel = server.initial_sid("kernel")
    initial = _initial_sid(server, options)
    path_labels = PathLabels.parse(options.labels, os.getcwd())
    for context in path_labels.contexts():
        server.context_to_sid(context)
    with ExitStack() as stack:
        recorder = Recorder(server, _audit_writer(options.audit, stack))
        monitor = ReferenceMonitor(server, AccessVectorCache(server), recorder.record)
        store = LabelStore(options.label_store)
        stack.callback(store.close)
        tasks = TaskTable()
        labels = Labels(server, tasks, store, path_labels)
        _become_supervisor(stack)
        start = TaskState(sid=kernel, previous=kernel, is_launcher=True)
        first, descriptor = launch(options.command, program, environment, tasks.limit_for(start))
        stack.callback(os.close, descriptor)
        box = _make_box(server, monitor, recorder, Listener(descriptor), tasks, labels, stack)
        handlers = build_handlers(box, Workers(box.listener), initial)
        supervisor = Supervisor(box, first, handlers.by_number, handlers.execution)
        handlers.attach(supervisor)
        try:
            status = supervisor.run()
        finally:
            supervisor.finish()
        return make_report(recorder, status, monitor.cache.statistics)


def _become_supervisor(stack: ExitStack) -> None:
    """Take over orphans, and read signals instead of being interrupted by them, until the stack is unwound."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    stack.callback(prctl, PR_SET_CHILD_SUBREAPER, 0)
    stack.callback(signal.signal, WAKE_SIGNAL, signal.signal(WAKE_SIGNAL, lambda *_: None))
    stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED))


def _make_box(
    server: SecurityServer,
    monitor: ReferenceMonitor,
    recorder: Recorder,
    listener: Listener,
    tasks: TaskTable,
    labels: Labels,
    stack: ExitStack,
) -> Box:
    descriptors = Descriptors()
    walker = PathWalker(descriptors, labels, monitor)
    stack.callback(walker.close)
    memory = TaskMemory()
    stack.callback(memory.close)
    return Box(server, monitor, recorder, listener, tasks, memory, descriptors, labels, walker, Openers())


def find_program(name: str, search_path: str) -> str:
    """Return the absolute path of a program, as a shell would find it.

    Raises:
        SelboxError: ``program-not-found``.
    """
    directories = [""] if "/" in name else [f"{each or '.'}/" for each in search_path.split(os.pathsep)]
    for directory in directories:
        path = os.path.abspath(directory + name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    if "/" in name and os.path.exists(name):
        message = f"`{name}` is not a program that may be run"
    else:
        message = f"there is no program `{name}`" + ("" if "/" in name else " on PATH")
    raise SelboxError.of("program-not-found", message, help="give its path, or check its spelling and permissions")


REQUIRED_CLASSES = ("process", "file", "dir", "fd", "lnk_file", "fifo_file", "chr_file", "sock_file")
"""Classes without which a policy cannot say anything about running programs."""


def require(policy: Policy) -> None:
    """Check that a policy can be enforced at all.

    Raises:
        SelboxError: ``missing-class``, naming every class that it lacks.
    """
    missing = [name for name in REQUIRED_CLASSES if name not in policy.class_ids]
    if missing:
        raise SelboxError.of(
            "missing-class",
            f"the policy defines no class {', '.join(f'`{name}`' for name in missing)}",
            help="leave out --no-base to take the classes of the base policy",
        )


def _initial_sid(server: SecurityServer, options: RunOptions) -> int | None:
    if options.context is not None:
        return server.context_to_sid(options.context)
    if options.domain is not None:
        return server.sid_for(domain_context(server, options.domain))
    return None


def domain_context(server: SecurityServer, domain: str) -> Context:
    """Return a valid context with a domain's type: the initial SID kernel's user, role and low level where they fit.

    Raises:
        SelboxError: ``unknown-domain``, for a type that does not exist or that no user and role may have.
    """
    policy = server.policy
    type_id = policy.type_ids.get(domain)
    if type_id is None or policy.types[type_id].is_attribute:
        names = [each.name for each in policy.types if not each.is_attribute]
        raise SelboxError.of("unknown-domain", f"the policy has no type `{domain}`", help=did_you_mean(domain, names))
    kernel = server.context_of(server.initial_sid("kernel"))
    roles = [index for index, role in enumerate(policy.roles) if index and role.types >> type_id & 1]
    for role in sorted(roles, key=lambda each: each != kernel.role):
        users = [index for index, user in enumerate(policy.users) if user.roles >> role & 1]
        for user in sorted(users, key=lambda each: each != kernel.user):
            low = kernel.range.low if user == kernel.user else policy.users[user].range.low
            return Context(user, role, type_id, LevelRange(low, low))
    raise SelboxError.of(
        "unknown-domain",
        f"no user and role of the policy may have the type `{domain}`",
        help=f"add `(roletype {policy.roles[kernel.role].name} {domain})`",
    )


def _audit_writer(path: str | None, stack: ExitStack) -> Callable[[str], None] | None:
    if path is None:
        return None
    if path == "-":
        return lambda line: print(line, file=sys.stderr, flush=True)
    try:
        stream = stack.enter_context(open_audit_file(path))
    except OSError as error:
        raise SelboxError.of(
            "audit-unwritable", f"cannot write the audit file `{path}`: {error.strerror}", help="name another file"
        ) from None
    return lambda line: print(line, file=stream)
