"""From a path in a call to the object it names, with every check that the kernel makes on the way.

The walk is the supervisor's own, on its own copy of the path: component by component, each directory asked for
``search`` and each symbolic link for ``read``, as ``link_path_walk`` in the kernel's ``fs/namei.c`` does. What it
returns are descriptors of the very objects that were checked, so a path that changes under way changes nothing.

A walk's checks are remembered by the directory part of the path. They are used again only when the kernel resolves
that part to the same directory, and forgotten when the box moves or removes a directory or a link.
"""

import errno
import os
import re
import stat

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.labels import Labels
from selbox.enforce.linux import AT_FDCWD, O_PATH
from selbox.enforce.monitor import ReferenceMonitor
from selbox.enforce.privileges import Privileges
from selbox.enforce.tasks import thread_group
from selbox.typing import Final, NamedTuple

_WALK: Final = O_PATH | os.O_NOFOLLOW
_DIRECTORY: Final = O_PATH | os.O_DIRECTORY
_MAX_LINKS: Final = 40
_REMEMBERED: Final = 4096
_PROC_ROOT_INODE: Final = 1
_TASK_DIRECTORY = re.compile(rb"/proc/(\d+)(?:/task/\d+)?(/fd|/map_files|/ns)?$")
_NO_NAMES: Final = frozenset({b"", b".", b".."})
"""Last components that name no entry of a directory."""
_MAGIC_NAMES: Final = frozenset({b"cwd", b"root", b"exe"})


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


class Look(NamedTuple):
    """What a look at a path found.

    Attributes:
        start: ``O_PATH`` descriptor where the path starts.
        status: of the object.
        is_followed: whether a symbolic link in the last place leads there.
    """

    start: int
    status: os.stat_result
    is_followed: bool


class _Prefix:
    """The checks of a walk to a directory or through links: who passed them all silently need not be asked again."""

    __slots__ = ("device", "inode", "passed", "steps")

    def __init__(self, device: int, inode: int, steps: tuple[tuple[int, str, str], ...]) -> None:
        self.device = device
        self.inode = inode
        self.steps = steps
        self.passed: dict[int, int] = {}


class PathWalker:
    """Resolves paths for the tasks of a box."""

    def __init__(
        self, descriptors: Descriptors, labels: Labels, monitor: ReferenceMonitor, privileges: Privileges
    ) -> None:
        self._descriptors = descriptors
        self.privileges = privileges
        """What goes beyond ordinary permissions on files."""
        self._labels = labels
        self._monitor = monitor
        self._root = os.open("/", _DIRECTORY | os.O_CLOEXEC)
        self._prefixes: dict[tuple[tuple[int, int] | None, bytes], _Prefix] = {}
        self._followed: dict[tuple[tuple[int, int] | None, bytes], _Prefix] = {}
        """The same of whole paths that end in a symbolic link, by what the link leads to."""
        self._protected_links = _sysctl_is_on("/proc/sys/fs/protected_symlinks")
        self.protects_hard_links = _sysctl_is_on("/proc/sys/fs/protected_hardlinks")
        """Whether the kernel lets only those link a file who own it or may read and write it."""

    def forget(self) -> None:
        """Forget remembered walks; called when a directory, a link or a label of one changed."""
        self._prefixes.clear()
        self._followed.clear()

    def close(self) -> None:
        """Close the walker's own descriptor."""
        os.close(self._root)

    def start_of(self, caller: Caller, directory: int) -> int:
        """Return an ``O_PATH`` descriptor of the caller's directory descriptor or working directory.

        Raises:
            OSError: EBADF when the caller has no such descriptor.
        """
        directory = directory - (1 << 32) if (directory := directory & 0xFFFFFFFF) >= 1 << 31 else directory
        place = f"/proc/{caller.tid}/cwd" if directory == AT_FDCWD else f"/proc/{caller.tid}/fd/{directory}"
        try:
            return self._descriptors.open(place, O_PATH)
        except FileNotFoundError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
        except PermissionError:
            with own_capabilities():
                return self._descriptors.open(place, O_PATH)

    def root_of(self, caller: Caller) -> int:
        """Return an ``O_PATH`` descriptor of the caller's own root directory."""
        with own_capabilities():
            return self._descriptors.open(f"/proc/{caller.tid}/root", _DIRECTORY)

    def status_of(self, caller: Caller, number: int) -> os.stat_result:
        """Return the status of what a caller's descriptor is open on.

        Raises:
            OSError: EBADF when the caller has no such descriptor.
        """
        place = f"/proc/{caller.tid}/fd/{number & 0xFFFFFFFF}"
        try:
            return os.stat(place)
        except FileNotFoundError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
        except PermissionError:
            with own_capabilities():
                return os.stat(place)

    def look(self, caller: Caller, directory: int, path: bytes, *, follow: bool = False) -> Look | None:
        """Return the status of what a path names, when the walk there is remembered.

        It opens nothing, so it serves who needs to know an object, or who opens it and sees that it is the same.

        Args:
            caller: the stopped task.
            directory: its descriptor number or ``AT_FDCWD``, for a relative path.
            path: the path as it was read from the task.
            follow: whether a symbolic link in the last place is followed.

        Returns:
            None when the path has to be located.

        Raises:
            OSError: as :meth:`locate`.
        """
        head, _, name = path.rpartition(b"/")
        if caller.state.root_changed or name in _NO_NAMES:
            return None
        if path[0] == 0x2F:
            start, key = self._root, None
        else:
            start = self.start_of(caller, directory)
            status = os.fstat(start)
            key = (status.st_dev, status.st_ino)
        prefix = self._prefixes.get((key, head))
        if prefix is None or not self._is_same(start, key, head, prefix):
            return None
        self._repeat_checks(caller, prefix)
        status = os.stat(path, dir_fd=start, follow_symlinks=False)
        if not (follow and stat.S_ISLNK(status.st_mode)):
            return Look(start, status, is_followed=False)
        followed = self._follow_again(caller, start, path, key)
        return None if followed is None else Look(start, followed, is_followed=True)

    def hold(self, look: Look, path: bytes) -> int | None:
        """Return an ``O_PATH`` descriptor of what a look found; None when the path leads elsewhere by now."""
        descriptor = self._descriptors.open(path, O_PATH if look.is_followed else _WALK, look.start)
        status = os.fstat(descriptor)
        is_same = status.st_ino == look.status.st_ino and status.st_dev == look.status.st_dev
        return descriptor if is_same else None

    def _follow_again(
        self, caller: Caller, start: int, path: bytes, key: tuple[int, int] | None
    ) -> os.stat_result | None:
        """Return the status of what a path with a link in the last place leads to, when that walk is remembered."""
        followed = self._followed.get((key, path))
        if followed is None:
            return None
        try:
            status = os.stat(path, dir_fd=start)
        except OSError:
            return None
        if status.st_ino != followed.inode or status.st_dev != followed.device:
            return None
        self._repeat_checks(caller, followed)
        return status

    def locate(
        self, caller: Caller, directory: int, path: bytes, *, follow: bool = True, parent: bool = True
    ) -> Located:
        """Resolve a path as the caller sees it.

        Args:
            caller: the stopped task.
            directory: its descriptor number or ``AT_FDCWD``, for a relative path.
            path: the path as it was read from the task.
            follow: whether a symbolic link in the last place is followed.
            parent: whether the directory of the last component is wanted; without it the answer is quicker.

        Raises:
            OSError: what the kernel would answer; EACCES also where policy denies a step.
        """
        if not path:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if path[0] == 0x2F:
            start, key = self._root, None
            if caller.state.root_changed:
                start = self.root_of(caller)
        else:
            start = self.start_of(caller, directory)
            status = os.fstat(start)
            key = (status.st_dev, status.st_ino)
        head, _, name = path.rpartition(b"/")
        if not caller.state.root_changed and name not in _NO_NAMES:
            prefix = self._prefixes.get((key, head))
            if prefix is not None and self._is_same(start, key, head, prefix):
                self._repeat_checks(caller, prefix)
                located = self._finish(start, path, head, name, parent=parent)
                if not (follow and located.status and stat.S_ISLNK(located.status.st_mode)):
                    return located
                if not parent and self._follow_again(caller, start, path, key) is not None:
                    descriptor = self._descriptors.open(path, O_PATH, start)
                    followed = self._followed[key, path]
                    status = os.fstat(descriptor)
                    if (status.st_dev, status.st_ino) == (followed.device, followed.inode):
                        return Located(-1, b"", descriptor, status)
        return self._walk(caller, start, path, key, follow=follow)

    def _is_same(self, start: int, key: tuple[int, int] | None, head: bytes, prefix: _Prefix) -> bool:
        """Tell whether a directory whose walk is remembered is still what its path leads to."""
        if not head and key is not None:
            return key == (prefix.device, prefix.inode)
        try:
            status = os.stat(head or b"/", dir_fd=start)
        except OSError:
            return False
        return status.st_ino == prefix.inode and status.st_dev == prefix.device

    def _repeat_checks(self, caller: Caller, prefix: _Prefix) -> None:
        sid = caller.state.sid
        generation = self._monitor.generation
        if prefix.passed.get(sid) != generation:
            silent = True
            for target, object_class, permission in prefix.steps:
                silent &= self._monitor.check(caller, target, object_class, (permission,), dict)
            if silent:
                prefix.passed[sid] = generation

    def _finish(self, start: int, path: bytes, head: bytes, name: bytes, *, parent: bool) -> Located:
        """Take the last step of a remembered walk; a link there is not followed."""
        directory = -1
        if parent:
            # INVARIANT: no task of the box changes a name while a call is handled, so this is still the same directory.
            directory = self._descriptors.open(head or (b"/" if start == self._root else b"."), _DIRECTORY, start)
        try:
            descriptor = self._descriptors.open(path, _WALK, start)
        except FileNotFoundError:
            return Located(directory, name, -1, None)
        return Located(directory, name, descriptor, os.fstat(descriptor))

    def _walk(
        self,
        caller: Caller,
        start: int,
        path: bytes,
        key: tuple[int, int] | None,
        *,
        follow: bool,
    ) -> Located:
        walk = _Walk(self, caller, start, path, follow=follow)
        located = walk.run()
        if walk.parent is not None:
            parent, steps = walk.parent
            status = os.fstat(parent)
            if len(self._prefixes) >= _REMEMBERED:
                self._prefixes.clear()
            self._prefixes[key, path.rpartition(b"/")[0]] = _Prefix(status.st_dev, status.st_ino, steps)
        if walk.led_through_links is not None and located.status is not None:
            if len(self._followed) >= _REMEMBERED:
                self._followed.clear()
            status = located.status
            self._followed[key, path] = _Prefix(status.st_dev, status.st_ino, walk.led_through_links)
        return located


class _Walk:
    """One walk in progress."""

    def __init__(self, walker: PathWalker, caller: Caller, start: int, path: bytes, *, follow: bool) -> None:
        self._descriptors = walker._descriptors  # noqa: SLF001 - a walk is the walker's own inner part
        self._labels = walker._labels  # noqa: SLF001
        self._monitor = walker._monitor  # noqa: SLF001
        self._privileges = walker.privileges
        self._protected_links = walker._protected_links  # noqa: SLF001
        self._caller = caller
        self._root = walker._root  # noqa: SLF001
        if caller.state.root_changed:
            self._root = walker.root_of(caller)
        self._current = start
        self._pending = _components(path)
        self._must_be_directory = path.endswith(b"/")
        self._follow = follow
        self._links = 0
        self._last_is_original = True
        self._remember = not caller.state.root_changed
        self._steps: list[tuple[int, str, str]] = []
        self.parent: tuple[int, tuple[tuple[int, str, str], ...]] | None = None
        """The directory of the path's own last component and the checks that led there; None if not to be kept."""
        self.led_through_links: tuple[tuple[int, str, str], ...] | None = None
        """The checks of the whole walk, if a link in the last place was followed; None if not to be kept."""

    def run(self) -> Located:
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
            if name == b"..":
                self._up()
                continue
            located = self._down(name)
            if located is not None:
                return located
        return Located(-1, b"", self._current, os.fstat(self._current), self._must_be_directory)

    def _check(self, target: int, object_class: str, permission: str, descriptor: int) -> None:
        self._steps.append((target, object_class, permission))
        self._monitor.check(
            self._caller, target, object_class, (permission,), lambda: self._labels.describe(descriptor)
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
            self._current = self._descriptors.open(b"..", _DIRECTORY, self._current)

    def _down(self, name: bytes) -> Located | None:
        """Go one component down; return where the path ends, if here."""
        if self._own_proc_entry(name):
            return None
        try:
            descriptor = self._descriptors.open(name, _WALK, self._current)
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

    def _own_proc_entry(self, name: bytes) -> bool:
        """Give ``/proc/self`` the caller's meaning, not the supervisor's."""
        if name not in (b"self", b"thread-self"):
            return False
        status = os.fstat(self._current)
        if status.st_ino != _PROC_ROOT_INODE or self._labels.filesystem_of(status.st_dev) != "proc":
            return False
        if not self._pending and not self._follow:
            return False
        self._remember = False
        self.parent = None
        self._last_is_original = False
        process = b"%d" % thread_group(self._caller.tid)
        if name == b"thread-self":
            self._pending += [b"%d" % self._caller.tid, b"task"]
        self._pending.append(process)
        return True

    def _through_link(self, name: bytes, descriptor: int, status: os.stat_result) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        self._check(self._labels.sid_of(descriptor, status, self._caller), "lnk_file", "read", descriptor)
        if not self._pending:
            self._last_is_original = False
        if self._labels.filesystem_of(status.st_dev) == "proc" and self._magic_link(name):
            return
        if self._protected_links:
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
        place = os.readlink(b"/proc/self/fd/%d" % self._current)
        match = _TASK_DIRECTORY.match(place)
        if match is None or not (match[2] or name in _MAGIC_NAMES):
            return False
        self._remember = False
        self.parent = None
        # The kernel asks ptrace_may_access(PTRACE_MODE_READ), which SELinux decides as reading a file of the task.
        self._check(self._labels.task_sid(int(match[1])), "file", "read", self._current)
        try:
            self._current = self._descriptors.open(name, O_PATH, self._current)
        except PermissionError:
            if int(match[1]) != thread_group(self._caller.tid):
                raise
            with own_capabilities():  # a task may always follow its own
                self._current = self._descriptors.open(name, O_PATH, self._current)
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


def _components(path: bytes) -> list[bytes]:
    """Return the components of a path, last first, without empty ones and ``.``."""
    return [each for each in reversed(path.split(b"/")) if each not in (b"", b".")]


def _sysctl_is_on(path: str) -> bool:
    try:
        with open(path, "rb") as setting:
            return setting.read().strip() != b"0"
    except OSError:
        return False
