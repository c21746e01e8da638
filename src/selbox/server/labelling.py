"""Labels that the policy gives to what cannot carry one: ports, nodes, interfaces, file systems and their paths.

Each look-up returns None where the policy says nothing; the caller then takes the initial SID that is named.
"""

from selbox.model.context import Context
from selbox.model.labelling import FileKind, FilesystemUse, InterfaceContext
from selbox.model.policy import Policy
from selbox.server.wildcard import matches_wildcard


def port_context(policy: Policy, protocol: str, port: int) -> Context | None:
    """Return the context of a port, from the first range that holds it; else the initial SID ``port`` applies.

    Compilers put narrow ranges first, so that the narrowest applies.

    Args:
        policy: the policy.
        protocol: ``tcp``, ``udp``, ``dccp`` or ``sctp``.
        port: port number, 0 to 65535.

    Source: the kernel's ``security_port_sid``.
    """
    for each in policy.port_contexts:
        if each.low <= port <= each.high and each.protocol == protocol:
            return each.context
    return None


def node_context(policy: Policy, address: bytes) -> Context | None:
    """Return the context of a network node, by the first entry that fits; else the initial SID ``node`` applies.

    Compilers put the highest masks first.

    Args:
        policy: the policy.
        address: packed in network order, 4 or 16 bytes.

    Source: the kernel's ``security_node_sid``.
    """
    number = int.from_bytes(address)
    for each in policy.node_contexts:
        if len(each.address) == len(address) and number & int.from_bytes(each.mask) == int.from_bytes(each.address):
            return each.context
    return None


def interface_context(policy: Policy, name: str) -> InterfaceContext | None:
    """Return the contexts of an interface and its packets; else the initial SIDs ``netif`` and ``netmsg`` apply.

    Under the policy capability ``netif_wildcard`` names are patterns, of which the first in the policy's order wins.

    Source: the kernel's ``security_netif_sid``.
    """
    are_patterns = "netif_wildcard" in policy.policy_capabilities
    for each in policy.interface_contexts:
        if each.name == name or (are_patterns and matches_wildcard(each.name, name)):
            return each
    return None


def infiniband_key_context(policy: Policy, subnet_prefix: bytes, key: int) -> Context | None:
    """Return the context of a partition key; else the initial SID ``unlabeled`` applies.

    Args:
        policy: the policy.
        subnet_prefix: 8 bytes in network order.
        key: 0 to 65535.

    Source: the kernel's ``security_ib_pkey_sid``.
    """
    for each in policy.infiniband_keys:
        if each.low <= key <= each.high and each.subnet_prefix == subnet_prefix:
            return each.context
    return None


def infiniband_port_context(policy: Policy, device: str, port: int) -> Context | None:
    """Return the context of a device's port; else the initial SID ``unlabeled`` applies.

    Source: the kernel's ``security_ib_endport_sid``.
    """
    for each in policy.infiniband_ports:
        if each.port == port and each.device == device:
            return each.context
    return None


def filesystem_use(policy: Policy, filesystem: str) -> FilesystemUse | None:
    """Return how a file system's inodes get their labels; None when ``genfscon`` or nothing says it.

    Source: the kernel's ``security_fs_use``.
    """
    return next((each for each in policy.filesystem_uses if each.filesystem == filesystem), None)


def generic_filesystem_context(policy: Policy, filesystem: str, path: str, kind: FileKind) -> Context | None:
    """Return the context of a path within a file system; else the initial SID ``unlabeled`` applies.

    The longest entry that the path begins with wins. As in the kernel, an entry ends anywhere, not only at a slash.
    Under the policy capability ``genfs_seclabel_wildcard`` entries are patterns of whole paths, and the longest wins.

    Args:
        policy: the policy.
        filesystem: type of the file system, such as ``proc``.
        path: from the file system's root, with a leading slash.
        kind: the kind of file; an entry for ``FileKind.ANY`` fits all.

    Source: the kernel's ``__security_genfs_sid``.
    """
    path = "/" + path.lstrip("/") if path.startswith("/") else path
    are_patterns = "genfs_seclabel_wildcard" in policy.policy_capabilities
    found = [
        each
        for each in policy.genfs_contexts
        if each.filesystem == filesystem
        and each.kind in (FileKind.ANY, kind)
        and (matches_wildcard(each.path, path) if are_patterns else path.startswith(each.path))
    ]
    return max(found, key=lambda each: len(each.path)).context if found else None
