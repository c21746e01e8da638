"""Servers of a distribution run in a box, in a confined domain, and answer; nothing of what they do is denied."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from selbox.audit.avcrecord import parse_record
from tests.enforce.boxes import Box, environment
from tests.enforce.clients import needs
from tests.enforce.meetings import LABEL
from tests.patience import PATIENCE

pytestmark = pytest.mark.enforcement

POLICY = """
(type server_t) (call domain_type (server_t)) (call network_server (server_t))
(type data_t) (call file_type (data_t)) (call manage_files (server_t data_t))
(call make_sockets_in (server_t tmp_t data_t))
(allow server_t self (capability (setuid setgid chown dac_override dac_read_search fowner sys_resource)))
(allow server_t self (process (setrlimit getsched setsched)))
"""

OBJECT_MANAGER = """
(allow server_t self (netlink_selinux_socket (create bind read getattr)))
(allow server_t self (netlink_audit_socket (create read write nlmsg_relay)))
(allow server_t self (dbus (acquire_svc send_msg)))
(allow server_t self (capability (audit_write)))
"""
"""What a message bus needs, which asks the security server about messages."""

NGINX = """
daemon off; pid {0}/nginx.pid; error_log {0}/error.log; worker_processes 2;
events {{ worker_connections 64; }}
http {{
    access_log {0}/access.log;
    client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; fastcgi_temp_path {0}/fastcgi;
    uwsgi_temp_path {0}/uwsgi; scgi_temp_path {0}/scgi;
    server {{ listen 127.0.0.1:{1}; root {0}; }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(box: Box, port: int, *command: str) -> Iterator[None]:
    """Have a server run in a box until it is not needed any more."""
    options = ("--domain", "server_t", f"--label={box.directory}={LABEL.format('data_t')}")
    process = subprocess.Popen([*box.arguments(*options), *command], cwd=box.directory, env=environment())
    try:
        for _ in range(600):
            assert process.poll() is None, "the server ended"
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def denials(box: Box) -> list[str]:
    """Return what was denied: who, what, on what."""
    audit = box.directory / "audit.log"
    records = [parse_record(line) for line in audit.read_text().splitlines()] if audit.exists() else []
    return [f"{each.permissions} {each.tclass} {each.tcontext} {each.fields}" for each in records if not each.granted]


@needs("nginx")
def test_nginx_serves_a_page(directory: Path) -> None:
    box, port = Box(directory, POLICY), free_port()
    page = box.file("page.html", "a page\n", 0o644)
    configuration = box.file("nginx.conf", NGINX.format(directory, port))
    directory.chmod(0o755)
    with serving(box, port, shutil.which("nginx", path=environment()["PATH"]) or "", "-c", str(configuration)):
        for _ in range(20):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/page.html") as answer:
                assert answer.read() == page.read_bytes()
    assert not denials(box)
    assert (directory / "access.log").read_text().count("GET /page.html") == 20


@needs("redis-server")
def test_redis_keeps_what_it_is_told(directory: Path) -> None:
    box, port = Box(directory, POLICY), free_port()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", "")
    with (
        serving(box, port, shutil.which("redis-server", path=environment()["PATH"]) or "", *options),
        socket.create_connection(("127.0.0.1", port)) as client,
    ):
        for command, answer in (("SET cat purrs", b"+OK\r\n"), ("GET cat", b"$5\r\npurrs\r\n"), ("SAVE", b"+OK\r\n")):
            client.sendall(command.encode() + b"\r\n")
            assert client.recv(99) == answer
    assert (directory / "dump.rdb").exists()
    assert not denials(box)


@needs("dbus-run-session", "dbus-send")
def test_a_message_bus_carries_messages_and_knows_the_labels_of_its_clients(directory: Path) -> None:
    box = Box(directory, POLICY + OBJECT_MANAGER)
    ask = "dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus."
    script = f"{ask}ListNames; {ask}GetConnectionCredentials string:org.freedesktop.DBus"
    outcome = box.run(
        *("dbus-run-session", "--", "sh", "-c", script),
        options=("--domain", "server_t", f"--label={directory}={LABEL.format('data_t')}"),
    )
    assert 'string "org.freedesktop.DBus"' in outcome.output, outcome.errors
    assert f"uint32 {os.geteuid()}" in outcome.output
    assert not [each for each in outcome.records if "socket" in each.tclass or each.tclass == "fd"]
