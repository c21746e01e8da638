"""Debian's redis-server, in ``redis_t``."""

from pathlib import Path

import pytest

from tests.services.running import SHELL, Host, needs

pytestmark = needs("redis-server", "setpriv", "unshare")

SERVER = f"""{SHELL}
setpriv --reuid redis --regid redis --clear-groups redis-server /etc/redis/redis.conf --daemonize no --supervised no \\
    > /dev/null 2>&1 &
answers 6379 'PING\\r\\n' +PONG
domain $!
"""
KEPT = r"""
for word in 'SET cat purrs' 'GET cat' SAVE; do $CLIENT 6379 "$word\r\n"; done
kill $!; wait; ls /var/lib/redis
"""


@pytest.mark.parametrize("mode", ["--enforcing", "--permissive"])
def test_it_keeps_what_it_is_told(policy: Path, directory: Path, mode: str) -> None:
    outcome = Host(policy, directory).run(SERVER + KEPT, mode)
    assert outcome.lines == ["system_u:system_r:redis_t:s0", "+OK", "$5", "+OK", "dump.rdb"], outcome.errors
    assert not outcome.denials


def test_a_web_server_is_no_client_until_a_boolean_says_so(policy: Path, directory: Path) -> None:
    script = r"""
ask() { $WEB 6379 'PING\r\n'; }
ask; setsebool httpd_can_network_connect on; ask; setsebool httpd_can_network_connect off; ask
"""
    outcome = Host(policy, directory, web="httpd_exec_t").run(SERVER + script)
    assert outcome.lines[1:] == ["EACCES", "+PONG", "EACCES"], outcome.errors
    assert outcome.denials == ["httpd_t redis_port_t:tcp_socket name_connect"] * 2
    assert outcome.records[0].field("dest") == "6379"


LISTENER = """
import os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
    heard.bind("/run/systemd/notify")
    os.chmod("/run/systemd/notify", 0o777)
    heard.settimeout(60)
    while b"READY=1" not in heard.recv(4096):
        pass
open("{}/ready", "w").close()
"""


def test_it_tells_a_listener_outside_the_box_that_it_is_ready(policy: Path, directory: Path) -> None:
    (directory / "listener").write_text(LISTENER.format(directory))
    before = f"""
mkdir /run/systemd
python3 -I {directory}/listener > /dev/null 2>&1 &
while ! [ -S /run/systemd/notify ]; do sleep 0.05; done
export NOTIFY_SOCKET=/run/systemd/notify
"""
    script = (
        SERVER.replace("--supervised no", "--supervised systemd")
        + f"""
for i in $(seq 600); do [ -e {directory}/ready ] && break; sleep 0.1; done
kill $!; wait
"""
    )
    outcome = Host(policy, directory).run(script, before=before)
    assert (directory / "ready").exists(), outcome.errors
    assert not outcome.denials
