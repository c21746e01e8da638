"""Files of the host that tell of SELinux: ``/etc/selinux/config``, and tables of the kernel's that name file systems.

In a box they tell of the box's own policy, mode and ``selinuxfs``.
"""

import os
import re
from collections.abc import Callable

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.securityfiles import FoundFile, SecurityFile
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import AT_FDCWD
from selbox.enforce.mounttables import mount_table, mount_table_of
from selbox.enforce.selinuxdirectories import PolicyDirectory
from selbox.enforce.statusdata import with_size
from selbox.enforce.superblocks import fixed_filesystems
from selbox.typing import Final

CONFIGURATION: Final = b"/etc/selinux/config"
_CONFIGURATION_MOST: Final = 65536
_FILESYSTEMS: Final = b"/proc/filesystems"
_MADE: Final = 0, 0
"""What stands for the version of a configuration that was not given."""
_TAKES_LABELS: Final = b"seclabel"
"""Option that tables of mounts show of file systems whose files can be relabelled."""


class Signposts:
    """Finds these files.

    Args:
        box: the box.
        policies: what stands for ``/etc/selinux``.
    """

    def __init__(self, box: Box, policies: PolicyDirectory) -> None:
        self._box = box
        self._policies = policies
        self._configurations: dict[str, tuple[int, int]] = {}
        root = box.selinux_root
        self._has_none = root is not None and not os.path.exists(os.path.join(root.directory, "config"))
        """Whether what was given has no configuration, and the box has made none."""
        self._mode = b"enforcing" if box.started_enforcing else b"permissive"

    def recognise(self, caller: Caller, path: bytes) -> FoundFile | None:
        """Return what an absolute path means; None for one that is none of these, or not the host's.

        Raises:
            OSError: EACCES where policy denies a step on the way.
        """
        if path == CONFIGURATION:
            return self._configuration(caller) if has_our_root(caller) else None
        if path == _FILESYSTEMS:
            return self._table(caller, path, _known_filesystems) if has_our_root(caller) else None
        mounts = self._box.labels.proc_mounts
        tid = mount_table_of(path, caller.tid, lambda number: mounts.meant(proc_of(caller), number))
        if tid is None or not has_our_root(caller):
            return None
        return self._table(caller, path, lambda: mount_table(tid, path, self._label_options, self._layers))

    def _configuration(self, caller: Caller) -> FoundFile | None:
        """The file that names the policy: it says what the box was started with, whatever the host is set up for.

        Returns:
            None from when it was made, changed or removed in the box on.
        """
        located = self._box.walker.locate(caller, AT_FDCWD, CONFIGURATION)
        if located.status is None:
            if not self._has_none:
                return None
            located = self._box.walker.locate(caller, AT_FDCWD, os.path.dirname(CONFIGURATION))
            sid = self._box.labels.sid_of(located.object, located.found, caller)
            return FoundFile(CONFIGURATION.decode(), sid, SecurityFile(0o444, lambda: self._configured(b"")))
        sid = self._box.labels.sid_of(located.object, located.status, caller)
        version = located.status.st_ino, located.status.st_mtime_ns
        if self._has_none:
            self._has_none = False
            self._configurations[self._policies.place(())] = _MADE
        if self._configurations.setdefault(self._policies.place(()), version) != version:
            return None
        with own_capabilities(), open(f"/proc/self/fd/{located.object}", "rb") as file:
            content = self._configured(file.read(_CONFIGURATION_MOST))
        status = with_size(located.status, len(content))
        return FoundFile(CONFIGURATION.decode(), sid, SecurityFile(0o444, lambda: content), status)

    def _configured(self, content: bytes) -> bytes:
        """Return a configuration that says what the box was started with, and all else as it was."""
        for name, value in ((b"SELINUX", self._mode), (b"SELINUXTYPE", os.fsencode(self._policies.name))):
            line = b"%s=%s" % (name, value)
            content, count = re.subn(rb"(?m)^%s=.*$" % name, line.replace(b"\\", rb"\\"), content)
            content += b"" if count else line + b"\n"
        return content

    def _table(self, caller: Caller, path: bytes, content: Callable[[], bytes]) -> FoundFile | None:
        """A table of the kernel's, which knows of selinuxfs in a box; None for one that there is not."""
        located = self._box.walker.locate(caller, AT_FDCWD, path)
        if located.status is None:
            return None
        sid = self._box.labels.sid_of(located.object, located.status, caller)
        return FoundFile(path.decode(), sid, SecurityFile(0o444, content), located.status)

    def _label_options(self, device: int, kind: bytes) -> bytes:
        """Return the options about labels of a file system (kernel: ``selinux_sb_show_options``)."""
        superblocks = self._box.labels.superblocks
        superblock = superblocks.mounted(device)
        if superblock is None:
            takes_labels = kind.decode() not in fixed_filesystems(self._box.server.policy)
            return _TAKES_LABELS if takes_labels else b""
        shown = [_option(name, context) for name, context in superblocks.said(superblock)]
        return b",".join([*shown, _TAKES_LABELS] if superblock.takes_labels else shown)

    def _layers(self, device: int) -> bytes:
        """Return the options by which an overlay's directories were named; nothing for another file system."""
        overlays = self._box.labels.overlays
        overlay = None if overlays is None else overlays.on(device)
        return b"" if overlay is None else overlay.said


def has_our_root(caller: Caller) -> bool:
    """Tell whether a task's paths begin where the supervisor's do."""
    if not caller.state.root_changed:
        return True
    theirs, ours = os.stat(f"/proc/{caller.tid}/root"), os.stat("/")
    return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)


def proc_of(caller: Caller) -> int:
    """Return the device number of what a task sees as ``/proc``.

    Raises:
        OSError: ENOENT when there is nothing.
    """
    return os.lstat(f"/proc/{caller.tid}/root/proc" if caller.state.root_changed else "/proc").st_dev


def _option(name: str, context: str) -> bytes:
    """Return an option with a context, which is quoted where it has a comma."""
    return (f'{name}="{context}"' if "," in context else f"{name}={context}").encode()


def _known_filesystems() -> bytes:
    with open(_FILESYSTEMS, "rb") as table:
        content = table.read()
    line = b"nodev\tselinuxfs\n"
    return content if line in content else content + line
