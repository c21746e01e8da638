"""What root may do by capability takes the policy's permission too."""

import os
import resource
import socket

from tests.judge.stage import Stage, attempt

DOMAINS = "powerless"
OBJECTS = "data"
RULES = """
(allow powerless data (file (getattr setattr read write open)))
(allow powerless self (process (setrlimit setsched)))
(allow powerless self (tcp_socket (create)))
(allow powerless self (unix_dgram_socket (create)))
"""


def scenario(stage: Stage) -> None:
    stage.file("data", "data", mode=0o000)
    os.chown("data", 1000, 1000)
    stage.run("powerless", try_all)


def try_all() -> None:
    attempt("dac_read_search", os.open, "data", os.O_RDONLY)
    attempt("dac_override", os.open, "data", os.O_WRONLY)
    attempt("fowner", os.chmod, "data", 0o600)
    attempt("chown", os.chown, "data", 0, 0)
    attempt("sys_nice", os.nice, -1)
    attempt("sys_resource", resource.setrlimit, resource.RLIMIT_CORE, (1 << 40, 1 << 41))
    attempt("setgroups", os.setgroups, [1, 2])
    attempt("setgid", os.setgid, 1000)
    attempt("setuid", os.setuid, 1000)
    attempt("sys_chroot", os.chroot, ".")
    attempt("hostname", socket.sethostname, socket.gethostname())
    attempt("mknod", os.mknod, "device", 0o020600, os.makedev(1, 3))
