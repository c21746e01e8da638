"""The status of files."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(notified=("stat", "lstat", "fstat", "newfstatat", "statx"))
