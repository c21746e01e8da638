"""Names in directories."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(
    notified=(
        *("rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat", "unlink", "unlinkat"),
        *("symlink", "symlinkat", "mknod", "mknodat"),
    )
)
