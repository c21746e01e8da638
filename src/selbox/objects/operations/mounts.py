"""Mounting and unmounting file systems."""

from selbox.objects.operations.operation import Operation, Support
from selbox.typing import Final

_OWN_MOUNTS: Final = (
    "only in root's boxes, which have mounts of their own; in user namespaces that programs make, only memory, "
    "terminals, second paths and, in a pid namespace of its own, proc; where the supervisor sees it, too, not over "
    "what it needs itself (/proc, /lib, its own files)"
)

ROWS: Final = (
    Operation(
        "mount a file system",
        "file dir filesystem capability",
        ("mounton", "mount", "sys_admin"),
        "the place and the file system, by fs_use, genfscon or the options context, fscontext, defcontext, rootcontext",
        Support.LIMITED,
        f"{_OWN_MOUNTS}; no file systems that wait for programs or other machines (FUSE, autofs, NFS)",
        "selinux_mount, selinux_sb_kern_mount",
        ("mount",),
    ),
    Operation(
        "mount an overlay, and use it",
        "dir file lnk_file chr_file blk_file fifo_file sock_file filesystem",
        (
            "search",
            "getattr",
            "read",
            "write",
            "setattr",
            "create",
            "link",
            "unlink",
            "rename",
            "relabelto",
            "associate",
        ),
        "the file beneath, which the mounter is asked about, too; a copy has the label of the overlay's file",
        Support.LIMITED,
        "file systems of ordinary names only: no redirect_dir, metacopy, userxattr or data-only directories; the "
        "capabilities that the kernel takes for itself on the way are not asked of the mounter",
        "selinux_inode_copy_up, selinux_inode_copy_up_xattr, selinux_dentry_create_files_as",
        ("mount", "fsconfig"),
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
        "only in root's boxes; nothing that the supervisor itself needs; not by force in user namespaces of programs",
        "selinux_umount",
        ("umount2",),
    ),
    Operation(
        "mount in the newer way, by descriptors",
        "file dir filesystem capability",
        ("mounton", "mount", "sys_admin"),
        "as above",
        Support.LIMITED,
        f"{_OWN_MOUNTS}; what is opened by a copy of a mount has no label until the copy is mounted; options that are "
        "paths or descriptors, and mapped ids, are refused; open_tree takes only the capability and the way, as on "
        "SELinux, and another thread can change the path that it copies",
        "selinux_move_mount, selinux_sb_kern_mount, selinux_sb_remount",
        ("fsopen", "fsconfig", "fsmount", "fspick", "open_tree", "move_mount", "mount_setattr"),
    ),
    Operation(
        "exchange the root",
        "capability",
        ("sys_admin",),
        "",
        Support.LIMITED,
        "only in a mount namespace of a program's own, since it would exchange the supervisor's root, too",
        "",
        ("pivot_root",),
    ),
    Operation(
        "copy a mount with other attributes in one call",
        "capability",
        ("sys_admin",),
        "",
        Support.REFUSED,
        "as on a kernel without it (ENOSYS): open_tree and mount_setattr do the same",
        "",
        ("open_tree_attr",),
    ),
    Operation(
        "quotas",
        "filesystem file capability",
        ("quotaget", "quotamod", "quotaon", "sys_admin"),
        "the file system, and the file that quotas are kept in",
        Support.ENFORCED,
        "",
        "selinux_quotactl, selinux_quota_on",
        ("quotactl", "quotactl_fd"),
    ),
)
