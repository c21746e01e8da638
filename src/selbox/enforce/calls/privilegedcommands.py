"""Commands to open files (``ioctl``) that take a capability: flags of files, and the network's devices."""

import errno
import fcntl
import struct

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import Target, copy_of
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.seccomp.listener import Arguments
from selbox.typing import Final, NamedTuple


class _Flags(NamedTuple):
    """A command that sets flags of a file.

    Attributes:
        reading: the command that reads what it sets.
        size: bytes of what it takes, which begins with the flags.
        guarded: the flags that take CAP_LINUX_IMMUTABLE: append-only and immutable.
    """

    reading: int
    size: int
    guarded: int


FLAGS: Final = {0x40086602: _Flags(0x80086601, 4, 0x30), 0x401C5820: _Flags(0x801C581F, 28, 0x18)}
"""``FS_IOC_SETFLAGS`` and ``FS_IOC_FSSETXATTR``."""

NETWORK: Final = frozenset(
    {
        *(0x890B, 0x890C),  # SIOCADDRT, SIOCDELRT
        *(0x8911, 0x8914, 0x8916, 0x8918, 0x891A, 0x891C, 0x891E, 0x8920, 0x8922, 0x8923, 0x8924, 0x8926),
        *(0x8930, 0x8931, 0x8932, 0x8934, 0x8936, 0x8937, 0x8943, 0x8947, 0x8948, 0x8949, 0x8953, 0x8955, 0x8971),
        *range(0x8990, 0x8995),  # SIOCBOND...
        *(0x89A0, 0x89A1, 0x89A2, 0x89A3, 0x89B0),  # SIOCBR..., SIOCSHWTSTAMP
    }
)
"""Commands to sockets that change devices, addresses, routes and neighbours, and take CAP_NET_ADMIN.

Source: the kernel's ``dev_ioctl``, ``devinet_ioctl``, ``ip_rt_ioctl`` and ``arp_ioctl``.
"""

TUNNELS: Final = 10 << 8 | 200
"""Number of ``/dev/net/tun``."""
TUNNEL_COMMANDS: Final = frozenset({0x400454CA, 0x400454D9})
"""``TUNSETIFF`` and ``TUNSETQUEUE``."""

_WORD: Final = struct.Struct("=I")


def set_flags(box: Box, caller: Caller, target: Target, arguments: Arguments) -> int:
    """Set flags of a file, of which some take a capability where they change.

    Which they are stands in memory, so the supervisor sets its own copy.

    Args:
        box: the box.
        caller: the task.
        target: the file, about which policy was asked.
        arguments: of its ``ioctl``.

    Raises:
        OSError: as the kernel has it.

    Source: the kernel's ``ioctl_setflags`` and ``fileattr_set_prepare``.
    """
    number, command, address = arguments[:3]
    command &= 0xFFFFFFFF
    kind = FLAGS[command]
    data = box.memory.read_exactly(caller.tid, address, kind.size)
    descriptor = copy_of(box, caller, number)
    before = bytearray(kind.size)
    fcntl.ioctl(descriptor, kind.reading, before)
    box.walker.privileges.check_owner(caller, target.status)
    changed = _WORD.unpack_from(before)[0] ^ _WORD.unpack_from(data)[0]
    if changed & kind.guarded and not Capabilities(box).may_use_if_held(caller, "linux_immutable"):
        return -errno.EPERM
    if box.monitor.layers is not None:
        box.monitor.layers.may_change(caller, target.descriptor)
    fcntl.ioctl(descriptor, command, data)
    return 0
