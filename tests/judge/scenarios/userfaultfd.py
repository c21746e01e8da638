"""What tells of a program's own page faults is made, and commanded, by domains that may and may not."""

import fcntl
import struct

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt, file_context

DOMAINS = "maker bystander mute"
OBJECTS = "faults"
RULES = """
(typetransition maker maker anon_inode "[userfaultfd]" faults)
(allow maker faults (anon_inode (create getattr ioctl read)))
(allow mute self (anon_inode (create getattr read)))
"""
UFFD_API, UFFDIO_API = 0xAA, 0xC018AA3F
O_NONBLOCK, O_CLOEXEC, USER_MODE_ONLY = 0o4000, 0o2000000, 1


def scenario(stage: Stage) -> None:
    for domain in ("maker", "bystander", "mute"):
        stage.run(domain, make)


def make() -> None:
    made = attempt("make", lambda: Descriptor(call("userfaultfd", O_NONBLOCK | O_CLOEXEC | USER_MODE_ONLY)))
    if made is not None:
        attempt("label", lambda: file_context(made.number), show=True)
        attempt("begin", lambda: fcntl.ioctl(made.number, UFFDIO_API, struct.pack("=QQQ", UFFD_API, 0, 0)))


class Descriptor:
    """A descriptor whose number is not told."""

    def __init__(self, number: int) -> None:
        self.number = number
