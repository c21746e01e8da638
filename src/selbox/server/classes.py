"""Object classes and permissions by name, and what unknown ones come to."""

from collections.abc import Iterable
from threading import Lock

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.policy import HandleUnknown, Policy
from selbox.typing import NamedTuple

SOCKET_CLASSES = frozenset(
    f"{prefix}socket"
    for prefix in (
        "",
        *(
            "tcp_",
            "udp_",
            "rawip_",
            "icmp_",
            "dccp_",
            "sctp_",
            "unix_stream_",
            "unix_dgram_",
            "packet_",
            "key_",
            "tun_",
        ),
        *("netlink_", "netlink_route_", "netlink_tcpdiag_", "netlink_nflog_", "netlink_xfrm_", "netlink_selinux_"),
        *("netlink_iscsi_", "netlink_audit_", "netlink_fib_lookup_", "netlink_connector_", "netlink_netfilter_"),
        *("netlink_dnrt_", "netlink_kobject_uevent_", "netlink_generic_", "netlink_scsitransport_", "netlink_rdma_"),
        *(
            "netlink_crypto_",
            "appletalk_",
            "ax25_",
            "ipx_",
            "netrom_",
            "atmpvc_",
            "x25_",
            "rose_",
            "decnet_",
            "atmsvc_",
        ),
        *("rds_", "irda_", "pppox_", "llc_", "can_", "tipc_", "bluetooth_", "iucv_", "rxrpc_", "isdn_", "phonet_"),
        *("ieee802154_", "caif_", "alg_", "nfc_", "vsock_", "kcm_", "qipcrtr_", "smc_", "xdp_", "mctp_"),
    )
)
"""The classes that the kernel itself knows as sockets: their labels follow the process that makes them.

Source: the kernel's ``security_is_socket_class`` over ``secclass_map``.
"""

_VECTOR_BITS = 32


class ClassVector(NamedTuple):
    """Permissions of a class by number, as the access vector cache takes them.

    Attributes:
        object_class: class id; at or above ``len(Policy.classes)`` for a class that the policy does not define.
        vector: access vector; permissions that the policy does not define have bits above its own.
        unknown: names that the policy does not define: the class's, or those permissions'.
    """

    object_class: int
    vector: int
    unknown: tuple[str, ...]


class ClassMap:
    """Numbers for classes and permissions, including those that object managers know and the policy does not.

    Unknown names get numbers beyond the policy's own, so that one access vector can say everything; what a
    decision about them comes to is the policy's ``handle_unknown``.

    Source: the kernel's ``selinux_set_mapping``, ``unmap_class`` and ``map_decision``.

    Args:
        policy: the policy.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._extra_classes: list[str] = []
        self._extra_permissions: dict[int, list[str]] = {}
        self._lock = Lock()

    def resolve(self, object_class: str, permissions: Iterable[str]) -> tuple[ClassVector, bool]:
        """Return the numbers for names, and whether new ones had to be given.

        Raises:
            SelboxError: code ``unknown-class`` or ``unknown-permission`` where the policy rejects unknown names;
                ``too-many-permissions`` where a class would need more than 32.
        """
        wanted = tuple(permissions)
        class_id = self._policy.class_ids.get(object_class)
        known = () if class_id is None else self._policy.classes[class_id].permissions
        missing = tuple(name for name in wanted if name not in known)
        if class_id is not None and not missing:
            return ClassVector(class_id, _vector(known, wanted), ()), False
        if self._policy.handle_unknown is HandleUnknown.REJECT:
            self._reject(object_class, class_id, missing)
        with self._lock:
            is_new = False
            if class_id is None:
                if object_class not in self._extra_classes:
                    self._extra_classes.append(object_class)
                class_id = len(self._policy.classes) + self._extra_classes.index(object_class)
                unknown: tuple[str, ...] = (object_class,)
            else:
                unknown = missing
            extra = self._extra_permissions.setdefault(class_id, [])
            for name in missing:
                if name not in extra:
                    extra.append(name)
                    is_new = True
            names = (*known, *extra)
        if len(names) > _VECTOR_BITS:
            raise SelboxError.of("too-many-permissions", f"class `{object_class}` would have {len(names)} permissions")
        return ClassVector(class_id, _vector(names, wanted), unknown), is_new

    def _reject(self, object_class: str, class_id: int | None, missing: tuple[str, ...]) -> None:
        advice = "the policy says `(handleunknown reject)`"
        if class_id is None:
            guess = did_you_mean(object_class, self._policy.class_ids)
            words = f"the policy does not define the class `{object_class}`"
            raise SelboxError.of("unknown-class", words, help=guess or advice)
        guess = did_you_mean(missing[0], self._policy.classes[class_id].permissions)
        words = f"the policy's class `{object_class}` has no permission `{missing[0]}`"
        raise SelboxError.of("unknown-permission", words, help=guess or advice)

    def unknown_permissions(self, object_class: int) -> int:
        """Return the access vector of the permissions that the policy does not define, so far as numbers were given."""
        extra = self._extra_permissions.get(object_class)
        if not extra:
            return 0
        classes = self._policy.classes
        first = len(classes[object_class].permissions) if object_class < len(classes) else 0
        return (1 << len(extra)) - 1 << first

    def class_name(self, object_class: int) -> str:
        """Return a class's name, also of one that the policy does not define.

        Raises:
            IndexError: for a number that no class has.
        """
        classes = self._policy.classes
        if object_class < len(classes):
            return classes[object_class].name
        return self._extra_classes[object_class - len(classes)]

    def undefined_name(self, object_class: int) -> str:
        """Return the name of a class that the policy does not define; nothing for one that it does, or nobody has."""
        index = object_class - len(self._policy.classes)
        return self._extra_classes[index] if 0 <= index < len(self._extra_classes) else ""

    def permission_names(self, object_class: int, vector: int) -> tuple[str, ...]:
        """Return the names of the permissions in an access vector, in bit order."""
        classes = self._policy.classes
        known = classes[object_class].permissions if object_class < len(classes) else ()
        names = (*known, *self._extra_permissions.get(object_class, ()))
        return tuple(name for bit, name in enumerate(names) if vector >> bit & 1)


def _vector(names: tuple[str, ...], wanted: tuple[str, ...]) -> int:
    result = 0
    for name in wanted:
        result |= 1 << names.index(name)
    return result
