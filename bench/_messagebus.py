"""A message bus as it is measured: a client that calls a method of the bus itself, and waits for the answer."""

import os
import socket
import struct
import time

from _boxes import MeasurementError
from _connections import connected

_CONFIGURATION = """<busconfig>
<type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy>
</busconfig>
"""
_BUS = "org.freedesktop.DBus"
_STRINGS = {1: "o", 2: "s", 3: "s", 6: "s", 8: "g"}
"""The types of the header fields that a call has: path, interface, member, destination, signature."""
_SECONDS = 60
_RETURN, _ERROR = 2, 3


def make(program: str, path: str) -> tuple[str, ...]:
    """Write a configuration and return the command that runs a bus.

    Args:
        program: the daemon.
        path: where it will listen.
    """
    configuration = os.path.join(os.path.dirname(path), "bus.conf")
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(_CONFIGURATION.format(path=path))
    return (program, f"--config-file={configuration}", "--nofork", "--nopidfile", "--nosyslog")


def call(path: str, kind: str, times: int) -> float:
    """Return how long one call takes, in µs; with new connections, each is for one of them."""
    begin = time.perf_counter()
    if kind == "new":
        for _ in range(times):
            with _client(path) as client:
                _ask(client, _OWNER)
    else:
        with _client(path) as client:
            for _ in range(times):
                _ask(client, _OWNER)
    return (time.perf_counter() - begin) / times * 1e6


def _client(path: str) -> socket.socket:
    client = connected(path)
    client.settimeout(_SECONDS)
    user = str(os.geteuid()).encode().hex().encode()
    client.sendall(b"\0AUTH EXTERNAL " + user + b"\r\n")
    client.recv(256)
    client.sendall(b"BEGIN\r\n")
    _ask(client, _HELLO)
    return client


def _ask(client: socket.socket, message: bytes) -> None:
    """Send a call and wait for its return; signals before it do not count."""
    client.sendall(message)
    kind = 0
    while kind != _RETURN:
        head = client.recv(16, socket.MSG_WAITALL)
        if len(head) < 16:
            raise MeasurementError("the bus closed the connection")
        _, kind, _, _, body, _, fields = struct.unpack("<4B3I", head)
        rest = client.recv(-(-fields // 8) * 8 + body, socket.MSG_WAITALL)
        if kind == _ERROR:
            raise MeasurementError(f"the bus answered {rest!r}")


def _message(member: str, argument: str = "") -> bytes:
    """Return a call of a method of the bus."""
    body = _text(argument, "<I") if argument else b""
    values = {1: "/org/freedesktop/DBus", 2: _BUS, 3: member, 6: _BUS} | ({8: "s"} if argument else {})
    fields = b""
    for code, value in values.items():
        kind = _STRINGS[code]
        fields += bytes(-len(fields) % 8) + bytes([code, 1, ord(kind), 0]) + _text(value, "<B" if kind == "g" else "<I")
    head = struct.pack("<4B3I", ord("l"), 1, 0, 1, len(body), 1, len(fields))
    return head + fields + bytes(-len(fields) % 8) + body


def _text(text: str, length: str) -> bytes:
    return struct.pack(length, len(text)) + text.encode() + b"\0"


_HELLO = _message("Hello")
_OWNER = _message("NameHasOwner", _BUS)
