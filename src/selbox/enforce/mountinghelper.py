"""Making file systems that belong to a task's own namespaces: its processes (``proc``), its terminals (``devpts``).

The kernel has ``proc`` show the namespace of who makes it, and lets only those make it who may in that namespace, and
who see one already that hides nothing; terminals it gives to the user namespace of who makes their file system. So
they are made by a process in the namespaces of the task, which then ends.

Source: the kernel's ``proc_init_fs_context``, ``mount_capable``, ``mount_too_revealing`` and ``devpts_fill_super``.
"""

import errno
import os
import select
import signal
import socket
from collections.abc import Callable, Sequence

from selbox.enforce import mountcalls
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, prctl, system_call
from selbox.enforce.overlaymounts import Option
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

PROCESSES: Final = b"proc"
TERMINALS: Final = b"devpts"
_NAMESPACES: Final = {"user": 0x10000000, "mnt": 0x20000, "pid": 0x20000000}
_PATIENCE_SECONDS: Final = 5.0
_NAMES_NAMESPACE: Final = b"pidns"


def make_for(task: int, kind: bytes, options: Sequence[Option], attributes: int) -> tuple[int, int]:
    """Return descriptors of a new file system's context, and of a mount of it that is mounted nowhere.

    Args:
        task: who mounts it.
        kind: of the file system, one that is not shared with others.
        options: the file system's own.
        attributes: of the mount, as ``fsmount(2)`` has them.

    Raises:
        OSError: what the kernel would answer the task; EINVAL for the option to show another namespace.
    """
    if kind == PROCESSES and any(name == _NAMES_NAMESPACE for name, _ in options):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def make() -> tuple[int, int]:
        context = mountcalls.open_context(kind)
        for name, value in options:
            mountcalls.set_option(context, name, value)
        mountcalls.create(context, exclusively=False)
        return context, mountcalls.detached_mount(context, attributes)

    with own_capabilities():
        return _made_in_namespaces_of(task, make)


def _made_in_namespaces_of(task: int, operation: Callable[[], tuple[int, int]]) -> tuple[int, int]:
    """Return copies of descriptors that a function returns to a process in a task's namespaces."""
    entered = _other_namespaces(task)
    if not entered:
        return operation()
    ours, theirs = socket.socketpair()
    helper = os.fork()
    if helper == 0:
        _go_there(entered, theirs, operation)
    theirs.close()
    for namespace, _ in entered:
        os.close(namespace)
    try:
        with ours:
            ours.settimeout(_PATIENCE_SECONDS)  # whoever is in the namespace may stop it
            answer, descriptors, _, _ = socket.recv_fds(ours, 1, 2)
    except TimeoutError:
        answer, descriptors = b"", []
    finally:
        _see_off(helper)
    if len(descriptors) != 2:
        number = answer[0] if answer else errno.ENOMEM  # as of a fork where nobody is left to look after processes
        raise OSError(number, os.strerror(number))
    for each in descriptors:
        os.set_inheritable(each, False)
    return descriptors[0], descriptors[1]


def _see_off(child: int) -> None:
    """Wait for a child that is about to end."""
    pidfd = os.pidfd_open(child)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(_PATIENCE_SECONDS * 1000):
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(pidfd)
    os.waitpid(child, 0)


def _other_namespaces(task: int) -> list[tuple[int, int]]:
    """Return descriptors of a task's namespaces that are others than the supervisor's, and their kinds."""
    found = []
    for name, kind in _NAMESPACES.items():
        namespace = os.open(f"/proc/{task}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        if os.fstat(namespace).st_ino == os.stat(f"/proc/self/ns/{name}").st_ino:
            os.close(namespace)
        else:
            found.append((namespace, kind))
    return found


def _go_there(
    namespaces: Sequence[tuple[int, int]], answers: socket.socket, operation: Callable[[], tuple[int, int]]
) -> None:
    """Enter namespaces, and have a child, which alone is in that of processes, answer. It does not return."""
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_DUMPABLE, 0)  # it has the supervisor's memory and descriptors, and nobody there is to look into it
        for namespace, kind in namespaces:
            system_call(NUMBERS["setns"], namespace, kind)
        child = os.fork()
        if child:
            answers.close()
            os.waitpid(child, 0)
        else:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            socket.send_fds(answers, [b"\0"], operation())
    except OSError as error:
        answers.send(bytes([min(error.errno or errno.EPERM, 255)]))
    finally:
        os._exit(0)
