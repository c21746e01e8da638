"""The SID of a new object that is no file: what policy computes, as the answer to a call."""

import errno
import os

from selbox.diagnostics import SelboxError
from selbox.enforce.box import Box
from selbox.enforce.monitor import AccessDenied
from selbox.server.report import InvalidTransitionError


def created_sid(box: Box, source: int, target: int, object_class: str, name: str | None = None) -> int:
    """Return the SID of a new object.

    Args:
        box: the box.
        source: SID of the task that makes it.
        target: SID of the related object.
        object_class: name of the new object's class.
        name: the object's own, where it has one.

    Raises:
        AccessDenied: when the computed context is not valid; the kernel answers EACCES too.
        OSError: EINVAL, when no range can be computed.
    """
    class_id = box.server.vector(object_class, ()).object_class
    try:
        return box.server.compute_create(source, target, class_id, name)
    except InvalidTransitionError:
        raise AccessDenied from None
    except SelboxError:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
