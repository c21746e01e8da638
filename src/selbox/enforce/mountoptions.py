"""The options of a mount: which of them are labels, which are the file system's own.

Source: the kernel's ``selinux_sb_eat_lsm_opts``, ``selinux_add_opt`` and ``generic_parse_monolithic``.
"""

import errno
import os
from collections.abc import Iterator

from selbox.enforce.superblocks import CONTEXT, DEFCONTEXT, LABELS
from selbox.typing import Final, NamedTuple

_SHOWN_ONLY: Final = b"seclabel"


class MountOptions(NamedTuple):
    """What was said with a mount.

    Attributes:
        labels: contexts by the names of their options, see :data:`~selbox.enforce.superblocks.LABELS`.
        others: those of the file system: name, and value or None.
    """

    labels: dict[str, str]
    others: tuple[tuple[bytes, bytes | None], ...]

    @property
    def text(self) -> bytes | None:
        """The file system's own, as ``mount(2)`` takes them; None when there are none."""
        return b",".join(name if value is None else name + b"=" + value for name, value in self.others) or None


def parse_options(data: bytes) -> MountOptions:
    """Take options apart.

    Args:
        data: separated by commas; between quotation marks a comma separates nothing.

    Raises:
        OSError: EINVAL for a label that is said twice, or beside one that excludes it.
    """
    labels: dict[str, str] = {}
    others: list[tuple[bytes, bytes | None]] = []
    for each in _separated(data):
        name, sign, value = each.partition(b"=")
        text = name.decode(errors="surrogateescape")
        if sign and text in LABELS:
            excluded = {CONTEXT: DEFCONTEXT, DEFCONTEXT: CONTEXT}.get(text)
            if text in labels or excluded in labels:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            labels[text] = value.replace(b'"', b"").decode(errors="surrogateescape")
        elif each != _SHOWN_ONLY and name:
            others.append((name, value if sign else None))
    return MountOptions(labels, tuple(others))


def _separated(data: bytes) -> Iterator[bytes]:
    """Part options at commas that are neither quoted nor, as overlays have them, behind a backslash."""
    begin, quoted, place = 0, False, 0
    while place < len(data):
        byte = data[place]
        if byte == 0x22:
            quoted = not quoted
        elif byte == 0x5C:
            place += 1
        elif byte == 0x2C and not quoted:
            yield data[begin:place]
            begin = place + 1
        place += 1
    yield data[begin:]
