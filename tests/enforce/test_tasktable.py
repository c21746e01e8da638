"""The states of tasks that the kernel tells only in ``/proc``."""

import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from selbox.enforce.tasks import TaskState, TaskTable

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
