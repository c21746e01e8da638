"""Files without a name: pipes and memory files."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("pipe", "pipe2", "memfd_create", "memfd_secret"))
