"""Rules about numbers of ``ioctl`` commands narrow what ``ioctl`` grants, for the classes that they name."""

import array
import fcntl
import os

from tests.judge.stage import Stage, attempt

DOMAINS = "caller"
OBJECTS = "data free"
RULES = """
(allow caller data (file (getattr read open ioctl)))
(allow caller free (file (getattr read open ioctl)))
(allowx caller data (ioctl file (range 0x5400 0x5420)))
(dontauditx caller data (ioctl file (0x5460)))
(auditallowx caller data (ioctl file (0x5413)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data")
    stage.file("free", "free")
    stage.run("caller", call)


def call() -> None:
    for name in ("data", "free"):
        descriptor = os.open(name, os.O_RDONLY)
        for number in (0x5401, 0x5413, 0x541F, 0x5460, 0x5461, 0x8001):
            attempt(f"{name} {number:#x}", fcntl.ioctl, descriptor, number, array.array("l", [0] * 16))
