"""An unnamed pipe has the label of who made it; another domain that inherits its ends reads and writes."""

import os

from tests.judge.stage import Stage, attempt, set_attribute

DOMAINS = "maker reader stranger"
OBJECTS = ""
RULES = """
(typeattribute others)
(typeattributeset others (reader stranger))
(allow maker self (process (setcurrent)))
(allow maker others (process (dyntransition)))
(allow others maker (fd (use)))
(allow reader maker (fifo_file (getattr read)))
"""


def scenario(stage: Stage) -> None:
    for other in ("reader", "stranger"):
        stage.run("maker", make, stage.domain_context(other))


def make(context: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"xyz")
    set_attribute("current", context)
    attempt("status", os.fstat, reading)
    attempt("read", os.read, reading, 1)
    attempt("write", os.write, writing, b"x")
    attempt("open anew", os.open, f"/proc/self/fd/{reading}", os.O_RDONLY)
    os.close(writing)
    os.close(reading)
