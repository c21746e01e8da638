"""From a path in a call to the object it names, as the caller sees it.

The walk is the supervisor's own, on its own copy of the path (:mod:`selbox.enforce.walks`), and what it returns are
descriptors of the very objects that were checked, so a path that changes under way changes nothing.

Walks are remembered twice: by the directory part of a path, and by the whole path. What is remembered is used again
only where the kernel resolves the path to the same directory, or to the same object, and forgotten when the box moves
or removes a directory or a link. So whoever comes from outside the box and moves names has the walk made anew.
"""

import errno
import os
import stat

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.labels import Labels, path_of
from selbox.enforce.linux import AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_PATH
from selbox.enforce.monitor import ReferenceMonitor
from selbox.enforce.privileges import Privileges
from selbox.enforce.standins import NAMES, StandIns
from selbox.enforce.statusdata import head_of, is_missing, key_at, key_of, kind_and_key, status_data, status_head
from selbox.enforce.walks import DIRECTORY, UNFOLLOWED, Located, Steps, Tools, Walk
from selbox.typing import Final, NamedTuple, TypeVar

_WORKING_DIRECTORY: Final = AT_FDCWD & 0xFFFFFFFF
_REMEMBERED: Final = 8192
_WHO_PASSED: Final = 64
"""Answers that are kept of each path at most."""
_NO_NAMES: Final = frozenset({b"", b".", b"..", *NAMES})
"""Last components that name no entry of a directory, or may mean another than the one there."""

_Kind = TypeVar("_Kind")
_Key = bytes | tuple[int, int, bytes]
"""A path that is remembered: an absolute one, or device and inode of a directory and what follows there."""


class _Passage:
    """The checks of a walk, and who passed them all silently, so that they need not be asked again.

    Attributes:
        device: of what it leads to.
        inode: of the same.
        path: by which the kernel knows the directory that it leads to, without a final slash; None where it leads to
            another object.
        steps: the checks.
        is_plain: whether it was once walked with the credentials that a box starts with.
        passed: :attr:`ReferenceMonitor.generation` when a kind of caller passed, by :attr:`Caller.kind`.
    """

    __slots__ = ("device", "inode", "is_plain", "passed", "path", "steps")

    def __init__(self, status: os.stat_result, steps: Steps, path: str | None = None) -> None:
        self.device = status.st_dev
        self.inode = status.st_ino
        self.path = path
        self.steps = steps
        self.is_plain = False
        self.passed: dict[int, int] = {}

    def leads_to(self, status: os.stat_result) -> bool:
        """Tell whether it leads to the object of a status."""
        return status.st_ino == self.inode and status.st_dev == self.device


class Place:
    """What a path was found to name, and what was silently granted there.

    Attributes:
        key: device and inode.
        head: all that checks depend on (:func:`selbox.enforce.statusdata.status_head`).
        passage: the checks of the way to it.
        sid: its label when something was last granted.
        granted: :attr:`ReferenceMonitor.generation` when it was granted, by :attr:`Caller.kind` and what was wanted.
    """

    __slots__ = ("granted", "head", "key", "passage", "sid")

    def __init__(self, key: tuple[int, int], head: bytes, passage: _Passage) -> None:
        self.key = key
        self.head = head
        self.passage = passage
        self.sid: int | None = None
        self.granted: dict[tuple[int, int], int] = {}


class Look(NamedTuple):
    """What a look at a path found.

    Attributes:
        start: ``O_PATH`` descriptor where the path starts.
        status: of the object.
        place: what is remembered of it.
        is_granted: whether what is wanted was granted before with nothing to record, and nothing has changed since.
    """

    start: int
    status: os.stat_result
    place: Place
    is_granted: bool


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
        self.stand_ins = StandIns()
        """Directories that stand elsewhere for the box."""
        protects_links = _sysctl_is_on("/proc/sys/fs/protected_symlinks")
        self._tools = Tools(descriptors, labels, monitor, privileges, protects_links, self.stand_ins)
        self._root = os.open("/", DIRECTORY | os.O_CLOEXEC)
        self._call = (0, 0)
        self._begun: tuple[int, os.stat_result | None] = (-1, None)
        """Where the relative paths of one call and directory start; its descriptor lives as long as the call."""
        self._passages: dict[_Key, _Passage] = {}
        """Ways to directories, by the directory part of paths."""
        self._places: tuple[dict[_Key, Place], dict[_Key, Place]] = ({}, {})
        """What paths name, where a link in the last place is itself meant, and where it is followed."""
        self.protects_hard_links = _sysctl_is_on("/proc/sys/fs/protected_hardlinks")
        """Whether the kernel lets only those link a file who own it or may read and write it."""

    def forget(self) -> None:
        """Forget remembered walks; called when a directory, a link, or a label or the mode of one changed."""
        self._passages.clear()
        for places in self._places:
            places.clear()

    def close(self) -> None:
        """Close the walker's own descriptor."""
        os.close(self._root)

    # --- Where paths start ------------------------------------------------------------------------------------------

    def start_of(self, caller: Caller, directory: int) -> int:
        """Return an ``O_PATH`` descriptor of the caller's directory descriptor or working directory.

        Raises:
            OSError: EBADF when the caller has no such descriptor.
        """
        directory &= 0xFFFFFFFF
        place = f"/proc/{caller.tid}/cwd" if directory == _WORKING_DIRECTORY else f"/proc/{caller.tid}/fd/{directory}"
        try:
            return self._descriptors.open(place, O_PATH)
        except FileNotFoundError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None
        except PermissionError:
            with own_capabilities():
                return self._descriptors.open(place, O_PATH)

    def _beginning(self, caller: Caller, directory: int, path: bytes) -> tuple[int, os.stat_result | None]:
        """Return a descriptor of where a path starts, and its status; None for an absolute path.

        A relative one starts for the whole of a call where it was first seen to.
        """
        if path[0] == 0x2F:
            return self._root, None
        call = (caller.id, directory)
        if call != self._call or not caller.id:
            start = self.start_of(caller, directory)
            status = os.fstat(start)
            if not stat.S_ISDIR(status.st_mode):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            self._begun = start, status
            self._call = call
        return self._begun

    def root_of(self, caller: Caller) -> int:
        """Return an ``O_PATH`` descriptor of the caller's own root directory."""
        if not caller.state.root_changed:
            return self._root
        with own_capabilities():
            return self._descriptors.open(f"/proc/{caller.tid}/root", DIRECTORY)

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

    # --- Paths that are remembered ----------------------------------------------------------------------------------

    def look(
        self, caller: Caller, directory: int, path: bytes, wanted: int = -1, *, follow: bool = False
    ) -> Look | None:
        """Return the status of what a path names, when the walk there is remembered.

        It opens nothing, so it serves who needs to know an object, or who opens it and sees that it is the same.

        Args:
            caller: the stopped task.
            directory: its descriptor number or ``AT_FDCWD``, for a relative path.
            path: the path as it was read from the task.
            wanted: what the caller wants of the object, as it was told to :meth:`remember`; -1 is the way alone.
            follow: whether a symbolic link in the last place is followed.

        Returns:
            None when the path has to be located.

        Raises:
            OSError: as :meth:`locate`.
        """
        if not path or caller.state.root_changed or caller.kind < 0:
            return None
        start, here = self._beginning(caller, directory, path)
        place = self._places[follow].get(_key(here, path))
        if place is not None:
            # INVARIANT: what a path led to once, and still leads to, it leads to by the way that was checked. Those who
            # could have changed the way, and not the end, are outside the box.
            try:
                status = os.stat(path, dir_fd=start, follow_symlinks=follow)
            except OSError:
                status = None  # what it is to fail with depends on what may be searched
            if status is not None and self._is_at(place, status):
                if place.granted.get((caller.kind, wanted)) == self._monitor.generation:
                    return Look(start, status, place, True)
                return Look(start, status, place, False) if self._may_pass(caller, place.passage) else None
        return self._look_first(caller, start, here, path, follow=follow)

    def recall(
        self, tid: int, kind: int, directory: int, path: bytes, wanted: int, *, follow: bool
    ) -> tuple[bytes, Place] | None:
        """Return a path of the supervisor's own, and the object there, if what is wanted of it was granted before.

        The status is where :func:`selbox.enforce.statusdata.write_status` finds it.

        INVARIANT: a relative path starts in ``/proc``, wherever the caller is by then, and another of its threads may
        go elsewhere meanwhile. Whoever uses the path that is returned sees to it that it leads to the object still.

        Args:
            tid: the stopped task.
            kind: :attr:`Caller.kind`.
            directory: its descriptor number or ``AT_FDCWD``, for a relative path.
            path: the path as it was read from the task.
            wanted: what the caller wants of the object, as it was told to :meth:`remember`.
            follow: whether a symbolic link in the last place is followed.

        Returns:
            None where :meth:`look` is to tell.
        """
        key: _Key = path
        if path[:1] != b"/":
            start = start_in_proc(tid, directory)
            here = key_at(start) if path else None
            if here is None:
                return None
            key = (*here, path)
            path = start + path
        place = self._places[follow].get(key)
        # INVARIANT: to whom has another root directory nothing is ever remembered to be granted.
        if place is None or place.granted.get((kind, wanted)) != self._monitor.generation:
            return None
        if self._labels.lasting(place.key) != place.sid:
            return None
        data = status_data(AT_FDCWD, path, 0 if follow else AT_SYMLINK_NOFOLLOW)
        return (path, place) if data is not None and data.startswith(place.head) else None

    def meet(
        self, tid: int, kind: int, directory: int, path: bytes, *, follow: bool
    ) -> tuple[int | None, Place, tuple[int, str]] | None:
        """Look at what a caller was not granted before, and has nothing recorded on its way to.

        The status is where :func:`selbox.enforce.statusdata.write_status` finds it. Nothing was asked of it yet.

        Args:
            tid: the stopped task.
            kind: :attr:`Caller.kind`.
            directory: its descriptor number or ``AT_FDCWD``, for a relative path.
            path: the path as it was read from the task.
            follow: whether a symbolic link in the last place is followed.

        Returns:
            A descriptor of where a relative path starts, which lives as long as the call, and None for an absolute one;
            what is remembered of the object; its SID and class. None where :meth:`look` is to tell.
        """
        head, _, name = path.rpartition(b"/")
        if name in _NO_NAMES:
            return None
        start = here = None
        key: _Key = path
        if path[:1] != b"/":
            # INVARIANT: the directory is held while its name is another thread's to exchange.
            try:
                start = self._descriptors.open(start_in_proc(tid, directory), O_PATH)
            except OSError:
                return None  # no such descriptor, or none that is to be seen
            here = key_of(start)
            key = (*here, path)
        place = self._places[follow].get(key)
        passage = self._passages.get(head if here is None else (*here, head)) if place is None else place.passage
        if passage is None or passage.passed.get(kind) != self._monitor.generation:
            return None
        if place is None and (here is None or head):
            here = key_at(head or b"/", start)
        flags = 0 if place is not None and follow else AT_SYMLINK_NOFOLLOW
        data = status_data(AT_FDCWD if start is None else start, path, flags)
        if data is None:
            return None
        mode, inode, device = kind_and_key(data)
        if place is None:
            if here != (passage.device, passage.inode) or (follow and stat.S_ISLNK(mode)):
                return None
            place = Place((device, inode), head_of(data), passage)
            if passage.path is not None:
                self._labels.meet(place.key, passage.path, name)
            self._keep_place(key, place, follow=follow)
        elif not data.startswith(place.head) or self._labels.lasting(place.key) != place.sid:
            return None
        seen = self._labels.seen_as(mode, inode, device)
        return None if seen is None else (start, place, seen)

    def is_absent(self, kind: int, path: bytes) -> bool:
        """Tell whether nothing has a name, in a directory to which callers of a kind may go with nothing to record.

        False means nothing: the walk tells.

        Args:
            kind: :attr:`Caller.kind`.
            path: an absolute path.
        """
        if path[:1] != b"/":
            return False
        while path:
            head, _, name = path.rpartition(b"/")
            passage = self._passages.get(head)
            if passage is not None and name not in _NO_NAMES:
                is_passed = passage.passed.get(kind) == self._monitor.generation
                return is_passed and is_missing(path) and key_at(head or b"/") == (passage.device, passage.inode)
            path = head  # whatever follows a name that is not there
        return False

    def _is_at(self, place: Place, status: os.stat_result) -> bool:
        """Tell whether a place's object is that of a status; forget what was granted if it, or its label, changed."""
        head = status_head(status)
        sid = self._labels.lasting(place.key)
        if head != place.head or sid != place.sid:
            if (status.st_dev, status.st_ino) != place.key:
                return False
            place.head, place.sid = head, sid
            place.granted.clear()
        return True

    def _look_first(
        self, caller: Caller, start: int, here: os.stat_result | None, path: bytes, *, follow: bool
    ) -> Look | None:
        """Look at what was not met before, in a directory to which the way is known."""
        named = _named(path)
        head, _, name = named.rpartition(b"/")
        if name in _NO_NAMES:
            return None
        passage = self._known_passage(caller, start, here, head)
        if passage is None:
            return None
        status = os.stat(named, dir_fd=start, follow_symlinks=False)
        if named != path:
            if not stat.S_ISDIR(status.st_mode):
                return None
        elif follow and stat.S_ISLNK(status.st_mode):
            return None
        place = Place((status.st_dev, status.st_ino), status_head(status), passage)
        if passage.path is not None:
            self._labels.meet(place.key, passage.path, name)
        self._keep_place(_key(here, path), place, follow=follow)
        return Look(start, status, place, False)

    def _known_passage(self, caller: Caller, start: int, here: os.stat_result | None, head: bytes) -> _Passage | None:
        """Return the way to a directory, if it is remembered, still leads there, and the caller may go it."""
        passage = self._passages.get(_key(here, head))
        if passage is None:
            return None
        status = here
        if head or status is None:
            try:
                status = os.stat(head or b"/", dir_fd=start)
            except OSError:
                return None
        return passage if passage.leads_to(status) and self._may_pass(caller, passage) else None

    def _may_pass(self, caller: Caller, passage: _Passage) -> bool:
        """Tell whether a caller passes the checks of a walk with nothing to record.

        False means nothing: the walk decides, and tells what is to be recorded.
        """
        generation = self._monitor.generation
        if passage.passed.get(caller.kind) == generation:
            return True
        if caller.state.credentials_changed or not passage.is_plain:
            return False  # whether a capability is needed on the way depends on credentials
        sid, is_quiet = caller.state.sid, self._monitor.is_quiet
        if not all(is_quiet(sid, target, object_class, (each,)) for target, object_class, each in passage.steps):
            return False
        _note(passage.passed, caller.kind, generation)
        return True

    def remember(self, kind: int, place: Place, wanted: int) -> None:
        """Remember that a caller was granted what it wanted of an object with nothing to record.

        Args:
            kind: :attr:`Caller.kind`.
            place: from :meth:`look`.
            wanted: a number for all that was checked: what it means is between those who look.
        """
        sid = self._labels.lasting(place.key)
        if sid is not None:
            place.sid = sid
            _note(place.granted, (kind, wanted), self._monitor.generation)

    def path_of(self, look: Look, path: bytes) -> str | None:
        """Return the path by which the kernel knows what a look found, if that is known."""
        directory = look.place.passage.path
        return None if directory is None else f"{directory}/{os.fsdecode(_named(path).rpartition(b'/')[2])}"

    def hold(self, look: Look, path: bytes, *, follow: bool) -> int | None:
        """Return an ``O_PATH`` descriptor of what a look found; None when the path leads elsewhere by now."""
        descriptor = self._descriptors.open(path, O_PATH if follow else UNFOLLOWED, look.start)
        status = os.fstat(descriptor)
        return descriptor if (status.st_dev, status.st_ino) == look.place.key else None

    # --- All others -------------------------------------------------------------------------------------------------

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
        root = self.root_of(caller)
        start, here = self._beginning(caller, directory, path)
        if here is None:
            start = root
        if not caller.state.root_changed and caller.kind >= 0:
            located = self._locate_again(caller, start, here, path, follow=follow, parent=parent)
            if located is not None:
                return located
        walk = Walk(self._tools, caller, root, start, path, follow=follow)
        located = walk.run()
        self._keep_walk(caller, walk, located, here, path)
        return located

    def _locate_again(
        self, caller: Caller, start: int, here: os.stat_result | None, path: bytes, *, follow: bool, parent: bool
    ) -> Located | None:
        """Go the last step of a walk that is remembered."""
        place = None if parent else self._places[follow].get(_key(here, path))
        if place is not None and self._may_pass(caller, place.passage):
            descriptor = self._descriptors.open(path, O_PATH if follow else UNFOLLOWED, start)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) == place.key:
                return Located(-1, b"", descriptor, status)
        head, _, name = path.rpartition(b"/")
        if name in _NO_NAMES or self._known_passage(caller, start, here, head) is None:
            return None
        located = self._finish(start, here, path, head, name, parent=parent)
        return None if follow and located.status and stat.S_ISLNK(located.status.st_mode) else located

    def _finish(
        self, start: int, here: os.stat_result | None, path: bytes, head: bytes, name: bytes, *, parent: bool
    ) -> Located:
        """Take the last step of a remembered walk; a link there is not followed."""
        directory = -1
        if parent:
            # INVARIANT: no task of the box changes a name while a call is handled, so this is still the same directory.
            directory = self._descriptors.open(head or (b"/" if here is None else b"."), DIRECTORY, start)
        try:
            descriptor = self._descriptors.open(path, UNFOLLOWED, start)
        except FileNotFoundError:
            return Located(directory, name, -1, None)
        return Located(directory, name, descriptor, os.fstat(descriptor))

    # --- What is kept -----------------------------------------------------------------------------------------------

    def _keep_walk(
        self, caller: Caller, walk: Walk, located: Located, here: os.stat_result | None, path: bytes
    ) -> None:
        """Keep what a walk found: the way to the directory of the last component, and through a link in its place."""
        if walk.parent is not None:
            parent, steps = walk.parent
            status = os.fstat(parent)
            key = _key(here, _named(path).rpartition(b"/")[0])
            passage = self._passages.get(key)
            if passage is None or not passage.leads_to(status) or passage.steps != steps:
                if len(self._passages) >= _REMEMBERED:
                    self._passages.clear()
                passage = self._passages[key] = _Passage(status, steps, _path_without_slash(parent))
            self._walked(caller, walk, passage)
        if walk.led_through_links is not None and located.status is not None:
            place = self._places[True].get(_key(here, path))
            passage = None if place is None else place.passage
            if passage is None or not passage.leads_to(located.status) or passage.steps != walk.led_through_links:
                passage = _Passage(located.status, walk.led_through_links)
                place = Place((located.status.st_dev, located.status.st_ino), status_head(located.status), passage)
                self._keep_place(_key(here, path), place, follow=True)
            self._walked(caller, walk, passage)

    def _walked(self, caller: Caller, walk: Walk, passage: _Passage) -> None:
        """Note who went a way."""
        # A box's launcher is not asked about its capabilities, all others are.
        passage.is_plain |= not caller.state.credentials_changed and not caller.state.is_launcher
        if walk.is_silent and caller.kind >= 0:
            _note(passage.passed, caller.kind, self._monitor.generation)

    def _keep_place(self, key: _Key, place: Place, *, follow: bool) -> None:
        places = self._places[follow]
        if len(places) >= _REMEMBERED:
            places.clear()
        places[key] = place


def start_in_proc(tid: int, directory: int) -> bytes:
    """Return a path of the supervisor's own, with a final slash, to where a task's relative paths start.

    Args:
        tid: the task.
        directory: its descriptor number or ``AT_FDCWD``.
    """
    directory &= 0xFFFFFFFF
    return b"/proc/%d/cwd/" % tid if directory == _WORKING_DIRECTORY else b"/proc/%d/fd/%d/" % (tid, directory)


def _key(here: os.stat_result | None, text: bytes) -> _Key:
    """Return by what a path is remembered.

    Args:
        here: status of the directory where it starts; None for an absolute one.
        text: the path, or the directory part of one.
    """
    return text if here is None else (here.st_dev, here.st_ino, text)


def _named(path: bytes) -> bytes:
    """Return a path up to its last name, without the slashes and dots that say that it is a directory's."""
    while path.endswith((b"/", b"/.")):
        path = path[:-1]
    return path


def _path_without_slash(directory: int) -> str | None:
    """Return the path by which the kernel knows a directory; None where it is not below the supervisor's root."""
    path = path_of(directory)
    return path.rstrip("/") if path.startswith("/") else None


def _note(notes: dict[_Kind, int], who: _Kind, generation: int) -> None:
    if len(notes) >= _WHO_PASSED:
        notes.clear()
    notes[who] = generation


def _sysctl_is_on(path: str) -> bool:
    try:
        with open(path, "rb") as setting:
            return setting.read().strip() != b"0"
    except OSError:
        return False
