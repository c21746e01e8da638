"""A box's own mounts, and the way back to where its starter was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.enforce.boxes import environment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change its root directory")

PROGRAM = """
import os, sys
from contextlib import ExitStack
from selbox.enforce.ownmounts import have_own_mounts
os.chroot(sys.argv[1])
os.chdir("/proc")
stack = ExitStack()
had = have_own_mounts(stack)
stack.close()
print(had, os.listdir("/"), os.getcwd())
"""


@pytest.mark.parametrize("is_mounted", [True, False])
def test_a_root_directory_is_the_same_afterwards(tmp_path: Path, is_mounted: bool) -> None:
    (tmp_path / "proc").mkdir()
    mounts = f"mount --bind {tmp_path} {tmp_path};" * is_mounted + f"mount -t proc none {tmp_path}/proc"
    own = ("unshare", "--mount", "sh", "-ec", f'{mounts}; exec "$@"', "sh")
    command = [*own, sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if done.returncode != 0 and "Traceback" not in done.stderr:
        pytest.skip(f"no mounts of their own: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{is_mounted} ['proc'] /proc"
