"""What a task is asked about, and what is set of it: groups, scheduling, limits, capabilities."""

from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

ROWS: Final = (
    Operation(
        "ask for a process's group and session",
        "process",
        ("getpgid", "getsession"),
        "the process that is asked about",
        Support.ENFORCED,
        "who asks by the number 0 asks about itself, and policy has no say",
        "selinux_task_getpgid, selinux_task_getsid",
        ("getpgid", "getsid"),
    ),
    Operation(
        "put a process into a group",
        "process",
        ("setpgid",),
        "the process: the task itself, or a child that has not run a program",
        Support.ENFORCED,
        "",
        "selinux_task_setpgid",
        ("setpgid",),
    ),
    Operation(
        "ask how a task is scheduled",
        "process",
        ("getsched",),
        "the task that is asked about",
        Support.ENFORCED,
        "getpriority asks nobody, as in the kernel",
        "selinux_task_getscheduler, selinux_task_getioprio",
        (
            *("sched_getscheduler", "sched_getparam", "sched_getattr", "sched_getaffinity", "sched_rr_get_interval"),
            "ioprio_get",
        ),
    ),
    Operation(
        "change how a task is scheduled",
        "process capability",
        ("setsched", "sys_nice"),
        "the task that is changed",
        Support.ENFORCED,
        "the tasks of a group are changed one by one. sys_nice is asked for where a task raises its own nice value or "
        "takes a real-time policy; for other uses of the capability, ordinary permissions decide. Sharing a processor "
        "with chosen others (PR_SCHED_CORE) fails as on a kernel without it (EINVAL)",
        "selinux_task_setscheduler, selinux_task_setnice, selinux_task_setioprio",
        (
            *("sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity"),
            *("setpriority", "ioprio_set"),
        ),
    ),
    Operation(
        "move a process's memory between nodes",
        "process file",
        ("setsched", "read"),
        "the process",
        Support.LIMITED,
        "a pid that is used again between check and effect is not noticed",
        "selinux_task_movememory",
        ("move_pages", "migrate_pages"),
    ),
    Operation(
        "ask for and set resource limits",
        "process capability",
        ("getrlimit", "setrlimit", "sys_resource"),
        "the task whose limits they are",
        Support.ENFORCED,
        "of oneself, setrlimit is asked for where a hard limit changes. RLIMIT_RTTIME carries the label: it shows as "
        "unlimited and cannot be set. The soft RLIMIT_CORE is 4,095 at most, with which the kernel makes no core files",
        "selinux_task_prlimit, selinux_task_setrlimit",
        ("getrlimit", "setrlimit", "prlimit64"),
    ),
    Operation(
        "ask for and set the capabilities of a process",
        "process",
        ("getcap", "setcap"),
        "the process that is asked about; the task itself",
        Support.ENFORCED,
        "",
        "selinux_capget, selinux_capset",
        ("capget", "capset"),
    ),
    Operation(
        "keys and keyrings",
        "key",
        ("view", "read", "write", "search", "link", "setattr"),
        "who made it, or attr/keycreate",
        Support.ENFORCED,
        "a box has keys of its own, of the types user, logon, big_key and keyring: neither the kernel nor programs "
        "outside see them. Nobody is called to make a key that is requested. Asymmetric keys, restricted and "
        "persistent keyrings and notices fail as on a kernel without them (EOPNOTSUPP). create is asked for with "
        "attr/keycreate",
        "selinux_key_permission, selinux_key_alloc, selinux_key_getsecurity",
        ("add_key", "request_key", "keyctl"),
    ),
    Operation(
        "make BPF maps, and programs that filter for a socket",
        "bpf capability2 capability",
        ("map_create", "map_read", "map_write", "prog_load", "prog_run", "bpf", "perfmon", "sys_admin"),
        "who made the map or the program",
        Support.LIMITED,
        "programs of other types, maps of maps, of programs and of sockets, pinning, attaching and finding by number "
        "are refused (EPERM), as to who lacks the capabilities: they act on the kernel itself. What is done by a "
        "descriptor of a map asks for no capability. Memory of maps counts for the supervisor",
        "selinux_bpf, selinux_bpf_map, selinux_bpf_prog, bpf_fd_pass",
        ("bpf",),
    ),
    Operation(
        "open performance events",
        "perf_event capability2 capability file",
        ("open", "kernel", "cpu", "tracepoint", "read", "write", "perfmon", "sys_admin"),
        "the task that opens it; for another's event without perfmon, that one",
        Support.LIMITED,
        "of the types hardware, software, tracepoint, cache, raw and breakpoint; of control groups they are refused, "
        "as are those of tasks outside the box. read is not asked for at each read: who may not read when an event is "
        "opened gets one that counts nothing. write is asked for at each command, of the task's own label",
        "selinux_perf_event_open, selinux_perf_event_read, selinux_perf_event_write",
        ("perf_event_open", "ioctl"),
    ),
)
