"""Numbers of mounts that never come again, and the file systems that are mounted by them.

Source: ``listmount(2)`` and ``statmount(2)``, which Linux has since 6.8.
"""

import ctypes
import os
import struct

from selbox.enforce.linux import system_call
from selbox.typing import Final

_STATMOUNT, _LISTMOUNT = 457, 458
_REQUEST: Final = struct.Struct("=IIQQ")
_ALL: Final = (1 << 64) - 1
_AT_ONCE: Final = 512
_SUPERBLOCK: Final = 1
_SIZE: Final = 1024
_DEVICE: Final = struct.Struct("=16xII")

MountIds = dict[int, int]
"""Device numbers by numbers of mounts."""


def mount_ids(known: MountIds) -> MountIds:
    """Return what is mounted in the supervisor's namespace.

    Args:
        known: what was mounted before, which need not be asked about again.

    Raises:
        OSError: ENOSYS on a kernel without these calls.
    """
    numbers: list[int] = []
    buffer = ctypes.create_string_buffer(8 * _AT_ONCE)
    while True:
        request = _REQUEST.pack(_REQUEST.size, 0, _ALL, numbers[-1] if numbers else 0)
        count = system_call(_LISTMOUNT, request, buffer, _AT_ONCE, 0)
        numbers += struct.unpack_from(f"={count}Q", buffer.raw)
        if count < _AT_ONCE:
            break
    return {each: known[each] if each in known else _device_of(each) for each in numbers}


def _device_of(number: int) -> int:
    buffer = ctypes.create_string_buffer(_SIZE)
    try:
        request = _REQUEST.pack(_REQUEST.size, 0, number, _SUPERBLOCK)
        system_call(_STATMOUNT, request, buffer, _SIZE, 0)
    except FileNotFoundError:
        return 0  # unmounted meanwhile
    return os.makedev(*_DEVICE.unpack_from(buffer.raw))
