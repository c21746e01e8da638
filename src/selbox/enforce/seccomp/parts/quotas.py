"""Quotas of disks."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("quotactl", "quotactl_fd"))
