"""Mounting and unmounting file systems."""

from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

_OWN_MOUNTS: Final = (
    "only in root's boxes, which have mounts of their own, and in no further mount namespace; not over what the "
    "supervisor itself needs (/proc, /lib, its own files)"
)

ROWS: Final = (
    Operation(
        "mount a file system",
        "file dir filesystem capability",
        ("mounton", "mount", "sys_admin"),
        "the place and the file system, by fs_use, genfscon or the options context, fscontext, defcontext, rootcontext",
        Support.LIMITED,
        f"{_OWN_MOUNTS}; no file systems that wait for programs or other machines (FUSE, autofs, NFS), no overlays",
        "selinux_mount, selinux_sb_kern_mount",
        ("mount",),
    ),
    Operation(
        "label a file system as it is mounted",
        "filesystem",
        ("relabelfrom", "relabelto", "associate"),
        "the file system, by its kind",
        Support.ENFORCED,
        "",
        "selinux_set_mnt_opts",
        ("mount",),
    ),
    Operation(
        "mount a second time, move a mount, change what it passes on",
        "file dir capability",
        ("mounton", "sys_admin"),
        "the place",
        Support.LIMITED,
        _OWN_MOUNTS,
        "selinux_mount",
        ("mount",),
    ),
    Operation(
        "remount",
        "filesystem capability",
        ("remount", "sys_admin"),
        "the file system",
        Support.LIMITED,
        _OWN_MOUNTS,
        "selinux_mount, selinux_sb_remount",
        ("mount",),
    ),
    Operation(
        "unmount",
        "filesystem capability",
        ("unmount", "sys_admin"),
        "the file system",
        Support.LIMITED,
        "only in root's boxes; nothing that the supervisor itself needs",
        "selinux_umount",
        ("umount2",),
    ),
    Operation(
        "mount in the newer way, exchange the root",
        "file dir filesystem",
        ("mounton", "mount", "remount"),
        "",
        Support.REFUSED,
        "as on a kernel without these calls (ENOSYS), so that programs take the older way",
        "selinux_move_mount, selinux_sb_kern_mount",
        (
            *("pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount"),
            *("fspick", "mount_setattr"),
        ),
    ),
)
