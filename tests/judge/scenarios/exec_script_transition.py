"""A script with a label of its own changes the domain, and its interpreter is no entry point of that domain."""

from tests.judge.stage import Stage, execute

DOMAINS = "starter scripted"
OBJECTS = "script_file"
RULES = """
(typetransition starter script_file process scripted)
(allow starter script_file (file (getattr read open execute)))
(allow starter scripted (process (transition noatsecure siginh rlimitinh)))
(allow scripted script_file (file (entrypoint getattr read open ioctl execute)))
(allow scripted starter (process (sigchld)))
(allow scripted starter (fd (use)))
(allow scripted starter (fifo_file (write)))
"""


def scenario(stage: Stage) -> None:
    stage.file("script", "script_file", "#!/bin/sh\nread c </proc/self/attr/current; echo $c\n", mode=0o777)
    stage.run("starter", execute, "script", "./script")
