"""Identity, privileges and namespaces of tasks."""

from typing import Final

from selbox.objects.operations.operation import Operation, Support

ROWS: Final = (
    Operation(
        "change identity and privileges",
        "capability",
        ("setuid", "setgid", "setpcap"),
        "the task itself",
        Support.NOT_MEDIATED,
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
            "prctl",
        ),
    ),
    Operation(
        "new root directory and namespaces",
        "capability user_namespace",
        ("sys_chroot", "sys_admin", "create"),
        "the task itself",
        Support.LIMITED,
        "seen and let go on; new pid and IPC namespaces are refused, since numbers mean other things in them",
        "selinux_capable, selinux_userns_create",
        ("chroot", "unshare", "clone"),
    ),
)
