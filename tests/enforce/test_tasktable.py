"""The states of tasks: those that the kernel tells only in ``/proc``, and those of who was forked by a thread."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.tasks import TaskState, TaskTable
from selbox.enforce.threadlabels import NextLabels

STATE = TaskState(sid=7, previous=3)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskTable]:
    def refuse(*_: object) -> tuple[int, int]:
        raise PermissionError

    table = TaskTable()
    table.number_for(STATE._replace(sid=1))
    table.number_for(STATE)
    monkeypatch.setattr(resource, "prlimit", refuse)
    yield table
    table.close()


def sleeper(table: TaskTable, state: TaskState) -> "subprocess.Popen[bytes]":
    limit = table.limit_for(state)
    program = f"import resource as r, time\nr.setrlimit({RLIMIT_RTTIME}, {limit})\nprint(flush=True)\ntime.sleep(60)"
    return subprocess.Popen([sys.executable, "-Ic", program], stdout=subprocess.PIPE)


def test_a_state_that_is_read_once_is_that_task_s_as_long_as_it_lives(table: TaskTable) -> None:
    with sleeper(table, STATE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert [table.state_of(process.pid) for _ in range(3)] == [STATE] * 3
        process.kill()
        process.wait()
        assert table.state_of(process.pid) is None


def test_who_has_no_state_has_none(table: TaskTable) -> None:
    with subprocess.Popen([sys.executable, "-Ic", "input()"], stdin=subprocess.PIPE) as process:
        assert table.state_of(process.pid) is None
        assert table.state_of(process.pid) is None
        process.communicate(b"\n")


THREAD_THAT_FORKS = """
import os, threading, time
def fork():
    print(threading.get_native_id(), flush=True)
    while True:
        input()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            grandchild = os.fork()
            if grandchild:
                os.write(writing, f"{os.getpid()} {grandchild}".encode())
            time.sleep(60)
            os._exit(0)
        print(os.read(reading, 99).decode(), flush=True)
threading.Thread(target=fork, daemon=True).start()
time.sleep(60)
"""


class Forking:
    """A process with a thread that forks when it is told to, a child that forks once more."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.thread = int(self._line())
        self._children: list[int] = []

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def fork(self) -> tuple[int, int]:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        child, grandchild = map(int, self._line().split())
        self._children += [child, grandchild]
        return child, grandchild

    def end(self) -> None:
        for each in (*self._children, self.process.pid):
            os.kill(each, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def forking() -> Iterator[Forking]:
    command = [sys.executable, "-Ic", THREAD_THAT_FORKS]
    forking = Forking(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    yield forking
    forking.end()


def test_a_process_has_what_the_thread_that_forked_it_asked_for_then(forking: Forking) -> None:
    table, thread = TaskTable(), forking.thread
    one, other = NextLabels(create_sid=5), NextLabels(create_sid=9)
    table.set_state(forking.process.pid, STATE)
    table.set_next_labels(thread, one)
    first = forking.fork()
    table.set_next_labels(thread, other)
    second = forking.fork()
    table.set_next_labels(thread, NextLabels())
    for process, labels in [(forking.process.pid, NextLabels()), *((each, one) for each in first)]:
        assert table.state_of(process) == STATE._replace(next_labels=labels), process
    assert [table.state_of(each) for each in second] == [STATE._replace(next_labels=other)] * 2


def test_a_process_has_what_its_own_maker_had_before_that_asked_for_more(forking: Forking) -> None:
    table, one = TaskTable(), NextLabels(create_sid=5)
    table.set_state(forking.process.pid, STATE)
    table.set_next_labels(forking.thread, one)
    child, grandchild = forking.fork()
    assert table.state_of(child) == STATE._replace(next_labels=one)  # as it is asked about in each of its calls
    table.set_next_labels(child, NextLabels(create_sid=9))
    assert table.state_of(grandchild) == STATE._replace(next_labels=one)
    _, other = forking.fork()
    assert table.state_of(other) == STATE._replace(next_labels=one)  # with nobody asked about in between
