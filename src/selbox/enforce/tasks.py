"""The security state of tasks, carried by the kernel itself.

Each distinct state is interned in a table, and a task's place in it stands in the soft limit of ``RLIMIT_RTTIME``.
The kernel copies that limit at fork and keeps it at exec, the supervisor reads and sets it with ``prlimit(2)``, and
the filter keeps the box from changing it. So no fork has to be seen, and no table of pids can go stale.
The limit is meaningful only for real-time tasks, and its values here are beyond any running time.
"""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import suppress

from selbox.enforce.credentials import Credentials, real_ids_of
from selbox.enforce.linux import O_PATH
from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.threadlabels import NextLabels, ThreadLabels
from selbox.typing import Any, Final, NamedTuple

_MARK: Final = 1 << 61
_MARKED: Final = range(_MARK, 2 * _MARK)
_STATE_BITS: Final = 24
_SHOWN_KEPT: Final = 64
_FORKED_AND_NO_MORE: Final = 0x40
_STATE_MASK: Final = (1 << _STATE_BITS) - 1
INFINITY: Final = (1 << 64) - 1
"""``RLIM64_INFINITY``, a limit that is none."""
_MOST_STATUS: Final = 1 << 20
"""Bytes of ``/proc/PID/status`` of a task in as many groups as may be (65,536)."""
_LIMIT_TITLE: Final = 26
"""Characters of a row in ``/proc/PID/limits`` before the soft limit."""
_LINKS_WITH_ONE_THREAD: Final = 3
"""Names of ``/proc/PID/task``: its own, that in ``/proc/PID``, and the parent entry of each thread's directory."""


class TaskState(NamedTuple):
    """The security state of a task (kernel: ``struct task_security_struct``).

    Attributes:
        sid: the current SID.
        previous: the SID before the last exec (``attr/prev``).
        next_labels: SIDs that it asked for.
        threads_differ: whether threads of its process asked for others than the first one.
        no_new_privileges: whether a program in the box asked for ``PR_SET_NO_NEW_PRIVS``.
        credentials_changed: whether it may have other credentials than the supervisor started it with.
        root_changed: whether it may have another root directory or another namespace.
        numbers_changed: whether that may be a namespace in which processes or IPC objects have other numbers.
        shares_directories: whether it ever shared its directories with another process (``CLONE_FS``).
        shares_descriptors: whether it may share its descriptors, or its memory, with another process
            (``CLONE_FILES``, ``CLONE_VM``).
        credentials: those that it has had since they last changed; None where they have to be read.
        session_keyring: number of the keyring of its session, or 0.
        key_holder: number that tells its own keyrings from those of the process that it was forked from, or 0.
        is_launcher: whether it is still the box's own launcher, before the first exec.
    """

    sid: int
    previous: int
    next_labels: NextLabels = NextLabels()
    threads_differ: bool = False
    no_new_privileges: bool = False
    credentials_changed: bool = False
    root_changed: bool = False
    numbers_changed: bool = False
    shares_directories: bool = False
    shares_descriptors: bool = False
    credentials: Credentials | None = None
    session_keyring: int = 0
    key_holder: int = 0
    is_launcher: bool = False


class TaskTable:
    """Reads and sets the states of the tasks of one box."""

    def __init__(self) -> None:
        # The token keeps boxes apart: a task of another box is a stranger here.
        self._base = _MARK | int.from_bytes(os.urandom(4)) << _STATE_BITS
        self._states: list[TaskState] = []
        self._numbers: dict[TaskState, int] = {}
        self._threads = ThreadLabels()
        self._differing: set[int] = set()
        """Places of states of processes whose threads differ."""
        self._awaited: dict[int, tuple[int, int]] = {}
        """Of threads that run a program in another domain just now: their process, and its SID there."""
        self._shown: dict[int, tuple[int, int]] = {}
        """Of tasks whose limit had to be read in ``/proc``, by thread id: descriptor of its directory there, and state.

        INVARIANT: nobody but :meth:`set_state` changes such a limit, and the directory is that very task's: once it has
        ended nothing is found there, whoever has its number.
        """

    @property
    def numbers(self) -> range:
        """All numbers that tasks of this box, and of no other, can carry."""
        return range(self._base, self._base + _STATE_MASK + 1)

    def close(self) -> None:
        """Close the table's own descriptors."""
        for directory, _ in self._shown.values():
            os.close(directory)
        self._shown.clear()

    def limit_for(self, state: TaskState) -> tuple[int, int]:
        """Return the soft and hard ``RLIMIT_RTTIME`` that carry a state.

        Raises:
            OverflowError: when a box has seen 16 million distinct states.
        """
        return (self._base + self.number_for(state), resource.RLIM_INFINITY)

    def number_for(self, state: TaskState) -> int:
        """Return the place of a state in the table, which is that of every state that is equal to it.

        Raises:
            OverflowError: as :meth:`limit_for`.
        """
        number = self._numbers.get(state)
        if number is None:
            number = len(self._states)
            if number > _STATE_MASK:
                raise OverflowError("too many distinct task states in one box")
            self._states.append(state)
            self._numbers[state] = number
            if state.threads_differ:
                self._differing.add(number)
        return number

    def domains(self) -> set[int]:
        """Return the SIDs that tasks of the box have or had, once its first program ran."""
        return {each.sid for each in self._states if not each.is_launcher}

    def numbered(self, number: int) -> TaskState | None:
        """Return the state that a number stands for (:func:`label_number`); None when it is of another box."""
        number -= self._base
        return self._states[number] if 0 <= number < len(self._states) else None

    def state_of(self, tid: int) -> TaskState | None:
        """Return a task's state, or None when it is not (or no longer) a task of this box."""
        number = self.number_of(tid)
        return None if number < 0 else self._states[number]

    def state_at(self, number: int) -> TaskState:
        """Return the state at a place in the table."""
        return self._states[number]

    def number_of(self, tid: int) -> int:
        """Return the place of a task's state in the table, or -1 when it is not (or no longer) a task of this box."""
        number = self._carried(tid)
        return self._number_of_thread(tid, number) if number in self._differing else number

    def _number_of_thread(self, tid: int, carried: int) -> int:
        """Return the place of a thread's state, where the process it is of, or comes from, has threads that differ.

        A thread that is not listed, and is not known to be made by one that is, is as the first one. A process that has
        none that is listed was forked, and is as the thread that made it was.
        """
        state = self._states[carried]
        started = start_of_process(tid)
        labels = self._threads.of(tid, started)
        if labels is None:
            process = thread_group(tid)
            if self._threads.threads_of(process):
                self._threads.follow(process, start_of_process)
                labels = self._threads.of(tid, started)
                return carried if labels is None else self.number_for(state._replace(next_labels=labels))
            labels, state = self._settle(process), state._replace(threads_differ=False)
        return self.number_for(state._replace(next_labels=labels))

    def _settle(self, process: int) -> NextLabels:
        """Have a process be as the thread that made it, from now on, and with it all that it is of, or has forked.

        Returns:
            What that thread asks for. None of them has asked for anything else: it would have been settled by that.
        """
        line = [process]
        while self._is_unsettled(parent := parent_of(line[-1])):
            line.append(parent)
        oldest = line[-1]
        labels = self._labels_of_maker(oldest)
        if labels is None:
            carried = self._carried(oldest)
            labels = self._states[carried].next_labels if carried >= 0 else NextLabels()
        unsettled = [oldest]
        while unsettled:
            each = unsettled.pop()
            carried = self._carried(each)
            if carried not in self._differing:
                continue  # it has ended
            with suppress(OSError):
                self._carry(each, self._states[carried]._replace(next_labels=labels, threads_differ=False))
                threads = os.listdir(f"/proc/{each}/task")
                unsettled += [child for thread in threads for child in self._unsettled_children(each, int(thread))]
        return labels

    def _is_unsettled(self, process: int) -> bool:
        """Tell whether a process was forked where threads differed, and nobody has asked since as which of them."""
        is_differing = process > 0 and self._carried(process) in self._differing
        return is_differing and not self._threads.threads_of(process)

    def _unsettled_children(self, process: int, thread: int) -> list[int]:
        return [each for each in children_of(process, thread) if self._is_unsettled(each)]

    def _labels_of_maker(self, process: int) -> NextLabels | None:
        """Return what the thread asks for that forked a process, if it is listed."""
        parent = parent_of(process)
        for thread in self._threads.threads_of(parent):
            if process in children_of(parent, thread):
                return self._threads.of(thread, start_of_process(thread))
        return None

    def _carried(self, tid: int) -> int:
        """Return the place of the state that a process carries, all threads alike; -1 as :meth:`number_of`."""
        shown = self._shown.get(tid)
        if shown is not None:
            if os.access("comm", os.F_OK, dir_fd=shown[0]):
                return shown[1]
            os.close(self._shown.pop(tid)[0])
        try:
            carried = resource.prlimit(tid, RLIMIT_RTTIME)[0] - self._base
        except PermissionError:  # another user's, and a root without CAP_SYS_RESOURCE, as containers have
            return self._shown_number(tid)
        except OSError:
            return -1
        return carried if 0 <= carried < len(self._states) else -1

    def _shown_number(self, tid: int) -> int:
        """Return what :meth:`_carried` does of a task whose limit can only be read in ``/proc``."""
        try:
            directory = os.open(f"/proc/{tid}", O_PATH | os.O_CLOEXEC)
        except OSError:
            return -1
        try:
            number = shown_limits(tid, RLIMIT_RTTIME)[0] - self._base
        except OSError:
            number = -1
        if not 0 <= number < len(self._states):
            os.close(directory)
            return -1
        if len(self._shown) >= _SHOWN_KEPT:
            self.close()
        self._shown[tid] = directory, number
        return number

    def set_state(self, tid: int, state: TaskState) -> None:
        """Give a task, with all its threads, a new state. What threads asked for stays theirs, unless none differs.

        Raises:
            OSError: ESRCH when it is gone; EPERM when it is another user's and the supervisor may not become that user.
        """
        carried = self._carried(tid) if self._differing else -1
        if carried in self._differing:
            if state.threads_differ:
                state = state._replace(next_labels=self._states[carried].next_labels)
            else:
                self._threads.forget(thread_group(tid))
        self._carry(tid, state)

    def set_next_labels(self, tid: int, labels: NextLabels) -> None:
        """Note what a thread asks for.

        Raises:
            OSError: as :meth:`set_state`.
        """
        carried = self._carried(tid)
        if carried < 0:
            raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
        state, process, first = self._states[carried], thread_group(tid), labels
        if carried in self._differing:
            self._threads.follow(process, start_of_process)
            for child in self._unsettled_children(process, tid):
                self._settle(child)  # which is as the thread is now
        differ = False
        if has_one_thread(tid):
            self._threads.forget(process)
        else:
            living = {int(each) for each in os.listdir(f"/proc/{process}/task")}
            if tid != process:
                first = state.next_labels
                self._threads.add(tid, process, start_of_process(tid), labels)
            elif labels != state.next_labels:
                self._keep(living - {process}, process, state.next_labels)
            differ = self._threads.keep_different(process, living, first)
        self._carry(tid, state._replace(next_labels=first, threads_differ=differ))

    def _keep(self, threads: set[int], process: int, labels: NextLabels) -> None:
        """List the threads that are as the first one, which is about to change."""
        for each in threads:
            started = start_of_process(each)
            if self._threads.of(each, started) is None:
                self._threads.add(each, process, started, labels)

    def _carry(self, tid: int, state: TaskState) -> None:
        """Have a process carry a state.

        Raises:
            OSError: as :meth:`set_state`.
        """
        limit = self.limit_for(state)
        self.close()  # what is kept may be of other threads of the same process
        try:
            resource.prlimit(tid, RLIMIT_RTTIME, limit)
        except PermissionError:
            with real_ids_of(tid):
                resource.prlimit(tid, RLIMIT_RTTIME, limit)

    # --- Execs under way --------------------------------------------------------------------------------------------

    def await_domain(self, tid: int, sid: int) -> None:
        """Note that a thread is about to run a program in another domain.

        Its process may have the memory of that program some time before it has its label.
        """
        self._awaited[tid] = thread_group(tid), sid

    def forget_domain(self, tid: int, *, whole: bool = False) -> None:
        """Note that a thread's exec is over; of a whole process, that none of its threads is in one any more."""
        self._awaited.pop(tid, None)
        if whole and self._awaited:
            self._awaited = {key: each for key, each in self._awaited.items() if each[0] != tid}

    def awaited_sids(self, tid: int) -> list[int]:
        """Return the SIDs that a task's process may be about to have, besides its own: nearly always none."""
        if not self._awaited:
            return []
        process = thread_group(tid)
        return [sid for each, sid in self._awaited.values() if each == process]

    def change(self, tid: int, **changes: bool) -> None:
        """Note what is different about a task from now on.

        Args:
            tid: the task; one that is gone is not changed.
            changes: attributes of :class:`TaskState`.

        Raises:
            OSError: as :meth:`set_state`.
        """
        state = self.state_of(tid)
        if state is not None:
            values: dict[str, Any] = dict(changes)
            if "credentials_changed" in changes:
                values["credentials"] = None
            changed = state._replace(**values)
            if changed != state:
                self.set_state(tid, changed)


def label_number(pid: int) -> int | None:
    """Return the number that stands for a process's state in its box, whichever box it is of; None when of none.

    Raises:
        OSError: when it is gone.
    """
    try:
        carried = resource.prlimit(pid, RLIMIT_RTTIME)[0]
    except PermissionError:
        return shown_label_number(pid)
    return carried if carried in _MARKED else None


def shown_label_number(pid: int) -> int | None:
    """Return the same by what ``/proc`` shows, also to a process of the box itself, whom ``prlimit`` does not tell.

    Raises:
        OSError: when it is gone.
    """
    carried, _ = shown_limits(pid, RLIMIT_RTTIME)
    return carried if carried in _MARKED else None


def shown_limits(tid: int, number: int) -> tuple[int, int]:
    """Return the soft and the hard limit of a kind as ``/proc`` shows them to everybody.

    Args:
        tid: the task.
        number: of the kind; the rows there are in the order of the numbers.

    Raises:
        OSError: ESRCH when the task is gone.

    Source: the kernel's ``proc_pid_limits``.
    """
    rows = read_proc(f"/proc/{tid}/limits").splitlines()
    if not rows:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))
    soft, hard, *_ = rows[1 + number][_LIMIT_TITLE:].split()
    return _limit(soft), _limit(hard)


def _limit(word: bytes) -> int:
    return INFINITY if word == b"unlimited" else int(word)


def has_one_thread(tid: int) -> bool:
    """Tell whether a task is the only thread of its process, whose number is then its own."""
    try:
        return os.stat(f"/proc/{tid}/task").st_nlink == _LINKS_WITH_ONE_THREAD
    except OSError:
        return False


def thread_group(tid: int) -> int:
    """Return the process id of a thread, or the thread id itself when it is gone."""
    if has_one_thread(tid):
        return tid  # known for a tenth of what it takes to read it
    status = read_proc(f"/proc/{tid}/status")
    start = status.find(b"\nTgid:")
    return tid if start < 0 else int(status[start + 6 : status.index(b"\n", start + 1)])


def processes() -> Iterator[int]:
    """Return the processes that there are."""
    return (int(each) for each in os.listdir("/proc") if each.isdigit())


def parent_of(pid: int) -> int:
    """Return the process whose child a process is; 0 when it is gone."""
    status = read_proc(f"/proc/{pid}/status")
    start = status.find(b"\nPPid:")
    return 0 if start < 0 else int(status[start + 6 : status.index(b"\n", start + 1)])


def children_of(process: int, thread: int) -> list[int]:
    """Return the processes that a thread has forked; none where it is gone."""
    try:
        with open(f"/proc/{process}/task/{thread}/children", "rb") as children:
            return [int(each) for each in children.read().split()]
    except OSError:
        return []


def start_of_process(pid: int) -> int:
    """Return when a process was started, in ticks since boot; 0 when it is gone."""
    line = read_proc(f"/proc/{pid}/stat")
    return int(line.rpartition(b")")[2].split()[19]) if line else 0


def start_of_stack(pid: int) -> int:
    """Return where the stack pointer of a program stands before its first instruction; 0 when it is gone."""
    line = read_proc(f"/proc/{pid}/stat")
    return int(line.rpartition(b")")[2].split()[25]) if line else 0


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or nobody has waited for it yet."""
    line = read_proc(f"/proc/{pid}/stat")
    return not line or line.rpartition(b")")[2].split()[0] in (b"Z", b"X")


def never_ran(tid: int) -> bool:
    """Tell whether a task has run no program since it was forked (kernel: ``PF_FORKNOEXEC``)."""
    line = read_proc(f"/proc/{tid}/stat")
    return bool(line) and bool(int(line.rpartition(b")")[2].split()[6]) & _FORKED_AND_NO_MORE)


def tracer_where_stopped(tid: int) -> int:
    """Return the process that traces a task and has it in a stop; 0 when none does, or the task is gone."""
    status = read_proc(f"/proc/{tid}/status")
    return _tracer(status) if b"\nState:\tt" in status else 0


def tracer_of(tid: int) -> int:
    """Return the process that traces a task; 0 when none does, or the task is gone."""
    return _tracer(read_proc(f"/proc/{tid}/status"))


def _tracer(status: bytes) -> int:
    start = status.find(b"\nTracerPid:")
    return 0 if start < 0 else int(status[start + 11 : status.index(b"\n", start + 1)])


def ignored_signals(pid: int) -> int:
    """Return the signals that a process ignores, the first in bit 0; none when it is gone."""
    return _signals(pid, b"SigIgn")


def blocked_signals(tid: int) -> int:
    """Return the signals that a task blocks, the first in bit 0; none when it is gone."""
    return _signals(tid, b"SigBlk")


def _signals(tid: int, title: bytes) -> int:
    status = read_status(tid)
    start = status.find(b"\n%b:" % title)
    return 0 if start < 0 else int(status[start + 8 : status.index(b"\n", start + 1)], 16)


def command_name(tid: int) -> str:
    """Return a task's name as audit records give it (``comm``), or an empty string when it is gone."""
    return os.fsdecode(read_proc(f"/proc/{tid}/comm").rstrip(b"\n"))


def read_status(tid: int) -> bytes:
    """Return all of a task's status, also what stands behind the groups that it is in; nothing when it is gone."""
    return read_proc(f"/proc/{tid}/status", _MOST_STATUS)


def read_proc(path: str, most: int = 4096) -> bytes:
    """Return the first page of a file of ``/proc``, or ``most`` bytes, which is empty when its task is gone.

    The plain calls take a third of the time of a file object.

    Raises:
        OSError: where that cannot be told, for lack of descriptors or memory.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""
    try:
        return os.read(descriptor, most)
    except ProcessLookupError:
        return b""
    finally:
        os.close(descriptor)
