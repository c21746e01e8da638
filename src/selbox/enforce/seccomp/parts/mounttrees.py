"""Mounting in the newer way, by descriptors."""

import errno

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(
    notified=("fsopen", "fsconfig", "fsmount", "fspick", "open_tree", "move_mount", "mount_setattr"),
    refused={errno.ENOSYS: ("open_tree_attr",)},
)
