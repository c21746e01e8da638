"""Extended attributes, the label among them."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(
    notified=(
        *("getxattr", "lgetxattr", "fgetxattr", "setxattr", "lsetxattr", "fsetxattr"),
        *("listxattr", "llistxattr", "flistxattr"),
        *("removexattr", "lremovexattr", "fremovexattr"),
    )
)
