"""File systems are mounted, remounted and unmounted: what is asked of the process, the place and the file system."""

import ctypes
import os

from tests.judge.stage import Stage, attempt

DOMAINS = "mounter able"
OBJECTS = "place_type"
RULES = """
(allow able self (capability (sys_admin)))
(allow able place_type (dir (getattr search mounton)))
"""
CLONE_NEWNS, MS_BIND = 0x20000, 0x1000


def scenario(stage: Stage) -> None:
    stage.directory("place", "place_type")
    for _ in range(8):
        stage.cleanup.callback(ctypes.CDLL(None).umount2, b"place", 2)
    for domain in ("mounter", "able"):
        stage.run(domain, mount)


def mount() -> None:
    library = ctypes.CDLL(None, use_errno=True)

    def check(result: int) -> None:
        if result:
            raise OSError(ctypes.get_errno(), "mount")

    attempt("memory", lambda: check(library.mount(b"none", b"place", b"tmpfs", 0, None)))
    attempt("processes", lambda: check(library.mount(b"none", b"place", b"proc", 0, None)))
    attempt("bind", lambda: check(library.mount(b"/proc/sys", b"place", None, MS_BIND, None)))
    attempt("a type that is none", lambda: check(library.mount(b"none", b"place", b"nonsense", 0, None)))
    attempt("unmount", lambda: check(library.umount2(b"place", 0)))
    attempt("unmount what is none", lambda: check(library.umount2(b"/proc", 2)))
    attempt("change the root", os.chroot, ".")
