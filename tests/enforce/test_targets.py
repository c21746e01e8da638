"""Tasks as what a call is about: what becomes of the threads that hold them."""

import os
import subprocess
import sys

import pytest

from tests.enforce.boxes import environment
from tests.patience import PATIENCE

TRACED = """
import os, signal, sys, threading
from selbox.enforce.linux import PTRACE_SEIZE, ptrace
from selbox.enforce.targets import is_ending

told, tell = os.pipe()
over = threading.Event()
thread = threading.Thread(target=over.wait)
thread.start()
tracer = os.fork()
if not tracer:
    ptrace(PTRACE_SEIZE, thread.native_id)
    os.write(tell, b"x")
    signal.pause()
os.read(told, 1)
print(is_ending(thread.native_id))
over.set()
thread.join()
while is_ending(thread.native_id):
    os.sched_yield()
print(os.path.exists(f"/proc/self/task/{thread.native_id}"))
os.kill(tracer, signal.SIGKILL)
"""


@pytest.mark.enforcement
@pytest.mark.skipif(os.geteuid() != 0, reason="only root surely traces who did not start it")
def test_a_thread_that_somebody_else_traces_is_done_with_once_it_has_ended() -> None:
    """The kernel keeps it until its tracer has waited for it, which may itself wait for the supervisor."""
    outcome = subprocess.run(
        [sys.executable, "-c", TRACED], capture_output=True, text=True, check=False, env=environment(), timeout=PATIENCE
    )
    assert (outcome.stdout.split(), outcome.stderr) == (["True", "True"], "")
