"""Tracing other processes, and taking their descriptors."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("ptrace", "pidfd_getfd"))
