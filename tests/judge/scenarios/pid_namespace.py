"""In a pid namespace, by the numbers that are of it: who is asked about, who is shown, and who is not there at all?"""

import os
import resource
import signal

from tests.judge.libc import call
from tests.judge.stage import Stage, attempt, context_of, say, say_end, set_attribute

DOMAINS = "maker target"
OBJECTS = ""
RULES = """
(allow maker self (capability (sys_admin)))
(allow maker .root_t (dir (mounton)))
(allow maker .proc_t (dir (mounton)))
(allow maker .proc_t (filesystem (mount)))
(allow maker self (process (setcurrent getsession getsched sigkill)))
(allow maker target (process (dyntransition signull sigkill getpgid getattr)))
(allow maker target (dir (search)))
(allow target maker (process (sigchld)))
(allow target maker (fd (use)))
(allow target maker (fifo_file (read write)))
"""
CLONE_NEWNS, CLONE_NEWPID, MS_REC, MS_PRIVATE = 0x20000, 0x20000000, 0x4000, 1 << 18
FIRST = 1


def scenario(stage: Stage) -> None:
    stage.run("maker", separate, stage.domain_context("target"), os.getpid())


def separate(context: str, outside: int) -> None:
    attempt("namespaces", call, "unshare", CLONE_NEWPID | CLONE_NEWNS)
    first = os.fork()
    if not first:
        try:
            _look_after(context, outside)
        finally:
            os._exit(0)
    say_end("the first process", os.waitpid(first, 0)[1])
    attempt("another one", os.fork)


def _look_after(context: str, outside: int) -> None:
    say("own number", os.getpid(), os.getppid())
    attempt("apart", call, "mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    attempt("its processes", call, "mount", b"proc", b"/proc", b"proc", 0, None)
    reader, writer = os.pipe()
    target = os.fork()
    if not target:
        set_attribute("current", context)
        os.write(writer, b"x")
        signal.pause()
    os.read(reader, 1)
    attempt("none", os.kill, target, 0)
    attempt("SIGTERM", os.kill, target, signal.SIGTERM)
    attempt("group", os.getpgid, target)
    attempt("session", os.getsid, target)
    attempt("own session", os.getsid, FIRST, show=True)
    attempt("scheduler", os.sched_getscheduler, target)
    attempt("own scheduler", os.sched_getscheduler, FIRST)
    attempt("nice", os.setpriority, os.PRIO_PROCESS, target, 5)
    attempt("limits", resource.prlimit, target, resource.RLIMIT_NOFILE)
    attempt("trace", call, "ptrace", 16, target, None, None)
    attempt("read memory", os.open, f"/proc/{target}/mem", os.O_RDONLY)
    attempt("context", context_of, target, show=True)
    attempt("own context", context_of, FIRST, show=True)
    attempt("program", os.readlink, f"/proc/{target}/exe")
    attempt("own program", os.readlink, f"/proc/{FIRST}/exe")
    attempt("self", os.readlink, "/proc/self", show=True)
    attempt("outside", os.kill, outside, 0)
    attempt("group outside", os.getpgid, outside)
    attempt("its directory", os.stat, f"/proc/{outside}")
    attempt("itself", os.kill, FIRST, signal.SIGKILL)
    attempt("SIGKILL", os.kill, target, signal.SIGKILL)
    say_end("the target", os.waitpid(target, 0)[1])
