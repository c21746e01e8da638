"""Labels of BPF maps and programs, and whether a domain may have a descriptor of one.

All their descriptors share one inode, so they are told apart by the numbers that the kernel gives them, which come
again only after two billion.

Source: the kernel's ``selinux_bpf_map_create``, ``selinux_bpf_prog_load`` and ``bpf_fd_pass``.
"""

import os
from collections import OrderedDict

from selbox.typing import Final

_KEPT: Final = 65536
PREFIX: Final = "anon_inode:bpf"
"""How links to their descriptors begin in ``/proc``."""
_KINDS: Final = {"anon_inode:bpf-map": b"map_id:", "anon_inode:bpf-prog": b"prog_id:"}


class BpfLabels:
    """Who made which map and program."""

    def __init__(self) -> None:
        self._sids: OrderedDict[tuple[bytes, int], int] = OrderedDict()

    def assign(self, descriptor: int, sid: int) -> None:
        """Label a map or a program by the supervisor's descriptor of it."""
        found = _number_of(descriptor)
        if found is not None:
            self._sids[found] = sid
            if len(self._sids) > _KEPT:
                self._sids.popitem(last=False)

    def needed(self, descriptor: int) -> tuple[int | None, tuple[str, ...]] | None:
        """Return a map's or program's SID, None where it is not known, and what having it takes; None for all else.

        Args:
            descriptor: the supervisor's own, not ``O_PATH``.
        """
        if not os.readlink(f"/proc/self/fd/{descriptor}").startswith(PREFIX):
            return None
        found = _number_of(descriptor)
        if found is None:
            return None, ("map_read", "map_write", "prog_run")
        permissions = ("prog_run",) if found[0] == b"prog_id:" else ("map_read", "map_write")
        return self._sids.get(found), permissions


def _number_of(descriptor: int) -> tuple[bytes, int] | None:
    title = _KINDS.get(os.readlink(f"/proc/self/fd/{descriptor}"))
    if title is None:
        return None
    with open(f"/proc/self/fdinfo/{descriptor}", "rb") as information:
        for line in information:
            if line.startswith(title):
                return title, int(line[len(title) :])
    return None
