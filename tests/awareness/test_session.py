"""What an administrator types at a prompt, and sees there as on a host with SELinux."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.awareness.prompts import SHELL, Prompt
from tests.awareness.running import LOGIN, box, needs

pytestmark = needs("bash", "restorecon", "newrole", "ausearch", "audit2allow", "dbus-daemon", "getsebool")

CONFIGURATION = """<busconfig>
  <type>session</type>
  <listen>unix:path={0}/bus</listen>
  <policy context="default"><allow send_destination="*"/><allow own="*"/></policy>
</busconfig>
"""
START = """
runcon system_u:system_r:initrc_t:s0 sh -c \
    'exec dbus-daemon --config-file={0}/bus.conf --nofork' < /dev/null > /dev/null 2>&1 &
exec {1}
"""


@pytest.fixture
def session(root: Path, directory: Path) -> Iterator[Prompt]:
    """A root shell in a box, in the domain that logins have, beside a message bus that init started."""
    (directory / "bus.conf").write_text(CONFIGURATION.format(directory))
    (directory / "start").write_text(START.format(directory, " ".join(SHELL)))
    (directory / "home").mkdir()
    start = ("--context", LOGIN, "--audit", f"{directory}/audit.log")
    label = f"--label={directory}=system_u:object_r:system_dbusd_runtime_t:s0"
    session = Prompt([*box(root, *start, label), "sh", "../start"], directory / "home")
    yield session
    session.close()


def test_a_session(session: Prompt, directory: Path, tmp_path: Path) -> None:
    run = session.run
    assert run("id -Z") == [LOGIN]
    (line,) = run("ps -eZ | grep 'dbus-daemon$' | grep system_dbusd_t")
    assert re.fullmatch(r"system_u:system_r:system_dbusd_t:s0 +\d+ \S+ +\S+ dbus-daemon", line)
    assert run("ls -1 /proc/$$/attr") == ["current", "exec", "fscreate", "keycreate", "prev", "sockcreate"]
    assert run("cat /proc/self/attr/current; echo") == [f"{LOGIN}\0"]
    assert run("getenforce; sestatus | grep -e name -e Current") == [
        "Enforcing",
        "Loaded policy name:             default",
        "Current mode:                   enforcing",
    ]

    # Roles and domains
    assert run("runcon -r system_r -t initrc_t id -Z") == ["unconfined_u:system_r:initrc_t:s0-s0:c0.c1023"]
    assert run("runcon -t httpd_t id -Z") == [
        "runcon: invalid context: 'unconfined_u:unconfined_r:httpd_t:s0-s0:c0.c1023': Invalid argument"
    ]
    assert run("newrole -r sysadm_r") == [
        "unconfined_u:sysadm_r:sysadm_t:s0-s0:c0.c1023 is not a valid context",
    ]

    # Labels
    assert run("mkdir -p www; touch www/page; chcon -R -t httpd_sys_content_t www; ls -Z www") == [
        "unconfined_u:object_r:httpd_sys_content_t:s0 page"
    ]
    assert run("chcon -t nosuch_t www/page") == [
        "chcon: failed to change context of 'www/page' to 'unconfined_u:object_r:nosuch_t:s0': Invalid argument"
    ]
    assert run("ls -Z /etc/shadow; matchpathcon /etc/shadow; restorecon -v /etc/shadow") == [
        "system_u:object_r:shadow_t:s0 /etc/shadow",
        "/etc/shadow\tsystem_u:object_r:shadow_t:s0",
    ]
    assert run("chcon -t etc_t /etc/shadow; ls -Z /etc/shadow; restorecon -Rv /etc/shadow") == [
        "system_u:object_r:etc_t:s0 /etc/shadow",
        "Relabeled /etc/shadow from system_u:object_r:etc_t:s0 to system_u:object_r:shadow_t:s0",
    ]

    # Homes, and what policy leaves alone
    assert run("matchpathcon /root/.ssh /home/ann/www/x /tmp/x; ls -1 /etc/selinux/default/contexts/files") == [
        "/root/.ssh\tunconfined_u:object_r:ssh_home_t:s0",
        "/home/ann/www/x\tunconfined_u:object_r:httpd_user_content_t:s0",
        "/tmp/x\t<<none>>",
        "file_contexts",
        "file_contexts.homedirs",
        "file_contexts.subs_dist",
        "media",
    ]
    assert run(f"ls -dZ /tmp {tmp_path} | cut -d: -f3") == ["tmp_t", "tmp_t"]

    # Booleans and the mode
    assert run("getsebool -a | wc -l") == run("ls /sys/fs/selinux/booleans | wc -l")
    assert run("setsebool httpd_enable_homedirs on; getsebool httpd_enable_homedirs") == [
        "httpd_enable_homedirs --> on"
    ]
    assert run("setsebool nosuch on") == ["Could not change active booleans: Invalid boolean"]
    assert run("setenforce 0; getenforce; setenforce 1; getenforce") == ["Permissive", "Enforcing"]

    # The policy store, which is the box's own
    given = run("sha256sum /etc/selinux/default/policy/policy.33")
    assert run("semodule -l; semanage boolean -l | grep httpd_enable_homedirs; semanage login -l | grep root") == [
        "policy",
        "httpd_enable_homedirs          (on   ,  off)  Determine whether httpd can traverse user home directories.",
        "root                 unconfined_u         s0-s0:c0.c1023       *",
    ]
    assert run("setsebool -P httpd_enable_homedirs=1 zabbix_can_network=1; getsebool zabbix_can_network") == [
        "zabbix_can_network --> on"
    ]
    assert run("cat /var/lib/selinux/default/active/booleans.local | grep -v '^#'")[-2:] == [
        "httpd_enable_homedirs=1",
        "zabbix_can_network=1",
    ]
    assert run("sha256sum /etc/selinux/default/policy/policy.33") != given

    # A denial, and what the log says of it
    assert run("runcon system_u:system_r:initrc_t:s0 runcon -t sysadm_t true")[-1].startswith("runcon: ")
    denied = run("runcon system_u:system_r:system_dbusd_t:s0 true")
    assert denied == ["runcon: 'true': Permission denied"]
    log = f"{directory}/audit.log"
    found = run("ausearch -m AVC -c runcon --raw | grep type=AVC | tail -1")
    assert "denied  { transition }" in found[-1] or "denied  { entrypoint }" in found[-1]
    (call,) = run("ausearch -m AVC -c runcon -i | grep type=SYSCALL | tail -1")
    assert " syscall=execve success=no exit=EACCES(Permission denied) " in call
    assert " tty=pts" in call
    status = run(f"ausearch -if {log} -m MAC_STATUS --raw | grep -c type=MAC_STATUS")
    assert status == ["2"]
    assert "allow unconfined_t system_dbusd_t:process transition;" in run("audit2allow -a")
    assert run("cd /var/log/audit; pwd -P; ls -Z; tail -n 1 audit.log | cut -c 1-4; cd; ls -d /var/log/audit") == [
        "/var/log/audit",
        "system_u:object_r:auditd_log_t:s0 audit.log",
        "type",
        "/var/log/audit",
    ]
