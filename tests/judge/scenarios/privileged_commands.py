"""Commands to open files and sockets that take a capability, and a mode that does, by who may use them and who not."""

import fcntl
import os
import socket
import struct

from tests.judge.stage import Stage, attempt

DOMAINS = "able plain"
OBJECTS = "data"
RULES = """
(allow able data (file (read write open getattr setattr ioctl lock)))
(allow plain data (file (read write open getattr setattr ioctl lock)))
(allow able able (udp_socket (create ioctl)))
(allow plain plain (udp_socket (create ioctl)))
(allow able able (capability (sys_rawio linux_immutable net_admin lease fowner fsetid)))
(allow plain plain (capability (fowner)))
"""
SOMEBODY = 1234
GET_FLAGS, SET_FLAGS, MAP = 0x80086601, 0x40086602, 0x1
GET_DEVICE, SET_DEVICE = 0x8913, 0x8914
APPEND = 0x20


def scenario(stage: Stage) -> None:
    for domain in ("plain", "able"):
        stage.file(domain, "data", "content")
        os.chown(domain, SOMEBODY, SOMEBODY)
        os.chmod(domain, 0o666)
        stage.run(domain, commands, domain)


def commands(path: str) -> None:
    file = os.open(path, os.O_RDWR)
    flags = fcntl.ioctl(file, GET_FLAGS, bytes(4))
    more = struct.pack("=I", struct.unpack("=I", flags)[0] | APPEND)
    attempt("where a block is", fcntl.ioctl, file, MAP, bytes(4))
    attempt("flags as they are", fcntl.ioctl, file, SET_FLAGS, flags)
    attempt("append only", fcntl.ioctl, file, SET_FLAGS, more)
    attempt("no longer", fcntl.ioctl, file, SET_FLAGS, flags)
    os.close(file)
    attempt("lease", lease, path)
    attempt("set-group-ID", os.chmod, path, 0o2640)
    attempt("mode", lambda: oct(os.stat(path).st_mode), show=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        device = fcntl.ioctl(line, GET_DEVICE, b"lo".ljust(40, b"\0"))
        attempt("flags of a device", fcntl.ioctl, line, SET_DEVICE, device)


def lease(path: str) -> None:
    with open(path, "rb") as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
