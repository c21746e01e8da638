"""The labels of a policy in one order, whatever order they came in: that of ``checkpolicy -S``.

Source: ``sort_ocontexts`` of libsepol's ``kernel_to_common.c``.
"""

import re

from selbox.model.labelling import FILESYSTEM_USE_NUMBERS, PORT_PROTOCOLS, InterfaceContext, NodeContext
from selbox.model.policy import Policy
from selbox.typing import Final

_WILDCARD: Final = r"[*?]"


def sorted_labels(policy: Policy) -> Policy:
    """Return a policy whose labels of ports, nodes and so on are sorted; those of initial SIDs and files stay."""
    return policy._replace(
        filesystem_uses=tuple(
            sorted(policy.filesystem_uses, key=lambda use: (FILESYSTEM_USE_NUMBERS[use.behaviour], use.filesystem))
        ),
        port_contexts=tuple(
            sorted(
                policy.port_contexts, key=lambda port: (port.high - port.low, port.low, PORT_PROTOCOLS[port.protocol])
            )
        ),
        interface_contexts=tuple(sorted(policy.interface_contexts, key=_interface_order)),
        node_contexts=tuple(sorted(policy.node_contexts, key=_node_order)),
        infiniband_keys=tuple(
            sorted(policy.infiniband_keys, key=lambda key: (key.subnet_prefix, key.high - key.low, key.low))
        ),
        infiniband_ports=tuple(sorted(policy.infiniband_ports, key=lambda port: (port.device, port.port))),
        xen_interrupts=tuple(sorted(policy.xen_interrupts, key=lambda each: each.interrupt)),
        xen_ports=tuple(sorted(policy.xen_ports, key=lambda port: (port.high - port.low, port.low))),
        xen_memory=tuple(sorted(policy.xen_memory, key=lambda memory: (memory.high - memory.low, memory.low))),
        xen_devices=tuple(sorted(policy.xen_devices, key=lambda each: each.device)),
        xen_device_tree=tuple(sorted(policy.xen_device_tree, key=lambda each: each.path)),
    )


def _interface_order(entry: InterfaceContext) -> tuple[bool, int, bool, str]:
    """Return the sort key of an interface: names, then patterns, the longest fixed start first."""
    wildcard = re.search(_WILDCARD, entry.name)
    if wildcard is None:
        return False, 0, False, entry.name
    return True, -wildcard.start(), wildcard.group() == "*", entry.name


def _node_order(entry: NodeContext) -> tuple[int, bytes, bytes]:
    """Return the sort key of a node: IPv4 first, the most specific mask first."""
    return len(entry.address), bytes(0xFF ^ each for each in entry.mask), entry.address
