"""What scenarios are written with: domains as processes, labelled objects, and lines that say what happened.

Runs in a box of selbox and in the kernel's virtual machine alike, so it needs Python's standard library alone.
Processes of a scenario are forked from the driver and change their context themselves. So nothing but what the
scenario does is asked of the policy: no program starts, no module is imported in a domain of the scenario.
"""

import contextlib
import errno
import mmap
import os
import shutil
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_Value = TypeVar("_Value")

ATTRIBUTE = "security.selinux"
SECONDS = 60.0
"""How long a process of a scenario may take: the virtual machine is slow."""
_OUTPUT = 1 << 16
_FLAGS = 64
_LENGTH = struct.Struct("=I")
_NUMBER = struct.Struct("=q")


class _Output:
    """Memory that takes the lines of one process; writing to it takes no permission.

    Args:
        who: stands before each line.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self._memory = mmap.mmap(-1, _OUTPUT)

    def add(self, text: str) -> None:
        """Append a line."""
        line = f"{self._who}: {text}\n".encode(errors="backslashreplace")
        length = _LENGTH.unpack_from(self._memory)[0]
        begin = _LENGTH.size + length
        self._memory[begin : begin + len(line)] = line
        _LENGTH.pack_into(self._memory, 0, length + len(line))

    def enter(self) -> None:
        """Tell that the process is in its domain."""
        self._memory[-1] = 1

    def await_entry(self, pid: int) -> None:
        """Wait until the process is in its domain, or has ended."""
        while not self._memory[-1] and not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            time.sleep(0.001)

    def lines(self) -> list[str]:
        """Return what was written."""
        length = _LENGTH.unpack_from(self._memory)[0]
        return self._memory[_LENGTH.size : _LENGTH.size + length].decode().splitlines()


class _Speaker:
    """Whose lines this process writes."""

    def __init__(self) -> None:
        self.output = _Output("driver")


_speaker = _Speaker()


def say(*words: object) -> None:
    """Write a line that is compared: what a process of the scenario has seen."""
    _speaker.output.add(" ".join(map(str, words)))


def error_name(error: OSError) -> str:
    """Return the name of an error, such as EACCES."""
    return errno.errorcode.get(error.errno or 0, str(error.errno))


def attempt(
    what: str, function: Callable[..., _Value], *arguments: object, show: bool = False, **options: object
) -> _Value | None:
    """Call a function and say whether it went well: ``what: ok``, ``what: VALUE`` with ``show``, or ``what: EACCES``.

    Returns:
        What the function returned; None when it failed.
    """
    try:
        value = function(*arguments, **options)
    except OSError as error:
        say(f"{what}: {error_name(error)}")
        return None
    say(f"{what}: {value}" if show else f"{what}: ok")
    return value


def read_file(path: str) -> bytes:
    """Return what a file holds, without any question that Python's own files would ask about it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return b"".join(iter(lambda: os.read(descriptor, 1 << 16), b""))
    finally:
        os.close(descriptor)


def context_of(pid: int | str = "self", attribute: str = "current") -> str:
    """Return an attribute of a process, by default its context."""
    return read_file(f"/proc/{pid}/attr/{attribute}").rstrip(b"\n\0").decode()


def set_attribute(attribute: str, value: str) -> None:
    """Write ``current``, ``exec``, ``fscreate``, ``sockcreate`` or ``keycreate`` of this process."""
    descriptor = os.open(f"/proc/self/attr/{attribute}", os.O_WRONLY)
    try:
        os.write(descriptor, value.encode() or b"\n")
    finally:
        os.close(descriptor)


def file_context(path: str | int) -> str:
    """Return the context of a file, not following a symbolic link."""
    if isinstance(path, int):
        return os.getxattr(path, ATTRIBUTE).rstrip(b"\0").decode()
    return os.getxattr(path, ATTRIBUTE, follow_symlinks=False).rstrip(b"\0").decode()


def execute(
    what: str, path: str, *arguments: str, context: str = "", environment: dict[str, str] | None = None
) -> None:
    """Run a program in a child and say how it ended: ``what: EACCES``, ``what: exit 0``, ``what: signal SIGKILL``.

    Args:
        what: names the attempt.
        path: of the program.
        arguments: after its name.
        context: written to ``/proc/self/attr/exec`` first; the policy chooses when it is empty.
        environment: of the program; none of it when it is left out.
    """
    child = os.fork()
    if child == 0:
        _become_program(what, path, arguments, context, environment or {})
    say_end(what, os.waitpid(child, 0)[1])


_NOT_EXECUTED = 113


def _become_program(what: str, path: str, arguments: Sequence[str], context: str, environment: dict[str, str]) -> None:
    try:
        if context:
            set_attribute("exec", context)
        os.execve(path, [path, *arguments], environment)  # noqa: S606 - a program in a domain is the question
    except OSError as error:
        say(f"{what}: {error_name(error)}")
    finally:
        os._exit(_NOT_EXECUTED)


def say_end(what: str, status: int) -> None:
    """Say how a child ended, of which ``waitpid`` gave a status."""
    if os.WIFSIGNALED(status):
        say(f"{what}: signal {signal.Signals(os.WTERMSIG(status)).name}")
    elif os.WEXITSTATUS(status) != _NOT_EXECUTED:
        say(f"{what}: exit {os.WEXITSTATUS(status)}")


class Actor:
    """A process of the scenario, forked and in its domain."""

    def __init__(self, who: str, pid: int, output: _Output, stdout: int) -> None:
        self.who = who
        self.pid = pid
        self._output = output
        self._stdout = stdout
        self._status: int | None = None

    def wait(self) -> None:
        """Wait until it has ended; one that does not end is killed, which is said."""
        until = time.monotonic() + SECONDS
        while self._status is None and time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = status
            else:
                time.sleep(0.002)
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self._status = os.waitpid(self.pid, 0)[1]
            self._output.add("! did not end")
        elif os.WIFSIGNALED(self._status):
            self._output.add(f"ended by {signal.Signals(os.WTERMSIG(self._status)).name}")
        elif self._status:
            self._output.add(f"ended with {os.WEXITSTATUS(self._status)}")

    def lines(self) -> list[str]:
        """Return its lines, and then those of programs that it ran."""
        written = b""
        os.set_blocking(self._stdout, False)
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._stdout, 1 << 16):
                written += part
        os.close(self._stdout)
        programs = [f"{self.who}: | {line}" for line in written.decode(errors="backslashreplace").splitlines()]
        return self._output.lines() + programs


class Stage:
    """What one scenario takes place on: an empty directory, its contexts, its processes.

    Args:
        name: of the scenario, and of the block that its types are in.
        programs: directory of the scenarios' compiled programs.
    """

    def __init__(self, name: str, programs: str) -> None:
        self.name = name
        self._programs = programs
        self._output = _Output("driver")
        self._actors: list[Actor] = []
        self._flags = mmap.mmap(-1, _FLAGS)
        self._numbers = mmap.mmap(-1, _FLAGS * _NUMBER.size)
        self.cleanup = contextlib.ExitStack()
        """Takes what must be undone at the end, such as the removal of a System V object."""

    # --- Contexts and labels ----------------------------------------------------------------------------------------

    def type_name(self, name: str) -> str:
        """Return the full name of a type: one of the scenario's, or any type of the policy as ``.etc_t``."""
        return name[1:] if name.startswith(".") else f"{self.name}.{name}"

    def domain_context(self, name: str, level: str = "s0") -> str:
        """Return the context of a process in a domain."""
        return f"system_u:system_r:{self.type_name(name)}:{level}"

    def object_context(self, name: str, level: str = "s0") -> str:
        """Return the context of an object."""
        return f"system_u:object_r:{self.type_name(name)}:{level}"

    def label(self, path: str | int, name: str, level: str = "s0") -> None:
        """Label a file."""
        value = self.object_context(name, level).encode()
        if isinstance(path, int):
            os.setxattr(path, ATTRIBUTE, value)
        else:
            os.setxattr(path, ATTRIBUTE, value, follow_symlinks=False)

    def file(self, path: str, name: str, content: str = "", mode: int = 0o666, level: str = "s0") -> None:
        """Make a file with a label."""
        with open(path, "w") as stream:
            stream.write(content)
        os.chmod(path, mode)
        self.label(path, name, level)

    def directory(self, path: str, name: str, level: str = "s0") -> None:
        """Make a directory with a label."""
        os.mkdir(path)
        self.label(path, name, level)

    def program(self, path: str, name: str, original: str = "") -> None:
        """Make an executable file with a label.

        Args:
            path: of the new file.
            name: its type.
            original: a program of the system to copy; the scenario's own program in C when it is empty.
        """
        shutil.copyfile(original or os.path.join(self._programs, self.name), path)
        os.chmod(path, 0o755)
        self.label(path, name)

    # --- Processes --------------------------------------------------------------------------------------------------

    def run(self, domain: str, function: Callable[..., None], *arguments: object, level: str = "s0") -> None:
        """Run a function in a process of a domain, to its end."""
        self.start(domain, function, *arguments, level=level).wait()

    def start(self, domain: str, function: Callable[..., None], *arguments: object, level: str = "s0") -> Actor:
        """Start a function in a process of a domain.

        Args:
            domain: one of the scenario's, or any of the policy as ``.init_t``; empty for the driver's own.
            function: called with the arguments; an exception that it lets through is recorded as a fault.
            arguments: for it.
            level: of the process.
        """
        who = domain or "driver"
        output = _Output(who)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(writing, 1)
            _perform(self.domain_context(domain, level) if domain else "", output, function, arguments)
        output.await_entry(pid)
        os.close(writing)
        actor = Actor(who, pid, output, reading)
        self._actors.append(actor)
        return actor

    def tell(self, flag: int) -> None:
        """Raise a flag (0 to 63) for the other processes of the scenario."""
        self._flags[flag] = 1

    def await_flag(self, flag: int) -> None:
        """Wait until a flag is raised.

        Raises:
            TimeoutError: when it is not.
        """
        until = time.monotonic() + SECONDS / 2
        while not self._flags[flag]:
            if time.monotonic() > until:
                raise TimeoutError(errno.ETIMEDOUT, f"flag {flag} was not raised")
            time.sleep(0.002)

    def set_number(self, place: int, value: int) -> None:
        """Leave a number (at place 0 to 63) for the other processes of the scenario."""
        _NUMBER.pack_into(self._numbers, place * _NUMBER.size, value)

    def number(self, place: int) -> int:
        """Return the number that was left at a place."""
        return int(_NUMBER.unpack_from(self._numbers, place * _NUMBER.size)[0])

    # --- For the driver ---------------------------------------------------------------------------------------------

    def perform(self, scenario: Callable[["Stage"], None]) -> list[str]:
        """Perform a scenario in the current directory; return its lines."""
        _speaker.output = self._output
        with self.cleanup:
            try:
                scenario(self)
            except Exception:  # noqa: BLE001 - a fault of one scenario is a line of it
                _say_fault()
            for actor in self._actors:
                actor.wait()
        return self._output.lines() + [line for actor in self._actors for line in actor.lines()]


def _perform(context: str, output: _Output, function: Callable[..., None], arguments: Sequence[object]) -> None:
    _speaker.output = output
    status = 1
    try:
        if context:
            set_attribute("current", context)
        output.enter()
        function(*arguments)
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as a second driver
        _say_fault()
    finally:
        os._exit(status)


def _say_fault() -> None:
    kind, error, trace = sys.exc_info()
    # Without its text: to look for the program's source would ask about directories of whoever runs this.
    place = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)[-1]
    say(f"! {kind.__name__ if kind else ''}: {error} ({os.path.basename(place.filename)}:{place.lineno})")


@contextlib.contextmanager
def directory_of(name: str, parent: str) -> Iterator[None]:
    """Work in a new directory, labelled as the place of scenarios."""
    path = os.path.join(parent, name)
    os.mkdir(path)
    os.setxattr(path, ATTRIBUTE, b"system_u:object_r:judge.place:s0")
    os.chmod(path, 0o777)
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
