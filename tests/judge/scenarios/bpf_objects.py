"""Maps and programs of BPF are made and used, each with a permission of class bpf."""

import ctypes
import struct

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "maker other"
OBJECTS = ""
RULES = """
(typeattribute users)
(typeattributeset users (maker other))
(allow users self (capability2 (bpf)))
(allow maker self (bpf (map_create map_read map_write prog_load)))
"""
MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, PROG_LOAD = 0, 1, 2, 5
ARRAY, SOCKET_FILTER = 2, 1
_EXIT_0 = struct.pack("=BBhi", 0xB7, 0, 0, 0) + struct.pack("=BBhi", 0x95, 0, 0, 0)


def scenario(stage: Stage) -> None:
    for domain in ("maker", "other"):
        stage.run(domain, make)


def make() -> None:
    attempt(
        "map", lambda: call("bpf", MAP_CREATE, struct.pack("=IIIII", ARRAY, 4, 4, 1, 0).ljust(128, b"\0"), 128) and None
    )
    code, licence = ctypes.create_string_buffer(_EXIT_0), ctypes.create_string_buffer(b"Apache")
    words = struct.pack("=IIQQ", SOCKET_FILTER, 2, ctypes.addressof(code), ctypes.addressof(licence))
    attempt("program", lambda: call("bpf", PROG_LOAD, words.ljust(128, b"\0"), 128) and None)
