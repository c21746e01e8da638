"""Network tunnels made through ``/dev/net/tun``: their labels, and who may make them and take them over.

Source: the kernel's ``tun_set_iff``, ``tun_set_queue``, ``selinux_tun_dev_create``, ``selinux_tun_dev_open`` and
``selinux_tun_dev_attach_queue``.
"""

import errno
import fcntl
import os
import struct
from collections import OrderedDict

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import copy_of
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.tasks import thread_group
from selbox.typing import Final

_SET_DEVICE: Final = 0x400454CA
_SET_QUEUE: Final = 0x400454D9
_GET_DEVICE: Final = 0x800454D2
_ATTACH: Final = 0x200
_REQUEST = struct.Struct("=16sH22x")
_DETACHED_KEPT: Final = 1024

_Device = tuple[int, bytes]
"""Network namespace (its inode number), and name in it."""


class Tunnels:
    """The tunnels of a box. A device that it did not make is labelled as all that is not of the box."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._labels: dict[_Device, int] = {}
        self._detached: OrderedDict[tuple[int, int], _Device] = OrderedDict()
        """The device of a descriptor, by process and number, whose queue was taken off."""
        self._dropped = False

    def change(self, caller: Caller, arguments: Arguments) -> int:
        """``TUNSETIFF`` and ``TUNSETQUEUE``: what they ask for stands in memory, and the supervisor does it.

        Raises:
            OSError: as the kernel has it.
        """
        number, command, address = arguments[:3]
        data = bytearray(self._box.memory.read_exactly(caller.tid, address, _REQUEST.size))
        descriptor = copy_of(self._box, caller, number)
        if command & 0xFFFFFFFF == _SET_QUEUE:
            return self._set_queue(caller, number & 0xFFFFFFFF, descriptor, data)
        if _device_name(descriptor) is None:  # one that has a device already, the kernel refuses before it asks
            self._check(caller, _name_of(data))
        fcntl.ioctl(descriptor, _SET_DEVICE, data)
        self._labels[_namespace(caller), _name_of(data)] = caller.state.sid
        self._box.memory.write(caller.tid, address, bytes(data))
        return 0

    def _check(self, caller: Caller, name: bytes) -> None:
        """Check that a task may make a device, or take over the one that has this name.

        Raises:
            OSError: EPERM where policy does not let it use CAP_NET_ADMIN.
        """
        monitor, own = self._box.monitor, caller.state.sid
        if name in _devices(caller):
            label = self._labels.get((_namespace(caller), name), self._box.labels.outside)
            monitor.check(caller, label, "tun_socket", ("relabelfrom",), dict)
            monitor.check(caller, own, "tun_socket", ("relabelto",), dict)
            return
        if not Capabilities(self._box).may_use_if_held(caller, "net_admin", own=True):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        monitor.check(caller, own, "tun_socket", ("create",), dict)

    def _set_queue(self, caller: Caller, number: int, descriptor: int, data: bytearray) -> int:
        holder = (thread_group(caller.tid), number)
        if _REQUEST.unpack(data)[1] & _ATTACH:
            if self._detached or self._dropped:  # else there is none to attach, and the kernel says so
                device, outside = self._detached.get(holder), self._box.labels.outside
                label = outside if device is None else self._labels.get(device, outside)
                self._box.monitor.check(caller, label, "tun_socket", ("attach_queue",), dict)
            fcntl.ioctl(descriptor, _SET_QUEUE, data)
            self._detached.pop(holder, None)
        else:
            name = _device_name(descriptor)
            if name is not None:
                self._detached[holder] = (_namespace(caller), name)
                if len(self._detached) > _DETACHED_KEPT:
                    self._detached.popitem(last=False)
                    self._dropped = True
            fcntl.ioctl(descriptor, _SET_QUEUE, data)
        return 0


def _name_of(request: bytearray) -> bytes:
    name: bytes = _REQUEST.unpack(request)[0]
    return name.partition(b"\0")[0]


def _device_name(descriptor: int) -> bytes | None:
    """Return the name of the device that an open ``/dev/net/tun`` has; None when it has none."""
    request = bytearray(_REQUEST.size)
    try:
        fcntl.ioctl(descriptor, _GET_DEVICE, request)
    except OSError:
        return None
    return _name_of(request)


def _namespace(caller: Caller) -> int:
    with own_capabilities():
        return os.stat(f"/proc/{caller.tid}/ns/net").st_ino


def _devices(caller: Caller) -> list[bytes]:
    """Return the names of the network devices that a task sees."""
    with own_capabilities(), open(f"/proc/{caller.tid}/net/dev", "rb") as listed:
        return [line.partition(b":")[0].strip() for line in listed if b":" in line]
