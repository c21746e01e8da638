"""Roles, levels and init's domain taken by ``newrole`` and ``run_init`` at a prompt, as on a host with SELinux.

What they print was seen on a real kernel with the same policy. PAM asks root for no password here (``pam_rootok``).
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.awareness.prompts import SHELL, Prompt
from tests.awareness.running import LOGIN, box, needs

pytestmark = needs("bash", "newrole", "run_init", "runcon")

WITHOUT_PASSWORD = "".join(
    f"{kind} required pam_{'rootok' if kind == 'auth' else 'permit'}.so\n" for kind in ("auth", "account", "session")
)
STARTING = 'mount --bind $1/pam.d /etc/pam.d; shift; exec "$@"'
STAFF = "root:staff_r:staff_t:s0-s0:c0.c1023"
TERMINAL = "unconfined_u:object_r:user_devpts_t:s0"


@pytest.fixture
def prompt(root: Path, directory: Path) -> Iterator[Prompt]:
    """A root shell in a permissive box, whose terminals may be given levels."""
    (directory / "pam.d").mkdir()
    for name in ("newrole", "run_init"):
        (directory / "pam.d" / name).write_text(WITHOUT_PASSWORD)
    policies = shutil.copytree(root, directory / "selinux")
    with open(policies / "default/contexts/securetty_types", "a") as secure:
        secure.write("user_devpts_t\n")
    command = [*box(policies, "--permissive", "--context", LOGIN), *SHELL]
    prompt = Prompt(["unshare", "--mount", "sh", "-ec", STARTING, "sh", str(directory), *command], directory)
    yield prompt
    prompt.close()


def test_roles_levels_and_domains_of_init_are_taken(prompt: Prompt) -> None:
    run = prompt.run
    assert run("run_init /bin/true; echo $?") == ["Authenticating root.", "0"]
    assert run("run_init /usr/bin/id -Z") == ["Authenticating root.", "system_u:system_r:initrc_t:s0"]
    assert run("newrole -l s0:c1 -- -c 'id -Z; ls -Z $(tty) | cut -d\" \" -f1'") == [
        "unconfined_u:unconfined_r:unconfined_t:s0:c1-s0:c0.c1023",
        "unconfined_u:object_r:user_devpts_t:s0:c1",
    ]
    assert run("newrole -l s99") == ["unconfined_u:unconfined_r:unconfined_t:s99-s0:c0.c1023 is not a valid context"]
    assert run("newrole -r user_r -t user_t") == ["unconfined_u:user_r:user_t:s0-s0:c0.c1023 is not a valid context"]
    assert run("newrole -r nosuch_r") == ["Couldn't get default type."]

    run(f"runcon {STAFF} bash --norc --noprofile --noediting")
    assert run("newrole -r sysadm_r -- -c 'id -Z; ls -Z $(tty) | cut -d\" \" -f1'") == [
        "root:sysadm_r:sysadm_t:s0-s0:c0.c1023",
        "root:object_r:user_devpts_t:s0",
    ]
    assert run("ls -Z $(tty) | cut -d' ' -f1; id -Z") == [TERMINAL, STAFF]
    assert run("newrole -r secadm_r") == ["root:secadm_r:secadm_t:s0-s0:c0.c1023 is not a valid context"]
    run("newrole -p -r sysadm_r -- --norc --noprofile --noediting")
    assert run("id -Z") == ["root:sysadm_r:sysadm_t:s0-s0:c0.c1023"]
    run("exit")
    assert run("id -Z; ls -Z $(tty) | cut -d' ' -f1") == [STAFF, TERMINAL]
