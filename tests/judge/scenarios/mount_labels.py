"""File systems are mounted with labels: what is asked of them, and which labels their files have then."""

import contextlib
import os

from tests.judge.libc import call
from tests.judge.stage import ATTRIBUTE, Stage, attempt, file_context, set_attribute

DOMAINS = "free bound_from bound_to bound_files"
OBJECTS = "place_type soft hard"
RULES = """
(typeattribute mounters)
(typeattributeset mounters (free bound_from bound_to bound_files))
(allow mounters self (capability (sys_admin)))
(allow mounters self (process (setfscreate)))
(allow mounters place_type (dir (getattr search mounton)))
(allow mounters .tmpfs_t (filesystem (mount unmount remount)))
(allow mounters soft (filesystem (mount unmount remount)))
(allow mounters .tmpfs_t (dir (getattr search write add_name)))
(allow mounters .tmpfs_t (file (getattr create)))
(allow mounters soft (dir (getattr search write add_name mounton)))
(allow mounters soft (file (getattr create write open relabelfrom relabelto)))
(allow soft soft (filesystem (associate)))
(allow free .tmpfs_t (filesystem (relabelfrom)))
(allow free soft (filesystem (relabelfrom relabelto)))
(allow bound_to .tmpfs_t (filesystem (relabelfrom)))
(allow bound_files .tmpfs_t (filesystem (relabelfrom)))
(allow bound_files soft (filesystem (relabelto)))
"""
REMOUNT = 32


def scenario(stage: Stage) -> None:
    stage.directory("place", "place_type")
    soft, hard = stage.object_context("soft"), stage.object_context("hard")
    for _ in range(12):
        stage.cleanup.callback(_unmount_silently)
    for domain in ("free", "bound_from", "bound_to", "bound_files"):
        stage.run(domain, mount, soft, hard)


def _unmount_silently() -> None:
    with contextlib.suppress(OSError):
        call("umount2", b"place", 2)


def mount(soft: str, hard: str) -> None:
    for options in (
        f"context={soft}",
        f"fscontext={soft}",
        f"rootcontext={soft}",
        f"defcontext={soft}",
        f"fscontext={soft},rootcontext={soft}",
        f"fscontext={soft},context={soft}",
        f"fscontext={hard}",
        f"rootcontext={hard}",
    ):
        what = options.replace(soft, "soft").replace(hard, "hard")
        if attempt(what, _mount, options) is not None:
            _look(what, soft)
            attempt(f"{what}: mounted again with the same", _mount, options, REMOUNT)
            attempt(f"{what}: mounted again with another", _mount, f"rootcontext={hard}", REMOUNT)
            attempt(f"{what}: unmount", call, "umount2", b"place", 2)
    for options in (
        "context=nonsense",
        "rootcontext=system_u:object_r:no_such_type_t:s0",
        f"context={soft},context={soft}",
        f"context={soft},defcontext={soft}",
    ):
        attempt(options.replace(soft, "soft"), _mount, options)


def _mount(options: str, flags: int = 0) -> bool:
    return not call("mount", b"none", b"place", b"tmpfs", flags, options.encode())


def _look(what: str, soft: str) -> None:
    attempt(f"{what}: root", file_context, "place", show=True)
    attempt(f"{what}: new", _make, "place/new")
    attempt(f"{what}: new", file_context, "place/new", show=True)
    set_attribute("fscreate", soft)
    attempt(f"{what}: new by name", _make, "place/named")
    set_attribute("fscreate", "")
    attempt(f"{what}: new by name", file_context, "place/named", show=True)
    attempt(f"{what}: relabel", os.setxattr, "place/named", ATTRIBUTE, soft.encode())


def _make(path: str) -> None:
    os.mknod(path, 0o600)
