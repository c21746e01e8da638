"""The names of initial SIDs, which binary formats have as numbers only."""

from selbox.model.policy import Target
from selbox.typing import Final

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
