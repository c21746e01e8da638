"""Named pipes, sockets and devices are made; a device takes a capability and its own class's permission."""

import os
import stat

from tests.judge.stage import Stage, attempt

DOMAINS = "maker helpless"
OBJECTS = "shelf"
RULES = """
(typeattribute makers)
(typeattributeset makers (maker helpless))
(allow makers shelf (dir (getattr search write add_name)))
(allow maker shelf (fifo_file (create)))
(allow maker shelf (chr_file (create)))
(allow maker self (capability (mknod)))
"""


def scenario(stage: Stage) -> None:
    stage.directory("shelf", "shelf")
    stage.run("maker", make, "a")
    stage.run("helpless", make, "b")


def make(prefix: str) -> None:
    attempt("named pipe", os.mkfifo, f"shelf/{prefix}pipe")
    attempt("named pipe by mknod", os.mknod, f"shelf/{prefix}pipe2", stat.S_IFIFO | 0o600)
    attempt("file by mknod", os.mknod, f"shelf/{prefix}file", stat.S_IFREG | 0o600)
    attempt("socket", os.mknod, f"shelf/{prefix}socket", stat.S_IFSOCK | 0o600)
    attempt("character device", os.mknod, f"shelf/{prefix}null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    attempt("block device", os.mknod, f"shelf/{prefix}block", stat.S_IFBLK | 0o600, os.makedev(7, 0))
