"""Tries to take the vault's secret, over each channel in turn. Its friends are let in by the same program.

Usage: thief.py MEMORY_KEY QUEUE_KEY SOCKET. It writes its label, and what it took or why it could not, to standard
output.
"""

import json
import signal
import socket
import sys
from collections.abc import Callable

from channels import Keys, listed_id, open_memory, open_queue, read_memory, receive
from labels import own_label


def from_memory(key: int) -> bytes:
    """Attach the shared memory; if its key opens nothing, by the id that the kernel lists."""
    try:
        identifier = open_memory(key)
    except PermissionError:
        identifier = listed_id("shm", key)
    return read_memory(identifier)


def from_queue(key: int) -> bytes:
    """Receive from the message queue; if its key opens nothing, by the id that the kernel lists."""
    try:
        identifier = open_queue(key)
    except PermissionError:
        identifier = listed_id("msg", key)
    return receive(identifier)


def from_socket(path: str) -> bytes:
    """Connect, and read what the vault sends."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        with connection.makefile("rb") as stream:
            return stream.read()


def attempt(take: Callable[[], bytes]) -> dict[str, str]:
    """Return what was taken, or why nothing could be."""
    try:
        return {"took": take().decode()}
    except OSError as error:
        return {"error": error.strerror or str(error)}


def main(memory_key: str, queue_key: str, path: str) -> None:
    """Try all three."""
    keys = Keys(int(memory_key), int(queue_key))
    tried = {
        "shared memory": attempt(lambda: from_memory(keys.memory)),
        "message queue": attempt(lambda: from_queue(keys.queue)),
        "unix socket": attempt(lambda: from_socket(path)),
    }
    print(json.dumps({"label": own_label(), "tried": tried}))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main(*sys.argv[1:])
