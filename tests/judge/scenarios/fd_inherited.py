"""Descriptors that a program inherits: those that its new domain may not use lead to ``/dev/null`` instead."""

import os

from tests.judge.stage import Stage, execute

DOMAINS = "starter program"
OBJECTS = "program_file open_to_it closed_to_it"
RULES = """
(typetransition starter program_file process program)
(allow starter program_file (file (getattr read open map execute)))
(allow starter program (process (transition noatsecure siginh rlimitinh)))
(allow program program_file (file (entrypoint getattr read open map execute)))
(allow program starter (process (sigchld)))
(allow program starter (fd (use)))
(typeattribute files)
(typeattributeset files (open_to_it closed_to_it))
(allow starter files (file (getattr read write open)))
(allow program open_to_it (file (getattr read)))
"""
_SCRIPT = 'read line <&8 && echo "8: $line"; read line <&9 && echo "9: $line"; echo done'


def scenario(stage: Stage) -> None:
    stage.program("program", "program_file", "/bin/sh")
    stage.file("open", "open_to_it", "open\n")
    stage.file("closed", "closed_to_it", "closed\n")
    stage.run("starter", start)


def start() -> None:
    os.dup2(os.open("open", os.O_RDONLY), 8)
    os.dup2(os.open("closed", os.O_RDONLY), 9)
    execute("program", "./program", "-c", _SCRIPT)
    os.dup2(os.open("open", os.O_RDWR), 8)
    execute("with more than it may", "./program", "-c", _SCRIPT)
