"""Two programs in a box that meet through sockets: a cat, and the dog that it calls, each in its own domain."""

from pathlib import Path

from tests.enforce.boxes import Box, Outcome

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type dog_t) (call domain_type (dog_t))
(type yard_t) (call file_type (yard_t))
(type flap_t) (call file_type (flap_t))
(call manage_files (cat_t yard_t))
(call read_files (dog_t yard_t))
(call make_sockets_in (cat_t yard_t flap_t))
(type dog_exec_t) (call file_type (dog_exec_t))
(call domain_transition (cat_t dog_exec_t dog_t))
(allow cat_t dog_t (process (sigkill signal)))
"""
REACHABLE = "(allow dog_t flap_t (sock_file (getattr write)))"
CONNECTS = "(call connect_to (dog_t flap_t cat_t))"

PRELUDE = """#!/usr/bin/python3 -I
import errno, os, signal, socket, struct, subprocess, sys, threading, time
from socket import *
def server(name, type=SOCK_STREAM, backlog=5):
    made = socket(AF_UNIX, type)
    made.bind(name)
    if type != SOCK_DGRAM:
        made.listen(backlog)
    return made
def trying(function, *arguments):
    try:
        return function(*arguments) or "ok"
    except OSError as error:
        return errno.errorcode[error.errno]
def connecting(name, type=SOCK_STREAM):
    client = socket(AF_UNIX, type)
    return trying(client.connect, name)
def credentials(end): return struct.unpack("=iII", end.getsockopt(SOL_SOCKET, SO_PEERCRED, 12))
def context(end): return end.getsockopt(SOL_SOCKET, SO_PEERSEC, 256).rstrip(b"\\0").decode()
def say(*words): print(*words, flush=True)
def dog(*arguments): return subprocess.Popen([os.path.abspath("dog"), *arguments], stdin=subprocess.PIPE, text=True)
"""

LABEL = "system_u:object_r:{}:s0"
CAT = "system_u:system_r:cat_t:s0"
DOG = "system_u:system_r:dog_t:s0"


def meet(
    directory: Path,
    cat: str,
    dog: str = "",
    policy: str = "",
    user: int | None = None,
    options: tuple[str, ...] = (),
    around: tuple[str, ...] = (),
) -> Outcome:
    """Run a cat, and the dog that it calls, with more policy; what they print is the outcome."""
    box = Box(directory, POLICY + policy, user)
    box.file("cat", PRELUDE + cat, 0o755)
    guest = box.file("dog", PRELUDE + dog, 0o755)
    labels = (f"--label={directory}={LABEL.format('yard_t')}", f"--label={guest}={LABEL.format('dog_exec_t')}")
    return box.run("./cat", options=("--domain", "cat_t", *labels, *options), around=around)


FREE = "".join(
    f"(typeattributeset {each} cat_t)"
    for each in ("unconfined", "policy_administrator", "label_administrator", "software_installer")
)
