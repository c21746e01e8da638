"""What tells the rules and labels of a policy apart, in the source's policy and in that of its binary alike."""

from collections.abc import Callable, Hashable

from selbox.model.context import Context
from selbox.typing import Any, Final

Key = Callable[[Any], Hashable]


def _by_meaning(item: Any) -> Hashable:
    """Return what a label or transition is for; not its label, nor its origin, which comes last."""
    return tuple(value for value in item[:-1] if not isinstance(value, Context))


def _by_class(item: Any) -> Hashable:
    """Return the class: the constraints of a class are in one order in the source and in the binary."""
    class_id: int = item.object_class
    return class_id


def _by_first_three(item: Any) -> Hashable:
    """Return source, target and class, for what follows counts differently in source and binary."""
    return tuple(item[:3])


FIELDS: Final[dict[str, Key]] = {
    "named_transitions": _by_meaning,
    "range_transitions": _by_first_three,
    "role_allows": _by_meaning,
    "role_transitions": _by_meaning,
    "constraints": _by_class,
    "validate_transitions": _by_class,
    "genfs_contexts": _by_meaning,
    "filesystem_uses": _by_meaning,
    "filesystem_contexts": _by_meaning,
    "port_contexts": _by_meaning,
    "node_contexts": _by_meaning,
    "interface_contexts": _by_meaning,
    "infiniband_keys": _by_meaning,
    "infiniband_ports": _by_meaning,
    "xen_interrupts": _by_meaning,
    "xen_ports": _by_meaning,
    "xen_memory": _by_meaning,
    "xen_devices": _by_meaning,
    "xen_device_tree": _by_meaning,
}
"""Fields of a policy whose items have one origin each, and what tells the items of a field apart."""
