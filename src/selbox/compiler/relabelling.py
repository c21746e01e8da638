"""Changes every context of a policy."""

from collections.abc import Callable

from selbox.model.context import Context
from selbox.model.labelling import (
    FilesystemUse,
    GenericFilesystemContext,
    InfinibandKeyContext,
    InfinibandPortContext,
    NodeContext,
    PortContext,
    XenDeviceContext,
    XenDeviceTreeContext,
    XenInterruptContext,
    XenMemoryContext,
    XenPortContext,
)
from selbox.model.policy import Policy
from selbox.typing import TypeVar

_Label = TypeVar(
    "_Label",
    FilesystemUse,
    GenericFilesystemContext,
    InfinibandKeyContext,
    InfinibandPortContext,
    NodeContext,
    PortContext,
    XenDeviceContext,
    XenDeviceTreeContext,
    XenInterruptContext,
    XenMemoryContext,
    XenPortContext,
)

Change = Callable[[Context], Context]


def relabelled(policy: Policy, change: Change) -> Policy:
    """Return a policy with other contexts.

    Args:
        policy: with labels of initial SIDs, files, file systems, the network and devices.
        change: returns what takes the place of a context.
    """
    return policy._replace(
        initial_sids=tuple(
            each._replace(context=change(each.context) if each.context else None) for each in policy.initial_sids
        ),
        file_contexts=tuple(
            each._replace(context=change(each.context)) if each.context else each for each in policy.file_contexts
        ),
        interface_contexts=tuple(
            each._replace(interface=change(each.interface), packet=change(each.packet))
            for each in policy.interface_contexts
        ),
        genfs_contexts=_labels(policy.genfs_contexts, change),
        filesystem_uses=_labels(policy.filesystem_uses, change),
        port_contexts=_labels(policy.port_contexts, change),
        node_contexts=_labels(policy.node_contexts, change),
        infiniband_keys=_labels(policy.infiniband_keys, change),
        infiniband_ports=_labels(policy.infiniband_ports, change),
        xen_interrupts=_labels(policy.xen_interrupts, change),
        xen_ports=_labels(policy.xen_ports, change),
        xen_memory=_labels(policy.xen_memory, change),
        xen_devices=_labels(policy.xen_devices, change),
        xen_device_tree=_labels(policy.xen_device_tree, change),
    )


def _labels(labels: tuple[_Label, ...], change: Change) -> tuple[_Label, ...]:
    return tuple(each._replace(context=change(each.context)) for each in labels)
