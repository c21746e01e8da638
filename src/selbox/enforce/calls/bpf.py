"""BPF: maps, and programs that filter what comes to a socket.

The supervisor makes maps and loads programs on its own copy of what is asked for, with no more capabilities than the
caller has and policy grants. What is done by a descriptor of a map goes on: whoever holds it was asked about then.
Programs of other types act on the kernel or on other processes, and cannot be had.

Source: the kernel's ``__sys_bpf``, ``bpf_check``, ``selinux_bpf``, ``selinux_bpf_map`` and ``selinux_bpf_prog``.
"""

import ctypes
import errno
import os
import struct

from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import NAMES, Capabilities
from selbox.enforce.credentials import own_credentials_held, with_capabilities
from selbox.enforce.linux import system_call
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

_MAP_CREATE, _PROG_LOAD = 0, 5
_LAST_COMMAND: Final = 38
_KIND_SIZE: Final = 4
_BY_DESCRIPTOR: Final = frozenset({1, 2, 3, 4, 10, 15, 21, 22, 24, 25, 26, 27})
"""Look up, update, delete, go through and freeze a map; run a program once; tell what a descriptor is of."""

_MAP = struct.Struct("=7I16s")
_MAP_TYPES: Final = frozenset({1, 2, 5, 6, 9, 10, 11, 22, 23})
"""Arrays and hashes, those of each processor, those that forget, tries, queues and stacks."""
_MAP_FLAGS: Final = 0x1 | 0x8 | 0x10 | 0x40 | 0x80 | 0x100
_READ_ONLY, _WRITE_ONLY = 0x8, 0x10

_PROGRAM = struct.Struct("=IIQQIIQII16s")
_SOCKET_FILTER: Final = 1
_MOST_INSTRUCTIONS: Final = 4096
_MOST_LOG: Final = 1 << 16
_INSTRUCTION = struct.Struct("=BBhi")
_LOAD_WIDE: Final = 0x18
_MAP_DESCRIPTOR, _MAP_VALUE = 1, 2
_LICENCE: Final = 127
_MOST_ATTRIBUTES: Final = 4096

_LIBERTIES: Final = 6
"""How many the verifier has for who is trusted, each of which the kernel asks for."""


class BpfCalls:
    """``bpf``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {"bpf": self.bpf}

    def bpf(self, caller: Caller, arguments: Arguments) -> int:
        """``bpf(command, attributes, size)``."""
        command, address, size = signed(arguments[0]), arguments[1], arguments[2] & 0xFFFFFFFF
        if command in _BY_DESCRIPTOR:
            return CONTINUE
        if size > _MOST_ATTRIBUTES:
            return -errno.E2BIG
        attributes = self._box.memory.read_exactly(caller.tid, address, size)
        if not 0 <= command <= _LAST_COMMAND:
            return -errno.EINVAL
        if command == _MAP_CREATE and not any(attributes[:_KIND_SIZE]):
            return -errno.EINVAL
        if command not in (_MAP_CREATE, _PROG_LOAD) or not self._may_begin(caller):
            return -errno.EPERM
        if command == _MAP_CREATE:
            return self._make_map(caller, attributes)
        return self._load(caller, attributes)

    def _may_begin(self, caller: Caller) -> bool:
        with open("/proc/sys/kernel/unprivileged_bpf_disabled", "rb") as setting:
            is_for_all = setting.read().strip() == b"0"
        return is_for_all or any(self._capabilities.may_use(caller, each) for each in ("bpf", "sys_admin"))

    def _check(self, caller: Caller, *permissions: str) -> None:
        self._box.monitor.check(caller, caller.state.sid, "bpf", permissions, dict)

    def _make(self, caller: Caller, command: int, attributes: bytes, capabilities: int) -> int:
        """Make the call with capabilities of the caller's alone; return the supervisor's descriptor."""
        with own_credentials_held(), with_capabilities(capabilities):
            made = system_call(NUMBERS["bpf"], command, attributes, len(attributes))
        self._box.bpf_labels.assign(made, caller.state.sid)
        return self._box.descriptors.add(made)

    def _lent(self, caller: Caller, name: str) -> int:
        """Return a capability as a bitset where a caller has it and policy lets it be used; none otherwise."""
        return self._capabilities.may_use(caller, name) << NAMES.index(name)

    def _make_map(self, caller: Caller, attributes: bytes) -> int:
        self._check(caller, "map_create")
        attributes = attributes.ljust(_MAP.size, b"\0")
        kind, _, _, _, flags, inner, _, _ = _MAP.unpack_from(attributes)
        if any(attributes[_MAP.size :]) or inner or flags & ~_MAP_FLAGS:
            return -errno.EINVAL
        if kind not in _MAP_TYPES:
            return -errno.EPERM
        capabilities = self._lent(caller, "bpf") or self._lent(caller, "sys_admin")
        made = self._make(caller, _MAP_CREATE, attributes[: _MAP.size], capabilities)
        self._check(caller, *map_permissions(flags))
        self._box.listener.give_descriptor(caller.id, made, os.O_CLOEXEC)
        return ANSWERED

    def _load(self, caller: Caller, attributes: bytes) -> int:
        self._check(caller, "prog_load")
        attributes = attributes.ljust(_PROGRAM.size, b"\0")
        kind, count, code, licence, level, log_size, log, _, flags, name = _PROGRAM.unpack_from(attributes)
        if kind != _SOCKET_FILTER or any(attributes[_PROGRAM.size :]):
            return -errno.EPERM
        if not 0 < count <= _MOST_INSTRUCTIONS:
            return -errno.E2BIG
        memory = self._box.memory
        own_code = ctypes.create_string_buffer(
            self._own_instructions(caller, memory.read_exactly(caller.tid, code, count * _INSTRUCTION.size))
        )
        capabilities = self._lent(caller, "bpf") or self._lent(caller, "sys_admin")
        for _ in range(_LIBERTIES):
            capabilities |= self._lent(caller, "perfmon") or self._lent(caller, "sys_admin")
        own_licence = ctypes.create_string_buffer(memory.read_string(caller.tid, licence, _LICENCE))
        own_log = ctypes.create_string_buffer(min(log_size, _MOST_LOG) if level and log else 0)
        words = _PROGRAM.pack(
            *(kind, count, ctypes.addressof(own_code), ctypes.addressof(own_licence)),
            *(level if len(own_log) else 0, len(own_log), ctypes.addressof(own_log) if len(own_log) else 0),
            *(0, flags, name),
        )
        try:
            made = self._make(caller, _PROG_LOAD, words, capabilities)
        finally:
            if len(own_log):
                memory.write(caller.tid, log, own_log.value + b"\0")
        self._check(caller, "prog_run")
        self._box.listener.give_descriptor(caller.id, made, os.O_CLOEXEC)
        return ANSWERED

    def _own_instructions(self, caller: Caller, code: bytes) -> bytes:
        """Return a program in which the supervisor's copies stand for the caller's descriptors of maps."""
        own = bytearray(code)
        for place in range(0, len(code), _INSTRUCTION.size):
            operation, registers, offset, value = _INSTRUCTION.unpack_from(own, place)
            if operation == _LOAD_WIDE and registers >> 4 in (_MAP_DESCRIPTOR, _MAP_VALUE):
                copy = self._box.descriptors.add(self._box.pidfds.copy(caller.tid, value))
                _INSTRUCTION.pack_into(own, place, operation, registers, offset, copy)
            elif operation == _LOAD_WIDE and registers >> 4:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return bytes(own)


def map_permissions(flags: int) -> tuple[str, ...]:
    """Return what a descriptor of a map is good for, by the flags it was made with (``bpf_map_fmode_to_av``)."""
    return (
        *(() if flags & _WRITE_ONLY else ("map_read",)),
        *(() if flags & _READ_ONLY else ("map_write",)),
    )
