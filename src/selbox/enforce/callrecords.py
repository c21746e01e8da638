"""The system calls in which something was recorded, told of as the kernel does: one ``SYSCALL`` record for each.

A call in which nothing is recorded costs nothing.
"""

import os
from collections.abc import Callable
from contextlib import suppress

from selbox.enforce.answer import ANSWERED, CONTINUE
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.seccomp.listener import Listener
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import TaskState, TaskTable, read_proc, thread_group
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from selbox.audit.callrecord import CallingProcess
    from selbox.audit.eventrecord import Login
    from selbox.audit.fields import Stamp

_EXECS: Final = frozenset({NUMBERS["execve"], NUMBERS["execveat"]})
_STAT_FIELDS: Final = 48
"""Fields of ``/proc/PID/stat`` behind the name, as far as they are read."""
_IMAGES_KEPT: Final = 1024
_SERIAL: Final = 64
"""First minor number of serial lines among those of the virtual consoles."""


class _Call(NamedTuple):
    """What :func:`selbox.audit.callrecord.call_line` takes."""

    stamp: "Stamp"
    number: int
    arguments: tuple[int, ...]
    result: int | None
    process: "CallingProcess"
    subject: str


class _Image(NamedTuple):
    """What is the same about a process for as long as it runs one program.

    Attributes:
        key: tells such programs apart: when the process was started, and where its code and its arguments lie.
        program: path of the program.
        login: who is behind the process.
    """

    key: tuple[bytes, ...]
    program: str
    login: "Login"


class _Processes:
    """Reads what is recorded about processes; of one that comes again most is known."""

    def __init__(self) -> None:
        self._images: dict[int, _Image] = {}
        self._own_ids = _ids(read_proc("/proc/self/status"))

    def read(self, tid: int, *, is_as_started: bool) -> "CallingProcess":
        """Return what is recorded about a task's process; as far as it can be read, should it be dying.

        Args:
            tid: the task.
            is_as_started: whether its user and groups are the supervisor's.
        """
        from selbox.audit.callrecord import CallingProcess

        with own_capabilities():
            line, arguments = read_proc(f"/proc/{tid}/stat"), read_proc(f"/proc/{tid}/cmdline")
            ids = self._own_ids if is_as_started else _ids(read_proc(f"/proc/{tid}/status"))
            name, _, rest = line.partition(b"(")[2].rpartition(b")")
            numbers = rest.split()
            if len(numbers) < _STAT_FIELDS:
                numbers = [b"0"] * _STAT_FIELDS
            image = self._image(tid, (numbers[19], *numbers[23:25], *numbers[45:47]))
        words = thread_group(tid), int(numbers[1]), image.login, *ids, _terminal_name(int(numbers[4]))
        return CallingProcess(*words, os.fsdecode(name), image.program, arguments)

    def _image(self, tid: int, key: tuple[bytes, ...]) -> _Image:
        key = (*key, read_proc(f"/proc/{tid}/loginuid"))
        image = self._images.get(tid)
        if image is None or image.key != key:
            from selbox.enforce.changes import login_of

            program = ""
            with suppress(OSError):
                program = os.readlink(f"/proc/{tid}/exe")
            if len(self._images) >= _IMAGES_KEPT:
                self._images.clear()
            image = self._images[tid] = _Image(key, program, login_of(tid))
        return image


def _ids(status: bytes) -> tuple[tuple[str, str, str, str], tuple[str, str, str, str]]:
    """Return the four user ids and the four group ids that a task's status tells."""
    return _four(status, b"\nUid:"), _four(status, b"\nGid:")


def _four(status: bytes, title: bytes) -> tuple[str, str, str, str]:
    words = status.partition(title)[2].partition(b"\n")[0].decode().split()
    return (words[0], words[1], words[2], words[3]) if len(words) == 4 else ("0", "0", "0", "0")


class CallRecords:
    """Writes them.

    Args:
        listener: knows what calls were answered.
        tasks: states of tasks.
        context_of: renders a SID.
        write: takes each finished record.
    """

    def __init__(
        self, listener: Listener, tasks: TaskTable, context_of: Callable[[int], str], write: Callable[[str], None]
    ) -> None:
        self._listener = listener
        self._tasks = tasks
        self._context_of = context_of
        self._write = write
        self._processes = _Processes()
        self._process: CallingProcess | None = None
        self._subject = ""
        self._execs: dict[int, _Call] = {}
        """Programs that are about to start, by the tasks that they start in."""
        self.stamp: Stamp | None = None
        """Time and number of its records; None while there are none."""

    @property
    def caller(self) -> int:
        """The task whose call is being handled; 0 while none is."""
        return 0 if self._listener.handled is None else self._listener.handled[1]

    def begin(self, stamp: "Stamp") -> "Stamp":
        """Note who makes the call, of which something is about to be recorded, while it is stopped in it.

        Args:
            stamp: that of the records; it is returned.
        """
        tid = self.caller
        state = self._tasks.state_of(tid)
        self.stamp = stamp
        self._process = self._processes.read(tid, is_as_started=state is not None and not state.credentials_changed)
        self._subject = "" if state is None else self._context_of(state.sid)
        return stamp

    def end(self, answer: int) -> None:
        """Write what is to be told of a call in which something was recorded, or keep it until its exec is carried out.

        Args:
            answer: what its handler answered.
        """
        notification, stamp, process = self._listener.handled, self.stamp, self._process
        self.stamp = self._process = None
        if notification is None or stamp is None or process is None:
            return
        id_, tid, number, arguments = notification
        if answer in (CONTINUE, ANSWERED):
            answered, value = self._listener.answered
            result = value if answered == id_ else None
        else:
            result = answer
        call = _Call(stamp, number, arguments, result, process, self._subject)
        if result is None and number in _EXECS:
            self._execs[tid] = call
        else:
            self._write_call(call)

    def executed(self, tid: int, pid: int, state: TaskState) -> None:
        """Write what is to be told of an exec that was carried out: of the program that runs now.

        Args:
            tid: the task that called it.
            pid: its number now.
            state: its state now.
        """
        call = self._execs.pop(tid, None)
        if call is not None:
            process = self._processes.read(pid, is_as_started=not state.credentials_changed)
            self._write_call(call._replace(result=0, process=process, subject=self._context_of(state.sid)))

    def failed(self, tid: int) -> None:
        """Write what is to be told of an exec that was not carried out."""
        call = self._execs.pop(tid, None)
        if call is not None:
            self._write_call(call)

    def _write_call(self, call: _Call) -> None:
        from selbox.audit.callrecord import arguments_line, call_line, title_line

        lines = [call_line(*call)]
        if call.result == 0 and call.number in _EXECS:
            lines.append(arguments_line(call.stamp, call.process))
        self._write("\n".join((*lines, title_line(call.stamp, call.process))))


def _terminal_name(device: int) -> str:
    """Return the name of a terminal by its device number as ``/proc`` shows it; empty for none."""
    if not device:
        return ""
    major, minor = os.major(device), os.minor(device)
    if major in range(136, 144):
        return f"pts{minor + 256 * (major - 136)}"
    if major == 4:
        return f"ttyS{minor - _SERIAL}" if minor >= _SERIAL else f"tty{minor}"
    return "console" if device == os.makedev(5, 1) else f"tty{minor}"
