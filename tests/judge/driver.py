"""Performs scenarios one after another, in a box of selbox or in the kernel's virtual machine.

``python -m tests.judge.driver PROGRAMS OUTPUT NAME…`` writes, as JSON, the lines of each scenario to the file OUTPUT.
Where the process is not yet in the driver's domain, it enters it, and has the kernel enforce until it is done.
"""

import fcntl
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from tests.judge.stage import Stage, context_of, directory_of, set_attribute

CONTEXT = "system_u:system_r:judge.driver:s0"
_HIGH = 256
_ENFORCE = "/sys/fs/selinux/enforce"


@contextmanager
def enforcing() -> Iterator[None]:
    """Be the driver under an enforcing policy."""
    if context_of() == CONTEXT:
        yield
        return
    set_attribute("current", CONTEXT)
    _write_enforce(b"1")
    try:
        yield
    finally:
        _write_enforce(b"0")


def _write_enforce(value: bytes) -> None:
    descriptor = os.open(_ENFORCE, os.O_WRONLY)
    try:
        os.write(descriptor, value)
    finally:
        os.close(descriptor)


def _drop_descriptors() -> None:
    """Leave no descriptor of another domain for programs to inherit; what is left to complain to is closed at exec."""
    sys.stderr = os.fdopen(fcntl.fcntl(2, fcntl.F_DUPFD_CLOEXEC, _HIGH), "w")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(3, _HIGH)


def main(words: Sequence[str]) -> int:
    """Perform the scenarios that are named."""
    programs, output, *names = words
    programs = os.path.abspath(programs)
    modules = {name: import_module(f"tests.judge.scenarios.{name}") for name in names}
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.umask(0)
    socket.socket.__repr__ = object.__repr__  # type: ignore[method-assign]  # it asks for names, also of what is left unclosed
    found: dict[str, list[str]] = {}
    place = tempfile.TemporaryDirectory(prefix="judge-", dir="/var/tmp", ignore_cleanup_errors=True)
    with place as parent, enforcing():
        _drop_descriptors()
        os.chmod(parent, 0o755)
        os.setxattr(parent, "security.selinux", b"system_u:object_r:judge.place:s0")
        for name, module in modules.items():
            with directory_of(name, parent):
                found[name] = Stage(name, programs).perform(module.scenario)
    with open(output, "w") as stream:
        json.dump(found, stream, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
