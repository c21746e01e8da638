"""What an overlay's mounter is asked about the files beneath, besides what a task is asked about the overlay's own.

Source: the kernel's ``ovl_permission``, ``ovl_open_realfile``, ``ovl_setattr``, ``ovl_create_or_link``,
    ``ovl_do_remove``, ``ovl_rename`` and ``ovl_copy_up_one``, which act with the mounter's credentials;
    ``selinux_inode_copy_up`` and ``selinux_dentry_create_files_as``.
"""

import os
import stat
from collections.abc import Callable

from selbox.diagnostics import SelboxError
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.creation import created_sid
from selbox.enforce.labels import FileAt
from selbox.enforce.monitor import AccessDenied, Fields
from selbox.enforce.overlays import Beneath, Layer, Overlay, Overlays
from selbox.typing import Final

_SOUGHT: Final = frozenset({"search", "read", "write", "append", "execute"})
"""Permissions that are sought of the file beneath before the task is asked about the overlay's."""
_CHANGING: Final = frozenset({"write", "append"})
_SEARCH, _WRITE = ("search",), ("write", "search")
_ADD, _REMOVE, _REPLACE = ("add_name", "search"), ("remove_name", "search"), ("add_name", "remove_name", "search")
_WHITEOUT: Final = "chr_file"
_SPECIAL: Final = frozenset({"chr_file", "blk_file", "fifo_file", "sock_file"})


class OverlayChecks:
    """Asks about the files beneath those of overlays.

    The monitor calls :meth:`around` for each check about a file that a handler has open; what changes names is told by
    the handlers that change them.
    """

    def __init__(self, box: Box, overlays: Overlays) -> None:
        self._box = box
        self.overlays = overlays

    # --- Checks about open files ------------------------------------------------------------------------------------

    def around(
        self,
        caller: Caller,
        object_class: str,
        permissions: tuple[str, ...],
        describe: Callable[[], Fields],
        check: Callable[[], bool],
    ) -> bool:
        """Make a check about a file, and those about the file beneath it.

        Args:
            caller: the task.
            object_class: of the file.
            permissions: what it is asked for.
            describe: what tells of it; :class:`~selbox.enforce.labels.FileAt` names the file.
            check: makes the check itself.

        Returns:
            Whether it was granted with nothing to record, and may be taken to be granted again.

        Raises:
            AccessDenied: when policy denies it to the task, or to the mounter.
        """
        if not isinstance(describe, FileAt):
            return check()
        status = os.fstat(describe.descriptor)
        overlay = self.overlays.on(status.st_dev)
        if overlay is None:
            return check()
        if _SOUGHT.issuperset(permissions) and object_class != "lnk_file":
            self._seek(caller, overlay, describe.descriptor, status, permissions)
            check()
        else:
            check()
            self._follow(caller, describe.descriptor, status, object_class, permissions)
        return False

    def _seek(
        self, caller: Caller, overlay: Overlay, descriptor: int, status: os.stat_result, permissions: tuple[str, ...]
    ) -> None:
        """Ask what the kernel's ``ovl_permission`` does: what will be copied to be written must only be readable."""
        found = self.overlays.beneath(caller, descriptor, status)
        if found is None:
            self._ask_gone(caller, overlay, status, permissions)
        else:
            self._look_up(caller, found)
            self._ask(caller, found, *_sought(found.file, permissions, self._class_of(found.file)))

    def _file(self, caller: Caller, descriptor: int) -> Beneath | None:
        """Return what lies beneath an open file; None for one of no overlay, and where it cannot be told."""
        status = os.fstat(descriptor)
        return None if self.overlays.on(status.st_dev) is None else self.overlays.beneath(caller, descriptor, status)

    def _look_up(self, caller: Caller, found: Beneath) -> None:
        """Ask whether the mounter may look for a name in the directories where it is sought (``ovl_lookup``)."""
        if not found.names:
            return
        for each in found.layers[-2]:
            self.overlays.check_file(caller, found.overlay, each, *_SEARCH)
            if each.is_upper and found.file.is_upper and not stat.S_ISDIR(found.file.status.st_mode):
                return

    def _ask_gone(self, caller: Caller, overlay: Overlay, status: os.stat_result, permissions: tuple[str, ...]) -> None:
        """Ask about what lay beneath a file that has no name any more."""
        box = self._box
        sid, object_class = self.overlays.gone_sid(status), box.labels.class_of(status)
        box.monitor.check(caller, sid, object_class, permissions, dict, source=overlay.mounter)

    def _follow(
        self,
        caller: Caller,
        descriptor: int,
        status: os.stat_result,
        object_class: str,
        permissions: tuple[str, ...],
    ) -> None:
        """Ask what the kernel asks when it goes on to the file beneath."""
        if not {"open", "getattr", "setattr"}.intersection(permissions) and object_class != "lnk_file":
            return
        found = self.overlays.beneath(caller, descriptor, status)
        if found is None:
            return
        if "getattr" in permissions:
            self._look_up(caller, found)
        if "setattr" in permissions or ("open" in permissions and object_class not in _SPECIAL):
            if "setattr" in permissions or not _CHANGING.isdisjoint(permissions):
                found = self.copy_up(caller, found, descriptor)
            opened = tuple(each for each in permissions if each not in ("open", "ioctl", "setattr"))
            if opened:
                self._ask(caller, found, *opened)
        if object_class not in _SPECIAL or "open" not in permissions:
            self._ask(caller, found, *permissions)

    def _ask(self, caller: Caller, found: Beneath, *permissions: str) -> None:
        self.overlays.check_file(caller, found.overlay, found.file, *permissions)

    def _class_of(self, file: Layer) -> str:
        return self._box.labels.class_of(file.status)

    # --- Copying up -------------------------------------------------------------------------------------------------

    def copy_up(self, caller: Caller, found: Beneath, descriptor: int) -> Beneath:
        """Have a file copied up, if the mounter may, and return what lies beneath it then.

        Raises:
            AccessDenied: when policy denies the mounter a part of it.
            OSError: EROFS without an upper directory, and what copying fails with.
        """
        count = self.overlays.missing(found)
        for level in range(len(found.layers) - count, len(found.layers)):
            self._may_copy(caller, found, level)
        return self.overlays.copy_up(caller, found, descriptor)

    def _may_copy(self, caller: Caller, found: Beneath, level: int) -> None:
        overlay, file = found.overlay, found.layers[level][0]
        object_class = self._class_of(file)
        sid = overlay.superblock.mountpoint or self.overlays.real_sid(caller, file)
        self._work(caller, overlay, _WRITE)
        if object_class == "file":
            self._new(caller, overlay, sid, "file", "write", "open")
            if file.status.st_size:
                self.overlays.check_file(caller, overlay, file, "read")
                self.overlays.check_file(caller, overlay, file, "read", "open")
        else:
            self._work(caller, overlay, _ADD)
            self._new(caller, overlay, sid, object_class, "create")
            self._may_associate(caller, overlay, sid)
        self._new(caller, overlay, sid, object_class, "setattr")
        # The directory above is in the upper one, or comes there first, with the label that it has.
        above = overlay.superblock.mountpoint or self.overlays.real_sid(caller, found.layers[level - 1][0])
        self._new(caller, overlay, above, "dir", *_WRITE)
        if object_class == "file":
            self._new(caller, overlay, above, "dir", *_ADD)
            self._new(caller, overlay, sid, "file", "link")
        else:
            self._work(caller, overlay, _REMOVE)
            self._new(caller, overlay, sid, object_class, "rename")
            if object_class == "dir":
                self._new(caller, overlay, sid, "dir", "reparent")
            self._new(caller, overlay, above, "dir", *_ADD)
        self._new(caller, overlay, above, "dir", "setattr")

    def _work(self, caller: Caller, overlay: Overlay, permissions: tuple[str, ...]) -> None:
        """Ask about the directory in which the kernel prepares things."""
        self._new(caller, overlay, self._work_sid(caller, overlay), "dir", *permissions)

    def _work_sid(self, caller: Caller, overlay: Overlay) -> int:
        return self._box.labels.sid_of(overlay.work, os.fstat(overlay.work), caller)

    def _new(self, caller: Caller, overlay: Overlay, sid: int, object_class: str, *permissions: str) -> None:
        """Ask the mounter's permissions on what is made meanwhile, and has no name that anybody would know."""
        self._box.monitor.check(caller, sid, object_class, permissions, dict, source=overlay.mounter)

    def _may_associate(self, caller: Caller, overlay: Overlay, sid: int) -> None:
        labels = self._box.labels
        filesystem = labels.filesystem_sid_on(os.fstat(overlay.upper).st_dev)
        self._box.monitor.check(caller, filesystem, "filesystem", ("associate",), dict, source=sid)

    # --- Names ------------------------------------------------------------------------------------------------------

    def _directory(self, caller: Caller, descriptor: int) -> Beneath | None:
        """Return what lies beneath a directory that is about to be changed; None for one of no overlay.

        Raises:
            AccessDenied: when it cannot be told.
        """
        status = os.fstat(descriptor)
        if self.overlays.on(status.st_dev) is None:
            return None
        found = self.overlays.beneath(caller, descriptor, status)
        if found is None:
            raise AccessDenied
        return found

    def may_create(self, caller: Caller, parent: int, name: bytes, object_class: str, sid: int) -> None:
        """Ask whether the mounter may make what a task makes in a directory, with the label that the task's has."""
        found = self._directory(caller, parent)
        if found is None:
            return
        overlay, whiteout = found.overlay, self._whiteout_at(found, name)
        found = self.copy_up(caller, found, parent)
        self._ask(caller, found, *_SEARCH)
        if whiteout is None:
            self._ask(caller, found, *_WRITE)
            self._ask(caller, found, *_ADD)
        else:  # what hid the name is replaced
            self._work(caller, overlay, _WRITE)
            self._work(caller, overlay, _ADD)
        self._new(caller, overlay, sid, object_class, "create")
        self._may_associate(caller, overlay, sid)
        if whiteout is not None:
            self._ask(caller, found, *_WRITE)
            self._work(caller, overlay, _REMOVE)
            self._new(caller, overlay, sid, object_class, "rename")
            self._ask(caller, found, *_REPLACE)
            self.overlays.check_file(caller, overlay, whiteout, "unlink")

    def _whiteout_at(self, directory: Beneath, name: bytes) -> Layer | None:
        """Return what hides a name in the upper directory."""
        return self.overlays.whiteout(directory.layers[-1], name)

    def may_link(self, caller: Caller, old: int, parent: int) -> None:
        """Ask whether the mounter may give a file another name."""
        found = self._directory(caller, parent)
        if found is None:
            return
        status = os.fstat(old)
        source = self.overlays.beneath(caller, old, status)
        if source is None and not self.overlays.is_gone(status):
            raise AccessDenied
        if source is not None:
            source = self.copy_up(caller, source, old)
        found = self.copy_up(caller, found, parent)
        self._ask(caller, found, *_WRITE)
        self._ask(caller, found, *_ADD)
        if source is None:
            self._ask_gone(caller, found.overlay, status, ("link",))
        else:
            self._ask(caller, source, "link")

    def may_fill(self, caller: Caller, directory: int) -> None:
        """Ask whether the mounter may make a file without a name in a directory."""
        found = self._directory(caller, directory)
        if found is not None:
            self._ask(caller, self.copy_up(caller, found, directory), *_WRITE)

    def may_change(self, caller: Caller, descriptor: int) -> None:
        """Have a file copied up that is to be changed in a way about which only writing is asked."""
        found = self._file(caller, descriptor)
        if found is not None:
            self._ask(caller, self.copy_up(caller, found, descriptor), "write")

    def may_remove(self, caller: Caller, parent: int, name: bytes, descriptor: int, permission: str) -> None:
        """Ask whether the mounter may remove a name, or hide it where it is a lower directory's."""
        found = self._directory(caller, parent)
        if found is None:
            return
        overlay = found.overlay
        status = os.fstat(descriptor)
        file = self.overlays.beneath(caller, descriptor, status)
        if file is None:
            raise AccessDenied
        self.overlays.keep_gone(status, self.overlays.real_sid(caller, file.file), file.file)
        found = self.copy_up(caller, found, parent)
        is_covering = self.overlays.is_covering(found.layers[-1], name)
        self._ask(caller, found, *_SEARCH)
        if is_covering:
            self._may_hide(caller, overlay)
        self._ask(caller, found, *_WRITE)
        if is_covering:
            self._work(caller, overlay, _REMOVE)
            self._new(caller, overlay, self._whiteout_sid(caller, overlay), _WHITEOUT, "rename")
            self._ask(caller, found, *(_REPLACE if file.file.is_upper else _ADD))
        else:
            self._ask(caller, found, *_REMOVE)
        if file.file.is_upper:
            self._ask(caller, file, permission)

    def _may_hide(self, caller: Caller, overlay: Overlay) -> None:
        sid = self._whiteout_sid(caller, overlay)
        self._work(caller, overlay, _WRITE)
        self._work(caller, overlay, _ADD)
        self._new(caller, overlay, sid, _WHITEOUT, "create")
        self._may_associate(caller, overlay, sid)

    def _whiteout_sid(self, caller: Caller, overlay: Overlay) -> int:
        return created_sid(self._box, overlay.mounter, self._work_sid(caller, overlay), _WHITEOUT)

    def name_gone(self, caller: Caller, parent: int, name: bytes, status: os.stat_result) -> None:
        """Note that a name is gone that :meth:`may_remove` or :meth:`may_rename` was asked about."""
        overlay = self.overlays.on(status.st_dev)
        if overlay is not None:
            self.overlays.name_gone(caller, parent, name, status, self._whiteout_sid(caller, overlay))

    def moved(self, caller: Caller, parent: int, name: bytes) -> None:
        """Label what hides the old name of what was moved, which the kernel makes in the directory itself."""
        self.overlays.changed()
        found = self._directory(caller, parent)
        whiteout = None if found is None else self.overlays.whiteout(found.layers[-1], name)
        if found is not None and whiteout is not None:
            above = self.overlays.real_sid(caller, found.file)
            sid = created_sid(self._box, found.overlay.mounter, above, _WHITEOUT)
            self._box.labels.assign(whiteout.status, sid, f"/proc/self/fd/{whiteout.descriptor}")

    def may_rename(
        self, caller: Caller, old_parent: int, old: int, new_parent: int, new: int, *, exchange: bool
    ) -> None:
        """Ask whether the mounter may move a name.

        Args:
            caller: the task.
            old_parent: directory of the name.
            old: what it names.
            new_parent: directory of the new name.
            new: what has that name already; -1 for nothing.
            exchange: whether the two change places.
        """
        source, target = self._directory(caller, old_parent), self._directory(caller, new_parent)
        if source is None or target is None:
            return  # nothing is moved from one file system to another
        file = self.overlays.beneath(caller, old, os.fstat(old))
        replaced = None if new < 0 else self.overlays.beneath(caller, new, os.fstat(new))
        if file is None or (new >= 0 and replaced is None):
            raise AccessDenied
        file = self.copy_up(caller, file, old)
        if replaced is not None and exchange:
            replaced = self.copy_up(caller, replaced, new)
        target = self.copy_up(caller, target, new_parent)
        source = self.copy_up(caller, source, old_parent)
        for each in (source, target):
            self._ask(caller, each, *_WRITE)
        self._ask(caller, source, *_REMOVE)
        self._ask(caller, file, "rename")
        self._ask(caller, target, *(_ADD if replaced is None else _REPLACE))
        if replaced is not None and not exchange:
            self.overlays.keep_gone(os.fstat(new), self.overlays.real_sid(caller, replaced.file), replaced.file)
            if replaced.file.is_upper:
                is_directory = stat.S_ISDIR(replaced.file.status.st_mode)
                self._ask(caller, replaced, "rmdir" if is_directory else "unlink")

    # --- Labels -----------------------------------------------------------------------------------------------------

    def may_relabel(self, caller: Caller, descriptor: int, sid: int) -> None:
        """Have a file copied up that is to be relabelled, and ask whether the mounter may do the same beneath."""
        found = self._file(caller, descriptor)
        if found is None:
            return
        found = self.copy_up(caller, found, descriptor)
        self._ask(caller, found, "relabelfrom")
        self._new(caller, found.overlay, sid, self._class_of(found.file), "relabelto")
        self._may_associate(caller, found.overlay, sid)

    # --- Mounting ---------------------------------------------------------------------------------------------------

    def may_prepare(self, caller: Caller, work: int) -> bool:
        """Tell whether a mounter may make in a directory what the kernel makes there; else it mounts for reading.

        Source: the kernel's ``ovl_workdir_create``.
        """
        box = self._box
        sid = box.labels.sid_of(work, os.fstat(work), caller)
        describe = box.labels.at(work)
        try:
            box.monitor.check(caller, sid, "dir", _SEARCH, describe)
            box.monitor.check(caller, sid, "dir", _WRITE, describe)
            box.monitor.check(caller, sid, "dir", _ADD, lambda: {"name": "work"})
            made = created_sid(box, caller.state.sid, sid, "dir", "work")
            box.monitor.check(caller, made, "dir", ("create",), lambda: {"name": "work"})
            filesystem = box.labels.filesystem_sid_on(os.fstat(work).st_dev)
            box.monitor.check(caller, filesystem, "filesystem", ("associate",), lambda: {"name": "work"}, source=made)
            box.monitor.check(caller, made, "dir", ("setattr",), lambda: {"name": "work"})
        except (AccessDenied, SelboxError):
            return False
        return True


def _sought(file: Layer, permissions: tuple[str, ...], object_class: str) -> tuple[str, ...]:
    """Return what is sought of a file beneath: of one that is yet to be copied, to read it instead of to write it."""
    if file.is_upper or object_class in _SPECIAL or _CHANGING.isdisjoint(permissions):
        return permissions
    kept = tuple(each for each in permissions if each not in _CHANGING)
    return kept if "read" in kept else ("read", *kept)
