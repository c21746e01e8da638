"""Processes: making, running, signalling and looking into them."""

from selbox.objects.operations.operation import FILE_CLASSES, Operation, Support
from selbox.typing import Final

ROWS: Final = (
    Operation(
        "make a process",
        "process",
        ("fork",),
        "the task itself; the child has its label",
        Support.ENFORCED,
        "threads share one label. Where every domain may fork, it is asked on entering a domain and not at each fork",
        "selinux_task_alloc",
        ("fork", "vfork", "clone"),
    ),
    Operation(
        "run a program",
        "file process process2 lnk_file dir fd",
        (
            *(
                "execute",
                "read",
                "open",
                "execute_no_trans",
                "transition",
                "entrypoint",
                "share",
                "map",
                "use",
                "execmem",
            ),
            *("nnp_transition", "nosuid_transition"),
        ),
        "the program's file; the new domain: attr/exec, or by transition from task and file",
        Support.LIMITED,
        "the program that runs, and the dynamic loader that it names, are proven to be those decided about. A domain "
        "that may not map both, or not use what the old one opened, ends by SIGSEGV. share is asked of whoever ever "
        "shared its directories with another process, also when that has ended. AT_EXECVE_CHECK is refused (EINVAL), "
        "as before Linux 6.14",
        "selinux_bprm_creds_for_exec, check_nnp_nosuid, selinux_file_open, selinux_mmap_file",
        ("execve", "execveat"),
    ),
    Operation(
        "inherit environment, limits and signals in another domain",
        "process",
        ("noatsecure", "rlimitinh", "siginh"),
        "the new domain",
        Support.LIMITED,
        "AT_SECURE, soft limits and signals are set before the program's first instruction; the signal at its parent's "
        "death is kept",
        "selinux_bprm_creds_for_exec, selinux_bprm_committing_creds, selinux_bprm_committed_creds",
        ("execve", "execveat"),
    ),
    Operation(
        "inherit descriptors in another domain",
        f"fd {FILE_CLASSES}",
        ("use", "read", "write", "append", "ioctl"),
        "who opened it; what it is open on",
        Support.LIMITED,
        "who opened is kept by file, not by descriptor: where several domains opened one file, all must be usable. "
        "Sockets are asked about fd use only",
        "flush_unauthorized_files",
        ("execve", "execveat"),
    ),
    Operation(
        "send a signal",
        "process capability",
        ("sigkill", "sigstop", "sigchld", "signal", "signull", "kill"),
        "the receiving task; one outside the box has the initial SID kernel's",
        Support.ENFORCED,
        "another process is told SI_QUEUE as the code of kill, and in a pid namespace of its own 0 as the sender",
        "selinux_task_kill",
        ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"),
    ),
    Operation(
        "send a signal to a group",
        "process",
        ("sigkill", "sigstop", "sigchld", "signal", "signull"),
        "each process of the group",
        Support.LIMITED,
        "it is checked one by one; who enters it in that moment is signalled with it",
        "selinux_task_kill",
        ("kill",),
    ),
    Operation(
        "have somebody signalled about an open file",
        "process",
        ("signal",),
        "each process that is named",
        Support.LIMITED,
        "asked when it is named and not at each signal: who is in another domain by then is signalled too, and "
        "so is the group in a terminal's foreground. SIGKILL and SIGSTOP cannot be chosen (EINVAL)",
        "selinux_file_send_sigiotask",
        ("fcntl", "ioctl"),
    ),
    Operation(
        "read and write another process's memory",
        "process capability",
        ("ptrace", "sys_ptrace"),
        "the other task",
        Support.ENFORCED,
        "one call moves a mebibyte at most, and tells so. A process outside the box is closed to it",
        "selinux_ptrace_access_check",
        ("process_vm_readv", "process_vm_writev"),
    ),
    Operation(
        "trace a process",
        "process capability",
        ("ptrace", "sys_ptrace"),
        "the process that is traced; who asks to be traced is its parent's target. Again when it enters another domain",
        Support.ENFORCED,
        "nobody traces what is outside the box. Each request of a tracer is asked about, silently, so that one who "
        "enters a domain that may not trace loses its tracees",
        "selinux_ptrace_access_check, selinux_ptrace_traceme",
        ("ptrace",),
    ),
    Operation(
        "run a program while traced",
        "process",
        ("ptrace",),
        "the new domain, which the tracer must be allowed to trace",
        Support.LIMITED,
        "refused (EPERM) where the tracer seized the process and does not ask for PTRACE_O_TRACEEXEC, or is outside "
        "the box. What siginh denies is kept: signals that are blocked, ignored or waiting, and timers. A process "
        "whose tracer ends in the moment in which it starts a program is killed; it had its old label",
        "selinux_bprm_creds_for_exec, selinux_lsm_setattr",
        ("execve", "execveat"),
    ),
    Operation(
        "take another process's descriptor",
        f"process fd {FILE_CLASSES}",
        ("ptrace", "use", "read", "write", "append"),
        "the other process; who opened the file; what it is open on",
        Support.ENFORCED,
        "of a process in the box; one opened with O_PATH cannot be taken (EBADF)",
        "selinux_ptrace_access_check, selinux_file_receive",
        ("pidfd_getfd",),
    ),
    Operation(
        "compare processes, ask for their locks",
        "file capability",
        ("read", "sys_ptrace"),
        "the other task",
        Support.ENFORCED,
        "descriptors of epoll cannot be compared",
        "selinux_ptrace_access_check",
        ("kcmp", "get_robust_list"),
    ),
    Operation(
        "read and set labels of tasks",
        "process",
        ("getattr", "setexec", "setfscreate", "setkeycreate", "setsockcreate", "setcurrent", "dyntransition"),
        "the task itself, or the one that is looked at",
        Support.LIMITED,
        "a new thread begins with the attributes of the process's first thread, not with those of the thread that made "
        "it. A process of several threads that changes its domain, to one that its own bounds, does so as a whole. "
        "What is written to such a file by a number that it was moved to has no errno where the task cannot be held",
        "selinux_getprocattr, selinux_setprocattr",
        ("read", "write", "pread64", "pwrite64", "writev"),
    ),
)
