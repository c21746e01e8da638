"""What all ways of mounting share: who may, how a file system is made and labelled, what changes with it.

Labels of file systems are taken out of the options, which the host's kernel does not know, and kept by the box.
"""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from selbox.diagnostics import SelboxError
from selbox.enforce import mountcalls
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.confinedmounts import NO_DEVICES, confined_options
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.ipcnamespaces import in_ipc_of
from selbox.enforce.monitor import AccessDenied
from selbox.enforce.mountguard import MountGuard
from selbox.enforce.mountinghelper import PROCESSES, TERMINALS, make_for
from selbox.enforce.mountnamespaces import among_mounts_of, number_of, owner_of_mounts
from selbox.enforce.overlaymounts import KIND, Option, OverlayMounts
from selbox.enforce.superblocks import CONTEXT, DEFCONTEXT, FSCONTEXT, ROOTCONTEXT, Superblock
from selbox.model.labelling import FilesystemUseBehaviour
from selbox.typing import Final, NamedTuple

_SERVED: Final = frozenset(("fuse", "fuseblk", "autofs", "9p", "nfs", "nfs4", "cifs", "smb3", "ceph", "afs", "coda"))
"""Kinds of file systems that wait for programs or other machines, on which the supervisor must not wait."""


class Made(NamedTuple):
    """A file system that was made, or found, and is mounted nowhere yet.

    Attributes:
        mount: descriptor of a mount of it.
        context: the kernel's context that it was made by.
        status: of its root.
        superblock: what it is like.
    """

    mount: int
    context: int
    status: os.stat_result
    superblock: Superblock


class Mounting:
    """Mounts for the tasks of a box."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._capabilities = Capabilities(box)
        self.guard = MountGuard(box.labels.filesystems, box.kept_places)
        """What may not be covered or taken away."""

    # --- Who may, and what changes ----------------------------------------------------------------------------------

    def may_mount(self, caller: Caller) -> None:
        """Check what mounting takes besides what is asked of places and file systems (kernel: ``may_mount``).

        Raises:
            OSError: EPERM; also where the box has no mounts of its own.
        """
        if not self._capabilities.may_use(caller, "sys_admin", own=True) or not self._has_own_mounts(caller):
            raise not_permitted()

    def _has_own_mounts(self, caller: Caller) -> bool:
        """Tell whether a caller's mounts are the box's, or those of a user namespace which it has a capability in."""
        if not self._box.mounts_are_own:
            return False
        return not self.is_confined(caller) or owner_of_mounts(caller.tid) == number_of(caller.tid, "user")

    @staticmethod
    def is_confined(caller: Caller) -> bool:
        """Tell whether a caller is in a user namespace that a program made, where less may be mounted.

        What is mounted there, the supervisor mounts with its own capabilities: so all is refused for which the kernel
        would ask about capabilities that reach further than the namespace.
        """
        return caller.state.root_changed and number_of(caller.tid, "user") != number_of("self", "user")

    def check_unconfined(self, caller: Caller) -> None:
        """Refuse what may not be done in a user namespace that a program made.

        Raises:
            OSError: EPERM.
        """
        if self.is_confined(caller):
            raise not_permitted()

    @staticmethod
    def has_other_mounts(caller: Caller) -> bool:
        """Tell whether a caller has another mount namespace than the box was started with."""
        return caller.state.root_changed and number_of(caller.tid) != number_of("self")

    def copy(self, caller: Caller, source: int, *, recursively: bool) -> int:
        """Return a descriptor of a copy of a mount that a caller sees."""
        with self._powers(caller):
            return among_mounts_of(caller.tid, lambda: mountcalls.copied_mount(source, recursively=recursively))

    def _powers(self, caller: Caller) -> AbstractContextManager[None]:
        """Return what has the supervisor act with its own capabilities for who holds them in a namespace only."""
        return own_capabilities() if self.is_confined(caller) else nullcontext()

    def change(self, caller: Caller, operation: Callable[[], None], *, at_its_root: bool = False) -> None:
        """Change what a caller sees mounted, and forget what depends on it.

        Args:
            caller: who changes it.
            operation: is called among its mounts, see :func:`among_mounts_of`.
            at_its_root: see there.
        """
        box = self._box
        box.labels.filesystems.about_to_change()
        try:
            with self._powers(caller):
                among_mounts_of(caller.tid, operation, at_its_root=at_its_root)
        finally:
            box.labels.filesystems.changed()
            box.walker.known.forget()
            box.monitor.invalidate()

    def check_filesystem(self, caller: Caller, device: int, permission: str) -> None:
        """Check a permission on the file system with a device number.

        Raises:
            AccessDenied: when policy denies it.
        """
        self._box.monitor.check(caller, self._box.labels.filesystem_sid_on(device), "filesystem", (permission,), dict)

    # --- Labels -----------------------------------------------------------------------------------------------------

    def sids(self, labels: Mapping[str, str]) -> dict[str, int]:
        """Return the SIDs of contexts, by the names of the options that said them.

        Raises:
            OSError: EINVAL for one that the policy does not have.
        """
        try:
            return {name: self._box.server.context_to_sid(text) for name, text in labels.items()}
        except SelboxError:
            raise invalid() from None

    def check_unchanged(self, device: int, said: Mapping[str, int]) -> None:
        """Check labels that are said of a file system that is mounted (kernel: ``selinux_sb_remount``).

        Raises:
            OSError: EINVAL for others than it was mounted with.
        """
        superblock = self._box.labels.superblocks.of(device, self._box.labels.filesystem_of(device))
        if any(each not in superblock.said or superblock.sid_said(each) != sid for each, sid in said.items()):
            raise invalid()

    # --- File systems -----------------------------------------------------------------------------------------------

    def open_context(self, caller: Caller, kind: bytes) -> int:
        """Return a context for making a file system of a kind; it lives as long as the call.

        Raises:
            OSError: ENODEV for a kind that the kernel does not know, or may not load; EPERM for one that no box mounts.

        Source: the kernel's ``get_fs_type`` and ``selinux_kernel_module_request``.
        """
        if not _is_loaded(kind):
            try:
                kernel, module = self._box.labels.outside, f"fs-{kind.decode(errors='surrogateescape')}"
                self._box.monitor.check(caller, kernel, "system", ("module_request",), lambda: {"kmod": module})
            except AccessDenied:
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV)) from None
        context = self._box.descriptors.add(mountcalls.open_context(kind))
        if _name_of(kind) in _SERVED:
            raise not_permitted()
        return context

    def make(
        self,
        caller: Caller,
        kind: bytes,
        options: Sequence[Option],
        labels: Mapping[str, str],
        attributes: int,
        *,
        exclusively: bool = False,
    ) -> Made:
        """Have the kernel make a file system, or find one that there is, and label it.

        Args:
            caller: who mounts it.
            kind: the kernel's name for it.
            options: its own; ``source`` among them.
            labels: contexts by the names of their options.
            attributes: of the mount, as ``fsmount(2)`` has them.
            exclusively: whether one that there is already will not do.

        Raises:
            OSError: what the kernel says of kind and options; EINVAL for labels that it cannot have; EACCES where
                policy denies them, or to mount it.

        Source: the kernel's ``vfs_cmd_create``, ``selinux_set_mnt_opts`` and ``selinux_sb_kern_mount``.
        """
        if self.is_confined(caller):
            with self._powers(caller):
                self.open_context(caller, kind)  # whether there is such a kind is told first
            attributes |= 0 if kind == TERMINALS else NO_DEVICES
            if kind not in (PROCESSES, TERMINALS):
                options = confined_options(caller.tid, kind, options)
        if kind == KIND:
            return self._make_overlay(caller, options, labels, attributes)
        if kind == PROCESSES or (kind == TERMINALS and self.is_confined(caller)):
            made = make_for(caller.tid, kind, options, attributes)
            (context, mount), is_new = map(self._box.descriptors.add, made), True
        else:
            with self._powers(caller), in_ipc_of(caller):  # message queues are those of whoever mounts them
                context, is_new = self._made(caller, kind, options, exclusively=exclusively)
                mount = self._box.descriptors.add(mountcalls.detached_mount(context, attributes))
        said = self.sids(labels)
        status, name = os.fstat(mount), _name_of(kind)
        if is_new:
            self._box.labels.forget_device(status.st_dev)
        if kind == PROCESSES:
            self._box.labels.proc_mounts.add(status.st_dev, caller.tid)
        superblock = self._labelled(caller, name, said, status.st_dev, is_new=is_new)
        source = next((value for option, value in options if option == b"source"), None)
        self._box.monitor.check(caller, superblock.sid, "filesystem", ("mount",), lambda: _root(status, name, source))
        if is_new:
            self._remember(status, superblock, source)
        return Made(mount, context, status, superblock)

    def _make_overlay(
        self, caller: Caller, options: Sequence[Option], labels: Mapping[str, str], attributes: int
    ) -> Made:
        """Make an overlay, which is always a new file system."""
        box, mounts, said = self._box, OverlayMounts(self._box), self.sids(labels)
        context, mount, layers = mounts.make(caller, options, attributes)
        status, name = os.fstat(mount), _name_of(KIND)
        box.labels.forget_device(status.st_dev)
        superblock = self._labelled(caller, name, said, status.st_dev, is_new=True)
        source = next((value for option, value in options if option == b"source"), None)
        box.monitor.check(caller, superblock.sid, "filesystem", ("mount",), lambda: _root(status, name, source))
        mounts.remember(caller, status.st_dev, superblock, layers)
        box.labels.superblocks.add(status.st_dev, superblock)
        box.labels.filesystems.add(status.st_dev, name, os.fsdecode(source or b"none"))
        return Made(mount, context, status, superblock)

    def _made(self, caller: Caller, kind: bytes, options: Sequence[Option], *, exclusively: bool) -> tuple[int, bool]:
        """Return the context of a file system that was made or found, and whether it is new."""
        for is_new in (True, False):
            context = self.open_context(caller, kind)
            for name, value in options:
                mountcalls.set_option(context, name, value)
            try:
                mountcalls.create(context, exclusively=is_new)
            except OSError as error:
                if is_new and not exclusively and error.errno in (errno.EBUSY, errno.EOPNOTSUPP):
                    continue
                raise
            return context, is_new
        raise invalid()

    def _labelled(self, caller: Caller, kind: str, said: Mapping[str, int], device: int, *, is_new: bool) -> Superblock:
        """Return what a file system is to be like that is mounted with labels (kernel: ``selinux_set_mnt_opts``)."""
        superblocks = self._box.labels.superblocks
        if not is_new:
            there = superblocks.of(device, kind)
            differs = any(each not in there.said or there.sid_said(each) != sid for each, sid in said.items())
            if differs or (there.said and not said):
                raise invalid()
            return there
        superblock = superblocks.usual(kind)._replace(said=tuple(said))
        if FSCONTEXT in said:
            self._relabel_filesystem(caller, superblock, said[FSCONTEXT])
            superblock = superblock._replace(sid=said[FSCONTEXT])
        if CONTEXT in said:
            if FSCONTEXT in said:
                self._relabel_files(caller, superblock, said[CONTEXT])
            else:
                self._relabel_filesystem(caller, superblock, said[CONTEXT])
                superblock = superblock._replace(sid=said[CONTEXT])
            superblock = superblock._replace(mountpoint=said[CONTEXT])
        root = said.get(ROOTCONTEXT, said.get(CONTEXT, 0))
        if root:
            self._relabel_files(caller, superblock, root)
            superblock = superblock._replace(root=root)
        if DEFCONTEXT in said:
            if superblock.behaviour is not FilesystemUseBehaviour.XATTR:
                raise invalid()
            if said[DEFCONTEXT] != superblock.default:
                self._relabel_files(caller, superblock, said[DEFCONTEXT])
            superblock = superblock._replace(default=said[DEFCONTEXT])
        return superblock

    def _relabel_filesystem(self, caller: Caller, superblock: Superblock, sid: int) -> None:
        """Check another label of a file system itself (kernel: ``may_context_mount_sb_relabel``)."""
        check = self._box.monitor.check
        check(caller, superblock.sid, "filesystem", ("relabelfrom",), dict)
        check(caller, sid, "filesystem", ("relabelto",), dict)

    def _relabel_files(self, caller: Caller, superblock: Superblock, sid: int) -> None:
        """Check a label of all files of a file system (kernel: ``may_context_mount_inode_relabel``)."""
        check = self._box.monitor.check
        check(caller, superblock.sid, "filesystem", ("relabelfrom",), dict)
        check(caller, superblock.sid, "filesystem", ("associate",), dict, source=sid)

    def _remember(self, status: os.stat_result, superblock: Superblock, source: bytes | None) -> None:
        labels = self._box.labels
        labels.superblocks.add(status.st_dev, superblock)
        labels.filesystems.add(status.st_dev, superblock.kind, os.fsdecode(source or b"none"))
        if superblock.root:
            labels.assign(status, superblock.root)


def not_permitted() -> OSError:
    """Return the error of what is not permitted, EPERM."""
    return OSError(errno.EPERM, os.strerror(errno.EPERM))


def invalid() -> OSError:
    """Return the error of what makes no sense, EINVAL."""
    return OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _is_loaded(kind: bytes) -> bool:
    """Tell whether the kernel knows a kind of file systems without loading a module."""
    with open("/proc/filesystems", "rb") as table:
        return kind.partition(b".")[0] in {line.split()[-1] for line in table if line.strip()}


def _name_of(kind: bytes) -> str:
    """Return the name of a kind of file systems without what may follow it, as in ``fuse.sshfs``."""
    return kind.partition(b".")[0].decode(errors="surrogateescape")


def _root(status: os.stat_result, kind: str, source: bytes | None) -> dict[str, object]:
    """Return what records say of the root of a file system that is not mounted yet."""
    device = os.fsdecode(source or b"").rpartition("/")[2] if os.major(status.st_dev) else kind
    return {"name": "/", "dev": device, "ino": status.st_ino}
