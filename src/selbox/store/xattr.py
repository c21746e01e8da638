"""The label that a file carries itself: the extended attribute ``security.selinux``."""

import errno
import os

_NAME = "security.selinux"
_WITHOUT_LABEL = frozenset({errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM, errno.EACCES})


def read_xattr(path: str) -> str | None:
    """Return the label that a file carries, or None when it has none or may not be asked.

    Source: ``getfilecon`` of libselinux; the final NUL that it writes is not part of the context.

    Args:
        path: is followed; ``/proc/self/fd/N`` names what a descriptor is open on.

    Raises:
        OSError: when the file itself cannot be reached.
    """
    try:
        value = os.getxattr(path, _NAME)
    except OSError as error:
        if error.errno in _WITHOUT_LABEL:
            return None
        raise
    return value.removesuffix(b"\0").decode("utf-8", "surrogateescape") or None


def write_xattr(path: str, context: str) -> bool:
    """Write the label into a file, and tell whether the system let us.

    Source: ``setfilecon`` of libselinux, which writes the final NUL too.

    Args:
        path: as in :func:`read_xattr`.
        context: the security context as text.

    Raises:
        OSError: when the file cannot be reached or written for another reason than privilege and file system.
    """
    try:
        os.setxattr(path, _NAME, context.encode("utf-8", "surrogateescape") + b"\0")
    except OSError as error:
        if error.errno in _WITHOUT_LABEL:
            return False
        raise
    return True
