"""A POSIX message queue is a file of its own file system: it is made, opened for sending and receiving, and removed."""

import os

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "maker receiver stranger"
OBJECTS = "queue"
RULES = """
(typetransition maker .tmpfs_t file queue)
(allow maker .tmpfs_t (dir (search write add_name remove_name)))
(allow maker queue (file (create getattr read write open unlink)))
(allow receiver .tmpfs_t (dir (search)))
(allow receiver queue (file (read open)))
"""
NAME = b"judge-queue"


def scenario(stage: Stage) -> None:
    maker = stage.start("maker", make, stage)
    stage.await_flag(1)
    for domain in ("receiver", "stranger"):
        stage.run(domain, use)
    stage.tell(2)
    maker.wait()


def make(stage: Stage) -> None:
    attempt("make", open_queue, os.O_RDWR | os.O_CREAT)
    stage.tell(1)
    stage.await_flag(2)
    attempt("remove", call, "mq_unlink", NAME)


def use() -> None:
    attempt("receive", open_queue, os.O_RDONLY)
    attempt("send", open_queue, os.O_WRONLY)
    attempt("both", open_queue, os.O_RDWR)
    attempt("remove", call, "mq_unlink", NAME)


def open_queue(flags: int) -> None:
    """Open the queue, and make it where the flags say so."""
    call("mq_open", NAME, flags, 0o666, 0)
