"""Opening and creating files."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(notified=("open", "openat", "openat2", "creat"))
