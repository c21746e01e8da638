"""User and group ids as a task in a user namespace of its own sees them.

Source: ``user_namespaces(7)``; the kernel's ``from_kuid_munged``.
"""

import os

from selbox.typing import Final

_OVERFLOW: Final = 65534


def shown_user(tid: int, user: int) -> int:
    """Return a user id of the supervisor's namespace as a task sees it."""
    return _shown(tid, "uid_map", user)


def shown_group(tid: int, group: int) -> int:
    """Return a group id of the supervisor's namespace as a task sees it."""
    return _shown(tid, "gid_map", group)


def meant_user(tid: int, user: int) -> int:
    """Return what a user id that a task names is in the supervisor's namespace; -1 for one that is nobody's there."""
    return _meant(tid, "uid_map", user)


def meant_group(tid: int, group: int) -> int:
    """Return what a group id that a task names is in the supervisor's namespace; -1 for one that is nobody's there."""
    return _meant(tid, "gid_map", group)


def _shown(tid: int, name: str, number: int) -> int:
    for inside, outside, count in _map(tid, name):
        if outside <= number < outside + count:
            return inside + number - outside
    return _OVERFLOW


def _meant(tid: int, name: str, number: int) -> int:
    for inside, outside, count in _map(tid, name):
        if inside <= number < inside + count:
            return outside + number - inside
    return -1


def _map(tid: int, name: str) -> list[tuple[int, int, int]]:
    """Return a task's map; seen from the supervisor's namespace, the second column is in its own ids."""
    if os.stat(f"/proc/{tid}/ns/user").st_ino == os.stat("/proc/self/ns/user").st_ino:
        return [(0, 0, 1 << 32)]
    with open(f"/proc/{tid}/{name}", encoding="ascii") as lines:
        return [(int(a), int(b), int(c)) for a, b, c in (line.split() for line in lines)]
