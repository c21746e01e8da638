"""Identity, privileges and namespaces of tasks, and what is the whole machine's."""

from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

ROWS: Final = (
    Operation(
        "change identity and privileges",
        "capability cap_userns",
        ("setuid", "setgid", "setpcap"),
        "the task itself",
        Support.ENFORCED,
        "a task that holds a capability which policy denies may not set an id where the kernel would have set fewer "
        "than it asks for",
        "selinux_capable",
        (
            *("setuid", "setgid", "setreuid", "setregid", "setgroups", "setresuid", "setresgid"),
            *("setfsuid", "setfsgid", "prctl"),
        ),
    ),
    Operation(
        "new root directory",
        "capability cap_userns",
        ("sys_chroot",),
        "the task itself",
        Support.LIMITED,
        "the path is walked unseen",
        "selinux_capable",
        ("chroot",),
    ),
    Operation(
        "new namespaces",
        "user_namespace capability cap_userns",
        ("create", "sys_admin"),
        "the task itself",
        Support.ENFORCED,
        "new pid and IPC namespaces from Linux 6.11 on, where numbers can be translated; those of IPC in root's boxes",
        "selinux_capable, selinux_userns_create",
        ("unshare", "clone"),
    ),
    Operation(
        "join namespaces",
        "file capability cap_userns",
        ("read", "sys_admin", "sys_chroot"),
        "the process whose namespaces they are, where they are named by it; the task itself",
        Support.LIMITED,
        "those that a process of the box, or its supervisor, is in; not by a process with several threads, or one that "
        "shares its descriptors with another",
        "selinux_ptrace_access_check, selinux_capable",
        ("setns",),
    ),
    Operation(
        "name the machine, hang up its terminals, set its clock",
        "capability",
        ("sys_admin", "sys_tty_config", "sys_time"),
        "the task itself",
        Support.ENFORCED,
        "",
        "selinux_capable",
        (
            *("sethostname", "setdomainname", "vhangup"),
            *("settimeofday", "clock_settime", "adjtimex", "clock_adjtime"),
        ),
    ),
    Operation(
        "the kernel's log",
        "system capability2",
        ("syslog_read", "syslog_mod", "syslog_console", "syslog"),
        "the initial SID kernel; the task itself",
        Support.ENFORCED,
        "/dev/kmsg and /proc/kmsg are files, and mediated as such",
        "selinux_syslog, selinux_capable",
        ("syslog",),
    ),
    Operation(
        "load a module into the kernel",
        "capability system",
        ("sys_module", "module_load"),
        "the task itself, or the module's file",
        Support.LIMITED,
        "policy is asked, and then it is refused all the same",
        "selinux_kernel_module_from_file, selinux_kernel_load_data",
        ("init_module", "finit_module"),
    ),
    Operation(
        "other uses of capabilities",
        "capability capability2 cap_userns cap2_userns",
        ("ipc_lock", "ipc_owner"),
        "the task itself",
        Support.NOT_MEDIATED,
        "decided by ordinary permissions alone, where no other row names them",
        "selinux_capable",
        (),
    ),
)
