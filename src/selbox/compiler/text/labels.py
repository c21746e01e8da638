"""Statements that label what carries no label, as text, in the order of ``checkpolicy -C``."""

from collections.abc import Iterator

from selbox.compiler.sortedlabels import sorted_labels
from selbox.compiler.text.addresses import address_text
from selbox.compiler.text.syntax import Syntax
from selbox.model.policy import Policy


def label_lines(policy: Policy, syntax: Syntax) -> Iterator[str]:
    """Iterate over the lines of all labelling statements but file contexts, which are no part of a kernel policy."""
    for sid in policy.initial_sids:
        if sid.context is not None:
            yield syntax.sid_context.format(name=sid.name, context=syntax.context_text(policy, sid.context))
    policy = sorted_labels(policy)
    yield from _filesystems(policy, syntax)
    yield from _network(policy, syntax)
    yield from _infiniband(policy, syntax)
    yield from _xen(policy, syntax)


def _filesystems(policy: Policy, syntax: Syntax) -> Iterator[str]:
    uses = [use for use in policy.filesystem_uses if syntax.is_filesystem(use.filesystem)]
    for use in uses:
        yield syntax.filesystem_use.format(
            behaviour=use.behaviour.value,
            filesystem=syntax.word(use.filesystem),
            context=syntax.context_text(policy, use.context),
        )
    ends_in_star = "genfs_seclabel_wildcard" in policy.policy_capabilities
    yield from sorted(
        syntax.genfs.format(
            filesystem=syntax.word(entry.filesystem),
            path=entry.path.removesuffix("*") if ends_in_star else entry.path,
            kind=syntax.file_kinds[entry.kind],
            context=syntax.context_text(policy, entry.context),
        )
        for entry in policy.genfs_contexts
        if syntax.is_filesystem(entry.filesystem) and syntax.can_quote(entry.path)
    )


def _network(policy: Policy, syntax: Syntax) -> Iterator[str]:
    for port in policy.port_contexts:
        yield syntax.port.format(
            protocol=port.protocol,
            range=_pair(syntax, str(port.low), str(port.high)),
            context=syntax.context_text(policy, port.context),
        )
    interfaces = [interface for interface in policy.interface_contexts if syntax.is_device(interface.name)]
    for interface in interfaces:
        yield syntax.interface.format(
            name=syntax.word(interface.name),
            interface=syntax.context_text(policy, interface.interface),
            packet=syntax.context_text(policy, interface.packet),
        )
    for node in policy.node_contexts:
        yield syntax.node.format(
            address=address_text(node.address),
            mask=address_text(node.mask),
            context=syntax.context_text(policy, node.context),
        )


def _infiniband(policy: Policy, syntax: Syntax) -> Iterator[str]:
    for key in policy.infiniband_keys:
        yield syntax.infiniband_key.format(
            subnet_prefix=address_text(key.subnet_prefix + bytes(8)),
            range=_pair(syntax, str(key.low), str(key.high)),
            context=syntax.context_text(policy, key.context),
        )
    ports = [port for port in policy.infiniband_ports if syntax.is_device(port.device)]
    for port in ports:
        yield syntax.infiniband_port.format(
            device=syntax.word(port.device), port=port.port, context=syntax.context_text(policy, port.context)
        )


def _xen(policy: Policy, syntax: Syntax) -> Iterator[str]:
    for interrupt in policy.xen_interrupts:
        yield syntax.xen_interrupt.format(
            interrupt=interrupt.interrupt, context=syntax.context_text(policy, interrupt.context)
        )
    for port in policy.xen_ports:
        span = _pair(syntax, f"{port.low:#x}", f"{port.high:#x}")
        yield syntax.xen_port.format(range=span, context=syntax.context_text(policy, port.context))
    for memory in policy.xen_memory:
        span = _pair(syntax, f"{memory.low:#x}", f"{memory.high:#x}")
        yield syntax.xen_memory.format(range=span, context=syntax.context_text(policy, memory.context))
    for device in policy.xen_devices:
        yield syntax.xen_device.format(
            device=f"{device.device:#x}", context=syntax.context_text(policy, device.context)
        )
    for node in policy.xen_device_tree:
        if syntax.can_quote(node.path):
            yield syntax.xen_device_tree.format(path=node.path, context=syntax.context_text(policy, node.context))


def _pair(syntax: Syntax, low: str, high: str) -> str:
    return low if low == high else syntax.number_pair.format(low=low, high=high)
