"""Entries of directories: what it takes to make one or to take one away, and the labels of what comes into being."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import read_umask
from selbox.enforce.filesystems import mount_number
from selbox.enforce.shownpaths import path_of
from selbox.enforce.walks import Located


class DirectoryEntries:
    """The checks and labels of what is made, removed and renamed in directories."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def may_create(self, caller: Caller, located: Located, object_class: str) -> int:
        """Check that a caller may make an object of a class; return the SID that it will have.

        Source: the kernel's ``may_create`` and ``selinux_determine_inode_label``.

        Raises:
            AccessDenied: when policy denies it.
        """
        box = self._box
        status = os.fstat(located.parent)
        self.check_changeable(caller, located, status)
        directory = box.labels.sid_of(located.parent, status, caller)
        self._check_directory(caller, located.parent, directory, "add_name")
        name = os.fsdecode(located.name)
        sid = self.label_of(caller, located, object_class)

        def describe() -> dict[str, object]:
            return {"name": name}

        box.monitor.check(caller, sid, object_class, ("create",), describe)
        filesystem = box.labels.filesystem_sid_on(status.st_dev)
        box.monitor.check(caller, filesystem, "filesystem", ("associate",), describe, source=sid)
        if box.monitor.layers is not None:
            box.monitor.layers.may_create(caller, located.parent, located.name, object_class, sid)
        return sid

    def label_of(self, caller: Caller, located: Located, object_class: str) -> int:
        """Return the SID of an object that a caller makes (kernel: ``selinux_determine_inode_label``)."""
        superblock = self._box.labels.superblocks.mounted(os.fstat(located.parent).st_dev)
        if superblock is not None and superblock.mountpoint:
            return superblock.mountpoint
        if caller.state.next_labels.create_sid and (superblock is None or superblock.takes_labels):
            return caller.state.next_labels.create_sid
        box = self._box
        directory = box.labels.sid_of(located.parent, os.fstat(located.parent), caller)
        class_id = box.server.vector(object_class, ()).object_class
        return box.server.compute_create(caller.state.sid, directory, class_id, os.fsdecode(located.name))

    def may_remove(self, caller: Caller, located: Located, permission: str) -> os.stat_result:
        """Check that a caller may take a name out of a directory (kernel: ``may_link``); return the object's status."""
        box = self._box
        status = located.found
        holder = os.fstat(located.parent)
        self.check_changeable(caller, located, holder)
        self.check_writable(caller, located)
        box.walker.privileges.check_removal(caller, holder, status)
        directory = box.labels.sid_of(located.parent, holder, caller)
        self._check_directory(caller, located.parent, directory, "remove_name")
        self.check_object(caller, located, permission)
        if box.monitor.layers is not None:
            box.monitor.layers.may_remove(caller, located.parent, located.name, located.object, permission)
        return status

    def check_object(self, caller: Caller, located: Located, permission: str) -> int:
        """Check one permission on what a name stands for; return its SID."""
        box = self._box
        status = located.found
        sid = box.labels.sid_of(located.object, status, caller)
        box.monitor.check(caller, sid, box.labels.class_of(status), (permission,), box.labels.at(located.object))
        return sid

    def _check_directory(self, caller: Caller, descriptor: int, sid: int, permission: str) -> None:
        self._box.walker.privileges.check_mode(caller, os.fstat(descriptor), os.W_OK | os.X_OK)
        for permissions in (("write", "search"), (permission, "search")):
            self._box.monitor.check(caller, sid, "dir", permissions, self._box.labels.at(descriptor))

    def check_changeable(self, caller: Caller, located: Located, holder: os.stat_result) -> None:
        """Refuse what would change the names in a directory that only the kernel changes, to whoever may write to it.

        Raises:
            OSError: EPERM, as where a file system has no such operation.
        """
        if self._box.walker.stand_ins.is_fixed(holder):
            self.check_writable(caller, located)
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def check_writable(self, caller: Caller, located: Located) -> None:
        """Check what changing a directory in any way takes (kernel: ``inode_permission``)."""
        self.check_entry(caller, located, "write")

    def check_entry(self, caller: Caller, located: Located, *permissions: str) -> None:
        """Check permissions on the directory that holds a name, which is searched for it."""
        status = os.fstat(located.parent)
        if "write" in permissions:
            self._box.walker.privileges.check_mode(caller, status, os.W_OK | os.X_OK)
        sid = self._box.labels.sid_of(located.parent, status, caller)
        self._box.monitor.check(caller, sid, "dir", (*permissions, "search"), self._box.labels.at(located.parent))

    def check_directory(self, caller: Caller, located: Located, permission: str) -> None:
        """Check that a caller may change a directory's entries in one way (``add_name``, ``remove_name``)."""
        sid = self._box.labels.sid_of(located.parent, os.fstat(located.parent), caller)
        self._check_directory(caller, located.parent, sid, permission)

    @contextmanager
    def creating(self, caller: Caller) -> Iterator[None]:
        """Create with the caller's file mode mask."""
        own = os.umask(read_umask(caller.tid))
        try:
            yield
        finally:
            os.umask(own)

    def gone(self, caller: Caller, located: Located, status: os.stat_result) -> None:
        """Forget a name that was taken away, and what it stood for with the last one."""
        self._box.labels.removed(status, path_in(located))
        if self._box.monitor.layers is not None:
            self._box.monitor.layers.name_gone(caller, located.parent, located.name, status)
        if stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode):
            self._box.walker.known.forget()

    def undo(self, located: Located, status: os.stat_result) -> None:
        """Take back an object that was made and may not be used."""
        os.unlink(located.name, dir_fd=located.parent)
        self._box.labels.removed(status, path_in(located))


def place_of(located: Located) -> str:
    """Return a path by which this process reaches the name that was located."""
    return f"/proc/self/fd/{located.parent}/{os.fsdecode(located.name)}"


def check_one_mount(*descriptors: int) -> None:
    """Check that two objects were come by through one mount, which the kernel does before it asks for permissions.

    Raises:
        OSError: EXDEV.
    """
    if len({mount_number(each) for each in descriptors}) > 1:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def path_in(located: Located) -> str:
    """Return the path of the name that was located, by the present names of its directories."""
    return f"{path_of(located.parent).rstrip('/')}/{os.fsdecode(located.name)}"
