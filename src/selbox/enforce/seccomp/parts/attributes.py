"""Extended attributes, the label among them."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(
    notified=(
        *("getxattr", "lgetxattr", "fgetxattr", "setxattr", "lsetxattr", "fsetxattr"),
        *("listxattr", "llistxattr", "flistxattr"),
        *("removexattr", "lremovexattr", "fremovexattr"),
    )
)
