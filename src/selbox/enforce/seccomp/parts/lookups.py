"""Questions about paths: access, links, file systems; and the working directory."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(
    notified=(*("access", "faccessat", "faccessat2", "readlink", "readlinkat", "chdir", "fchdir", "statfs", "fstatfs"),)
)
