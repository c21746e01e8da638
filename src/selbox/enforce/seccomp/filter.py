"""The filter of a box: which calls the supervisor is asked about, which fail, and which the kernel just runs.

Everything not named here runs without a notification. Calls that would lead around a mediated one are refused in
the filter itself, so that they stay refused when the supervisor is gone.
"""

import errno
from typing import Final, NamedTuple

from selbox.enforce.linux import (
    PR_CAP_AMBIENT,
    PR_CAPBSET_DROP,
    PR_GET_NO_NEW_PRIVS,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_SECUREBITS,
)
from selbox.enforce.seccomp import bpf
from selbox.enforce.seccomp.bpf import Instruction, Label
from selbox.enforce.seccomp.syscalls import AUDIT_ARCH, NUMBERS, X32_BIT

RLIMIT_RTTIME: Final = 15
"""The resource limit that carries a task's label; see ``selbox.enforce.tasks``."""

CLONE_THREAD: Final = 0x00010000
NAMESPACE_FLAGS: Final = 0x7E020080
"""``CLONE_NEW*`` of clone, unshare and setns."""

F_OK: Final = 0
AF_UNIX: Final = 1
SOL_SOCKET: Final = 1
SO_PEERCRED: Final = 17
SO_PEERSEC: Final = 31
SO_PEERPIDFD: Final = 77

NOTIFIED: Final = (
    *("open", "openat", "openat2", "creat", "truncate", "execve", "execveat"),
    *("rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat", "unlink", "unlinkat"),
    *("symlink", "symlinkat", "mknod", "mknodat"),
    *("connect", "bind", "listen", "accept", "accept4"),
    *("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"),
    *("shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl"),
    *("process_vm_readv", "process_vm_writev"),
    *("unshare", "chroot", "capset", "setuid", "setgid", "setreuid", "setregid", "setgroups", "setresuid"),
    *("setresgid", "setfsuid", "setfsgid"),
    *("statfs", "getxattr", "lgetxattr", "fgetxattr"),
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
)
"""Calls that the supervisor is always asked about."""

FORKS: Final = ("fork", "vfork")
"""Calls that the supervisor is asked about where the policy has domains that may not fork."""

REFUSED: Final = {
    errno.ENOSYS: (
        # clone3 hides its flags in memory; io_uring and userfaultfd act without a call that the filter sees, or stop
        # the supervisor while it reads memory; the *xattrat calls have older siblings that are mediated.
        *("clone3", "io_uring_setup", "userfaultfd", "uselib", "setxattrat", "getxattrat", "removexattrat"),
    ),
    errno.EPERM: (
        # Routes around path mediation: handles, notices that come with the file opened, and mounts that would give a
        # file a second path.
        *(
            "open_by_handle_at",
            "fanotify_init",
            "mount",
            "umount2",
            "pivot_root",
            "move_mount",
            "open_tree",
            "open_tree_attr",
        ),
        *("fsopen", "fsmount", "fspick", "mount_setattr"),
        # Other processes' descriptors, and their namespaces, where numbers mean other things.
        *("pidfd_getfd", "setns"),
        # A tracer inside would be in the way of the supervisor's own check of exec.
        "ptrace",
        # The kernel itself, which no policy of a box can mediate.
        *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open"),
        *("iopl", "ioperm", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd"),
    ),
}
"""Calls that fail in the filter, by errno."""


class TransactionRange(NamedTuple):
    """Descriptor numbers, ``first`` to before ``end``, kept for selinuxfs transactions, whose calls are notified."""

    first: int
    end: int


def _only(label: str, argument: int, values: tuple[int, ...], then: str) -> list[Instruction | Label]:
    """Notify (or what ``then`` names) when the low word of an argument is one of the values; else allow."""
    program: list[Instruction | Label] = [Label(label), Instruction(bpf.LOAD_WORD, bpf.low_word(argument))]
    program += [Instruction(bpf.JUMP_IF_EQUAL, value, then) for value in values]
    program.append(Instruction(bpf.RETURN, bpf.RETURN_ALLOW))
    return program


def _return_if(number: int, result: int) -> list[Instruction | Label]:
    name = f"past {number} {result}"
    return [
        Instruction(bpf.JUMP_IF_EQUAL, number, "", name),
        Instruction(bpf.RETURN, result),
        Label(name),
    ]


def build_filter(transactions: TransactionRange, *, notify_forks: bool) -> bytes:
    """Return the filter program of a box.

    Args:
        transactions: the descriptors whose ``read``, ``write`` and ``pread64`` are notified.
        notify_forks: whether new processes are; new namespaces always.
    """
    conditional = {
        "read": "transaction",
        "write": "transaction",
        "pread64": "transaction",
        "clone": "clone",
        "prctl": "prctl",
        "prlimit64": "limit second",
        "setrlimit": "limit first",
        "getrlimit": "limit first",
        "socket": "socket",
        "socketpair": "socket",
        "getsockopt": "getsockopt",
        "access": "existence second",
        "faccessat": "existence third",
        "faccessat2": "existence third",
    }
    program: list[Instruction | Label] = [
        Instruction(bpf.LOAD_WORD, bpf.OFFSET_ARCHITECTURE),
        Instruction(bpf.JUMP_IF_EQUAL, AUDIT_ARCH, "native"),
        Instruction(bpf.RETURN, bpf.return_errno(errno.ENOSYS)),
        Label("native"),
        Instruction(bpf.LOAD_WORD, bpf.OFFSET_NUMBER),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, X32_BIT, "", "own abi"),
        Instruction(bpf.RETURN, bpf.return_errno(errno.ENOSYS)),
        Label("own abi"),
    ]
    for name, label in conditional.items():
        program += [
            Instruction(bpf.JUMP_IF_EQUAL, NUMBERS[name], "", f"not {name}"),
            Instruction(bpf.JUMP, 0, label),
            Label(f"not {name}"),
        ]
    for name in (*NOTIFIED, *(FORKS if notify_forks else ())):
        program += _return_if(NUMBERS[name], bpf.RETURN_NOTIFY)
    for number, names in REFUSED.items():
        for name in names:
            program += _return_if(NUMBERS[name], bpf.return_errno(number))
    program.append(Instruction(bpf.RETURN, bpf.RETURN_ALLOW))

    program += [
        Label("transaction"),
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, transactions.first, "", "allow"),
        Instruction(bpf.JUMP_IF_GREATER_OR_EQUAL, transactions.end, "allow", "notify"),
        # A thread shares its process's label: only a new process, or a new namespace, is of interest.
        Label("clone"),
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        Instruction(bpf.JUMP_IF_ANY_BIT, NAMESPACE_FLAGS, "notify"),
        Instruction(bpf.JUMP_IF_ANY_BIT, CLONE_THREAD, "allow", "notify" if notify_forks else "allow"),
        *_only("limit first", 0, (RLIMIT_RTTIME,), "notify"),
        *_only("limit second", 1, (RLIMIT_RTTIME,), "notify"),
        *_only("socket", 0, (AF_UNIX,), "notify"),
        # Only whether SELinux's own files exist is answered otherwise than by the kernel.
        *_only("existence second", 1, (F_OK,), "notify"),
        *_only("existence third", 2, (F_OK,), "notify"),
        Label("getsockopt"),
        Instruction(bpf.LOAD_WORD, bpf.low_word(1)),
        Instruction(bpf.JUMP_IF_EQUAL, SOL_SOCKET, "", "allow"),
        *_only("peer", 2, (SO_PEERCRED, SO_PEERSEC, SO_PEERPIDFD), "notify"),
        Label("prctl"),
        Instruction(bpf.LOAD_WORD, bpf.low_word(0)),
        # A process that made itself undumpable could not be read by an unprivileged supervisor: it is told that it is.
        Instruction(bpf.JUMP_IF_EQUAL, PR_SET_DUMPABLE, "pretend"),
        *[
            Instruction(bpf.JUMP_IF_EQUAL, option, "notify")
            for option in (
                PR_SET_NO_NEW_PRIVS,
                PR_GET_NO_NEW_PRIVS,
                PR_CAPBSET_DROP,
                PR_SET_SECUREBITS,
                PR_CAP_AMBIENT,
            )
        ],
        Label("allow"),
        Instruction(bpf.RETURN, bpf.RETURN_ALLOW),
        Label("pretend"),
        Instruction(bpf.RETURN, bpf.return_errno(0)),
        Label("notify"),
        Instruction(bpf.RETURN, bpf.RETURN_NOTIFY),
    ]
    return bpf.assemble(program)
