"""Object managers of a distribution, unmodified, enforce a box's policy between clients of several domains."""

import os
from pathlib import Path

import pytest

from tests.enforce.boxes import Box, Outcome
from tests.enforce.clients import PYTHON, USERS, make_box, needs, needs_python

pytestmark = pytest.mark.enforcement

BUS = """
(type bus_t) (call domain_type (bus_t))
(type bus_socket_t) (call file_type (bus_socket_t))
(type shop_t) (call domain_type (shop_t))
(type clerk_t) (call domain_type (clerk_t))
(type thief_t) (call domain_type (thief_t))
(type shop_name_t) (call file_type (shop_name_t))
(call manage_files (bus_t bus_socket_t))
(call make_sockets_in (bus_t bus_socket_t bus_socket_t))
(typeattribute client) (typeattributeset client (shop_t clerk_t thief_t))
(call connect_to (client bus_socket_t bus_t))
(call read_files (client bus_socket_t))
(call see_processes (bus_t client))
(allow bus_t self (netlink_selinux_socket (create bind read getattr)))
(allow bus_t self (netlink_audit_socket (create read write getattr nlmsg_relay)))
(allow bus_t self (process (setrlimit)))
(allow bus_t self (capability (audit_write sys_resource)))
(allow client bus_t (dbus (send_msg)))
(allow shop_t shop_name_t (dbus (acquire_svc)))
(boolean open_for_thieves false)
(booleanif open_for_thieves (true (allow thief_t shop_t (dbus (send_msg)))))
(allow clerk_t shop_t (dbus (send_msg)))
(allow shop_t clerk_t (dbus (send_msg)))
(allow shop_t thief_t (dbus (send_msg)))
"""
CONFIGURATION = """<busconfig>
  <type>session</type>
  <listen>unix:path={0}/bus</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
  <selinux><associate own="shop.Counter" context="system_u:object_r:shop_name_t:s0"/></selinux>
</busconfig>
"""
CLIENT = Path(__file__).with_name("messagebus.py")


@pytest.fixture(params=USERS)
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Box:
    return make_box(tmp_path_factory, BUS, request.param)


def on_the_bus(box: Box, script: str) -> Outcome:
    """Run a bus, a shop on it, and a script in which ``as DOMAIN VERB NAME`` is a client."""
    box.file("bus.conf", CONFIGURATION.format(box.directory))
    box.file("client.py", CLIENT.read_text())
    start = f"""
exec 2>&1
as() {{ domain=$1; shift; runcon -t $domain {PYTHON} -S client.py bus "$@"; }}
runcon -t bus_t dbus-daemon --config-file={box.directory}/bus.conf --nofork 2> bus.log &
await() {{ for i in $(seq 200); do test $1 $2 && return; sleep 0.05; done; }}
await -S bus
as shop_t serve shop.Counter 2> /dev/null | cat > shop.log &
await -s shop.log
cat shop.log
"""
    return box.shell(start + script, f"--label={box.directory}=system_u:object_r:bus_socket_t:s0")


@needs("dbus-daemon", "runcon")
@needs_python
def test_a_bus_denies_messages_between_domains(box: Box) -> None:
    outcome = on_the_bus(box, "as clerk_t call shop.Counter; as thief_t call shop.Counter")
    assert outcome.output.splitlines() == ["ready", "at your service", "org.freedesktop.DBus.Error.AccessDenied"]


@needs("dbus-daemon", "runcon")
@needs_python
def test_a_bus_denies_names_to_other_domains(box: Box) -> None:
    outcome = on_the_bus(box, "as thief_t serve shop.Counter; as thief_t serve bazaar.Counter")
    denied = "org.freedesktop.DBus.Error.AccessDenied"
    assert outcome.output.splitlines() == ["ready", denied, denied]


@needs("dbus-daemon", "runcon", "setsebool")
@needs_python
def test_a_bus_follows_booleans_and_the_mode(box: Box) -> None:
    call = "as thief_t call shop.Counter"
    script = f"setsebool open_for_thieves 1; {call}; setsebool open_for_thieves 0; {call}; setenforce 0; {call}"
    served, denied = "at your service", "org.freedesktop.DBus.Error.AccessDenied"
    assert on_the_bus(box, script).output.splitlines() == ["ready", served, denied, served]


@needs("dbus-daemon", "runcon")
@needs_python
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write to the audit log")
def test_what_a_bus_denies_is_in_the_audit_log(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make_box(tmp_path_factory, BUS, None)
    quiet = box.arguments
    monkeypatch.setattr(box, "arguments", lambda *options: [each for each in quiet(*options) if each != "--quiet"])
    outcome = on_the_bus(box, "as thief_t call shop.Counter")
    lines = (box.directory / "audit.log").read_text().splitlines()
    (line,) = [each for each in lines if each.startswith("type=USER_AVC ") and "send_msg" in each]
    bus, thief, shop = (f"system_u:system_r:{each}_t:s0-s15:c0.c1023" for each in ("bus", "thief", "shop"))
    assert " uid=0 auid=" in line
    assert f" subj={bus} msg='avc:  denied  {{ send_msg }} for msgtype=" in line
    assert " member=Serve dest=shop.Counter " in line
    assert f" scontext={thief} tcontext={shop} tclass=dbus permissive=0 " in line
    assert 'exe="/usr/bin/dbus-daemon" sauid=0 hostname=? addr=? terminal=?\'' in line
    summary = [each.strip() for each in outcome.errors.splitlines()]
    place = next(number for number, each in enumerate(summary) if " send_msg " in each)
    assert summary[place : place + 2] == [
        f"1 x denied dbus {{ send_msg }} ({shop}) for python3 ({thief})",
        "no rule (allow thief_t shop_t (dbus (send_msg)))",
    ]
