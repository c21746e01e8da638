"""Runs a command where services find the directories of their packages empty, and a network of their own.

It is started in new namespaces of mounts, networks and IPC objects, whose ends clean up what it did:
``unshare --mount --net --ipc python3 place.py COMMAND...``. Nothing of the machine is changed.
"""

import fcntl
import os
import pwd
import socket
import struct
import subprocess
import sys

_SET_FLAGS, _UP = 0x8914, 1

DIRECTORIES = (
    ("/run", "root", 0o755),
    ("/run/lock", "root", 0o1777),
    ("/run/redis", "redis", 0o2755),
    ("/run/postgresql", "postgres", 0o2775),
    ("/run/dbus", "messagebus", 0o755),
    ("/var/log", "root", 0o755),
    ("/var/log/nginx", "root", 0o755),
    ("/var/log/redis", "redis", 0o2750),
    ("/var/log/postgresql", "postgres", 0o1775),
    ("/var/lib/redis", "redis", 0o750),
    ("/var/lib/nginx", "root", 0o755),
    ("/var/lib/postgresql", "postgres", 0o755),
)
"""What is made anew, with its owner and mode; a directory that is in no other of these is a file system of its own."""


def _make(path: str, owner: str, mode: int) -> None:
    try:
        entry = pwd.getpwnam(owner)
    except KeyError:
        return  # of a package that is not installed
    if os.path.dirname(path) in ("/", "/var", "/var/lib"):
        if not os.path.isdir(path):
            return
        subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
    else:
        os.mkdir(path)
    os.chown(path, entry.pw_uid, entry.pw_gid)
    os.chmod(path, mode)


def main(command: list[str]) -> None:
    """Make the place, and become the command."""
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for path, owner, mode in DIRECTORIES:
        _make(path, owner, mode)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
    os.execvp(command[0], command)  # noqa: S606 - it takes the place of this one


if __name__ == "__main__":
    main(sys.argv[1:])
