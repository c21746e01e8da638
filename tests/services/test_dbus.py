"""Debian's message bus of the system, in ``system_dbusd_t``."""

from pathlib import Path

import pytest

from tests.services.running import SHELL, Host, needs

pytestmark = needs("dbus-daemon", "dbus-send", "unshare")

BUS = "/run/dbus/system_bus_socket"
SERVER = f"""{SHELL}
dbus-daemon --system --nofork --nopidfile 2> /dev/null &
for i in $(seq 600); do [ -S {BUS} ] && break; sleep 0.1; done
domain $!
"""
ASK = (
    "{} --system --print-reply=literal --dest=org.freedesktop.DBus / "
    "org.freedesktop.DBus.NameHasOwner string:org.freedesktop.DBus"
)


@pytest.mark.parametrize("mode", ["--enforcing", "--permissive"])
def test_it_delivers_messages_and_wrong_clients_do_not_get_in(policy: Path, directory: Path, mode: str) -> None:
    script = f"""{SERVER}
{ASK.format("dbus-send")}; {ASK.format("$KEEPER")} 2>&1
"""
    outcome = Host(policy, directory, keeper="redis_exec_t /usr/bin/dbus-send").run(script, mode)
    lines = [each.strip() for each in outcome.lines]
    assert lines[:2] == ["system_u:system_r:system_dbusd_t:s0", "boolean true"], outcome.errors
    if mode == "--enforcing":
        assert lines[2].startswith("Failed to open connection"), lines
        assert lines[2].endswith("Permission denied")
        assert outcome.denials == ["redis_t system_dbusd_runtime_t:dir search"]
    else:
        assert lines[2:] == ["boolean true"]
        assert "redis_t system_dbusd_t:unix_stream_socket connectto" in outcome.denials
