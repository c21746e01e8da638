"""What files are marked with, and what is done to open ones."""

from typing import Final

from selbox.objects.operations.operation import FILE_CLASSES, Operation, Support

ROWS: Final = (
    Operation(
        "read a file's label",
        FILE_CLASSES,
        ("getattr",),
        "the file",
        Support.ENFORCED,
        "",
        "selinux_inode_getxattr, selinux_inode_getsecurity",
        ("getxattr", "lgetxattr", "fgetxattr"),
    ),
    Operation(
        "change a file's label",
        f"{FILE_CLASSES} filesystem",
        ("relabelfrom", "relabelto", "associate"),
        "the file's old label, then the new one",
        Support.ENFORCED,
        "kept with the box or in the label store, never in the host's security.selinux; only its owner may, as "
        "ordinary permissions have it, and validatetrans rules hold. Open descriptors are not revoked",
        "selinux_inode_setxattr",
        ("setxattr", "lsetxattr", "fsetxattr"),
    ),
    Operation(
        "set and remove other extended attributes",
        FILE_CLASSES,
        ("setattr",),
        "the file",
        Support.ENFORCED,
        "reading them is not mediated; security.selinux itself cannot be removed",
        "selinux_inode_setxattr, selinux_inode_removexattr",
        ("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
    ),
    Operation(
        "status of a file",
        FILE_CLASSES,
        ("getattr",),
        "the file",
        Support.ENFORCED,
        "of an open socket it is not asked",
        "selinux_inode_getattr",
        ("stat", "lstat", "fstat", "newfstatat", "statx"),
    ),
    Operation(
        "mode, owner and times",
        FILE_CLASSES,
        ("setattr", "write"),
        "the file; setting times to now is asked as writing",
        Support.ENFORCED,
        "",
        "selinux_inode_setattr",
        (
            *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"),
            *("utime", "utimes", "futimesat", "utimensat"),
        ),
    ),
    Operation(
        "lock, ioctl and watch open files",
        FILE_CLASSES,
        ("lock", "ioctl", "watch"),
        "the file",
        Support.NOT_MEDIATED,
        "",
        "selinux_file_lock, selinux_file_ioctl",
        (),
    ),
)
