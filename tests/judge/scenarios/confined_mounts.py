"""File systems in memory and second paths are mounted in a user namespace: who is asked, and which labels are there?"""

import ctypes
import os

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt, file_context, say

DOMAINS = "able unable no_place no_kind"
OBJECTS = "place_type chosen"
RULES = """
(typeattribute all_of_them)
(typeattributeset all_of_them (able unable no_place no_kind))
(typeattribute capable)
(typeattributeset capable (able no_place no_kind))
(allow capable self (cap_userns (sys_admin)))
(allow all_of_them place_type (dir (getattr search)))
(allow able place_type (dir (mounton)))
(allow no_kind place_type (dir (mounton)))
(allow able .tmpfs_t (filesystem (mount unmount remount relabelfrom)))
(allow no_place .tmpfs_t (filesystem (mount unmount remount)))
(allow able chosen (filesystem (mount unmount relabelto relabelfrom)))
(allow all_of_them .tmpfs_t (dir (getattr search write add_name)))
(allow all_of_them .tmpfs_t (file (getattr create)))
(allow able chosen (dir (getattr search write add_name)))
(allow able chosen (file (getattr create)))
(allow chosen chosen (filesystem (associate)))
"""
NEW_USER, NEW_MOUNTS = 0x10000000, 0x20000
BIND, REMOUNT, READ_ONLY, DETACH = 1 << 12, 32, 1, 2


def scenario(stage: Stage) -> None:
    stage.directory("place", "place_type")
    stage.directory("origin", "place_type")
    for domain in DOMAINS.split():
        stage.run(domain, use, stage.object_context("chosen"))


def use(chosen: str) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(NEW_USER | NEW_MOUNTS):
        say("no namespace", ctypes.get_errno())
        return
    for name, text in (("setgroups", b"deny"), ("uid_map", b"0 0 1"), ("gid_map", b"0 0 1")):
        descriptor = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(descriptor, text)
        os.close(descriptor)
    attempt("memory", _mount, b"tmpfs", b"place")
    attempt("new", os.mknod, "place/new", 0o600)
    attempt("new: label", file_context, "place/new", show=True)
    attempt("read-only", _mount, None, b"place", REMOUNT | BIND | READ_ONLY)
    attempt("unmount", call, "umount2", b"place", 0)
    attempt("with a label", _mount, b"tmpfs", b"place", 0, f"context={chosen}".encode())
    attempt("with a label: label", file_context, "place", show=True)
    attempt("unmount", call, "umount2", b"place", 0)
    attempt("second path", lambda: call("mount", b"origin", b"place", None, BIND, None))
    attempt("unmount", call, "umount2", b"place", DETACH)
    attempt("no such kind", _mount, b"nonsense", b"place")


def _mount(kind: bytes | None, place: bytes, flags: int = 0, options: bytes | None = None) -> bool:
    return not call("mount", b"none", place, kind, flags, options)
