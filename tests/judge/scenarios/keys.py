"""Keys and keyrings: made, found, read, changed and linked, by who made them and by another domain."""

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt

DOMAINS = "owner user"
OBJECTS = ""
RULES = """
(allow owner self (key (create read search view write link setattr)))
(allow owner judge.driver (key (link search write)))
(allow user self (key (create search write link)))
"""
KEYRING = -3
"""Of the session."""
POSSESSOR_AND_ALL = 0x3F3F3F3F
DESCRIBE, REVOKE, SETPERM, UPDATE, LINK, READ, JOIN, SETTIMEOUT = 6, 3, 5, 2, 8, 11, 1, 15


def scenario(stage: Stage) -> None:
    owner = stage.start("owner", own, stage)
    stage.await_flag(1)
    stage.run("user", use, stage.number(0))
    stage.tell(2)
    owner.wait()


def own(stage: Stage) -> None:
    attempt("a session's keyring", lambda: call("keyctl", JOIN, 0, 0, 0, 0) and None)
    key = call("add_key", b"user\0", b"judge\0", b"secret", 6, KEYRING)
    attempt("permissions", call, "keyctl", SETPERM, key, POSSESSOR_AND_ALL, 0, 0)
    attempt("read", call, "keyctl", READ, key, bytes(16), 16, 0, show=True)
    stage.set_number(0, key)
    stage.tell(1)
    stage.await_flag(2)


def use(key: int) -> None:
    attempt("a session's keyring", lambda: call("keyctl", JOIN, 0, 0, 0, 0) and None)
    attempt("describe", lambda: call("keyctl", DESCRIBE, key, bytes(256), 256, 0) and None)
    attempt("read", call, "keyctl", READ, key, bytes(16), 16, 0)
    attempt("update", call, "keyctl", UPDATE, key, b"other", 5, 0)
    attempt("link", call, "keyctl", LINK, key, KEYRING, 0, 0)
    attempt("time out", call, "keyctl", SETTIMEOUT, key, 1000, 0, 0)
    attempt("revoke", call, "keyctl", REVOKE, key, 0, 0, 0)
