"""File systems are configured, mounted and moved by descriptors: what is asked at which step."""

import contextlib
import os

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt, file_context, say

DOMAINS = "free unable no_mount no_place no_labels"
OBJECTS = "place_type soft"
RULES = """
(typeattribute mounters)
(typeattributeset mounters (free no_mount no_place no_labels))
(allow mounters self (capability (sys_admin)))
(allow mounters place_type (dir (getattr search)))
(allow mounters .tmpfs_t (filesystem (unmount)))
(allow mounters .tmpfs_t (dir (getattr search)))
(allow mounters soft (dir (getattr search)))
(allow soft soft (filesystem (associate)))
(typeattribute placers)
(typeattributeset placers (free no_mount no_labels))
(allow placers place_type (dir (mounton)))
(typeattribute makers)
(typeattributeset makers (free no_place no_labels))
(allow makers .tmpfs_t (filesystem (mount)))
(typeattribute labellers)
(typeattributeset labellers (free no_mount no_place))
(allow labellers .tmpfs_t (filesystem (relabelfrom)))
"""
CREATE, RECONFIGURE = 6, 7
HERE = -100


def scenario(stage: Stage) -> None:
    stage.directory("place", "place_type")
    stage.directory("other", "place_type")
    soft = stage.object_context("soft").encode()
    for _ in range(8):
        stage.cleanup.callback(_unmount_silently)
    for domain in ("free", "unable", "no_mount", "no_place", "no_labels"):
        stage.run(domain, mount, soft)


def _unmount_silently() -> None:
    for place in (b"place", b"other"):
        with contextlib.suppress(OSError):
            call("umount2", place, 2)


def mount(soft: bytes) -> None:
    context = attempt("open", call, "fsopen", b"tmpfs", 1)
    attempt("open a kind that is none", call, "fsopen", b"nonsense", 1)
    if context is None:
        attempt("pick", call, "fspick", HERE, b"place", 1)
        attempt("copy", call, "open_tree", HERE, b"place", 1)
        attempt("attributes", call, "mount_setattr", HERE, b"place", 0, bytes(32), 32)
        return
    attempt("size", call, "fsconfig", context, 1, b"size", b"1m", 0)
    attempt("nonsense", call, "fsconfig", context, 1, b"nonsense", b"1m", 0)
    attempt("label that is none", call, "fsconfig", context, 1, b"context", b"nonsense", 0)
    attempt("label", call, "fsconfig", context, 1, b"rootcontext", soft, 0)
    attempt("label twice", call, "fsconfig", context, 1, b"rootcontext", soft, 0)
    attempt("mount what is not made", call, "fsmount", context, 1, 0)
    attempt("make", call, "fsconfig", context, CREATE, None, None, 0)
    mounted = attempt("mount", call, "fsmount", context, 1, 0)
    if mounted is None:
        return
    attempt("move", call, "move_mount", mounted, b"", HERE, b"place", 4)
    os.close(mounted)
    if attempt("root", file_context, "place", show=True) != soft.decode():
        return
    picked = attempt("pick", call, "fspick", HERE, b"place", 1)
    if picked is not None:
        attempt("another size", call, "fsconfig", picked, 1, b"size", b"2m", 0)
        attempt("the same label", call, "fsconfig", picked, 1, b"rootcontext", soft, 0)
        attempt("change", call, "fsconfig", picked, RECONFIGURE, None, None, 0)
    copy = attempt("copy", call, "open_tree", HERE, b"place", 1)
    if copy is not None:
        attempt("place the copy", call, "move_mount", copy, b"", HERE, b"other", 4)
        attempt("root of the copy", file_context, "other", show=True)
        os.close(copy)
    say("close")
    attempt("unmount the copy", call, "umount2", b"other", 0)
    attempt("unmount", call, "umount2", b"place", 2)
