"""Labels of objects that have none of their own: file systems, the network, Infiniband, and Xen's.

Every table is a count and its entries; :data:`TABLES` has them in the order of the file.
"""

from collections.abc import Callable, Sequence

from selbox.binary.cursor import Cursor
from selbox.binary.kernel.contexts import Symbols, context_bytes, read_context
from selbox.binary.kernel.output import sized, u32s
from selbox.binary.kernel.tables import read_name
from selbox.binary.kernel.versions import FIRST_VERSIONS, Layout
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.labelling import (
    FILESYSTEM_USE_NUMBERS,
    PORT_PROTOCOLS,
    FilesystemContext,
    FilesystemUse,
    InfinibandKeyContext,
    InfinibandPortContext,
    InterfaceContext,
    NodeContext,
    PortContext,
    XenDeviceContext,
    XenDeviceTreeContext,
    XenInterruptContext,
    XenMemoryContext,
    XenPortContext,
)
from selbox.model.policy import Policy, Target
from selbox.typing import Any, Final, NamedTuple

_PROTOCOLS: Final = {number: name for name, number in PORT_PROTOCOLS.items()}
_BEHAVIOURS: Final = {number: behaviour for behaviour, number in FILESYSTEM_USE_NUMBERS.items()}


def _read_filesystem(cursor: Cursor, symbols: Symbols, _layout: Layout) -> FilesystemContext:
    name = read_name(cursor, cursor.u32())
    return FilesystemContext(name, read_context(cursor, symbols), read_context(cursor, symbols))


def _filesystem_bytes(each: FilesystemContext, mls: bool, _layout: Layout) -> bytes:
    return sized(each.name) + context_bytes(each.filesystem, mls) + context_bytes(each.file, mls)


def _read_port(cursor: Cursor, symbols: Symbols, _layout: Layout) -> PortContext:
    number, low, high = cursor.u32s(3)
    protocol = _PROTOCOLS.get(number)
    if protocol is None or not low <= high <= 0xFFFF:
        cursor.corrupt(f"a label is for the ports {low} to {high} of protocol {number}", cursor.offset - 12)
    return PortContext(protocol, low, high, read_context(cursor, symbols))


def _port_bytes(each: PortContext, mls: bool, _layout: Layout) -> bytes:
    return u32s(PORT_PROTOCOLS[each.protocol], each.low, each.high) + context_bytes(each.context, mls)


def _read_interface(cursor: Cursor, symbols: Symbols, _layout: Layout) -> InterfaceContext:
    name = read_name(cursor, cursor.u32())
    return InterfaceContext(name, read_context(cursor, symbols), read_context(cursor, symbols))


def _interface_bytes(each: InterfaceContext, mls: bool, _layout: Layout) -> bytes:
    return sized(each.name) + context_bytes(each.interface, mls) + context_bytes(each.packet, mls)


def _read_node(cursor: Cursor, symbols: Symbols, _layout: Layout) -> NodeContext:
    return NodeContext(cursor.bytes(4), cursor.bytes(4), read_context(cursor, symbols))


def _read_node6(cursor: Cursor, symbols: Symbols, _layout: Layout) -> NodeContext:
    return NodeContext(cursor.bytes(16), cursor.bytes(16), read_context(cursor, symbols))


def _node_bytes(each: NodeContext, mls: bool, _layout: Layout) -> bytes:
    return each.address + each.mask + context_bytes(each.context, mls)


def _read_use(cursor: Cursor, symbols: Symbols, _layout: Layout) -> FilesystemUse:
    number, length = cursor.u32s(2)
    behaviour = _BEHAVIOURS.get(number)
    if behaviour is None:
        cursor.corrupt(f"a file system's labels come in the way {number}, of 1 to 3", cursor.offset - 8)
    name = read_name(cursor, length)
    return FilesystemUse(behaviour, name, read_context(cursor, symbols))


def _use_bytes(each: FilesystemUse, mls: bool, _layout: Layout) -> bytes:
    return u32s(FILESYSTEM_USE_NUMBERS[each.behaviour]) + sized(each.filesystem) + context_bytes(each.context, mls)


def _read_key(cursor: Cursor, symbols: Symbols, _layout: Layout) -> InfinibandKeyContext:
    prefix = cursor.bytes(8)
    low, high = cursor.u32s(2)
    if not low <= high <= 0xFFFF:
        cursor.corrupt(f"a label is for the Infiniband keys {low} to {high}", cursor.offset - 8)
    return InfinibandKeyContext(prefix, low, high, read_context(cursor, symbols))


def _key_bytes(each: InfinibandKeyContext, mls: bool, _layout: Layout) -> bytes:
    return each.subnet_prefix + u32s(each.low, each.high) + context_bytes(each.context, mls)


def _read_end_port(cursor: Cursor, symbols: Symbols, _layout: Layout) -> InfinibandPortContext:
    length, port = cursor.u32s(2)
    device = read_name(cursor, length)
    if not 1 <= port <= 0xFF:
        cursor.corrupt(f"a label is for port {port} of Infiniband device `{device}`")
    return InfinibandPortContext(device, port, read_context(cursor, symbols))


def _end_port_bytes(each: InfinibandPortContext, mls: bool, _layout: Layout) -> bytes:
    name = sized(each.device)
    return name[:4] + u32s(each.port) + name[4:] + context_bytes(each.context, mls)


def _read_interrupt(cursor: Cursor, symbols: Symbols, _layout: Layout) -> XenInterruptContext:
    return XenInterruptContext(cursor.u32(), read_context(cursor, symbols))


def _interrupt_bytes(each: XenInterruptContext, mls: bool, _layout: Layout) -> bytes:
    return u32s(each.interrupt) + context_bytes(each.context, mls)


def _read_io_port(cursor: Cursor, symbols: Symbols, _layout: Layout) -> XenPortContext:
    low, high = cursor.u32s(2)
    return XenPortContext(low, high, read_context(cursor, symbols))


def _io_port_bytes(each: XenPortContext, mls: bool, _layout: Layout) -> bytes:
    return u32s(each.low, each.high) + context_bytes(each.context, mls)


def _read_memory(cursor: Cursor, symbols: Symbols, layout: Layout) -> XenMemoryContext:
    if layout.device_tree:
        low, high = cursor.u64(), cursor.u64()
    else:
        low, high = cursor.u32s(2)
    return XenMemoryContext(low, high, read_context(cursor, symbols))


def _memory_bytes(each: XenMemoryContext, mls: bool, layout: Layout) -> bytes:
    size = 8 if layout.device_tree else 4
    if each.high >> size * 8:
        message = f"policy version {layout.version} cannot hold the I/O memory up to page {each.high:#x}"
        raise SelboxError.of(
            "binary-unwritable", message, help=f"write version {FIRST_VERSIONS['device_tree']} or later"
        )
    return each.low.to_bytes(size, "little") + each.high.to_bytes(size, "little") + context_bytes(each.context, mls)


def _read_device(cursor: Cursor, symbols: Symbols, _layout: Layout) -> XenDeviceContext:
    return XenDeviceContext(cursor.u32(), read_context(cursor, symbols))


def _device_bytes(each: XenDeviceContext, mls: bool, _layout: Layout) -> bytes:
    return u32s(each.device) + context_bytes(each.context, mls)


def _read_device_tree(cursor: Cursor, symbols: Symbols, _layout: Layout) -> XenDeviceTreeContext:
    return XenDeviceTreeContext(read_name(cursor, cursor.u32()), read_context(cursor, symbols))


def _device_tree_bytes(each: XenDeviceTreeContext, mls: bool, _layout: Layout) -> bytes:
    return sized(each.path) + context_bytes(each.context, mls)


class Table(NamedTuple):
    """One kind of labels.

    Attributes:
        field: where in :class:`Policy` they are; two tables may share one.
        section: what messages call it.
        least: bytes that the smallest entry takes.
        read: reads an entry.
        entry_bytes: returns an entry as the file has it.
        part: what the version needs for it, of :class:`Layout`; empty where every version has it.
        address_size: bytes of the addresses, for nodes.
    """

    field: str
    section: str
    least: int
    read: Callable[[Cursor, Symbols, Layout], Any]
    entry_bytes: Callable[[Any, bool, Layout], bytes]
    part: str = ""
    address_size: int = 0


TABLES: Final = {
    Target.SELINUX: (
        Table("filesystem_contexts", "file system contexts", 61, _read_filesystem, _filesystem_bytes),
        Table("port_contexts", "port contexts", 40, _read_port, _port_bytes),
        Table("interface_contexts", "interface contexts", 61, _read_interface, _interface_bytes),
        Table("node_contexts", "IPv4 node contexts", 36, _read_node, _node_bytes, address_size=4),
        Table("filesystem_uses", "file system uses", 37, _read_use, _use_bytes),
        Table("node_contexts", "IPv6 node contexts", 60, _read_node6, _node_bytes, address_size=16),
        Table("infiniband_keys", "Infiniband keys", 44, _read_key, _key_bytes, "infiniband"),
        Table("infiniband_ports", "Infiniband ports", 37, _read_end_port, _end_port_bytes, "infiniband"),
    ),
    Target.XEN: (
        Table("xen_interrupts", "interrupt contexts", 32, _read_interrupt, _interrupt_bytes),
        Table("xen_ports", "I/O port contexts", 36, _read_io_port, _io_port_bytes),
        Table("xen_memory", "I/O memory contexts", 36, _read_memory, _memory_bytes),
        Table("xen_devices", "device contexts", 32, _read_device, _device_bytes),
        Table("xen_device_tree", "device tree contexts", 33, _read_device_tree, _device_tree_bytes, "device_tree"),
    ),
}
"""The tables after the initial SIDs."""


def read_object_contexts(cursor: Cursor, layout: Layout, symbols: Symbols) -> dict[str, tuple[Any, ...]]:
    """Read all tables after the initial SIDs.

    Returns:
        The fields of the policy that they are.
    """
    result: dict[str, tuple[Any, ...]] = {}
    for table in TABLES[layout.target]:
        if table.part and not getattr(layout, table.part):
            continue
        cursor.section = table.section
        entries = tuple(table.read(cursor, symbols, layout) for _ in range(cursor.count(table.least)))
        result[table.field] = result.get(table.field, ()) + entries
    return result


def object_contexts_bytes(policy: Policy, layout: Layout, diagnostics: Diagnostics) -> bytes:
    """Return all tables after the initial SIDs; what the version has no table for gives ``binary-dropped``."""
    parts = []
    for table in TABLES[layout.target]:
        entries: Sequence[Any] = getattr(policy, table.field)
        if table.address_size:
            entries = [each for each in entries if len(each.address) == table.address_size]
        if table.part and not getattr(layout, table.part):
            if entries:
                diagnostics.warning(
                    "binary-dropped",
                    f"policy version {layout.version} has no section for the {table.section}; "
                    f"{len(entries)} are left out",
                    help=f"write version {FIRST_VERSIONS[table.part]} or later",
                )
            continue
        parts.append(u32s(len(entries)))
        parts += [table.entry_bytes(each, policy.mls, layout) for each in entries]
    return b"".join(parts)
