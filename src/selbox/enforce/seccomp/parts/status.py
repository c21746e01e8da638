"""The status of files."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("stat", "lstat", "fstat", "newfstatat", "statx"))
