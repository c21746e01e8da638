"""Which format a file has, by its first bytes."""

from enum import Enum

from selbox.typing import Final

POLICY_MAGIC: Final = 0xF97CFF8C
"""First 32 bits of a kernel policy."""

MODULE_MAGIC: Final = 0xF97CFF8D
"""First 32 bits of a module."""

PACKAGE_MAGIC: Final = 0xF97CFF8F
"""First 32 bits of a package."""


class Format(Enum):
    """What a policy file is."""

    KERNEL_POLICY = "kernel policy"
    PACKAGE = "module package"
    MODULE = "module"
    TEXT = "text"


_BY_MAGIC = {
    POLICY_MAGIC.to_bytes(4, "little"): Format.KERNEL_POLICY,
    PACKAGE_MAGIC.to_bytes(4, "little"): Format.PACKAGE,
    MODULE_MAGIC.to_bytes(4, "little"): Format.MODULE,
}


def detect(data: bytes) -> Format:
    """Return the format of a file.

    Args:
        data: the file, or at least its first 4 bytes. What has no known magic number is text.
    """
    return _BY_MAGIC.get(data[:4], Format.TEXT)
