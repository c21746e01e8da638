"""Where a task may run is, after it was handed a descriptor, as it was before."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from selbox.enforce.steering import Steering
from tests.enforce.boxes import Box, enforcement
from tests.enforce.clients import PYTHON, needs_python

several = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor to run on")

SLEEPER = "import threading, time; print('up', flush=True); {} time.sleep(60)"
THREAD = "threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); print('up', flush=True);"


def started(program: str, lines: int) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline() == "up\n"
    return process


@several
def test_a_task_is_held_on_one_processor_and_released_to_all_it_had() -> None:
    with started(SLEEPER.format(""), 1) as process:
        try:
            before = os.sched_getaffinity(process.pid)
            steering = Steering(lambda: True)
            assert steering.hold(process.pid)
            held = os.sched_getaffinity(process.pid)
            assert len(held) == 1
            assert held < before
            steering.release(process.pid)
            assert os.sched_getaffinity(process.pid) == before
        finally:
            process.kill()


@several
def test_who_has_threads_or_runs_elsewhere_or_is_gone_is_not_held() -> None:
    with started(SLEEPER.format(THREAD), 2) as process:
        try:
            assert not Steering(lambda: True).hold(process.pid)
        finally:
            process.kill()
    assert not Steering(lambda: True).hold(process.pid)
    own = os.sched_getaffinity(0)
    with started(SLEEPER.format(""), 1) as process:
        try:
            here, elsewhere = sorted(own)[:2]
            os.sched_setaffinity(0, {here})
            os.sched_setaffinity(process.pid, {elsewhere})
            assert not Steering(lambda: True).hold(process.pid)
            assert os.sched_getaffinity(process.pid) == {elsewhere}
            os.sched_setaffinity(process.pid, {here})
            assert not Steering(lambda: True).hold(process.pid)
        finally:
            os.sched_setaffinity(0, own)
            process.kill()


@several
def test_nobody_is_held_by_another_thread_nor_where_numbers_are_scarce() -> None:
    """A thread that hands over a descriptor would mix up where its caller and the loop's may run."""
    with started(SLEEPER.format(""), 1) as process:
        try:
            steering = Steering(lambda: True)
            with ThreadPoolExecutor(1) as other:
                assert not other.submit(steering.hold, process.pid).result()
            assert steering.hold(process.pid)
            steering.release(process.pid)
            assert not Steering(lambda: False).hold(process.pid)
        finally:
            process.kill()


@several
@pytest.mark.skipif(os.getpriority(os.PRIO_PROCESS, 0) > 10, reason="nobody can be much nicer than these tests")
def test_who_runs_after_all_others_is_not_held() -> None:
    """The supervisor waits for whom it hands a descriptor, on a busy processor for as long as that is kept waiting."""
    with started(SLEEPER.format(""), 1) as process:
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, 19)
            assert not Steering(lambda: True).hold(process.pid)
        finally:
            process.kill()
    with started(SLEEPER.format(""), 1) as process:
        try:
            os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
            assert not Steering(lambda: True).hold(process.pid)
        finally:
            process.kill()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 3, reason="there are no three processors to run on")
def test_who_was_told_where_to_run_still_runs_there() -> None:
    own = os.sched_getaffinity(0)
    with started(SLEEPER.format(""), 1) as process:
        try:
            steering = Steering(lambda: True)
            told = own - {max(own)}
            os.sched_setaffinity(0, {min(own)})
            for mask in (own, told, own, own, told, told):
                os.sched_setaffinity(process.pid, mask)
                assert steering.hold(process.pid)
                steering.release(process.pid)
                assert os.sched_getaffinity(process.pid) == mask
        finally:
            os.sched_setaffinity(0, own)
            process.kill()


@enforcement
@needs_python
@several
def test_a_program_that_opens_files_may_run_where_it_might(tmp_path: Path) -> None:
    box = Box(tmp_path, "")
    program = """
import os
wide = os.sched_getaffinity(0)
for _ in range(200):
    open("/etc/passwd").close()
    if os.sched_getaffinity(0) != wide:
        print("narrowed")
os.sched_setaffinity(0, {min(wide)})
for _ in range(200):
    open("/etc/passwd").close()
print(os.sched_getaffinity(0) == {min(wide)})
"""
    assert box.run(str(PYTHON), "-c", program).output == "True\n"
