"""A program whose file asks for memory to write and run starts only in a domain that may have such memory."""

import struct
from pathlib import Path

from tests.judge.stage import Stage, execute

DOMAINS = "starter may maynot"
OBJECTS = "may_file maynot_file staying_file"
RULES = """
(typetransition starter may_file process may)
(typetransition starter maynot_file process maynot)
(typeattribute started)
(typeattributeset started (may maynot))
(typeattribute programs)
(typeattributeset programs (may_file maynot_file staying_file))
(allow starter programs (file (getattr read open map execute)))
(allow starter staying_file (file (execute_no_trans)))
(allow starter started (process (transition noatsecure siginh rlimitinh)))
(allow started starter (process (sigchld)))
(allow started starter (fd (use)))
(allow may may_file (file (entrypoint getattr read open map execute)))
(allow maynot maynot_file (file (entrypoint getattr read open map execute)))
(allow may self (process (execmem)))
"""
_LOAD, _RUN, _WRITE = 1, 1, 2
_NAMED = b"/lib64/ld-linux-x86-64.so.2"


def scenario(stage: Stage) -> None:
    for name in ("may", "maynot", "staying"):
        stage.program(name, f"{name}_file", "/bin/true")
        make_writable(name)
    stage.program("plain", "staying_file", "/bin/true")
    stage.program("ld.so", "staying_file", _NAMED.decode())
    make_writable("ld.so")
    program = Path("plain")
    program.write_bytes(program.read_bytes().replace(_NAMED, b"./ld.so".ljust(len(_NAMED), b"\0")))
    stage.run("starter", start)


def make_writable(path: str) -> None:
    """Have what a program runs be writable, too: its program headers say so."""
    program = bytearray(Path(path).read_bytes())
    (table,), (count,) = struct.unpack_from("<Q", program, 32), struct.unpack_from("<H", program, 56)
    for place in range(table, table + 56 * count, 56):
        kind, flags = struct.unpack_from("<II", program, place)
        if kind == _LOAD and flags & _RUN:
            struct.pack_into("<I", program, place + 4, flags | _WRITE)
    Path(path).write_bytes(program)


def start() -> None:
    for name in ("may", "maynot", "staying", "plain"):
        execute(name, f"./{name}")
        execute(f"{name} again", f"./{name}")
