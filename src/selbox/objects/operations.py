"""The operations that SELinux speaks of, and what a box does about each.

INVARIANT: every call that the filter notifies or refuses stands in ``calls`` of a row; a test compares the two.
"""

from enum import Enum
from typing import Final, NamedTuple


class Support(Enum):
    """How far a box supports an operation."""

    ENFORCED = "enforced"
    LIMITED = "limited"
    RECORDED = "recorded"
    REFUSED = "refused"
    NOT_MEDIATED = "not mediated"


class Operation(NamedTuple):
    """One row.

    Attributes:
        name: what is done, in a few words.
        object_class: class that is asked about; several are separated by spaces.
        permissions: those that are asked for.
        label: whose label is the target's, or how a new object's label comes about.
        support: how far a box supports it.
        note: its limits, or why it is refused; empty when there is nothing to say.
        hook: the kernel's hook or function that it follows.
        calls: the system calls by which it is done.
    """

    name: str
    object_class: str
    permissions: tuple[str, ...]
    label: str
    support: Support
    note: str
    hook: str
    calls: tuple[str, ...]


_FILES: Final = "file dir lnk_file chr_file blk_file fifo_file sock_file"
_ENFORCED, _LIMITED = Support.ENFORCED, Support.LIMITED
_REFUSED, _UNSEEN = Support.REFUSED, Support.NOT_MEDIATED

_OPENING: Final = (
    Operation(
        "walk a path",
        "dir lnk_file",
        ("search", "read"),
        "each directory and symbolic link on the way",
        _LIMITED,
        "in calls that are mediated; stat, readlink, chdir, utimes, chmod and chown walk unseen",
        "selinux_inode_permission, selinux_inode_follow_link",
        ("open", "openat", "openat2", "creat"),
    ),
    Operation(
        "open a file",
        "file dir chr_file blk_file fifo_file",
        ("read", "write", "append", "ioctl", "open"),
        "the file",
        _ENFORCED,
        "by open mode; what was opened is read and written without being asked again. /proc/PID/mem asks process "
        "ptrace too. openat2 with resolution flags is refused",
        "selinux_inode_permission, selinux_file_open",
        ("open", "openat", "openat2", "creat"),
    ),
    Operation(
        "create a file",
        "dir file filesystem",
        ("write", "search", "add_name", "create", "open", "associate"),
        "new: attr/fscreate, or by transition from task, directory, class and name",
        _ENFORCED,
        "",
        "selinux_inode_create, selinux_inode_init_security",
        ("open", "openat", "openat2", "creat"),
    ),
    Operation(
        "truncate a file by path",
        "file",
        ("write", "open"),
        "the file",
        _ENFORCED,
        "",
        "selinux_inode_setattr",
        ("truncate",),
    ),
)

_NAMES: Final = (
    Operation(
        "make a directory",
        "dir filesystem",
        ("write", "search", "add_name", "create", "associate"),
        "new: as a file's",
        _ENFORCED,
        "",
        "selinux_inode_mkdir",
        ("mkdir", "mkdirat"),
    ),
    Operation(
        "make a device, a named pipe or a socket file",
        "dir file chr_file blk_file fifo_file sock_file filesystem",
        ("write", "search", "add_name", "create", "associate"),
        "new: as a file's",
        _ENFORCED,
        "",
        "selinux_inode_mknod",
        ("mknod", "mknodat"),
    ),
    Operation(
        "make a symbolic link",
        "dir lnk_file filesystem",
        ("write", "search", "add_name", "create", "associate"),
        "new: as a file's",
        _ENFORCED,
        "",
        "selinux_inode_symlink",
        ("symlink", "symlinkat"),
    ),
    Operation(
        "link a file under a second name",
        f"dir {_FILES}",
        ("write", "search", "add_name", "link"),
        "the directory; the file",
        _ENFORCED,
        "an empty path with AT_EMPTY_PATH is refused; /proc/self/fd/N does the same",
        "selinux_inode_link",
        ("link", "linkat"),
    ),
    Operation(
        "remove a name",
        f"dir {_FILES}",
        ("write", "search", "remove_name", "unlink", "rmdir"),
        "the directory; what the name stands for",
        _ENFORCED,
        "",
        "selinux_inode_unlink, selinux_inode_rmdir",
        ("unlink", "unlinkat", "rmdir"),
    ),
    Operation(
        "rename",
        f"dir {_FILES}",
        ("write", "search", "remove_name", "add_name", "rename", "reparent", "unlink", "rmdir"),
        "both directories; what moves; what it replaces. What moves keeps its label",
        _ENFORCED,
        "RENAME_WHITEOUT is refused",
        "selinux_inode_rename",
        ("rename", "renameat", "renameat2"),
    ),
)

_LABELS: Final = (
    Operation(
        "read a file's label",
        _FILES,
        ("getattr",),
        "the file",
        _ENFORCED,
        "",
        "selinux_inode_getxattr, selinux_inode_getsecurity",
        ("getxattr", "lgetxattr", "fgetxattr"),
    ),
    Operation(
        "change a file's label",
        f"{_FILES} filesystem",
        ("relabelfrom", "relabelto", "associate"),
        "the file's old label, then the new one",
        _ENFORCED,
        "kept with the box or in the label store, never in the host's security.selinux; only its owner may, as "
        "ordinary permissions have it, and validatetrans rules hold. Open descriptors are not revoked",
        "selinux_inode_setxattr",
        ("setxattr", "lsetxattr", "fsetxattr"),
    ),
    Operation(
        "set and remove other extended attributes",
        _FILES,
        ("setattr",),
        "the file",
        _ENFORCED,
        "reading them is not mediated; security.selinux itself cannot be removed",
        "selinux_inode_setxattr, selinux_inode_removexattr",
        ("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
    ),
    Operation(
        "status, mode, owner and times",
        _FILES,
        ("getattr", "setattr"),
        "the file",
        _UNSEEN,
        "ordinary permissions alone decide",
        "selinux_inode_getattr, selinux_inode_setattr",
        (),
    ),
    Operation(
        "map, lock, ioctl and watch open files",
        _FILES,
        ("map", "execute", "execmod", "lock", "ioctl", "watch"),
        "the file",
        _UNSEEN,
        "",
        "selinux_mmap_file, selinux_file_lock, selinux_file_ioctl",
        (),
    ),
)

_PROCESSES: Final = (
    Operation(
        "make a process",
        "process",
        ("fork",),
        "the task itself; the child has its label",
        _ENFORCED,
        "threads share one label. Where every domain may fork, it is asked on entering a domain and not at each fork",
        "selinux_task_alloc",
        ("fork", "vfork", "clone"),
    ),
    Operation(
        "run a program",
        "file process process2 lnk_file dir",
        ("execute", "read", "open", "execute_no_trans", "transition", "entrypoint", "nnp_transition"),
        "the program's file; the new domain: attr/exec, or by transition from task and file",
        _LIMITED,
        "the program that runs is proven to be the one decided about; the dynamic loader that it names is not asked "
        "about, nor are rlimitinh, siginh, noatsecure, share and map",
        "selinux_bprm_creds_for_exec, check_nnp_nosuid",
        ("execve", "execveat"),
    ),
    Operation(
        "inherit descriptors in another domain",
        f"fd {_FILES}",
        ("use", "read", "write", "append", "ioctl"),
        "who opened it; what it is open on",
        _LIMITED,
        "who opened is kept by file, not by descriptor: where several domains opened one file, all must be usable. "
        "Sockets are asked about fd use only",
        "flush_unauthorized_files",
        ("execve", "execveat"),
    ),
    Operation(
        "send a signal",
        "process",
        ("sigkill", "sigstop", "sigchld", "signal", "signull"),
        "the receiving task; one outside the box has the initial SID kernel's",
        _LIMITED,
        "a pid that is used again between check and delivery is not noticed; a group is checked one by one. "
        "pidfd_send_signal is refused to tasks that changed their credentials",
        "selinux_task_kill",
        ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"),
    ),
    Operation(
        "read and write another process's memory",
        "process",
        ("ptrace",),
        "the other task",
        _ENFORCED,
        "",
        "selinux_ptrace_access_check",
        ("process_vm_readv", "process_vm_writev"),
    ),
    Operation(
        "read and set labels of tasks",
        "process",
        ("getattr", "setexec", "setfscreate", "setkeycreate", "setsockcreate", "setcurrent", "dyntransition"),
        "the task itself, or the one that is looked at",
        _LIMITED,
        "attributes are a process's, not a thread's; keycreate is kept and not used; where a shell redirects into such "
        "a file, an error of the write is recorded and not returned",
        "selinux_getprocattr, selinux_setprocattr",
        ("read", "write", "pread64"),
    ),
    Operation(
        "ask and set the policy's state (selinuxfs)",
        "security",
        ("compute_av", "compute_create", "compute_member", "compute_relabel", "check_context", "setenforce", "setbool"),
        "the initial SID security",
        _LIMITED,
        "paths below /sys/fs/selinux can be opened and listed, not asked for their status; a policy can be neither "
        "loaded nor read out",
        "security/selinux/selinuxfs.c",
        ("access", "faccessat", "faccessat2", "statfs"),
    ),
    Operation(
        "change identity and privileges",
        "capability",
        ("setuid", "setgid", "setpcap"),
        "the task itself",
        _UNSEEN,
        "seen, so that what the supervisor does for the task is done with its new credentials; capabilities are "
        "decided by ordinary permissions alone",
        "selinux_capable",
        (
            *(
                "setuid",
                "setgid",
                "setreuid",
                "setregid",
                "setgroups",
                "setresuid",
                "setresgid",
                "setfsuid",
                "setfsgid",
            ),
            *("capset", "prctl"),
        ),
    ),
    Operation(
        "new root directory and namespaces",
        "capability user_namespace",
        ("sys_chroot", "sys_admin", "create"),
        "the task itself",
        _LIMITED,
        "seen and let go on; new pid and IPC namespaces are refused, since numbers mean other things in them",
        "selinux_capable, selinux_userns_create",
        ("chroot", "unshare", "clone"),
    ),
    Operation(
        "scheduling, process groups, limits, capabilities of tasks",
        "process capability capability2",
        ("setsched", "getsched", "setpgid", "getpgid", "getsession", "setrlimit", "getrlimit", "getcap", "setcap"),
        "the other task",
        _UNSEEN,
        "RLIMIT_RTTIME carries the label: it shows as unlimited and cannot be set",
        "selinux_task_setscheduler and its kin",
        ("getrlimit", "setrlimit", "prlimit64"),
    ),
    Operation(
        "executable memory",
        "process file",
        ("execmem", "execstack", "execheap", "execmod"),
        "the task itself; the file",
        _UNSEEN,
        "",
        "selinux_file_mprotect",
        (),
    ),
)

_COMMUNICATION: Final = (
    Operation(
        "unix sockets: make, bind, listen, accept",
        "unix_stream_socket unix_dgram_socket sock_file dir",
        ("create", "bind", "listen", "accept"),
        "new: attr/sockcreate, or the task's own; the socket file as a file's",
        _LIMITED,
        "a socket that was made before the box, or passed in from another program, counts as its first user's; listen "
        "and accept are decided by descriptor number",
        "selinux_socket_create, selinux_socket_bind, selinux_socket_listen, selinux_socket_accept",
        ("socket", "socketpair", "bind", "listen", "accept", "accept4"),
    ),
    Operation(
        "unix sockets: connect",
        "unix_stream_socket unix_dgram_socket sock_file",
        ("connect", "connectto", "sendto", "write"),
        "the own socket; the listening socket; the socket file. A server outside the box has the initial SID kernel's",
        _LIMITED,
        "the supervisor connects: a server outside the box sees the supervisor's pid as its peer's",
        "selinux_socket_connect, selinux_socket_unix_stream_connect",
        ("connect",),
    ),
    Operation(
        "who is the peer of a unix socket",
        "",
        (),
        "the peer's",
        _LIMITED,
        "needs the kernel's unix_diag; without it the supervisor's pid shows",
        "selinux_socket_getpeersec_stream",
        ("getsockopt",),
    ),
    Operation(
        "messages on unix datagram sockets, descriptor passing",
        "unix_dgram_socket fd",
        ("sendto", "use"),
        "the receiving socket; who opened what is passed",
        _UNSEEN,
        "a program can pass what it opened to another domain over a socket that they share",
        "selinux_unix_may_send, selinux_file_receive",
        (),
    ),
    Operation(
        "network sockets",
        "tcp_socket udp_socket rawip_socket node netif packet peer",
        ("create", "name_bind", "name_connect", "node_bind", "send", "recv"),
        "port, node and interface contexts",
        _UNSEEN,
        "",
        "selinux_socket_bind, selinux_socket_connect",
        (),
    ),
    Operation(
        "SysV shared memory",
        "shm",
        ("create", "associate", "read", "write", "getattr", "setattr", "destroy", "lock", "unix_read", "unix_write"),
        "new: the task's own; segments made outside the box have the initial SID kernel's",
        _ENFORCED,
        "the supervisor shows as the creating process (ipcs -p)",
        "selinux_shm_*",
        ("shmget", "shmat", "shmctl"),
    ),
    Operation(
        "SysV semaphores",
        "sem",
        ("create", "associate", "read", "write", "getattr", "setattr", "destroy", "unix_read", "unix_write"),
        "as shared memory",
        _ENFORCED,
        "",
        "selinux_sem_*",
        ("semget", "semop", "semtimedop", "semctl"),
    ),
    Operation(
        "SysV message queues",
        "msgq msg",
        ("create", "associate", "read", "write", "enqueue", "send", "receive", "getattr", "setattr", "destroy"),
        "queue as shared memory; messages by transition from sender and queue",
        _LIMITED,
        "receive must be granted for every label that messages of the queue may have; messages from "
        "outside the box are not known",
        "selinux_msg_queue_*",
        ("msgget", "msgsnd", "msgrcv", "msgctl"),
    ),
    Operation(
        "pipes",
        "fifo_file",
        ("create", "read", "write"),
        "the task that is first seen with it",
        _LIMITED,
        "asked about when a program in another domain inherits one",
        "selinux_inode_init_security_anon",
        (),
    ),
    Operation(
        "POSIX message queues, memory files, keys, BPF, perf",
        "file memfd_file key bpf perf_event",
        (),
        "",
        _UNSEEN,
        "bpf and perf_event_open are refused; POSIX shared memory and semaphores are files and mediated as such",
        "",
        (),
    ),
)

_CLOSED: Final = (
    Operation(
        "trace a process",
        "process",
        ("ptrace",),
        "",
        _REFUSED,
        "a tracer inside would be in the way of the supervisor's proof of exec: debuggers and strace do not run",
        "selinux_ptrace_access_check",
        ("ptrace",),
    ),
    Operation(
        "take another process's descriptor, join its namespaces",
        "process fd",
        ("ptrace", "use"),
        "",
        _REFUSED,
        "",
        "selinux_ptrace_access_check, selinux_file_receive",
        ("pidfd_getfd", "setns"),
    ),
    Operation(
        "mount and unmount",
        "filesystem file",
        ("mount", "remount", "unmount", "mounton"),
        "",
        _REFUSED,
        "a mount would give files a second path, and with it another label",
        "selinux_mount, selinux_umount",
        (
            *("mount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsmount"),
            *("fspick", "mount_setattr"),
        ),
    ),
    Operation(
        "open by handle, or with a fanotify notice",
        "file dir",
        ("open", "watch"),
        "",
        _REFUSED,
        "they go around the directories",
        "",
        ("open_by_handle_at", "fanotify_init"),
    ),
    Operation(
        "calls that hide what they do",
        "",
        (),
        "",
        _REFUSED,
        "fail as on a kernel without them (ENOSYS), and programs take the older way: io_uring, userfaultfd, clone3, "
        "the *xattrat calls; so do all calls of the 32-bit and x32 ABIs",
        "",
        ("clone3", "io_uring_setup", "userfaultfd", "uselib", "setxattrat", "getxattrat", "removexattrat"),
    ),
    Operation(
        "change the kernel",
        "system capability bpf perf_event",
        ("module_load", "sys_boot", "sys_rawio"),
        "",
        _REFUSED,
        "modules, kexec, BPF programs, performance events, I/O ports, reboot, swap, accounting and quotas",
        "selinux_kernel_load_data, selinux_bpf, selinux_perf_event_open",
        (
            *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf"),
            *("perf_event_open", "iopl", "ioperm", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd"),
        ),
    ),
)

OPERATIONS: Final = _OPENING + _NAMES + _LABELS + _PROCESSES + _COMMUNICATION + _CLOSED
"""Every operation, grouped: files, names, labels, processes, communication, and what is closed."""
