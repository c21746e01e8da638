"""Signals.

A signal to the caller's own process is decided and let go on. Any other is sent by the supervisor, by a descriptor
that stands for the very process whose label was checked: a number that comes to mean another process is of no use.
The receiver is told the sender's pid and uid, and ``SI_QUEUE`` as the code: no other may be given in another's name.
A group whose every member may be signalled is signalled by the caller's own call, which reaches all of it at once.

Source: the kernel's ``check_kill_permission``, ``kill_ok_by_cred`` and ``selinux_task_kill``.
"""

import errno
import os
import re
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import own_capabilities, read_ids
from selbox.enforce.linux import system_call
from selbox.enforce.pidnumbers import check_visible, meant_by, meant_group, told_to
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.shownpaths import path_of
from selbox.enforce.targets import held, keep_off
from selbox.enforce.tasks import processes, thread_group
from selbox.typing import Final

_PERMISSIONS: Final = {0: "signull", signal.SIGCHLD: "sigchld", signal.SIGKILL: "sigkill", signal.SIGSTOP: "sigstop"}
_MAX_SIGNAL: Final = 64
_INFORMATION = struct.Struct("=iiiiiI104x")
_PROCESS = re.compile(r"/(\d+)")
"""The directory of a process, within ``proc``."""

_SCOPES: Final = 7
"""Flags of ``pidfd_send_signal``, for another scope than its descriptor's; here it has no other."""

_SENT_BY_QUEUE: Final = -1
_SENT_BY_THREAD: Final = -6
"""``SI_QUEUE`` and ``SI_TKILL``."""


def signal_permission(number: int) -> str:
    """Return the permission of class process that sending a signal asks for (kernel: ``signal_to_av``)."""
    return _PERMISSIONS.get(number, "signal")


class SignalCalls:
    """``kill`` and its kin."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "kill": self.kill,
            "tkill": lambda caller, given: self._signal_thread(
                caller, None, _positive(caller, given[0]), signed(given[1]), 0
            ),
            "tgkill": lambda caller, given: self._signal_thread(
                caller, _positive(caller, given[0]), _positive(caller, given[1]), signed(given[2]), 0
            ),
            "rt_sigqueueinfo": self.sigqueue,
            "rt_tgsigqueueinfo": self.tgsigqueue,
            "pidfd_send_signal": self.pidfd_send_signal,
        }

    # --- What may be sent -------------------------------------------------------------------------------------------

    def check(self, caller: Caller, pid: int, number: int) -> None:
        """Check a signal to a process; what ordinary permissions deny is no event for policy.

        Raises:
            OSError: EPERM; EACCES where policy denies it.
        """
        if not self._owns(caller, pid, number):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        target = self._box.labels.task_sid(pid)
        self._box.monitor.check(caller, target, "process", (signal_permission(number),), dict)
        if number and target == self._box.labels.outside:
            keep_off(self._box, pid)

    def check_group(self, caller: Caller, group: int, number: int) -> None:
        """Check a signal to every process of a group, by the supervisor's number of it.

        Raises:
            OSError: ESRCH for a group that nobody is in, and as :meth:`check`.
        """
        members = _members(group)
        if not members:
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        for each in members:
            self.check(caller, each, number)

    def _owns(self, caller: Caller, pid: int, number: int) -> bool:
        if not caller.state.credentials_changed and os.geteuid():
            return True  # the kernel asks the same of the supervisor
        own, other = read_ids(caller.tid).users, read_ids(pid).users
        if {own[0], own[1]} & {other[0], other[2]}:
            return True
        if number == signal.SIGCONT and os.getsid(pid) == os.getsid(thread_group(caller.tid)):
            return True
        return self._capabilities.may_use(caller, "kill", own=True)

    def _information(self, caller: Caller, number: int, address: int) -> bytes:
        """Return what the receiver is told: the caller's own words where it gives any.

        Raises:
            OSError: EPERM for words that only the kernel may use.
        """
        if not address:
            user = read_ids(caller.tid).users[0]
            return _INFORMATION.pack(number, 0, _SENT_BY_QUEUE, 0, thread_group(caller.tid), user)
        data = self._box.memory.read_exactly(caller.tid, address, _INFORMATION.size)
        if _is_the_kernels(data):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return struct.pack("=i", number) + data[4:]

    # --- Processes --------------------------------------------------------------------------------------------------

    def kill(self, caller: Caller, arguments: Arguments) -> int:
        """``kill(pid, signal)``, to a process, a group or everybody."""
        pid, number = signed(arguments[0]), signed(arguments[1])
        if not 0 <= number <= _MAX_SIGNAL:
            exists = _exists(meant_by(caller, pid)) if pid > 0 else _group_of(caller, pid)
            return -errno.EINVAL if exists else -errno.ESRCH
        if pid <= 0:
            return self._kill_many(caller, pid, number)
        return self._signal(caller, _existing(meant_by(caller, pid)), number, 0)

    def sigqueue(self, caller: Caller, arguments: Arguments) -> int:
        """``rt_sigqueueinfo(process, signal, information)``."""
        pid, number = meant_by(caller, signed(arguments[0])), signed(arguments[1])
        self._check_words(caller, pid, thread_group(caller.tid), arguments[2])
        if not _exists(pid):
            return -errno.ESRCH
        return self._signal(caller, pid, number, arguments[2]) if 0 <= number <= _MAX_SIGNAL else -errno.EINVAL

    def tgsigqueue(self, caller: Caller, arguments: Arguments) -> int:
        """``rt_tgsigqueueinfo(process, thread, signal, information)``."""
        pid, tid = (_positive(caller, each) for each in arguments[:2])
        number = signed(arguments[2])
        self._box.memory.read_exactly(caller.tid, arguments[3], _INFORMATION.size)
        if min(pid, tid) >= 0:
            self._check_words(caller, tid, caller.tid, arguments[3])
        return self._signal_thread(caller, pid, tid, number, arguments[3])

    def _check_words(self, caller: Caller, task: int, own: int, address: int) -> None:
        """Check what a caller has a task told.

        Raises:
            OSError: EFAULT; EPERM for words that only the kernel may use, except to oneself.
        """
        data = self._box.memory.read_exactly(caller.tid, address, _INFORMATION.size)
        if task != own and _is_the_kernels(data):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def _signal(self, caller: Caller, tid: int, number: int, address: int) -> int:
        pid = thread_group(tid)
        if pid == thread_group(caller.tid):
            self.check(caller, pid, number)
            return CONTINUE
        information = self._information(caller, number, address)
        with _standing_for(caller, pid) as descriptor:
            self.check(caller, pid, number)
            _send(caller, pid, descriptor, number, information)
        return 0

    def _kill_many(self, caller: Caller, pid: int, number: int) -> int:
        targets = _group_of(caller, pid)
        allowed: list[int] = []
        result = -errno.ESRCH
        for target in targets:
            try:
                self.check(caller, target, number)
                allowed.append(target)
            except OSError as error:
                result = -(error.errno or errno.EPERM)
        if len(allowed) == len(targets):
            return CONTINUE
        # The kernel would signal those that policy allows; the supervisor does it in the caller's stead.
        information = self._information(caller, number, 0)
        for target in allowed:
            try:
                with _standing_for(caller, target) as descriptor:
                    _send(caller, target, descriptor, number, information)
                result = 0
            except OSError:
                continue
        return result

    # --- Threads, and descriptors that stand for processes ----------------------------------------------------------

    def _signal_thread(self, caller: Caller, pid: int | None, tid: int, number: int, address: int) -> int:
        if tid < 0 or (pid is not None and pid < 0):
            return -errno.EINVAL
        own = thread_group(caller.tid)
        if not _exists(tid) or (pid is not None and thread_group(tid) != pid):
            return -errno.ESRCH
        if not 0 <= number <= _MAX_SIGNAL:
            return -errno.EINVAL
        if thread_group(tid) == own:
            # If the thread has ended by now, nobody else gets its number while the process names it: its own do.
            self.check(caller, own, number)
            if pid is not None:
                return CONTINUE
        information = self._information(caller, number, address)
        with held(tid, caller):
            group = thread_group(tid)
            if pid is not None and group != pid:
                return -errno.ESRCH
            self.check(caller, group, number)
            if not _is_shielded(caller, group, number):
                with own_capabilities():
                    system_call(NUMBERS["rt_tgsigqueueinfo"], group, tid, number, information)
        return 0

    def pidfd_send_signal(self, caller: Caller, arguments: Arguments) -> int:
        """``pidfd_send_signal(pidfd, signal, information, flags)``."""
        number = signed(arguments[1])
        if arguments[3] & 0xFFFFFFFF & ~_SCOPES:
            return -errno.EINVAL
        pid = self._pid_behind(caller, signed(arguments[0]))
        if not 0 <= number <= _MAX_SIGNAL or arguments[3] & 0xFFFFFFFF:
            return -errno.EINVAL
        information = self._information(caller, number, arguments[2])
        with _standing_for(caller, pid) as descriptor:
            self.check(caller, pid, number)
            _send(caller, pid, descriptor, number, information)
        return 0

    def _pid_behind(self, caller: Caller, descriptor: int) -> int:
        """Return the process that a caller's pidfd, or its directory of ``/proc``, stands for."""
        try:
            with own_capabilities(), open(f"/proc/{caller.tid}/fdinfo/{descriptor}", "rb") as information:
                for line in information:
                    if line.startswith(b"Pid:"):
                        return _existing(int(line[4:]))
        except FileNotFoundError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
        labels, opened = self._box.labels, self._box.walker.start_of(caller, descriptor)
        device = os.fstat(opened).st_dev
        match = _PROCESS.fullmatch(labels.filesystems.inner_path(device, path_of(opened), opened, caller.tid))
        if match is None or labels.filesystem_of(device) != "proc":
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return _existing(labels.proc_mounts.meant(device, int(match[1])))


def _is_the_kernels(information: bytes) -> bool:
    """Tell whether only the kernel may say what is told of a signal (``si_code``)."""
    code = _INFORMATION.unpack(information)[2]
    return bool(code >= 0 or code == _SENT_BY_THREAD)


def _existing(pid: int) -> int:
    if pid <= 0:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    return pid


def _exists(tid: int) -> bool:
    return tid > 0 and os.path.exists(f"/proc/{tid}")


def _positive(caller: Caller, register: int) -> int:
    """Return the task that a caller calls by a number; -1 for a number that is nobody's, 0 where there is none."""
    return meant_by(caller, signed(register)) if signed(register) > 0 else -1


@contextmanager
def _standing_for(caller: Caller, pid: int) -> Iterator[int]:
    """Have a descriptor that stands for a process that a caller sees.

    Raises:
        OSError: ESRCH when it is gone.
    """
    descriptor = os.pidfd_open(_existing(pid))
    try:
        check_visible(caller, pid)
        yield descriptor
    finally:
        os.close(descriptor)


def _send(caller: Caller, pid: int, descriptor: int, number: int, information: bytes) -> None:
    """Signal the process that a descriptor stands for, with the supervisor's own rights.

    It is the one whose label was checked: a process that is gone cannot be signalled any more, so as long as this one
    can, its number was never another's.
    """
    if _is_shielded(caller, pid, number):
        return
    with own_capabilities():
        system_call(NUMBERS["pidfd_send_signal"], descriptor, number, information, 0)


def _is_shielded(caller: Caller, pid: int, number: int) -> bool:
    """Tell whether a signal is ignored because a process looks after the very namespace that the caller is in.

    The kernel would not know: it is the supervisor who sends, from outside (kernel: ``sig_task_ignored``).
    """
    return number in (signal.SIGKILL, signal.SIGSTOP) and caller.state.numbers_changed and told_to(caller, pid) == 1


def _group_of(caller: Caller, pid: int) -> list[int]:
    """Return the processes that ``kill`` with a pid of 0 or less is for."""
    own = thread_group(caller.tid)
    if pid == -1:
        return _processes(lambda number: number != own and told_to(caller, number) > 1)
    if pid == 0:
        return _members(os.getpgid(own))
    group = meant_group(caller, -pid)
    return _members(group) if group else []


def _members(group: int) -> list[int]:
    return _processes(lambda number: os.getpgid(number) == group)


def _processes(wanted: Callable[[int], bool]) -> list[int]:
    found = []
    for number in processes():
        try:
            if wanted(number):
                found.append(number)
        except OSError:
            continue  # it has ended
    return found
