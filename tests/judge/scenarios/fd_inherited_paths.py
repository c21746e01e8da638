"""Descriptors opened with ``O_PATH`` that a program inherits: ``fd use`` is asked, and ``ioctl`` on the file."""

import os

from tests.judge.stage import Stage, execute

DOMAINS = "starter program stranger"
OBJECTS = "program_file stranger_file open_to_it closed_to_it"
RULES = """
(typeattribute started)
(typeattributeset started (program stranger))
(typetransition starter program_file process program)
(typetransition starter stranger_file process stranger)
(typeattribute programs)
(typeattributeset programs (program_file stranger_file))
(allow starter programs (file (getattr read open map execute)))
(allow starter started (process (transition noatsecure siginh rlimitinh)))
(allow started programs (file (entrypoint getattr read open map execute)))
(allow started starter (process (sigchld)))
(allow program starter (fd (use)))
(allow started open_to_it (file (getattr ioctl)))
(allow started closed_to_it (file (getattr read)))
"""
_SCRIPT = """
for each in 27 28 29; do
    if [ -c /proc/self/fd/$each ]; then echo "$each: null device"; else echo "$each: what it was"; fi
done
"""


def scenario(stage: Stage) -> None:
    stage.program("program", "program_file", "/bin/sh")
    stage.program("stranger", "stranger_file", "/bin/sh")
    stage.file("open", "open_to_it", "open\n")
    stage.file("closed", "closed_to_it", "closed\n")
    stage.run("starter", start)


def start() -> None:
    os.dup2(os.open("open", os.O_PATH), 27)
    os.dup2(os.open("closed", os.O_PATH), 28)
    os.dup2(os.open(".", os.O_PATH | os.O_DIRECTORY), 29)
    execute("who may use them", "./program", "-c", _SCRIPT)
    execute("who may not", "./stranger", "-c", _SCRIPT)
