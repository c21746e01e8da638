"""Connections of clients to servers that are measured."""

import socket


def free_port() -> int:
    """Return a port of the loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connected(place: int | str) -> socket.socket:
    """Return a connection to a port of the loopback, or to the path of a socket."""
    if isinstance(place, int):
        return socket.create_connection(("127.0.0.1", place), 1)
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(place)
    except OSError:
        client.close()
        raise
    return client
