"""POSIX message queues."""

from typing import Final

from selbox.enforce.seccomp.part import FilterPart

PART: Final = FilterPart(notified=("mq_open", "mq_unlink"))
