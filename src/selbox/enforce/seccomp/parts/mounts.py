"""Mounting and unmounting."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("mount", "umount2", "pivot_root"))
