"""Memory is mapped near address 0: by a hint, at that very place, by moving it there, and by attaching a segment."""

import mmap

from tests.judge.libc import IPC_CREAT, IPC_PRIVATE, IPC_RMID, call
from tests.judge.stage import Stage, attempt

DOMAINS = "mapper allowed"
OBJECTS = ""
RULES = """
(typeattribute mappers)
(typeattributeset mappers (mapper allowed))
(allow mappers self (shm (create destroy read write unix_read unix_write)))
(allow allowed self (memprotect (mmap_zero)))
"""
MAP_FIXED, MAP_FIXED_NOREPLACE = 0x10, 0x100000
MREMAP_MAYMOVE, MREMAP_FIXED, SHM_RND = 1, 2, 0o20000
PAGE, LOWEST = 4096, 1 << 16
_ACCESS = mmap.PROT_READ | mmap.PROT_WRITE
_FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS


def scenario(stage: Stage) -> None:
    for domain in ("mapper", "allowed"):
        stage.run(domain, map_low)


def map_low() -> None:
    attempt("hint", lambda: call("mmap", PAGE, PAGE, _ACCESS, _FLAGS, -1, 0) and None)
    attempt("address 0", call, "mmap", 0, PAGE, _ACCESS, _FLAGS | MAP_FIXED, -1, 0)
    attempt("page 1", call, "mmap", PAGE, PAGE, _ACCESS, _FLAGS | MAP_FIXED, -1, 0)
    attempt("page 2, where nothing is", call, "mmap", 2 * PAGE, PAGE, _ACCESS, _FLAGS | MAP_FIXED_NOREPLACE, -1, 0)
    attempt("the lowest that is none", call, "mmap", LOWEST, PAGE, _ACCESS, _FLAGS | MAP_FIXED, -1, 0)
    place = call("mmap", 0, PAGE, _ACCESS, _FLAGS, -1, 0)
    attempt("moved", call, "mremap", place, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, 3 * PAGE)
    segment = call("shmget", IPC_PRIVATE, PAGE, IPC_CREAT | 0o600)
    attempt("attached", call, "shmat", segment, 4 * PAGE, 0)
    attempt("attached near it", call, "shmat", segment, 5 * PAGE + 1, SHM_RND)
    attempt("attached anywhere", lambda: call("shmat", segment, 0, 0) and None)
    call("shmctl", segment, IPC_RMID, 0)
