"""Files, mounts and file systems are watched with fanotify, by what tells of files by their handles."""

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "free no_filesystem no_superblock no_mount no_reading"
OBJECTS = "watched"
RULES = """
(typeattribute watchers)
(typeattributeset watchers (free no_filesystem no_superblock no_mount no_reading))
(allow watchers self (capability (sys_admin)))
(allow watchers watched (file (getattr read watch)))
(typeattribute of_filesystems)
(typeattributeset of_filesystems (free no_superblock no_mount no_reading))
(allow of_filesystems .fs_t (filesystem (watch)))
(allow of_filesystems .tmpfs_t (filesystem (watch)))
(allow free watched (file (watch_sb watch_mount watch_reads)))
(allow no_filesystem watched (file (watch_sb watch_mount watch_reads)))
(allow no_superblock watched (file (watch_mount watch_reads)))
(allow no_mount watched (file (watch_sb watch_reads)))
(allow no_reading watched (file (watch_sb watch_mount)))
"""
REPORT_FID, ADD = 0x200, 1
MARKS = (("file", 0), ("mount", 0x10), ("file system", 0x100))
ACCESS, MODIFY = 1, 2


def scenario(stage: Stage) -> None:
    stage.file("watched", "watched")
    for domain in DOMAINS.split():
        stage.run(domain, watch)


def watch() -> None:
    queue = attempt("queue", call, "fanotify_init", REPORT_FID, 0)
    if queue is None:
        return
    for what, mark in MARKS:
        attempt(f"{what} for changes", call, "fanotify_mark", queue, ADD | mark, MODIFY, -100, b"watched")
        attempt(f"{what} for reading", call, "fanotify_mark", queue, ADD | mark, ACCESS, -100, b"watched")
