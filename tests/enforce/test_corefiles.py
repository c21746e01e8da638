"""Core files, which the kernel makes by itself, under a name and in a directory that policy was never asked about."""

import resource
import subprocess
from pathlib import Path

import pytest

from selbox.enforce.resourcelimits import LARGEST_CORE
from tests.enforce.boxes import environment
from tests.enforce.clients import PYTHON, USERS, make_box, needs_python

pytestmark = pytest.mark.enforcement

POLICY = """
(type cat_t) (call domain_type (cat_t))
(type yard_t) (call file_type (yard_t))
(type house_t) (call file_type (house_t))
(call read_files (cat_t yard_t))
(call run_files (cat_t yard_t))
(allow cat_t house_t (dir (getattr search)))
"""

DUMPER = """
import os, resource, sys
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
ways = {
    "as it was": lambda: None,
    "setrlimit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)),
    "prlimit": lambda: resource.prlimit(os.getpid(), resource.RLIMIT_CORE, (hard, hard)),
}
os.chdir(sys.argv[1])
for way, change in ways.items():
    child = os.fork()
    if child == 0:
        change()
        os.abort()
    status = os.waitpid(child, 0)[1]
    print(way, os.WTERMSIG(status), os.WCOREDUMP(status))
"""

_HARD = resource.getrlimit(resource.RLIMIT_CORE)[1]
needs_core_files = pytest.mark.skipif(
    Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core" or -1 != _HARD < 1 << 30,
    reason="crashes leave no files named core here",
)
AROUND = ("/bin/sh", "-c", 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', "sh")


@needs_python
@needs_core_files
@pytest.mark.parametrize("user", USERS)
def test_no_core_file_takes_the_place_of_another_file(
    tmp_path_factory: pytest.TempPathFactory, user: int | None
) -> None:
    box = make_box(tmp_path_factory, POLICY, user)
    house, core = box.directory / "house", box.directory / "house" / "core"
    house.mkdir()
    house.chmod(0o777)
    core.write_text("kept")
    core.chmod(0o666)
    command = (str(PYTHON), str(box.file("dumper.py", DUMPER)), str(house))
    labels = ((box.directory, "yard_t"), (house, "house_t"))
    options = ("--domain", "cat_t", *(f"--label={path}=system_u:object_r:{name}:s0" for path, name in labels))
    outcome = box.run(*command, options=options, around=AROUND)
    assert outcome.output.splitlines() == ["as it was 6 False", "setrlimit 6 False", "prlimit 6 False"], outcome.errors
    assert [(each.name, each.read_text()) for each in house.iterdir()] == [("core", "kept")]
    plain = subprocess.run([*AROUND, *command], capture_output=True, text=True, check=True, env=environment())
    assert "True" in plain.stdout, "it would not have been dumped here anyway, which proves nothing"


@needs_python
def test_a_low_limit_of_core_files_is_what_was_asked_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    box = make_box(tmp_path_factory, POLICY, None)
    program = "import resource as r; r.setrlimit(r.RLIMIT_CORE, ({0}, {1})); print(*r.getrlimit(r.RLIMIT_CORE))"
    for soft, kept in ((0, 0), (LARGEST_CORE, LARGEST_CORE), (1 << 20, LARGEST_CORE)):
        outcome = box.run(str(PYTHON), "-c", program.format(soft, 1 << 20), options=("--domain", "kernel_t"))
        assert outcome.output.split() == [str(kept), str(1 << 20)], outcome.errors
