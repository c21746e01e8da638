"""The policy's own state, as selinuxfs shows it."""

from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

ROWS: Final = (
    Operation(
        "ask and set the policy's state (selinuxfs)",
        "security",
        ("compute_av", "compute_create", "compute_member", "compute_relabel", "check_context", "setenforce", "setbool"),
        "the initial SID security",
        Support.LIMITED,
        "paths below /sys/fs/selinux can be opened, listed and asked for their status; a policy can be neither loaded "
        "nor read out",
        "security/selinux/selinuxfs.c",
        ("open", "openat", "read", "write", "pread64", "statfs"),
    ),
)
