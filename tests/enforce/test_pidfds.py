"""Copies of other processes' descriptors, by pidfds that are kept."""

import errno
import os
import subprocess
import threading
from collections.abc import Iterator

import pytest

from selbox.enforce.pidfds import Pidfds
from selbox.enforce.tasks import start_of_process, thread_group
from tests.enforce.clients import needs

pytestmark = [pytest.mark.enforcement, needs("cat")]


@pytest.fixture
def pidfds() -> Iterator[Pidfds]:
    kept = Pidfds()
    yield kept
    kept.close()


def written_by_way_of(pidfds: Pidfds, process: "subprocess.Popen[bytes]") -> bool:
    """Tell whether what is written to a copy of a process's standard output comes out of it."""
    copy = pidfds.copy(process.pid, 1)
    try:
        os.write(copy, b"x")
    finally:
        os.close(copy)
    assert process.stdout is not None
    return os.read(process.stdout.fileno(), 16) == b"x"


def waiting() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_descriptors_are_copied_again_and_again(pidfds: Pidfds) -> None:
    with waiting() as process:
        assert written_by_way_of(pidfds, process)
        assert written_by_way_of(pidfds, process)
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            pidfds.copy(process.pid, 900)
        process.communicate()


def test_a_number_that_is_anothers_now_is_looked_up_anew(pidfds: Pidfds) -> None:
    with waiting() as former, waiting() as process:
        assert written_by_way_of(pidfds, former)
        former.communicate()
        # As if the kernel had given the former one's number to the other.
        pidfds._kept[process.pid] = pidfds._kept.pop(former.pid)
        pidfds._started[process.pid] = 1
        assert written_by_way_of(pidfds, process)
        assert pidfds.started(process.pid, process.pid) == start_of_process(process.pid) > 1
        process.communicate()


def test_who_is_gone_has_nothing_to_copy(pidfds: Pidfds) -> None:
    with waiting() as process:
        assert written_by_way_of(pidfds, process)
        process.communicate()
        with pytest.raises(ProcessLookupError):
            pidfds.copy(process.pid, 1)


def test_few_are_kept(pidfds: Pidfds) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(80):
        with waiting() as process:
            assert written_by_way_of(pidfds, process)
            process.communicate()
    assert len(os.listdir("/proc/self/fd")) <= before + 64


def test_the_process_of_a_thread() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(thread_group(threading.get_native_id())))
    thread.start()
    thread.join()
    assert found == [os.getpid()]
    with waiting() as process:
        assert thread_group(process.pid) == process.pid
        process.communicate()
