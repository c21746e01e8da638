"""Gives a policy its labels: of files, file systems, networks and devices, and of people who log in."""

from selbox.compiler import labelorder as order
from selbox.compiler.resolution import Resolution
from selbox.model.labelling import GenericFilesystemContext
from selbox.model.policy import Policy, Target


def with_labels(resolution: Resolution, policy: Policy) -> Policy:
    """Return a policy with the labels that a resolution describes, in the order of the compiled policy."""
    labelling = resolution.labelling
    devices = resolution.devices
    origins = resolution.origins
    diagnostics = resolution.program.diagnostics
    keys = devices.keys
    labelled = policy._replace(
        file_contexts=order.in_order(labelling.files, order.file_key, origins, diagnostics),
        genfs_contexts=_as_patterns(policy, order.in_order(labelling.generic, order.generic_key, origins, diagnostics)),
        filesystem_uses=order.in_order(labelling.uses, order.use_key, origins, diagnostics),
        port_contexts=order.in_order(labelling.ports, order.port_key, origins, diagnostics),
        node_contexts=order.in_order(labelling.nodes, order.node_key, origins, diagnostics),
        interface_contexts=order.in_order(labelling.interfaces, order.interface_key, origins, diagnostics),
        infiniband_keys=order.in_order(
            keys, lambda label: order.infiniband_key_key(label, keys[label]), origins, diagnostics
        ),
        infiniband_ports=order.in_order(devices.ports, order.infiniband_port_key, origins, diagnostics),
        logins=tuple(resolution.identities.logins),
        target=resolution.program.options.target,
    )
    if labelled.target is not Target.XEN:
        return labelled
    return labelled._replace(
        xen_interrupts=order.in_order(devices.interrupts, order.xen_interrupt_key, origins, diagnostics),
        xen_memory=order.in_order(devices.memory, order.xen_range_key, origins, diagnostics),
        xen_ports=order.in_order(devices.io_ports, order.xen_range_key, origins, diagnostics),
        xen_devices=order.in_order(devices.devices, order.xen_device_key, origins, diagnostics),
        xen_device_tree=order.in_order(devices.device_tree, order.xen_device_tree_key, origins, diagnostics),
    )


def _as_patterns(policy: Policy, labels: tuple[GenericFilesystemContext, ...]) -> tuple[GenericFilesystemContext, ...]:
    """Return labels of paths as a kernel wants them: one that takes paths for patterns gets patterns of their starts.

    Source: ``cil_genfscon_to_policydb`` of libsepol since 3.9.
    """
    if "genfs_seclabel_wildcard" not in policy.policy_capabilities:
        return labels
    return tuple(label._replace(path=f"{label.path}*") for label in labels)
