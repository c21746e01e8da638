"""POSIX message queues."""

from selbox.enforce.seccomp.part import FilterPart
from selbox.typing import Final

PART: Final = FilterPart(notified=("mq_open", "mq_unlink"))
