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
        "a policy under which calls have to be asked about that the first one made needless is not loaded; what "
        "arrives by a number that a shell's redirection moved has an errno where it is at most three bytes",
        "security/selinux/selinuxfs.c",
        ("open", "openat", "read", "write", "pread64", "statfs", "getcwd", "chdir", "fchdir"),
    ),
)
