"""The policy capabilities that are known by name.

Source: ``include/policycap_names.h`` of the kernel's SELinux, the same order as libsepol's.
"""

from selbox.typing import Final

POLICY_CAPABILITIES: Final = (
    "network_peer_controls",
    "open_perms",
    "extended_socket_class",
    "always_check_network",
    "cgroup_seclabel",
    "nnp_nosuid_transition",
    "genfs_seclabel_symlinks",
    "ioctl_skip_cloexec",
    "userspace_initial_context",
    "netlink_xperm",
    "netif_wildcard",
    "genfs_seclabel_wildcard",
    "functionfs_seclabel",
    "memfd_class",
    "bpf_token_perms",
)
"""Names in the order of their bits in a binary policy."""
