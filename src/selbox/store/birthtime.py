"""When an inode was made: what tells a file from a later one that was given the same inode number.

``os.stat`` of Python does not give it on Linux, and the change time that it gives moves with every write.
"""

import ctypes
import os
import struct

_AT_FDCWD = -100
_STATX_BTIME = 0x800
_MASK = struct.Struct("=I")
_TIMESTAMP = struct.Struct("=qI")
_BIRTH_OFFSET = 80
_SIZE = 256

# A C library that is too old for statx cannot tell, which is an answer that callers expect anyway.
_statx = getattr(ctypes.CDLL(None), "statx", None)
if _statx is not None:
    _statx.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p)


def birth_time(path: str) -> int | None:
    """Return when the inode that a path names was made, in nanoseconds since 1970, or None where that is not known.

    File systems such as ext4, xfs, btrfs and tmpfs know it; procfs and sysfs, some network file systems and kernels
    before 4.11 do not. A path that cannot be reached gives None too.

    Source: ``statx(2)``, ``stx_btime``.

    Args:
        path: is followed like ``os.stat`` does; ``/proc/self/fd/N`` names what a descriptor is open on, be it opened
            with ``O_PATH``.
    """
    if _statx is None:
        return None
    buffer = ctypes.create_string_buffer(_SIZE)
    if _statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, buffer) != 0:
        return None
    (mask,) = _MASK.unpack_from(buffer)
    if not mask & _STATX_BTIME:
        return None
    seconds, nanoseconds = _TIMESTAMP.unpack_from(buffer, _BIRTH_OFFSET)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
