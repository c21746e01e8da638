"""What `selbox run` says where it cannot supervise."""

import errno
import os
import resource
import subprocess
import sys

import pytest

from selbox.enforce.launch import TRANSACTIONS, transaction_range
from selbox.enforce.seccomp.parts.limits import RLIMIT_RTTIME
from tests.enforce.boxes import Box, environment
from tests.patience import PATIENCE

RUN = [sys.executable, "-m", "selbox", "run"]


@pytest.mark.enforcement
def test_a_box_in_a_box_is_refused_and_says_why(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = Box(tmp_path_factory.mktemp("outer"), "")
    outcome = box.run(*RUN, "--", "echo", "inner")
    assert outcome.status == 1
    assert outcome.output == ""
    assert "error[enforcement-unavailable]" in outcome.errors
    assert "already runs under a supervisor" in outcome.errors


@pytest.mark.enforcement
def test_a_limit_that_is_in_the_way_is_named() -> None:
    def lower() -> None:
        resource.setrlimit(RLIMIT_RTTIME, (10**6, 10**6))

    result = subprocess.run(
        [*RUN, "--", "echo", "started"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        preexec_fn=lower,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "RLIMIT_RTTIME" in result.stderr


@pytest.mark.enforcement
def test_the_limit_that_carries_labels_shows_as_unlimited(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = Box(tmp_path_factory.mktemp("box"), "")
    script = (
        "import resource as r\n"
        "print(r.getrlimit(15), r.prlimit(0, 15))\n"
        "r.setrlimit(15, (r.RLIM_INFINITY, r.RLIM_INFINITY))\n"
        "try: r.prlimit(0, 15, (2**61, -1))\n"
        "except PermissionError: print('refused')\n"
    )
    assert box.run(sys.executable, "-c", script).output == "(-1, -1) (-1, -1)\nrefused\n"


ABANDONED = """
import os
from selbox.enforce.launch import launch, transaction_range
from selbox.enforce.seccomp.part import FilterSettings
from selbox.enforce.signals import Inherited
from selbox.enforce.tasks import TaskState, TaskTable

label = TaskTable().limit_for(TaskState(sid=1, previous=1, is_launcher=True))
settings = FilterSettings(transaction_range(), frozenset())
launched = launch(["true"], "/bin/true", {}, label, settings, Inherited.of_this_process())
launched.channel.close()
print(os.strerror(os.waitstatus_to_exitcode(os.waitpid(launched.pid, 0)[1])))
"""


@pytest.mark.enforcement
def test_a_first_process_whose_supervisor_is_killed_ends() -> None:
    result = subprocess.run(
        [sys.executable, "-c", ABANDONED],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        timeout=PATIENCE,
    )
    assert (result.stdout, result.stderr) == (f"{os.strerror(errno.ENOSYS)}\n", "")


def test_transactions_have_room_below_the_limit_of_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for limit in (256, 1024, 4096):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, hard), hard))
            kept = transaction_range()
            assert kept.end - kept.first == TRANSACTIONS
            assert 3 <= kept.first < kept.end <= limit
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.enforcement
def test_a_supervisor_that_fails_before_the_first_exec_leaves_nothing() -> None:
    script = (
        "import selbox.enforce.run as run, selbox.enforce.supervision as supervision\n"
        "from selbox.store.policyfiles import load_policy\n"
        "def fail(*_): raise RuntimeError\n"
        "supervision.build_handlers = fail\n"
        "run.run_box(load_policy([]), run.RunOptions(('/bin/sleep', '4321.5')))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment(), timeout=PATIENCE
    )
    assert "RuntimeError" in result.stderr
    # The output has ended, and with it everybody who held its pipe.
