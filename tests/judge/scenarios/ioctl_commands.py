"""``ioctl`` on a file: some commands are questions about its status, some change it, any other takes ``ioctl``."""

import array
import fcntl
import os

from tests.judge.stage import Stage, attempt

DOMAINS = "caller"
OBJECTS = "data"
RULES = "(allow caller data (file (read open)))"
COMMANDS = {
    "FIONREAD": 0x541B,
    "FIBMAP": 1,
    "FIGETBSZ": 2,
    "FS_IOC_GETFLAGS": 0x80086601,
    "FS_IOC_GETVERSION": 0x80087601,
    "FS_IOC_SETFLAGS": 0x40086602,
    "FS_IOC_SETVERSION": 0x40087602,
    "FIONBIO": 0x5421,
    "FIOASYNC": 0x5452,
    "FIOCLEX": 0x5451,
    "FIONCLEX": 0x5450,
    "TCGETS": 0x5401,
}


def scenario(stage: Stage) -> None:
    stage.file("data", "data")
    stage.run("caller", call)


def call() -> None:
    descriptor = os.open("data", os.O_RDONLY)
    for name, number in COMMANDS.items():
        attempt(name, fcntl.ioctl, descriptor, number, array.array("l", [0] * 16))
