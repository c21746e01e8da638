"""The service: offers a secret over three channels, which by their modes are open to anyone.

Usage: vault.py MEMORY_KEY QUEUE_KEY SOCKET. It writes what it keeps and its label to standard output once everything
is offered, and serves its socket until its standard input ends.
"""

import json
import os
import secrets
import select
import signal
import socket
import sys

from channels import Keys, make_memory, make_queue
from labels import own_label


def serve(listening: socket.socket, secret: bytes) -> None:
    """Give the secret to whoever connects."""
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listening.accept()
        with connection:
            connection.sendall(secret)


def main(memory_key: str, queue_key: str, path: str) -> None:
    """Offer a secret, tell the starter that it is there, and clean up at the end."""
    secret = secrets.token_hex(16)
    keys = Keys(int(memory_key), int(queue_key))
    os.umask(0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))  # leave by way of cleaning up
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            make_memory(keys.memory, secret.encode())
            make_queue(keys.queue, secret.encode())
            listening.bind(path)
            listening.listen()
            print(json.dumps({"secret": secret, "label": own_label()}), flush=True)
            serve(listening, secret.encode())
    finally:
        keys.remove()


if __name__ == "__main__":
    main(*sys.argv[1:])
