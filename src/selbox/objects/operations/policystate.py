"""The policy's own state, as selinuxfs shows it."""

from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

ROWS: Final = (
    Operation(
        "ask and set the policy's state (selinuxfs)",
        "security",
        (
            *("compute_av", "compute_create", "compute_member", "compute_relabel", "compute_user", "check_context"),
            *("setenforce", "setbool", "load_policy", "read_policy", "validate_trans", "setcheckreqprot"),
        ),
        "the initial SID security",
        Support.LIMITED,
        "a policy under which calls have to be asked about that the first one made needless is not loaded; what is "
        "written by a number that the file was moved to has no errno where the task cannot be held: a child that only "
        "forked, a thread that did not move it, a task that is traced",
        "security/selinux/selinuxfs.c",
        (
            *("open", "openat", "read", "write", "pread64", "pwrite64", "writev"),
            *("dup", "dup2", "dup3", "fcntl", "statfs", "getcwd", "chdir", "fchdir"),
        ),
    ),
)
