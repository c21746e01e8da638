"""SELinux-aware programs of Debian print in a box what they print on a real kernel with SELinux.

``recorded.txt`` is what ``run_commands.sh`` printed of ``commands.txt`` in the virtual machine of docs/real-kernel.md,
as root in ``unconfined_t``, enforcing; ``redirections_recorded.txt`` the same of ``redirections.txt``.
"""

import subprocess
from pathlib import Path

import pytest

from tests.awareness.running import HERE, LOGIN, PLACE, box, needs
from tests.enforce.boxes import environment

pytestmark = needs(
    "unshare", "restorecon", "secon", "compute_av", "getfattr", "newrole", "chcat", "auditctl", "sesearch"
)


def answers(text: str) -> dict[str, str]:
    """Return what was printed, and the status, by command."""
    found: dict[str, str] = {}
    command = ""
    for line in text.splitlines():
        if line.startswith("$ "):
            command = line[2:]
            found[command] = ""
        else:
            found[command] += line + "\n"
    return found


@pytest.mark.parametrize(
    ("commands", "recorded"), [("commands.txt", "recorded.txt"), ("redirections.txt", "redirections_recorded.txt")]
)
def test_programs_answer_as_on_a_real_kernel(root: Path, commands: str, recorded: str) -> None:
    script = [*box(root, "--context", LOGIN), "bash", str(HERE / "run_commands.sh"), str(HERE / commands)]
    done = subprocess.run(
        [*PLACE, *script], capture_output=True, text=True, timeout=300, check=False, cwd="/", env=environment()
    )
    assert done.returncode == 0, done.stderr
    expected, found = answers((HERE / recorded).read_text()), answers(done.stdout)
    assert list(found) == list(expected)
    differences = {each: (found[each], expected[each]) for each in expected if found[each] != expected[each]}
    assert not differences, "\n".join(f"{each}\n{found[each]}for\n{expected[each]}" for each in differences)
