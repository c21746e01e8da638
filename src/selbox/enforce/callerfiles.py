"""Files that the calls of stopped tasks name, by path or by descriptor number, and checks about them."""

import errno
import os
import stat

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, O_PATH
from selbox.enforce.socketlabels import is_socket
from selbox.typing import Final, NamedTuple

_ON_FILE: Final = frozenset({"getattr", "setattr"})
"""Permissions that are asked of a file itself, even where it is open."""


class Target(NamedTuple):
    """A file that a call is about.

    Attributes:
        descriptor: the supervisor's, ``O_PATH``.
        status: its status.
        is_open: whether the call named it by an open descriptor of the caller.
    """

    descriptor: int
    status: os.stat_result
    is_open: bool = False

    @property
    def place(self) -> str:
        """A path that leads to the very object, for calls that take no descriptor or none of this kind."""
        return f"/proc/self/fd/{self.descriptor}"


def target_at(box: Box, caller: Caller, directory: int, path: bytes, *, follow: bool) -> Target:
    """Return what a path names.

    Raises:
        OSError: as the kernel has it, ENOENT where there is nothing.
    """
    located = box.walker.locate(caller, directory, path, follow=follow, parent=False)
    status = located.found
    if located.must_be_directory and not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return Target(located.object, status)


def misleads(box: Box, caller: Caller, directory: int, path: bytes, found: os.stat_result, flags: int = 0) -> bool:
    """Tell whether the kernel itself would come by a path to something else than what it means in the box.

    Args:
        box: the box.
        caller: the task.
        directory: where a relative path starts.
        path: the path.
        found: status of what it means in the box.
        flags: ``O_NOFOLLOW`` where a link in the last place is not followed.
    """
    if not box.walker.stand_ins.are_used or caller.state.root_changed or box.leads.holds(caller.tid):
        return False
    try:
        start = box.walker.start_of(caller, directory) if path[:1] != b"/" else None
        status = os.stat(path, dir_fd=start, follow_symlinks=not flags & os.O_NOFOLLOW)
    except OSError:
        return True
    return (status.st_dev, status.st_ino) != (found.st_dev, found.st_ino)


def target_in(box: Box, caller: Caller, directory: int, address: int, flags: int, *, follow: bool) -> Target:
    """Return what a path in a caller's memory names; with ``AT_EMPTY_PATH``, an empty one means the directory itself.

    Raises:
        OSError: as the kernel has it.
    """
    path = box.memory.read_string(caller.tid, address)
    if not path and flags & AT_EMPTY_PATH:
        descriptor = box.walker.start_of(caller, directory)
        return Target(descriptor, os.fstat(descriptor), is_open=True)
    return target_at(box, caller, directory, path, follow=follow)


def target_open(box: Box, caller: Caller, number: int) -> Target:
    """Return what a caller's descriptor is open on.

    Raises:
        OSError: EBADF when it has no such descriptor, or one that was opened with ``O_PATH``.
    """
    if flags_of(caller, number) & O_PATH:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    descriptor = box.walker.start_of(caller, number)
    return Target(descriptor, os.fstat(descriptor), is_open=True)


def target_held(box: Box, caller: Caller, number: int) -> Target:
    """Return what a caller's descriptor of any kind stands for, ``O_PATH`` or not.

    Raises:
        OSError: EBADF when it has no such descriptor.
    """
    if number & 0xFFFFFFFF == AT_FDCWD & 0xFFFFFFFF:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    descriptor = box.walker.start_of(caller, number)
    return Target(descriptor, os.fstat(descriptor), is_open=True)


def check_target(box: Box, caller: Caller, target: Target, *permissions: str) -> None:
    """Check permissions on a file.

    Raises:
        AccessDenied: when policy denies them.
    """
    status = target.status
    if target.is_open and not has_label(box, status):
        check_socket(box, caller, status, permissions)
        return
    sid = box.labels.sid_of(target.descriptor, status, caller)
    describe = box.labels.at(target.descriptor)
    # What is open in an overlay is open beneath it as well, and its mounter is asked no more.
    is_alone = target.is_open and _ON_FILE.isdisjoint(permissions)
    box.monitor.check(caller, sid, box.labels.class_of(status), permissions, describe, alone=is_alone)


def check_socket(box: Box, caller: Caller, status: os.stat_result, permissions: tuple[str, ...]) -> None:
    """Check permissions on a socket that another domain made; what a task makes itself it is taken to be allowed."""
    label = box.socket_labels.known(status.st_ino) if is_socket(status) else None
    if label is not None and label.sid != box.labels.outside:
        said = {"path": f"socket:[{status.st_ino}]", "dev": "sockfs", "ino": status.st_ino}
        box.monitor.check(caller, label.sid, label.object_class, permissions, lambda: said)


def copy_of(box: Box, caller: Caller, number: int) -> int:
    """Return the supervisor's own copy of a caller's descriptor, which lives as long as the call.

    Raises:
        OSError: EBADF when the caller has none; EPERM where the supervisor may not copy descriptors.
    """
    return box.descriptors.add(box.pidfds.copy(caller.tid, number & 0xFFFFFFFF))


def has_label(box: Box, status: os.stat_result) -> bool:
    """Tell whether an open file is one that has a label here.

    Event queues and the like are all one inode, about which the kernel asks nobody; sockets have labels of their own
    kind, which :mod:`selbox.enforce.sockets` knows.
    """
    if is_socket(status):
        return False
    return stat.S_IFMT(status.st_mode) != 0 or bool(box.labels.class_of(status))


def flags_of(caller: Caller, number: int) -> int:
    """Return the flags of a caller's open file.

    Raises:
        OSError: EBADF when it has no such descriptor.
    """
    try:
        with own_capabilities(), open(f"/proc/{caller.tid}/fdinfo/{number & 0xFFFFFFFF}", "rb") as information:
            return next(int(line[6:], 8) for line in information if line.startswith(b"flags:"))
    except (FileNotFoundError, StopIteration):
        raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
