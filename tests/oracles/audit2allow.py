"""audit2why and audit2allow, the programs, asked many times in one process.

What they find out about an access takes a hundredth of a second, and they remember it; so one process of them reads a
policy and a log, however many options they are asked with.
"""

import json
import subprocess
from contextlib import AbstractContextManager
from typing import Self

from tests.oracles.audit2why import PYTHON

_PROGRAM = """
import io, json, runpy, shutil, sys
from contextlib import redirect_stdout
from selinux import audit2why

audit2why.init(sys.argv[1])
audit2why.init = lambda policy: None  # it is not to be called twice
audit2why.finish = lambda: None
for line in sys.stdin:
    sys.argv = json.loads(line)
    shown = io.StringIO()
    with redirect_stdout(shown):
        try:
            runpy.run_path(shutil.which(sys.argv[0]), run_name="__main__")
        except SystemExit as ended:
            assert not ended.code, ended.code
    print(json.dumps(shown.getvalue()), flush=True)
"""


class Originals(AbstractContextManager["Originals"]):
    """The programs at work on one policy.

    Args:
        policy: path of a kernel policy.
    """

    def __init__(self, policy: str) -> None:
        command = [PYTHON, "-c", _PROGRAM, policy]
        self._policy = policy
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PATH": "/usr/bin"}
        )

    def run(self, program: str, *options: str) -> list[str]:
        """Return the lines that a program prints about the policy."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([program, "-p", self._policy, *options]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"{program} has failed"
        shown: str = json.loads(line)
        return shown.splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        with self._process:
            assert self._process.stdin
            self._process.stdin.close()
