"""One walk along a path: component by component, with every check that the kernel makes on the way.

Each directory is asked for ``search`` and each symbolic link for ``read``, as ``link_path_walk`` in the kernel's
``fs/namei.c`` does. What a walk returns are descriptors of the very objects that were checked.
"""

import errno
import os
import re
import stat

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.labels import Labels
from selbox.enforce.linux import O_PATH
from selbox.enforce.monitor import ReferenceMonitor
from selbox.enforce.privileges import Privileges
from selbox.enforce.shownpaths import path_of
from selbox.enforce.standins import NAMES, StandIns
from selbox.enforce.tasks import thread_group
from selbox.typing import Final, NamedTuple

UNFOLLOWED: Final = O_PATH | os.O_NOFOLLOW
"""Flags of a descriptor that stands for what a name is, and gives no access to it."""

DIRECTORY: Final = O_PATH | os.O_DIRECTORY
"""The same of a directory."""

_MAX_LINKS: Final = 40
_PROC_ROOT_INODE: Final = 1
_TASK_DIRECTORY = re.compile(rb"(?:/.*?)?/(\d+)(?:/task/\d+)?(/fd|/map_files|/ns)?$")
_MEANING_OTHERS: Final = frozenset({b"self", b"thread-self", *NAMES})
"""Names that may mean another object than the one there."""
_MAGIC_NAMES: Final = frozenset({b"cwd", b"root", b"exe"})

Steps = tuple[tuple[int, str, str], ...]
"""Checks of a walk: SID of what was on the way, its class, the permission."""


class Located(NamedTuple):
    """What a path names.

    Attributes:
        parent: ``O_PATH`` descriptor of the directory that holds the last component; -1 for a path that ends in a
            directory itself, such as ``/`` or ``..``.
        name: the last component; empty with ``parent`` -1.
        object: ``O_PATH`` descriptor of the object, or -1 when there is none of that name.
        status: its status, or None.
        must_be_directory: whether the path ended in a slash.
    """

    parent: int
    name: bytes
    object: int
    status: os.stat_result | None
    must_be_directory: bool = False

    @property
    def found(self) -> os.stat_result:
        """The status of the object.

        Raises:
            OSError: ENOENT when there is none.
        """
        if self.status is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self.status


class Tools(NamedTuple):
    """What a walk works with.

    Attributes:
        descriptors: take what it opens.
        labels: labels of what it meets.
        monitor: decides.
        privileges: what goes beyond ordinary permissions.
        protects_links: whether ``fs.protected_symlinks`` is on.
        stand_ins: directories that stand elsewhere for the box.
    """

    descriptors: Descriptors
    labels: Labels
    monitor: ReferenceMonitor
    privileges: Privileges
    protects_links: bool
    stand_ins: StandIns


class Walk:
    """One walk.

    Args:
        tools: what it works with.
        caller: the stopped task.
        root: ``O_PATH`` descriptor of its root directory.
        start: the same of where the path starts.
        path: as it was read from the task.
        follow: whether a symbolic link in the last place is followed.
    """

    def __init__(self, tools: Tools, caller: Caller, root: int, start: int, path: bytes, *, follow: bool) -> None:
        self._descriptors, self._labels, self._monitor, self._privileges = tools[:4]
        self._protects_links, self._stand_ins = tools.protects_links, tools.stand_ins
        self._caller = caller
        self._root = root
        self._current = start
        self._pending = _components(path)
        self._must_be_directory = path.endswith(b"/")
        self._follow = follow
        self._links = 0
        self._last_is_original = True
        self._remember = not caller.state.root_changed
        self._steps: list[tuple[int, str, str]] = []
        self.is_silent = True
        """Whether every check was granted with nothing to record."""
        self.parent: tuple[int, Steps] | None = None
        """The directory of the path's own last component and the checks that led there; None if not to be kept."""
        self.led_through_links: Steps | None = None
        """The checks of the whole walk, if a link in the last place was followed; None if not to be kept."""

    def run(self) -> Located:
        """Go to the path's end.

        Raises:
            OSError: what the kernel would answer; EACCES also where policy denies a step.
        """
        located = self._run()
        if self._remember and not self._last_is_original:
            self.led_through_links = tuple(dict.fromkeys(self._steps))
        return located

    def _run(self) -> Located:
        while self._pending:
            name = self._pending.pop()
            self._search()
            if not self._pending and self._last_is_original and self._remember:
                self.parent = self._current, tuple(dict.fromkeys(self._steps))
            if name == b".":
                self._current = self._open(name, DIRECTORY)  # takes what it takes to search it
                continue
            if name == b"..":
                self._up()
                continue
            located = self._down(name)
            if located is not None:
                return located
        return Located(-1, b"", self._current, os.fstat(self._current), self._must_be_directory)

    def _check(self, target: int, object_class: str, permission: str, descriptor: int) -> None:
        self._steps.append((target, object_class, permission))
        self.is_silent &= self._monitor.check(
            self._caller, target, object_class, (permission,), self._labels.at(descriptor)
        )

    def _search(self) -> None:
        status = os.fstat(self._current)
        if not stat.S_ISDIR(status.st_mode):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        is_ordinary = self._privileges.check_mode(self._caller, status, os.X_OK)
        sid = self._labels.sid_of(self._current, status, self._caller)
        if not is_ordinary or self._labels.known(status) is None:
            # It takes a capability, or has the label of a task in /proc, which changes with the task.
            self._remember = False
            self.parent = None
        self._check(sid, "dir", "search", self._current)

    def _up(self) -> None:
        here, root = os.fstat(self._current), os.fstat(self._root)
        if (here.st_dev, here.st_ino) != (root.st_dev, root.st_ino):
            above = self._stand_ins.above(here)
            self._current = self._descriptors.open(above or b"..", DIRECTORY, self._current)
            if above is not None:
                self._forget_way()

    def _down(self, name: bytes) -> Located | None:
        """Go one component down; return where the path ends, if here."""
        if name in _MEANING_OTHERS and (self._stood_in(name) or self._own_proc_entry(name)):
            return None
        try:
            descriptor = self._open(name, UNFOLLOWED)
        except FileNotFoundError:
            if self._pending:
                raise
            return Located(self._current, name, -1, None, self._must_be_directory)
        status = os.fstat(descriptor)
        last = not self._pending
        if stat.S_ISLNK(status.st_mode) and (not last or self._follow or self._must_be_directory):
            self._through_link(name, descriptor, status)
            return None
        if last:
            return Located(self._current, name, descriptor, status, self._must_be_directory)
        self._current = descriptor
        return None

    def _open(self, name: bytes, flags: int) -> int:
        """Open what has a name in the current directory."""
        try:
            return self._descriptors.open(name, flags, self._current)
        except PermissionError:
            if not is_own_descriptors(self._labels, self._caller, self._current):
                raise
            with own_capabilities():
                return self._descriptors.open(name, flags, self._current)

    def _own_proc_entry(self, name: bytes) -> bool:
        """Give ``/proc/self`` the caller's meaning, not the supervisor's."""
        if name in NAMES:
            return False
        status = os.fstat(self._current)
        if status.st_ino != _PROC_ROOT_INODE or self._labels.filesystem_of(status.st_dev) != "proc":
            return False
        if not self._pending and not self._follow:
            return False
        self._remember = False
        self.parent = None
        self._last_is_original = False
        mounts, tid = self._labels.proc_mounts, self._caller.tid
        process = mounts.told(status.st_dev, thread_group(tid))
        if not process:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if name == b"thread-self":
            self._pending += [b"%d" % mounts.told(status.st_dev, tid), b"task"]
        self._pending.append(b"%d" % process)
        return True

    def _stood_in(self, name: bytes) -> bool:
        """Go on in the directory that stands for the one of this name, if one does."""
        entered = self._stand_ins.enter(self._current, name, self._pending[::-1])
        if entered is None:
            return False
        self._current = self._descriptors.add(entered)
        self._forget_way()
        return True

    def _forget_way(self) -> None:
        """Keep nothing of a way that the kernel would not go."""
        self._remember = False
        self.parent = None

    def _through_link(self, name: bytes, descriptor: int, status: os.stat_result) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        self._check(self._labels.sid_of(descriptor, status, self._caller), "lnk_file", "read", descriptor)
        if not self._pending:
            self._last_is_original = False
        if self._labels.filesystem_of(status.st_dev) == "proc" and self._magic_link(name):
            return
        if self._protects_links:
            self._may_follow(status)
        target = os.readlink(b"", dir_fd=descriptor)
        if not target:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if target[0] == 0x2F:
            self._current = self._root
        if target.endswith(b"/") and not self._pending:
            self._must_be_directory = True
        self._pending += _components(target)

    def _magic_link(self, name: bytes) -> bool:
        """Follow a link of ``/proc/PID`` that leads to an object and not to a path."""
        place = os.fsencode(path_of(self._current))
        match = _TASK_DIRECTORY.match(place)
        if match is None or not (match[2] or name in _MAGIC_NAMES):
            return False
        self._remember = False
        self.parent = None
        # The kernel asks ptrace_may_access(PTRACE_MODE_READ), which SELinux decides as reading a file of the task.
        task = self._labels.proc_mounts.meant(os.fstat(self._current).st_dev, int(match[1]))
        if not task:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._check(self._labels.task_sid(task), "file", "read", self._current)
        try:
            self._current = self._descriptors.open(name, O_PATH, self._current)
        except PermissionError:
            if task != thread_group(self._caller.tid):
                raise
            with own_capabilities():  # a task may always follow its own
                self._current = self._descriptors.open(name, O_PATH, self._current)
        _check_has_name(self._current)
        return True

    def _may_follow(self, link: os.stat_result) -> None:
        """Hold to ``fs.protected_symlinks``, which the kernel would apply to the caller (``may_follow_link``)."""
        parent = os.fstat(self._current)
        if parent.st_mode & (stat.S_ISVTX | stat.S_IWOTH) != stat.S_ISVTX | stat.S_IWOTH:
            return
        if link.st_uid not in (self._caller_uid(), parent.st_uid):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    def _caller_uid(self) -> int:
        return os.stat(f"/proc/{self._caller.tid}").st_uid if self._caller.state.credentials_changed else os.geteuid()


def is_own_descriptors(labels: Labels, caller: Caller, directory: int) -> bool:
    """Tell whether a directory is ``/proc/PID/fd`` of the caller's own process.

    That is open to the process whatever the directory's owner and mode, which are root's for who gave up root.

    Source: the kernel's ``proc_fd_permission``.
    """
    match = _TASK_DIRECTORY.match(os.fsencode(path_of(directory)))
    device = os.fstat(directory).st_dev
    if match is None or match[2] != b"/fd" or labels.filesystem_of(device) != "proc":
        return False
    return labels.proc_mounts.meant(device, int(match[1])) == thread_group(caller.tid)


def _check_has_name(descriptor: int) -> None:
    """Let no link of ``/proc`` lead to a socket's file that has no name: such are the ways into boxes.

    Raises:
        OSError: EACCES, whatever policy says.
    """
    status = os.fstat(descriptor)
    if status.st_nlink == 0 and stat.S_ISSOCK(status.st_mode):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def _components(path: bytes) -> list[bytes]:
    """Return the components of a path, last first, without empty ones; ``.`` only as the last, which is searched."""
    components = [each for each in reversed(path.split(b"/")) if each]
    return components[:1] + [each for each in components[1:] if each != b"."]
