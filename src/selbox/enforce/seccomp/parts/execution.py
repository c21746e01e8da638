"""Running programs."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(notified=("execve", "execveat"))
