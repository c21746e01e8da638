"""Files without a name: pipes and memory files."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(notified=("pipe", "pipe2", "memfd_create"))
