"""The supervisor runs before its callers, as far as its user may; the programs of its box run as they would anyhow."""

import subprocess
import sys

import pytest

from tests.enforce.boxes import environment
from tests.enforce.clients import USERS, make_box

TAKEN = """
import os
from contextlib import ExitStack
from selbox.enforce.precedence import take_precedence

def nice():
    return os.getpriority(os.PRIO_PROCESS, 0)

print(nice())
with ExitStack() as stack:
    take_precedence(stack)
    print(nice())
print(nice())
"""


def test_it_is_taken_and_given_back() -> None:
    process = subprocess.run(
        [sys.executable, "-c", TAKEN], check=True, capture_output=True, text=True, env=environment(), timeout=60
    )
    before, meanwhile, after = map(int, process.stdout.split())
    assert after == before
    assert meanwhile in {before, max(before - 4, -20)}, "an ordinary user may not have a better value"


OF_ITSELF = "cut -d' ' -f19 /proc/self/stat"


@pytest.mark.enforcement
@pytest.mark.parametrize("user", USERS)
def test_programs_run_as_they_would_without_a_box(user: int | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, "(type cat_t) (call domain_type (cat_t))", user)
    plain = subprocess.run(["/bin/sh", "-c", OF_ITSELF], check=True, capture_output=True, text=True)
    outcome = box.shell(OF_ITSELF, "--domain", "cat_t")
    assert (outcome.errors, outcome.output) == ("", plain.stdout)
