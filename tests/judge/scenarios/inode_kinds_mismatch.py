"""The same type on objects of several classes: each class is asked about by its own rules."""

import os
import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "reader"
OBJECTS = "thing"
RULES = """
(allow reader thing (file (getattr read open)))
(allow reader thing (fifo_file (getattr)))
(allow reader thing (sock_file (getattr)))
"""


def scenario(stage: Stage) -> None:
    stage.file("file", "thing")
    stage.directory("directory", "thing")
    os.mkfifo("fifo")
    stage.label("fifo", "thing")
    made = socket.socket(socket.AF_UNIX)
    made.bind("socket")
    stage.label("socket", "thing")
    os.symlink("file", "link")
    stage.label("link", "thing")
    os.mknod("device", 0o020666, os.makedev(1, 3))
    stage.label("device", "thing")
    stage.run("reader", look)


def look() -> None:
    for name in ("file", "directory", "fifo", "socket", "link", "device"):
        attempt(f"status of {name}", os.lstat, name)
        attempt(f"open {name}", os.open, name, os.O_RDONLY | os.O_NONBLOCK)
