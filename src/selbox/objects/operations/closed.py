"""What no box has."""

from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

ROWS: Final = (
    Operation(
        "advise about another process's memory, reap it",
        "file",
        ("read",),
        "",
        Support.REFUSED,
        "as on a kernel without them (ENOSYS)",
        "selinux_ptrace_access_check",
        ("process_madvise", "process_mrelease"),
    ),
    Operation(
        "restrict oneself by Landlock",
        "",
        (),
        "",
        Support.REFUSED,
        "as on a kernel that has it disabled (EOPNOTSUPP): what the supervisor does would not be held to it",
        "",
        ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"),
    ),
    Operation(
        "open by handle",
        "file dir",
        ("open",),
        "",
        Support.REFUSED,
        "it goes around the directories; so do commands of XFS, and TIOCGPTPEER, without which programs open the path",
        "",
        ("open_by_handle_at",),
    ),
    Operation(
        "calls that hide what they do",
        "",
        (),
        "",
        Support.REFUSED,
        "fail as on a kernel without them (ENOSYS), and programs take the older way: io_uring, clone3, "
        "the *xattrat and file_*attr calls, those that tell of mounts by number; so do all calls of the 32-bit and x32 "
        "ABIs, and those that Linux has since 6.19",
        "",
        (
            "clone3",
            "io_uring_setup",
            "io_uring_enter",
            "io_uring_register",
            "uselib",
            "setxattrat",
            "getxattrat",
            "listxattrat",
            "removexattrat",
            "file_getattr",
            "file_setattr",
            "statmount",
            "listmount",
            "ustat",
        ),
    ),
    Operation(
        "change the kernel",
        "system capability",
        ("module_load", "sys_boot", "sys_rawio"),
        "",
        Support.REFUSED,
        "taking modules out, kexec, I/O ports, reboot, swap and accounting",
        "selinux_kernel_load_data",
        (
            *("delete_module", "kexec_load", "kexec_file_load"),
            *("iopl", "ioperm", "reboot", "swapon", "swapoff", "acct"),
        ),
    ),
)
