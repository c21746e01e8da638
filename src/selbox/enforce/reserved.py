"""Descriptor numbers that the filter watches: what lies there is the supervisor's to read and write."""

import errno
import os

from selbox.enforce.answer import ANSWERED
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities


def put_at_reserved_number(box: Box, caller: Caller, descriptor: int, flags: int) -> int:
    """Put a descriptor into the caller at a number that is watched, or at any where it may have none of them.

    Args:
        box: the box.
        caller: the task, whose call is answered with the number.
        descriptor: the supervisor's.
        flags: ``O_CLOEXEC`` or none.

    Returns:
        The number, or that the call has been answered.

    Raises:
        OSError: EMFILE when the caller has one at each of them.
    """
    listener = box.listener
    for number in range(*box.settings.transactions):
        if not _is_free(caller, number):
            continue
        try:
            return number if listener.set_descriptor(caller.id, descriptor, number, flags) >= 0 else ANSWERED
        except OSError as error:
            if error.errno != errno.EBADF:  # beyond the caller's own limit of descriptors
                raise
            break
    else:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    listener.give_descriptor(caller.id, descriptor, flags)
    return ANSWERED


def _is_free(caller: Caller, number: int) -> bool:
    try:
        with own_capabilities():
            os.lstat(f"/proc/{caller.tid}/fd/{number}")
    except FileNotFoundError:
        return True
    return False
