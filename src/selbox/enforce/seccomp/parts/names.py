"""Names in directories."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(
    notified=(
        *("rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat", "unlink", "unlinkat"),
        *("symlink", "symlinkat", "mknod", "mknodat"),
    )
)
