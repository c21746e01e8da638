"""Threads of one process set attributes: whose they are, who inherits them, and who may write them."""

import os
import threading
from collections.abc import Callable

from tests.judge.stage import Stage, attempt, context_of, file_context, say

DOMAINS = "setter"
OBJECTS = "thing"
RULES = """
(allow setter self (process (setfscreate setsockcreate setkeycreate setexec getattr)))
(allow setter thing (file (create getattr write open)))
(allow setter thing (key (create)))
"""
_NAMES = ("fscreate", "sockcreate", "keycreate", "exec")


def scenario(stage: Stage) -> None:
    stage.run("setter", of_one_thread, stage.object_context("thing"))
    stage.run("setter", of_the_first, stage.object_context("thing"))
    stage.run("setter", of_others, stage.object_context("thing"))
    stage.run("setter", of_children, stage.object_context("thing"))


class Thread:
    """A thread that does what it is given, one after the other."""

    def __init__(self) -> None:
        self._given: Callable[[], None] | None = None
        self._error: OSError | None = None
        self._work = threading.Semaphore(0)
        self._done = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.id = self._thread.native_id

    def _run(self) -> None:
        while True:
            self._work.acquire()
            if self._given is None:
                self._done.release()
                return
            try:
                self._given()
            except OSError as error:
                self._error = error
            self._done.release()

    def do(self, given: Callable[[], None] | None) -> None:
        """Do something, and wait for its end."""
        self._given = given
        self._work.release()
        self._done.acquire()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def end(self) -> None:
        """End it."""
        self.do(None)
        self._thread.join()


def write(path: str, text: str) -> None:
    """Write a text in one go."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        write_to(descriptor, text)
    finally:
        os.close(descriptor)


def write_to(descriptor: int, text: str) -> None:
    """Write a text to what is open."""
    os.write(descriptor, text.encode())


def show(who: str) -> None:
    """Say what each attribute of this thread is."""
    for name in _NAMES:
        attempt(f"{who} {name}", context_of, "thread-self", name, show=True)


def make(name: str) -> None:
    """Make a file and say which label it has."""
    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
    attempt(f"label of {name}", file_context, name, show=True)


def of_one_thread(context: str) -> None:
    other = Thread()
    for name in _NAMES:
        attempt(f"set {name}", other.do, lambda name=name: write(f"/proc/thread-self/attr/{name}", context))
    other.do(lambda: show("second"))
    show("first")
    other.do(lambda: make("by-second"))
    third = Thread()
    third.do(lambda: show("third"))
    third.end()
    other.do(lambda: write("/proc/thread-self/attr/fscreate", "\n"))
    other.do(lambda: show("second"))
    other.end()
    show("first")


def of_the_first(context: str) -> None:
    write("/proc/thread-self/attr/fscreate", context)
    before = Thread()
    before.do(lambda: show("inherited"))
    write("/proc/thread-self/attr/fscreate", "\n")
    show("first")
    before.do(lambda: show("kept"))
    after = Thread()
    after.do(lambda: show("later"))
    before.do(lambda: make("by-kept"))
    before.end()
    after.end()


def of_others(context: str) -> None:
    other = Thread()
    first = os.getpid()
    attempt("write another thread's", write, f"/proc/self/task/{other.id}/attr/fscreate", context)
    other.do(lambda: attempt("write the first's", write, "/proc/self/attr/fscreate", context))
    other.do(lambda: attempt("write the first's by number", write, f"/proc/{first}/attr/fscreate", context))
    other.do(lambda: attempt("write own by number", write, f"/proc/{first}/task/{other.id}/attr/fscreate", context))
    attempt("read another thread's", context_of, f"self/task/{other.id}", "fscreate", show=True)
    attempt("read as a process", context_of, other.id or 0, "fscreate", show=True)
    descriptor = os.open("/proc/thread-self/attr/sockcreate", os.O_WRONLY)
    other.do(lambda: attempt("by the first's descriptor", write_to, descriptor, context))
    other.end()
    show("first")


def of_children(context: str) -> None:
    other = Thread()
    other.do(lambda: write("/proc/thread-self/attr/fscreate", context))
    other.do(lambda: fork("of second"))
    fork("of first")
    other.end()


def fork(who: str) -> None:
    """Have a child say what it inherited, and what remains when it has written one itself."""
    child = os.fork()
    if child == 0:
        show(who)
        attempt(f"{who} resets", write, "/proc/self/attr/fscreate", "\n")
        show(who)
        os._exit(0)
    say(who, os.waitpid(child, 0)[1])
