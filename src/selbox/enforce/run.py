"""Running a program tree in a box: everything from a policy and a command to an exit status and a report."""

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from types import MappingProxyType

from selbox.diagnostics import SelboxError
from selbox.enforce.control import Control
from selbox.enforce.domains import domain_context, init_sid, written_sid
from selbox.enforce.launch import launch, transaction_range
from selbox.enforce.linux import PR_SET_CHILD_SUBREAPER, prctl
from selbox.enforce.needless import needless_calls
from selbox.enforce.ownmounts import have_own_mounts
from selbox.enforce.precedence import take_precedence
from selbox.enforce.report import RunReport
from selbox.enforce.seccomp.part import FilterSettings
from selbox.enforce.signals import BLOCKED, WAKE_SIGNAL, Inherited
from selbox.enforce.tasks import TaskState, TaskTable
from selbox.enforce.watchdog import Watchdog
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer
from selbox.store.labels import LabelStore
from selbox.store.pathlabels import PathLabels
from selbox.store.selinuxroot import SelinuxRoot
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from selbox.enforce.recorder import Denial


class RunOptions(NamedTuple):
    """What to run, and how.

    Attributes:
        command: the program and its arguments.
        context: context of the first program; it needs no transition rule.
        domain: type of the first program, where user, role and level may be those of the initial SID ``kernel``.
        starter: context from which the first program starts, by the policy's own transition.
        as_init: start it so from the domain in which the policy runs init.
            With none of these four, it starts so from the initial SID ``kernel``.
        enforcing: whether denials are enforced, or recorded only.
        booleans: values of booleans, by name; the others have those of the policy.
        audit: file that audit records are appended to; ``-`` is standard error; None for none.
        labels: ``PATH=CONTEXT`` as the user wrote them.
        label_store: file that keeps labels from one box to the next; None keeps them with the box.
        environment: the program's environment; None is the supervisor's own.
        name: by which the box is asked and told things while it runs; empty for none but the supervisor's number.
        selinux_root: what programs find at ``/etc/selinux``; None for what the policy itself can tell.
        watcher: called with each denial; neither waits nor fails.
    """

    command: tuple[str, ...]
    context: str | None = None
    domain: str | None = None
    starter: str | None = None
    as_init: bool = False
    enforcing: bool = True
    booleans: Mapping[str, bool] = MappingProxyType({})
    audit: str | None = None
    labels: tuple[str, ...] = ()
    label_store: str | None = None
    environment: Mapping[str, str] | None = None
    name: str = ""
    selinux_root: SelinuxRoot | None = None
    watcher: "Callable[[Denial], None] | None" = None


def run_box(policy: Policy, options: RunOptions) -> RunReport:
    """Run a program tree under a policy until its first process ends; whatever is left of it is ended then.

    The calling process becomes the supervisor: it must be single-threaded, and it reaps every child it has. One box
    runs in a process at a time.

    Args:
        policy: the policy.
        options: the rest.

    Raises:
        SelboxError: before anything is started: ``program-not-found``, ``invalid-context``, ``unknown-domain``,
            ``no-init-domain``, ``unknown-boolean``, ``missing-initial-sid``, ``missing-class``,
            ``audit-unwritable``, ``enforcement-unavailable``, ``first-program-denied``, ``program-not-run``.
    """
    environment = os.environ if options.environment is None else options.environment
    program = find_program(options.command[0], environment.get("PATH", os.defpath))
    server = SecurityServer(policy, enforcing=options.enforcing)
    require(server)
    if options.booleans:
        server.set_booleans(options.booleans)
    initial = _initial_sid(server, options)
    starter = _starter_sid(server, options)
    path_labels = PathLabels.parse(options.labels, os.getcwd())
    for context in path_labels.contexts():
        written_sid(server, context)
    with ExitStack() as stack:
        write = _audit_writer(options.audit, stack)
        store = LabelStore(options.label_store)
        stack.callback(store.close)
        tasks = TaskTable()
        start = TaskState(sid=starter, previous=starter, is_launcher=True)
        inherited = Inherited.of_this_process()
        _become_supervisor(stack)
        mounts_are_own = have_own_mounts(stack)
        needless = needless_calls(server, (starter if initial is None else initial,))
        settings = FilterSettings(transaction_range(), needless)
        launched = launch(options.command, program, environment, tasks.limit_for(start), settings, inherited)
        # Imported while the first process makes its filter, which takes about as long.
        from selbox.enforce.supervision import supervise

        descriptor = launched.listener()
        stack.callback(os.close, descriptor)
        watchdog = Watchdog(tasks.numbers, descriptor)
        stack.callback(watchdog.stop)
        _raise_limits(stack)
        take_precedence(stack)
        control = Control.open(options.name, options.command, os.environ)
        if control is not None:
            stack.callback(control.close)
        return supervise(
            server,
            tasks,
            store,
            path_labels,
            write,
            initial,
            launched.pid,
            descriptor,
            settings,
            control,
            options.selinux_root,
            None if options.audit in (None, "-") else os.path.abspath(options.audit),
            watchdog,
            options.watcher,
            mounts_are_own,
            () if options.label_store is None else (os.path.abspath(options.label_store),),
        )


def _become_supervisor(stack: ExitStack) -> None:
    """Take over orphans, and read signals instead of being interrupted by them, until the stack is unwound.

    Whoever started it may ignore SIGCHLD: then the kernel would keep from it how the program ended.
    """
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    stack.callback(prctl, PR_SET_CHILD_SUBREAPER, 0)
    stack.callback(signal.signal, signal.SIGCHLD, signal.signal(signal.SIGCHLD, signal.SIG_DFL))
    stack.callback(signal.signal, WAKE_SIGNAL, signal.signal(WAKE_SIGNAL, lambda *_: None))
    stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED))


def _raise_limits(stack: ExitStack) -> None:
    """Have as many descriptors as may be had, until the stack is unwound; those of the box are its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


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


REQUIRED_INITIAL_SIDS = ("kernel", "file", "unlabeled")
"""Initial SIDs that label what nothing else labels."""


def require(server: SecurityServer) -> None:
    """Check that a policy can be enforced at all.

    Raises:
        SelboxError: ``missing-class``, naming every class that it lacks; ``missing-initial-sid``.
    """
    missing = [name for name in REQUIRED_CLASSES if name not in server.policy.class_ids]
    if missing:
        raise SelboxError.of(
            "missing-class",
            f"the policy defines no class {', '.join(f'`{name}`' for name in missing)}",
            help="leave out --no-base to take the classes of the base policy",
        )
    for name in REQUIRED_INITIAL_SIDS:
        server.initial_sid(name)


def _initial_sid(server: SecurityServer, options: RunOptions) -> int | None:
    if options.context is not None:
        return written_sid(server, options.context)
    if options.domain is not None:
        return server.sid_for(domain_context(server, options.domain))
    return None


def _starter_sid(server: SecurityServer, options: RunOptions) -> int:
    """Return the SID from which the first program starts, where it is not told its own."""
    if options.starter is not None:
        return written_sid(server, options.starter)
    return init_sid(server) if options.as_init else server.initial_sid("kernel")


def _audit_writer(path: str | None, stack: ExitStack) -> Callable[[str], None] | None:
    if path is None:
        return None
    if path == "-":
        return lambda line: print(line, file=sys.stderr, flush=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SelboxError.of(
            "audit-unwritable", f"cannot write the audit file `{path}`: {error.strerror}", help="name another file"
        ) from None
    stack.callback(os.close, descriptor)
    return partial(_write_line, descriptor)


def _write_line(descriptor: int, line: str) -> None:
    """Write a line at once, so that nothing is lost when the supervisor is killed, and nothing is left to write later.

    Raises:
        OSError: when it cannot be written, or not all of it.
    """
    data = f"{line}\n".encode(errors="surrogateescape")
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
