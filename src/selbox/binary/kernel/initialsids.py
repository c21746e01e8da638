"""Initial SIDs. The file has their numbers, and their names are those of the object manager."""

from typing import Final

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.contexts import Symbols, context_bytes, read_context
from selbox.binary.kernel.output import u32s
from selbox.model.context import Context
from selbox.model.labelling import InitialSid
from selbox.model.policy import Policy, Target

INITIAL_SIDS: Final = {
    Target.SELINUX: (
        "kernel",
        "security",
        "unlabeled",
        "fs",
        "file",
        "file_labels",
        "init",
        "any_socket",
        "port",
        "netif",
        "netmsg",
        "node",
        "igmp_packet",
        "icmp_socket",
        "tcp_socket",
        "sysctl_modprobe",
        "sysctl",
        "sysctl_fs",
        "sysctl_kernel",
        "sysctl_net",
        "sysctl_net_unix",
        "sysctl_vm",
        "sysctl_dev",
        "kmod",
        "policy",
        "scmp_packet",
        "devnull",
    ),
    Target.XEN: (
        "xen",
        "dom0",
        "domio",
        "domxen",
        "unlabeled",
        "security",
        "ioport",
        "iomem",
        "irq",
        "device",
        "domU",
        "domDM",
    ),
}
"""The names of the initial SIDs in the order of their numbers, from 1.

Source: ``selinux_sid_to_str`` and ``xen_sid_to_str`` of libsepol.
"""

_MOST_NUMBERS = 1024


def read_initial_sids(cursor: Cursor, target: Target, symbols: Symbols) -> tuple[InitialSid, ...]:
    """Read the initial SIDs, in the order of their numbers; numbers that the file leaves out have no context."""
    cursor.section = "initial SIDs"
    contexts: dict[int, Context] = {}
    for _ in range(cursor.count(32)):
        number = cursor.u32()
        if not 1 <= number <= _MOST_NUMBERS or number in contexts:
            cursor.corrupt(f"an initial SID has number {number}, or has it again", cursor.offset - 4)
        contexts[number] = read_context(cursor, symbols)
    names = INITIAL_SIDS[target]
    return tuple(
        InitialSid(names[number - 1] if number <= len(names) else f"unknown{number}", contexts.get(number))
        for number in range(1, max(contexts, default=0) + 1)
    )


def initial_sids_bytes(policy: Policy) -> bytes:
    """Return the initial SIDs that have a context."""
    parts = [
        u32s(number) + context_bytes(each.context, policy.mls)
        for number, each in enumerate(policy.initial_sids, 1)
        if each.context is not None
    ]
    return u32s(len(parts)) + b"".join(parts)
