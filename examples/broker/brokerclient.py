"""A client: sends the wish that it is started with, a line of JSON, and writes the broker's answer to standard output.

Usage: brokerclient.py SOCKET WISH
"""

import socket
import sys


def main(path: str, wish: str) -> None:
    """Ask."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(wish.encode() + b"\n")
        with connection.makefile() as answers:
            print(answers.readline(), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
