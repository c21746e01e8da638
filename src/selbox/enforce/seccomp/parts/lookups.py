"""Questions about paths: access, links, file systems; and the working directory."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(
    notified=(
        *(
            "access",
            "faccessat",
            "faccessat2",
            "readlink",
            "readlinkat",
            "chdir",
            "fchdir",
            "statfs",
            "fstatfs",
            "name_to_handle_at",
        ),
    )
)
