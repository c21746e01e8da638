"""Whether an open file may come into the hands of a task in another domain.

Source: the kernel's ``selinux_file_receive`` and ``flush_unauthorized_files``, which both ask ``file_has_perm``.
"""

import os
import stat
from collections.abc import Callable

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import has_label
from selbox.enforce.creation import created_sid
from selbox.enforce.linux import O_PATH
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.shownpaths import path_of
from selbox.enforce.socketlabels import SocketLabel, is_socket
from selbox.typing import Final

_NULL_DEVICE: Final = os.makedev(1, 3)

ANONYMOUS: Final = "anon_inode"
FAULTS: Final = "[userfaultfd]"
"""How the kernel calls descriptors that tell of page faults."""

FAULTS_PATH: Final = f"{ANONYMOUS}:{FAULTS}"


def access_of_flags(flags: int) -> tuple[str, ...]:
    """Return the permissions that an open file exercises, by its status flags (kernel: ``file_to_av``)."""
    if flags & O_PATH:
        return ("ioctl",)
    mode = flags & os.O_ACCMODE
    write = "append" if flags & os.O_APPEND else "write"
    return {os.O_RDONLY: ("read",), os.O_WRONLY: (write,), os.O_RDWR: ("read", write)}.get(mode, ("ioctl",))


def check_descriptor(
    box: Box,
    holder: Caller,
    sid: int,
    descriptor: int,
    access: tuple[str, ...],
    label_socket: Callable[[], SocketLabel],
    *,
    opener: int | None = None,
) -> None:
    """Check that a domain may have an open file: ``fd use``, and what the file is open for.

    Args:
        box: the box.
        holder: the task that is recorded; its SID is that of the domain the file comes from, which counts as its
            opener, and as its maker, where none is known.
        sid: the domain that is to have it.
        descriptor: the supervisor's own, ``O_PATH`` or open.
        access: from :func:`access_of_flags`.
        label_socket: gives a socket its label.
        opener: the domain that opened it, where that is certain.

    Raises:
        AccessDenied: when policy denies it.
    """
    status = os.fstat(descriptor)
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == _NULL_DEVICE:
        return  # what an unauthorized descriptor becomes may always be had
    if box.openers.is_private(status):
        raise AccessDenied

    def describe() -> dict[str, object]:
        if is_socket(status):
            return {"path": f"socket:[{status.st_ino}]", "dev": "sockfs", "ino": status.st_ino}
        return box.labels.describe(descriptor)

    maker = box.labels.maker_of_pipe(status) or holder.state.sid
    for each in box.openers.of(status, maker) if opener is None else (opener,):
        if each != sid:
            box.monitor.check(holder, each, "fd", ("use",), describe, source=sid)
    if has_label(box, status):
        target, object_class = box.labels.sid_of(descriptor, status, holder), box.labels.class_of(status)
    elif is_socket(status):
        target, object_class = label_socket()
    elif path_of(descriptor) == FAULTS_PATH:
        # The kernel made it for what is read from another one, or a thread took it before it had its label.
        target, object_class = created_sid(box, holder.state.sid, holder.state.sid, ANONYMOUS, FAULTS), ANONYMOUS
        box.labels.assign_nameless(status, target, object_class)
    else:
        needed = box.bpf_labels.needed(descriptor)
        if needed is not None:
            loader, permissions = needed
            target = box.labels.outside if loader is None else loader
            box.monitor.check(holder, target, "bpf", permissions, dict, source=sid)
        return
    box.monitor.check(holder, target, object_class, access, describe, source=sid)
