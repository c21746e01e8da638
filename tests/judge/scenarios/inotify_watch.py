"""Files and directories are watched: for changes, and for reading, which takes more."""

import ctypes
import os

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "watcher"
OBJECTS = "watched guarded"
RULES = """
(allow watcher watched (file (getattr read watch)))
(allow watcher watched (dir (getattr read search watch watch_reads)))
(allow watcher guarded (file (getattr read)))
"""
IN_ACCESS, IN_MODIFY = 1, 2


def scenario(stage: Stage) -> None:
    stage.file("watched", "watched")
    stage.file("guarded", "guarded")
    stage.directory("directory", "watched")
    stage.run("watcher", watch)


def watch() -> None:
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.inotify_init1(0)
    for name in ("watched", "guarded", "directory", "missing"):
        attempt(f"{name} for changes", call, "inotify_add_watch", descriptor, os.fsencode(name), IN_MODIFY)
        attempt(f"{name} for reading", call, "inotify_add_watch", descriptor, os.fsencode(name), IN_ACCESS)
