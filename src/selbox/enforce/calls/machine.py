"""What is the whole machine's: its name, its clock, the kernel's log, and modules of the kernel, which no box loads.

Source: the kernel's ``selinux_syslog``, ``check_syslog_permissions``, ``do_adjtimex``,
``cred_has_capability`` and ``selinux_kernel_module_from_file``.
"""

import ctypes
import errno
import fcntl
import os
import struct

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import target_open
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import own_capabilities, user_namespace
from selbox.enforce.linux import system_call
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

_READ_ALL, _SIZE_OF_BUFFER = 3, 10
_LOG_PERMISSIONS: Final = {
    **dict.fromkeys((_READ_ALL, _SIZE_OF_BUFFER), "syslog_read"),
    **dict.fromkeys((6, 7, 8), "syslog_console"),
}
"""Permissions of the log's actions; all others ask for ``syslog_mod``."""

_CLOCK_SIZE: Final = 208
"""Bytes of ``struct timex``; its first word says what is to be changed."""

_MODULE_HEADER: Final = 64
"""Bytes that a module has at least (``struct elf64_hdr``)."""

_REALTIME: Final = 0
_TIME = struct.Struct("=qq")
_NS_GET_USERNS: Final = 0xB701


class MachineCalls:
    """``sethostname``, ``setdomainname``, ``vhangup``, ``syslog``, and the calls that set clocks."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""

        def needing(capability: str) -> Handler:
            def decide(caller: Caller, arguments: Arguments) -> int:  # noqa: ARG001 - every handler takes them
                return CONTINUE if self._capabilities.may_use_if_held(caller, capability) else -errno.EPERM

            return decide

        return {
            **dict.fromkeys(("sethostname", "setdomainname"), self.name_machine),
            "settimeofday": self.settimeofday,
            "clock_settime": lambda caller, given: self._set(caller, signed(given[0]), given[1], 1_000_000_000),
            "vhangup": needing("sys_tty_config"),
            "adjtimex": lambda caller, given: self._adjust(caller, _REALTIME, given[0]),
            "clock_adjtime": lambda caller, given: self._adjust(caller, signed(given[0]), given[1]),
            "syslog": self.syslog,
            "init_module": self.init_module,
            "finit_module": self.finit_module,
        }

    def name_machine(self, caller: Caller, arguments: Arguments) -> int:  # noqa: ARG002 - every handler takes them
        """``sethostname`` and ``setdomainname``: of a namespace, whose owner's capabilities count."""
        with own_capabilities():
            descriptor = self._box.descriptors.open(f"/proc/{caller.tid}/ns/uts", os.O_RDONLY)
        owner = self._box.descriptors.add(fcntl.ioctl(descriptor, _NS_GET_USERNS))
        if os.fstat(owner).st_ino != user_namespace(caller.tid):
            return CONTINUE  # owned by another namespace: the kernel refuses, or the capability is of no namespace's
        return CONTINUE if self._capabilities.may_use_if_held(caller, "sys_admin", own=True) else -errno.EPERM

    def settimeofday(self, caller: Caller, arguments: Arguments) -> int:
        """``settimeofday(time, zone)``, which takes the capability also where there is no time, or nothing at all."""
        if arguments[0]:
            return self._set(caller, _REALTIME, arguments[0], 1_000_000)
        return CONTINUE if self._capabilities.may_use_if_held(caller, "sys_time") else -errno.EPERM

    def _set(self, caller: Caller, clock: int, address: int, most: int) -> int:
        """Set a clock; what is no time, or another clock, the kernel refuses before it asks."""
        if clock != _REALTIME:
            return CONTINUE
        _, fraction = _TIME.unpack(self._box.memory.read_exactly(caller.tid, address, _TIME.size))
        if not 0 <= fraction < most:
            return -errno.EINVAL
        return CONTINUE if self._capabilities.may_use_if_held(caller, "sys_time") else -errno.EPERM

    def _adjust(self, caller: Caller, clock: int, address: int) -> int:
        """Ask about a clock in the caller's stead, or let it be changed: which of the two stands in memory."""
        memory = self._box.memory
        data = ctypes.create_string_buffer(memory.read_exactly(caller.tid, address, _CLOCK_SIZE), _CLOCK_SIZE)
        if any(data.raw[:4]):
            return CONTINUE if self._capabilities.may_use_if_held(caller, "sys_time") else -errno.EPERM
        result = system_call(NUMBERS["clock_adjtime"], clock, data)
        memory.write(caller.tid, address, data.raw)
        return result

    def syslog(self, caller: Caller, arguments: Arguments) -> int:
        """``syslog(action, buffer, size)``."""
        action = signed(arguments[0])
        restricted = action not in (_READ_ALL, _SIZE_OF_BUFFER) or _is_restricted()
        if restricted and not self._capabilities.may_use_if_held(caller, "syslog"):
            return -errno.EPERM
        kernel = self._box.server.initial_sid("kernel")
        self._box.monitor.check(caller, kernel, "system", (_LOG_PERMISSIONS.get(action, "syslog_mod"),), dict)
        return CONTINUE

    def init_module(self, caller: Caller, arguments: Arguments) -> int:
        """``init_module(image, size, parameters)``: policy is asked, and then nobody loads anything."""
        if self._capabilities.may_use(caller, "sys_module"):
            if arguments[1] < _MODULE_HEADER:
                return -errno.ENOEXEC
            self._box.monitor.check(caller, caller.state.sid, "system", ("module_load",), dict)
        return -errno.EPERM

    def finit_module(self, caller: Caller, arguments: Arguments) -> int:
        """``finit_module(descriptor, parameters, flags)``, likewise."""
        box = self._box
        if self._capabilities.may_use(caller, "sys_module"):
            target = target_open(box, caller, arguments[0])
            sid = box.labels.sid_of(target.descriptor, target.status, caller)
            box.monitor.check(caller, sid, "system", ("module_load",), box.labels.at(target.descriptor))
        return -errno.EPERM


def _is_restricted() -> bool:
    """Tell whether even reading the log takes a capability (``kernel.dmesg_restrict``)."""
    try:
        with open("/proc/sys/kernel/dmesg_restrict", "rb") as file:
            return file.read().strip() != b"0"
    except OSError:
        return False
