"""Starting the first process of a box under its filter, and getting hold of the listener."""

import _socket as socket  # what is beneath `socket`, whose enumerations are a thirtieth of a start
import array
import errno
import os
import resource
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from selbox.diagnostics import SelboxError
from selbox.enforce.linux import PR_SET_NO_NEW_PRIVS, address_of, install_filter, prctl, write_memory
from selbox.enforce.resourcelimits import LARGEST_CORE
from selbox.enforce.seccomp.filter import build_filter
from selbox.enforce.seccomp.part import FilterSettings, TransactionRange
from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.seccomp.syscalls import MACHINE
from selbox.enforce.signals import Inherited
from selbox.typing import Final, NamedTuple

TRANSACTIONS: Final = 64
"""Descriptor numbers kept for selinuxfs transactions."""

_HIGHEST_FIRST: Final = 900
_CANNOT_RUN: Final = 126
_KILLED: Final = (
    "the process that installs the filter was killed; a filter around this process does not let it call `seccomp`"
)


def transaction_range() -> TransactionRange:
    """Return the descriptor numbers to keep: below the soft limit of descriptors, above what programs use."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    first = min(_HIGHEST_FIRST, (soft if soft != resource.RLIM_INFINITY else 1024) - TRANSACTIONS)
    return TransactionRange(max(first, 16), max(first, 16) + TRANSACTIONS)


def missing_support() -> str:
    """Return what this machine lacks for enforcement, as a sentence; empty when nothing is known to be missing.

    The filter is tried in a child, so that nothing of it remains.
    """
    foreign = _foreign_machine()
    if foreign:
        return foreign
    child = os.fork()
    if child == 0:
        status = errno.EIO
        try:
            _install(build_filter(FilterSettings(transaction_range())))
            status = 0
        except OSError as error:
            status = error.errno or errno.EIO
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return _explain(status) if status else ""


def _foreign_machine() -> str:
    machine = os.uname()
    if machine.sysname != "Linux":
        return f"enforcement needs Linux; this is {machine.sysname}"
    if machine.machine != MACHINE:
        return f"enforcement knows the system calls of {MACHINE}; this machine is {machine.machine}"
    if resource.getrlimit(RLIMIT_RTTIME)[1] != resource.RLIM_INFINITY:
        return "the hard limit RLIMIT_RTTIME is set, and labels of processes are carried above it"
    if not _may_write_memory():
        return (
            "`process_vm_writev` is refused, by which programs get their answers; a container of Docker before 23 has "
            "it with `--cap-add SYS_PTRACE`, a service with `SystemCallFilter=@ipc` beside others"
        )
    return ""


def _may_write_memory() -> bool:
    """Try it on oneself: what forbids this forbids it everywhere."""
    own = bytes(2)
    try:
        write_memory(os.getpid(), address_of(own), own)
    except OSError:
        return False
    return True


def _unavailable(reason: str) -> SelboxError:
    return SelboxError.of(
        "enforcement-unavailable",
        f"processes cannot be supervised here: {reason}",
        help="everything but `selbox run` works; docs/enforcement.md tells what it needs",
    )


def _explain(number: int) -> str:
    if number == errno.EBUSY:
        return "this process already runs under a supervisor (selbox or another), and the kernel allows one only"
    if number in (errno.EINVAL, errno.ENOSYS):
        return "the kernel lacks seccomp user notification with killable waits (Linux 5.19 or later has it)"
    return f"the kernel refuses a seccomp filter with a listener: {os.strerror(abs(number))}"


def _carry(carrier: tuple[int, int]) -> None:
    """Take the label with which the first process starts.

    Raises:
        OSError: EBUSY within another box, whose supervisor lets nobody change where its own labels are.
    """
    try:
        resource.prlimit(0, RLIMIT_RTTIME, carrier)
    except PermissionError:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY)) from None


def _make_no_core_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    if not 0 <= soft <= LARGEST_CORE:
        resource.setrlimit(resource.RLIMIT_CORE, (LARGEST_CORE, hard))


def _install(program_filter: bytes) -> int:
    """Install the filter, and return its listener.

    Who is not root promises the kernel no new privileges before. So does root where it lacks CAP_SYS_ADMIN, as in
    containers.

    Raises:
        OSError: when the kernel refuses.

    Source: ``seccomp_prepare_filter`` of the kernel, whose answer to the unprivileged is EACCES.
    """
    if os.geteuid() == 0:
        try:
            return install_filter(program_filter)
        except PermissionError as error:
            if error.errno != errno.EACCES:
                raise
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    return install_filter(program_filter)


class Launched(NamedTuple):
    """The first process, on its way to the program.

    Attributes:
        pid: its pid.
        channel: by which it sends the listener.
    """

    pid: int
    channel: socket.socket

    def listener(self) -> int:
        """Wait until the filter is installed; return the descriptor of its listener.

        Raises:
            SelboxError: ``enforcement-unavailable``, when the kernel refuses.
        """
        message, ancillary, _, _ = self.channel.recvmsg(16, socket.CMSG_SPACE(4))
        self.channel.close()
        if not ancillary:
            killed = os.WIFSIGNALED(os.waitpid(self.pid, 0)[1])
            raise _unavailable(_KILLED if killed and not message else _explain(int(message or b"5")))
        descriptors = array.array("i")
        descriptors.frombytes(ancillary[0][2][:4])
        os.set_inheritable(descriptors[0], False)
        return descriptors[0]


def launch(
    command: Sequence[str],
    program: str,
    environment: Mapping[str, str],
    carrier: tuple[int, int],
    settings: FilterSettings,
    inherited: Inherited,
) -> Launched:
    """Fork the first process, which execs the program under the box's filter once that is made.

    Args:
        command: argument vector.
        program: path of the file to run.
        environment: its environment.
        carrier: the ``RLIMIT_RTTIME`` that carries its first state.
        settings: what its filter depends on.
        inherited: the signals with which it begins.

    Raises:
        SelboxError: ``enforcement-unavailable``, when it is known that the machine refuses.
    """
    foreign = _foreign_machine()
    if foreign:
        raise _unavailable(foreign)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            _run_child(command, program, environment, carrier, settings, inherited, theirs)
        finally:
            os._exit(_CANNOT_RUN)
    theirs.close()
    return Launched(pid, ours)


def _run_child(
    command: Sequence[str],
    program: str,
    environment: Mapping[str, str],
    carrier: tuple[int, int],
    settings: FilterSettings,
    inherited: Inherited,
    channel: socket.socket,
) -> None:
    """Become the first process: install the filter, hand over its listener, exec.

    A filter covers the thread that installs it only. So a second thread, which shares the descriptors and not the
    filter, sends the listener to the supervisor, without a call that nobody could answer yet.
    """
    installed = threading.Event()
    listener = [-1]

    def hand_over() -> None:
        installed.wait()
        if listener[0] >= 0:
            with suppress(BrokenPipeError):  # the supervisor was killed
                channel.sendmsg([b"0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", listener))])
            os.close(listener[0])  # only the supervisor holds it, so that its death ends every wait for an answer

    sender = threading.Thread(target=hand_over)
    sender.start()
    try:
        _carry(carrier)
        _make_no_core_files()
        listener[0] = _install(build_filter(settings))
    except OSError as error:
        installed.set()
        sender.join()
        channel.send(b"%d" % (error.errno or errno.EIO))
        return
    installed.set()
    sender.join()
    try:
        inherited.take()
        os.execve(program, list(command), dict(environment))  # noqa: S606 - no shell is wanted
    except OSError as error:
        os._exit(error.errno or _CANNOT_RUN)  # told by the supervisor, which knows whether policy denied it
