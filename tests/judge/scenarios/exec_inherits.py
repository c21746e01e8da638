"""What a program keeps over a change of domain: limits, ignored signals, and whether it starts securely."""

import os
import resource
import signal

from tests.judge.stage import Stage, execute, say

DOMAINS = "starter strict lenient"
OBJECTS = "strict_file lenient_file"
RULES = """
(typetransition starter strict_file process strict)
(typetransition starter lenient_file process lenient)
(typeattribute programs)
(typeattributeset programs (strict lenient))
(typeattribute files)
(typeattributeset files (strict_file lenient_file))
(allow starter files (file (getattr read open map execute)))
(allow starter programs (process (transition)))
(allow starter lenient (process (noatsecure siginh rlimitinh)))
(allow starter self (process (setrlimit)))
(allow programs files (file (entrypoint getattr read open map execute)))
(allow programs starter (process (sigchld)))
(allow programs starter (fd (use)))
(allow programs starter (fifo_file (write)))
"""


def scenario(stage: Stage) -> None:
    for name in ("strict", "lenient"):
        stage.program(name, f"{name}_file")
    stage.run("starter", start)


def start() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (77, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    for name in ("strict", "lenient"):
        execute(name, f"./{name}")
    say("done", os.path.exists("strict"))
