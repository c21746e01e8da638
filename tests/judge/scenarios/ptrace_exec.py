"""A traced process runs programs and changes its domain, into domains that its tracer may and may not trace."""

import os
import signal
from collections.abc import Callable

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt, say, say_end, set_attribute

DOMAINS = "debugger traced open_program closed_program"
OBJECTS = "open_file closed_file"
RULES = """
(typetransition traced open_file process open_program)
(typetransition traced closed_file process closed_program)
(typeattribute programs)
(typeattributeset programs (open_program closed_program))
(typeattribute files)
(typeattributeset files (open_file closed_file))
(allow debugger self (process (setcurrent)))
(allow debugger traced (process (dyntransition ptrace)))
(allow debugger open_program (process (ptrace)))
(allow traced self (process (setcurrent)))
(allow traced debugger (process (sigchld)))
(allow traced files (file (getattr read open map execute)))
(allow traced programs (process (transition dyntransition)))
(allow programs files (file (entrypoint getattr read open map execute)))
(allow programs traced (process (sigchld)))
(allow programs debugger (process (sigchld)))
(allow programs debugger (fd (use)))
(allow programs debugger (fifo_file (write)))
(allow programs traced (fd (use)))
"""
PTRACE_TRACEME, PTRACE_CONT = 0, 7


def scenario(stage: Stage) -> None:
    for name in ("open", "closed"):
        stage.program(name, f"{name}_file")
    contexts = {name: stage.domain_context(name) for name in ("traced", "open_program", "closed_program")}
    stage.run("debugger", debug, contexts)


def debug(contexts: dict[str, str]) -> None:
    for name in ("open", "closed"):
        trace(name, contexts["traced"], become_program, f"./{name}")
    for name in ("open_program", "closed_program"):
        trace(f"become {name}", contexts["traced"], set_attribute, "current", contexts[name])


def become_program(path: str) -> None:
    os.execv(path, [path])  # noqa: S606 - a program in a domain is the question


def trace(what: str, context: str, act: Callable[..., None], *arguments: str) -> None:
    """Trace a child that acts, and let it go on whenever it stops."""
    child = os.fork()
    if child == 0:
        set_attribute("current", context)
        call("ptrace", PTRACE_TRACEME, 0, 0, 0)
        attempt(what, act, *arguments)
        os._exit(0)
    while os.WIFSTOPPED(status := os.waitpid(child, 0)[1]):
        stopped = os.WSTOPSIG(status)
        say(f"{what}: stopped by {signal.Signals(stopped).name}")
        call("ptrace", PTRACE_CONT, child, 0, 0 if stopped == signal.SIGTRAP else stopped)
    say_end(what, status)
