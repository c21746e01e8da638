"""Processes: new ones, signals, credentials and namespaces, and reaching into each other's memory."""

import errno
import os
import signal
from typing import Final

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.linux import PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.processes import CLONE_FS, CLONE_THREAD, NAMESPACE_FLAGS
from selbox.enforce.tasks import thread_group

_PERMISSIONS: Final = {0: "signull", signal.SIGCHLD: "sigchld", signal.SIGKILL: "sigkill", signal.SIGSTOP: "sigstop"}
_UNCHANGED: Final = 0xFFFFFFFF
_MAX_SIGNAL: Final = 64
_REFUSED_NAMESPACES: Final = 0x20000000 | 0x08000000
"""``CLONE_NEWPID`` and ``CLONE_NEWIPC``: in them, numbers that name processes and IPC objects mean other ones."""


def signal_permission(number: int) -> str:
    """Return the permission of class process that sending a signal asks for (kernel: ``signal_to_av``)."""
    return _PERMISSIONS.get(number, "signal")


class ProcessCalls:
    """``fork`` and its kin, signals, credentials, ``prctl`` and memory of other processes."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "fork": self.fork,
            "vfork": self.fork,
            "clone": self.clone,
            "prctl": self.prctl,
            "kill": self.kill,
            "tkill": self.tkill,
            "tgkill": self.tgkill,
            "rt_tgsigqueueinfo": self.tgkill,
            "rt_sigqueueinfo": self.sigqueue,
            "pidfd_send_signal": self.pidfd_send_signal,
            "process_vm_readv": self.access_memory,
            "process_vm_writev": self.access_memory,
            "unshare": self.unshare,
            "chroot": self.chroot,
            "setgroups": self.change_identity,
            **dict.fromkeys(("setuid", "setreuid", "setresuid", "setfsuid"), self.set_user_ids),
            **dict.fromkeys(("setgid", "setregid", "setresgid", "setfsgid"), self.set_group_ids),
        }

    # --- New processes, credentials, namespaces ---------------------------------------------------------------------

    def fork(self, caller: Caller, arguments: Arguments) -> int:  # noqa: ARG002 - every handler takes them
        """``fork`` and ``vfork``."""
        self._box.monitor.check(caller, caller.state.sid, "process", ("fork",), dict)
        return CONTINUE

    def clone(self, caller: Caller, arguments: Arguments) -> int:
        """``clone(flags, …)``; a child in new namespaces may see other paths and identities."""
        # The child's state is copied from the caller's at fork, so the caller's is changed; it only costs time.
        if arguments[0] & NAMESPACE_FLAGS:
            if arguments[0] & _REFUSED_NAMESPACES:
                return -errno.EPERM
            self._become(caller, credentials_changed=True, root_changed=True)
        if arguments[0] & CLONE_FS and not arguments[0] & CLONE_THREAD:
            self._become(caller, shares_directories=True)
        return self.fork(caller, arguments)

    def set_user_ids(self, caller: Caller, arguments: Arguments) -> int:
        """``setuid``, ``setreuid``, ``setresuid``, ``setfsuid``."""
        return self._set_ids(caller, arguments, set(os.getresuid()))

    def set_group_ids(self, caller: Caller, arguments: Arguments) -> int:
        """``setgid``, ``setregid``, ``setresgid``, ``setfsgid``."""
        return self._set_ids(caller, arguments, set(os.getresgid()))

    def _set_ids(self, caller: Caller, arguments: Arguments, own: set[int]) -> int:
        """Let what sets ids to what they are go on unnoticed: make does it before each program."""
        if len(own) == 1 and all(each & 0xFFFFFFFF in (_UNCHANGED, *own) for each in arguments[:3]):
            return CONTINUE
        return self.change_identity(caller, arguments)

    def change_identity(self, caller: Caller, arguments: Arguments) -> int:  # noqa: ARG002
        """``setgroups``, ``capset`` …: from now on the caller's credentials are read for every call."""
        self._become(caller, credentials_changed=True)
        return CONTINUE

    def unshare(self, caller: Caller, arguments: Arguments) -> int:
        """``unshare(flags)``."""
        if arguments[0] & _REFUSED_NAMESPACES:
            return -errno.EPERM
        if arguments[0] & NAMESPACE_FLAGS:
            self._become(caller, credentials_changed=True, root_changed=True)
        return CONTINUE

    def chroot(self, caller: Caller, arguments: Arguments) -> int:  # noqa: ARG002
        """``chroot(path)``: from now on the caller's own root directory is the start of its paths."""
        self._become(caller, credentials_changed=True, root_changed=True)
        return CONTINUE

    def _become(self, caller: Caller, **changes: bool) -> None:
        """Note what is different about a task from now on."""
        tasks = self._box.tasks
        state = tasks.state_of(caller.tid) or caller.state
        changed = state._replace(**changes)
        if changed != state:
            tasks.set_state(caller.tid, changed)

    def prctl(self, caller: Caller, arguments: Arguments) -> int:
        """``prctl`` options that concern privileges.

        The ``no_new_privs`` that an unprivileged supervisor had to set is not the program's own: programs see, and
        transitions heed, only what a program asked for.
        """
        option = arguments[0] & 0xFFFFFFFF
        if option == PR_SET_NO_NEW_PRIVS:
            if arguments[1] == 1 and not any(arguments[2:5]) and not caller.state.no_new_privileges:
                self._box.tasks.set_state(caller.tid, caller.state._replace(no_new_privileges=True))
            return CONTINUE
        if option == PR_GET_NO_NEW_PRIVS:
            return -errno.EINVAL if any(arguments[1:5]) else int(caller.state.no_new_privileges)
        return self.change_identity(caller, arguments)

    # --- Signals ----------------------------------------------------------------------------------------------------

    def kill(self, caller: Caller, arguments: Arguments) -> int:
        """``kill(pid, signal)``, to a process, a group or everybody."""
        pid, number = signed(arguments[0]), signed(arguments[1])
        if not 0 <= number <= _MAX_SIGNAL:
            return -errno.EINVAL
        if pid > 0:
            self._check_signal(caller, pid, number)
            return CONTINUE
        return self._kill_many(caller, pid, number)

    def _check_signal(self, caller: Caller, pid: int, number: int) -> None:
        box = self._box
        target = box.labels.task_sid(pid)
        # To itself too, as in the kernel: only a signal within one thread group is never asked about.
        if target == caller.state.sid and thread_group(caller.tid) == pid:
            return
        box.monitor.check(caller, target, "process", (signal_permission(number),), dict)

    def _kill_many(self, caller: Caller, pid: int, number: int) -> int:
        targets = self._group_of(caller, pid)
        refused: list[int] = []
        for target in targets:
            try:
                self._check_signal(caller, target, number)
            except PermissionError:
                refused.append(target)
        if not refused:
            return CONTINUE
        # The kernel would signal those that policy allows; the supervisor does it in the caller's stead.
        delivered = 0
        for target in targets:
            if target not in refused:
                try:
                    os.kill(target, number)
                    delivered += 1
                except OSError:
                    continue
        return 0 if delivered else -errno.EACCES

    def _group_of(self, caller: Caller, pid: int) -> list[int]:
        """Return the processes that ``kill`` with a pid of 0 or less is for."""
        own = thread_group(caller.tid)
        wanted = None if pid == -1 else os.getpgid(own) if pid == 0 else -pid
        targets = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            number = int(name)
            if wanted is None:
                if number not in (1, own):
                    targets.append(number)
                continue
            try:
                if os.getpgid(number) == wanted:
                    targets.append(number)
            except OSError:
                continue
        return targets

    def tkill(self, caller: Caller, arguments: Arguments) -> int:
        """``tkill(tid, signal)``."""
        return self._signal_thread(caller, signed(arguments[0]), signed(arguments[1]))

    def tgkill(self, caller: Caller, arguments: Arguments) -> int:
        """``tgkill(process, tid, signal)`` and ``rt_tgsigqueueinfo``."""
        return self._signal_thread(caller, signed(arguments[1]), signed(arguments[2]))

    def sigqueue(self, caller: Caller, arguments: Arguments) -> int:
        """``rt_sigqueueinfo(process, signal, information)``."""
        return self._signal_thread(caller, signed(arguments[0]), signed(arguments[1]))

    def _signal_thread(self, caller: Caller, tid: int, number: int) -> int:
        if not 0 <= number <= _MAX_SIGNAL or tid <= 0:
            return -errno.EINVAL
        self._check_signal(caller, thread_group(tid), number)
        return CONTINUE

    def pidfd_send_signal(self, caller: Caller, arguments: Arguments) -> int:
        """``pidfd_send_signal(pidfd, signal, information, flags)``."""
        number = signed(arguments[1])
        if not 0 <= number <= _MAX_SIGNAL:
            return -errno.EINVAL
        if arguments[3]:
            return -errno.EINVAL
        if caller.state.credentials_changed:
            return -errno.EPERM  # the supervisor may not lend its own right to signal
        # The caller could put another pidfd under this number once it is checked: the supervisor signals by its own.
        pid = self._pid_behind(caller, signed(arguments[0]))
        target = os.pidfd_open(pid)
        try:
            self._check_signal(caller, pid, number)
            signal.pidfd_send_signal(target, number)
        finally:
            os.close(target)
        return 0

    def _pid_behind(self, caller: Caller, descriptor: int) -> int:
        """Return the process that a caller's pidfd, or its directory of ``/proc``, stands for."""
        try:
            with open(f"/proc/{caller.tid}/fdinfo/{descriptor}", "rb") as information:
                for line in information:
                    if line.startswith(b"Pid:"):
                        return int(line[4:])
            match = os.readlink(f"/proc/{caller.tid}/fd/{descriptor}").rpartition("/proc/")[2]
        except OSError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
        if not match.isdigit():
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return int(match)

    # --- Other processes' memory ------------------------------------------------------------------------------------

    def access_memory(self, caller: Caller, arguments: Arguments) -> int:
        """``process_vm_readv(pid, …)`` and ``process_vm_writev``."""
        self._check_ptrace(caller, signed(arguments[0]))
        return CONTINUE

    def _check_ptrace(self, caller: Caller, pid: int) -> None:
        if thread_group(caller.tid) == thread_group(pid):
            return
        self._box.monitor.check(caller, self._box.labels.task_sid(pid), "process", ("ptrace",), dict)
