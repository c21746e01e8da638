"""Opening and creating files."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("open", "openat", "openat2", "creat"))
