"""Calls that no box has: they would lead around those that are mediated, or reach the kernel itself."""

import errno

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(
    refused={
        errno.ENOSYS: (
            # clone3 hides its flags in memory; io_uring acts without a call that the filter sees; the *xattrat
            # and file_*attr calls, and what tells of mounts by number, have older siblings that are mediated.
            *(
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
            # By a descriptor that another thread may exchange, they reach into another process.
            *("process_madvise", "process_mrelease"),
        ),
        # What the supervisor does for a task would not be held to the rules that the task gave itself.
        errno.EOPNOTSUPP: ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"),
        errno.EPERM: (
            "open_by_handle_at",  # a route around path mediation
            # The kernel itself, which no policy of a box can mediate.
            *("delete_module", "kexec_load", "kexec_file_load"),
            *("iopl", "ioperm", "reboot", "swapon", "swapoff", "acct"),
        ),
    }
)
