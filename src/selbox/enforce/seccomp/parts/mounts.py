"""Mounting and unmounting."""

import errno

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(
    notified=("mount", "umount2"),
    refused={
        # Programs take the older way, which is mediated.
        errno.ENOSYS: ("fsopen", "fsconfig", "fsmount", "fspick", "open_tree", "open_tree_attr", "mount_setattr"),
        errno.EPERM: ("move_mount", "pivot_root"),
    },
)
