"""Labels of Infiniband keys and ports, and of what the Xen hypervisor hands out.

Source: ``cil_ibpkeycon_to_policydb``, ``cil_ibendportcon_to_policydb`` and their Xen siblings of libsepol.
"""

from collections.abc import Callable

from selbox.compiler.contexts import Contexts
from selbox.compiler.errors import StatementError
from selbox.compiler.integers import BITS_64, integer, integer_range
from selbox.compiler.namespace import Place
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program
from selbox.compiler.rules import text
from selbox.language.cil import Form
from selbox.model.labelling import (
    InfinibandKeyContext,
    InfinibandPortContext,
    XenDeviceContext,
    XenDeviceTreeContext,
    XenInterruptContext,
    XenMemoryContext,
    XenPortContext,
)
from selbox.typing import Final

_GREATEST_KEY: Final = 0xFFFF
_GREATEST_PORT: Final = 0xFF


class DeviceLabels:
    """Labelling statements of devices, as the policy holds them.

    Attributes:
        keys: of Infiniband, each with its subnet as it was written.
        ports: of Infiniband, in the order of the statements.
        interrupts, memory, io_ports, devices, device_tree: of Xen, likewise.
    """

    def __init__(self, program: Program, contexts: Contexts, origins: Origins) -> None:
        self._program = program
        self._contexts = contexts
        self._origins = origins
        self.keys: dict[InfinibandKeyContext, str] = {}
        self.ports: list[InfinibandPortContext] = []
        self.interrupts: list[XenInterruptContext] = []
        self.memory: list[XenMemoryContext] = []
        self.io_ports: list[XenPortContext] = []
        self.devices: list[XenDeviceContext] = []
        self.device_tree: list[XenDeviceTreeContext] = []

    def collect(self, only_optional: bool) -> None:
        """Take in every statement."""
        handlers: dict[str, Callable[[Form, Place], None]] = {
            "ibpkeycon": self._ibpkeycon,
            "ibendportcon": self._ibendportcon,
            "pirqcon": self._pirqcon,
            "iomemcon": self._iomemcon,
            "ioportcon": self._ioportcon,
            "pcidevicecon": self._pcidevicecon,
            "devicetreecon": self._devicetreecon,
        }
        for keyword, handler in handlers.items():
            self._program.run(keyword, handler, only_optional)

    def _ibpkeycon(self, form: Form, place: Place) -> None:
        subnet = text(form, place, 1)
        prefix = subnet_prefix(subnet, form, place)
        low, high = integer_range(form, place, 2, "a partition key", True, _GREATEST_KEY)
        context = self._contexts.context(form, place, 3)
        self.keys[InfinibandKeyContext(prefix, low, high, context, self._origins.number(form, place))] = subnet

    def _ibendportcon(self, form: Form, place: Place) -> None:
        port = integer(form, place, (2,), "the number of a port", False, _GREATEST_PORT)
        context = self._contexts.context(form, place, 3)
        device = text(form, place, 1)
        self.ports.append(InfinibandPortContext(device, port, context, self._origins.number(form, place)))

    def _pirqcon(self, form: Form, place: Place) -> None:
        interrupt = integer(form, place, (1,), "the number of an interrupt", False)
        context = self._contexts.context(form, place, 2)
        self.interrupts.append(XenInterruptContext(interrupt, context, self._origins.number(form, place)))

    def _iomemcon(self, form: Form, place: Place) -> None:
        low, high = integer_range(form, place, 1, "the number of a memory page", True, BITS_64)
        context = self._contexts.context(form, place, 2)
        self.memory.append(XenMemoryContext(low, high, context, self._origins.number(form, place)))

    def _ioportcon(self, form: Form, place: Place) -> None:
        low, high = integer_range(form, place, 1, "the number of an I/O port", True)
        context = self._contexts.context(form, place, 2)
        self.io_ports.append(XenPortContext(low, high, context, self._origins.number(form, place)))

    def _pcidevicecon(self, form: Form, place: Place) -> None:
        device = integer(form, place, (1,), "the number of a device", True)
        context = self._contexts.context(form, place, 2)
        self.devices.append(XenDeviceContext(device, context, self._origins.number(form, place)))

    def _devicetreecon(self, form: Form, place: Place) -> None:
        context = self._contexts.context(form, place, 2)
        path = text(form, place, 1)
        self.device_tree.append(XenDeviceTreeContext(path, context, self._origins.number(form, place)))


def subnet_prefix(address: str, form: Form, place: Place) -> bytes:
    """Return the first eight bytes of an IPv6 address.

    Raises:
        StatementError: it is none.
    """
    from ipaddress import AddressValueError, IPv6Address  # only policies with Infiniband labels pay for this import

    try:
        return IPv6Address(address).packed[:8]
    except AddressValueError as error:
        raise StatementError(
            "cil-bad-address", f"`{address}` is no subnet prefix", place, form, (1,), "write an IPv6 address: `fe80::`"
        ) from error
