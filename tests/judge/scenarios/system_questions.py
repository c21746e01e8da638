"""What concerns the whole system: its log, its clock, its modules, accounting, swapping, restarting."""

import ctypes
import time

from tests.judge.stage import Stage, attempt

DOMAINS = "user able"
OBJECTS = ""
RULES = """
(allow able self (capability (sys_module sys_boot sys_pacct sys_time sys_tty_config sys_rawio ipc_lock)))
(allow able self (capability2 (syslog)))
"""
SYSLOG_READ_ALL, SYSLOG_SIZE_BUFFER = 3, 10


def scenario(stage: Stage) -> None:
    for domain in ("user", "able"):
        stage.run(domain, use)


def use() -> None:
    library = ctypes.CDLL(None, use_errno=True)

    def check(result: int) -> None:
        if result < 0:
            raise OSError(ctypes.get_errno(), "call")

    attempt("read the log", lambda: check(library.klogctl(SYSLOG_READ_ALL, bytes(16), 16)))
    attempt("size of the log", lambda: check(library.klogctl(SYSLOG_SIZE_BUFFER, None, 0)))
    attempt("set the clock wrong", lambda: time.clock_settime(time.CLOCK_MONOTONIC, 1))
    attempt("load a module", lambda: check(library.syscall(ctypes.c_long(175), bytes(16), 16, b"")))
    attempt("restart with wrong numbers", lambda: check(library.syscall(ctypes.c_long(169), 1, 2, 3, 0)))
    attempt("accounting into nothing", lambda: check(library.acct(b"missing")))
    attempt("swap to nothing", lambda: check(library.swapon(b"missing", 0)))
    attempt("lock memory", lambda: check(library.mlockall(1)))
    attempt("ports of the machine", lambda: check(library.iopl(0)))
