"""Files without a name: pipes, memory files, and what tells of page faults."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("pipe", "pipe2", "memfd_create", "memfd_secret", "userfaultfd"))
