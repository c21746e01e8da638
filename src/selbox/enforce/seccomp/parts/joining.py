"""Joining namespaces that there are."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("setns",))
