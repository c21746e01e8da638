"""An overlay: whose label has a file of it, what is its mounter asked, and what comes up with a copy?"""

import contextlib
import os

from tests.judge.libc import call
from tests.judge.stage import ATTRIBUTE, Stage, attempt, file_context, read_file, say, set_attribute

DOMAINS = "mounter client"
OBJECTS = "below above workroom plain hidden still shown chosen"
RULES = """
(typeattribute both)
(typeattributeset both (mounter client))
(typeattribute known)
(typeattributeset known (below above workroom plain still shown chosen))
(allow mounter self (capability (sys_admin dac_override dac_read_search chown fowner)))
(allow client self (process (setfscreate)))
(allow mounter known (dir (mounton getattr search open read write add_name remove_name)))
(allow mounter known (dir (create setattr rename reparent rmdir)))
(allow mounter known (file (getattr open read write append create setattr link unlink rename relabelfrom relabelto)))
(allow mounter known (chr_file (getattr create link unlink rename)))
(allow mounter .fs_t (filesystem (mount unmount getattr relabelfrom)))
(allow mounter shown (filesystem (mount unmount getattr relabelfrom relabelto)))
(allow known shown (filesystem (associate)))
(allow mounter hidden (file (getattr)))
(allow client known (dir (getattr search open read write add_name remove_name create)))
(allow client known (file (getattr open read write append create link unlink rename)))
(allow client hidden (file (getattr open read write append setattr link unlink rename)))
(allow client plain (file (setattr relabelfrom)))
(allow client shown (file (setattr)))
(allow client chosen (file (relabelto)))
"""
FILES = {"plain": "plain", "other": "plain", "gone": "plain", "hidden": "hidden", "still": "still"}


def scenario(stage: Stage) -> None:
    for way, options in (("", ""), ("2", f"context={stage.object_context('shown')},")):
        for name, label in (("lower", "below"), ("upper", "above"), ("work", "workroom"), ("merged", "below")):
            stage.directory(name + way, label)
        for name, label in FILES.items():
            stage.file(f"lower{way}/{name}", label)
        stage.cleanup.callback(_unmount_silently, way)
        _have_loaded(way)
        stage.run("mounter", mount, way, options)
        stage.run("client", use, stage.object_context("chosen"), way)
        stage.run("mounter", look, way)


def _have_loaded(way: str) -> None:
    """Have the kernel load what it may not have in it: who may do that is another question."""
    with contextlib.suppress(OSError):
        call("mount", b"none", f"merged{way}".encode(), b"overlay", 0, b"")


def _unmount_silently(way: str) -> None:
    with contextlib.suppress(OSError):
        call("umount2", f"merged{way}".encode(), 2)


def mount(way: str, options: str) -> None:
    options += f"lowerdir=lower{way},upperdir=upper{way},workdir=work{way}"
    attempt("mount", call, "mount", b"none", f"merged{way}".encode(), b"overlay", 0, options.encode())


def use(chosen: str, way: str) -> None:
    place = f"merged{way}/"
    for name in ("plain", "hidden", "still"):
        attempt(f"{name}: label", file_context, place + name, show=True)
        attempt(f"{name}: read", read_file, place + name)
        attempt(f"{name}: may be written", os.access, place + name, os.W_OK, show=True)
        attempt(f"{name}: append", _append, place + name)
        attempt(f"{name}: mode", os.chmod, place + name, 0o640)
        attempt(f"{name}: label now", file_context, place + name, show=True)
    attempt("new", _append, place + "new")
    attempt("new directory", os.mkdir, place + "directory")
    attempt("new within", _append, place + "directory/new")
    set_attribute("fscreate", chosen)
    attempt("chosen", _append, place + "chosen")
    set_attribute("fscreate", "")
    attempt("relabel", os.setxattr, place + "other", ATTRIBUTE, chosen.encode())
    attempt("rename", os.rename, place + "other", place + "renamed")
    attempt("link", os.link, place + "renamed", place + "linked")
    attempt("rename what may not be read", os.rename, place + "hidden", place + "moved")
    attempt("remove", os.unlink, place + "gone")
    attempt("make again", _append, place + "gone")
    for name in ("new", "directory", "directory/new", "chosen", "renamed", "linked", "gone"):
        attempt(f"{name}: label", file_context, place + name, show=True)


def _append(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(descriptor, b"more")
    os.close(descriptor)


def look(way: str) -> None:
    for name in sorted(os.listdir(f"upper{way}")):
        attempt(f"upper {name}", file_context, f"upper{way}/{name}", show=True)
    attempt("lower other", file_context, f"lower{way}/other", show=True)
    attempt("unmount", call, "umount2", f"merged{way}".encode(), 0)
    say("done")
