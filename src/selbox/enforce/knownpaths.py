"""What paths led to before, and what was granted there.

Walks are remembered twice: by the directory part of a path, and by the whole path. What is remembered is used again
only where the kernel resolves the path to the same directory, or to the same object, and forgotten when the box moves
or removes a directory or a link. So whoever comes from outside the box and moves names has the walk made anew.
"""

import os
import stat

from selbox.enforce.caller import Caller
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.labels import Labels
from selbox.enforce.linux import AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_PATH
from selbox.enforce.monitor import ReferenceMonitor
from selbox.enforce.standins import NAMES
from selbox.enforce.statusdata import head_of, is_missing, key_at, key_of, kind_and_key, status_data, status_head
from selbox.enforce.walks import Steps
from selbox.typing import Final, TypeVar

_WORKING_DIRECTORY: Final = AT_FDCWD & 0xFFFFFFFF
_REMEMBERED: Final = 8192
_WHO_PASSED: Final = 64
"""Answers that are kept of each path at most."""
NO_NAMES: Final = frozenset({b"", b".", b"..", *NAMES})
"""Last components that name no entry of a directory, or may mean another than the one there."""

_Kind = TypeVar("_Kind")
PathKey = bytes | tuple[int, int, bytes]
"""A path that is remembered: an absolute one, or device and inode of a directory and what follows there."""


class Passage:
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

    def __init__(self, key: tuple[int, int], head: bytes, passage: Passage) -> None:
        self.key = key
        self.head = head
        self.passage = passage
        self.sid: int | None = None
        self.granted: dict[tuple[int, int], int] = {}


class KnownPaths:
    """What is remembered of the walks of a box."""

    def __init__(self, descriptors: Descriptors, labels: Labels, monitor: ReferenceMonitor) -> None:
        self._descriptors = descriptors
        self._labels = labels
        self._monitor = monitor
        self._passages: dict[PathKey, Passage] = {}
        """Ways to directories, by the directory part of paths."""
        self._places: tuple[dict[PathKey, Place], dict[PathKey, Place]] = ({}, {})
        """What paths name, where a link in the last place is itself meant, and where it is followed."""

    def forget(self) -> None:
        """Forget remembered walks; called when a directory, a link, or a label or the mode of one changed."""
        self._passages.clear()
        for places in self._places:
            places.clear()

    def place(self, key: PathKey, *, follow: bool) -> Place | None:
        """Return what is remembered of a path, by :func:`path_key`.

        Args:
            key: the path.
            follow: whether a symbolic link in the last place is followed.
        """
        return self._places[follow].get(key)

    def keep_place(self, key: PathKey, place: Place, *, follow: bool) -> None:
        """Remember what a path names."""
        places = self._places[follow]
        if len(places) >= _REMEMBERED:
            places.clear()
        places[key] = place

    def meet_place(self, key: PathKey, place: Place, name: bytes, *, follow: bool) -> None:
        """Remember what a path names, which was not walked to, and label it if its path tells how.

        Args:
            key: the path.
            place: what is there.
            name: the last component of the path.
            follow: whether a symbolic link in the last place is followed.
        """
        if place.passage.path is not None:
            self._labels.meet(place.key, place.passage.path, name)
        self.keep_place(key, place, follow=follow)

    def passage(self, key: PathKey) -> Passage | None:
        """Return the way to a directory, by :func:`path_key` of the directory part of a path."""
        return self._passages.get(key)

    def keep_passage(self, key: PathKey, passage: Passage) -> None:
        """Remember a way to a directory."""
        if len(self._passages) >= _REMEMBERED:
            self._passages.clear()
        self._passages[key] = passage

    def note_passed(self, passage: Passage, kind: int) -> None:
        """Note that a kind of caller passed the checks of a way with nothing to record."""
        _note(passage.passed, kind, self._monitor.generation)

    def remember(self, kind: int, place: Place, wanted: int) -> None:
        """Remember that a caller was granted what it wanted of an object with nothing to record.

        Args:
            kind: :attr:`Caller.kind`.
            place: the object.
            wanted: a number for all that was checked: what it means is between those who look.
        """
        sid = self._labels.lasting(place.key)
        if sid is not None:
            place.sid = sid
            _note(place.granted, (kind, wanted), self._monitor.generation)

    def is_granted(self, place: Place, kind: int, wanted: int) -> bool:
        """Tell whether what a caller wants was granted before, with nothing to record, by the policy in force."""
        return place.granted.get((kind, wanted)) == self._monitor.generation

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
            None where :meth:`PathWalker.look` is to tell.
        """
        key: PathKey = path
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
            what is remembered of the object; its SID and class. None where :meth:`PathWalker.look` is to tell.
        """
        head, _, name = path.rpartition(b"/")
        if name in NO_NAMES:
            return None
        start = here = None
        key: PathKey = path
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
            self.meet_place(key, place, name, follow=follow)
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
            if passage is not None and name not in NO_NAMES:
                is_passed = passage.passed.get(kind) == self._monitor.generation
                return is_passed and is_missing(path) and key_at(head or b"/") == (passage.device, passage.inode)
            path = head  # whatever follows a name that is not there
        return False

    def is_at(self, place: Place, status: os.stat_result) -> bool:
        """Tell whether a place's object is that of a status; forget what was granted if it, or its label, changed."""
        head = status_head(status)
        sid = self._labels.lasting(place.key)
        if head != place.head or sid != place.sid:
            if (status.st_dev, status.st_ino) != place.key:
                return False
            place.head, place.sid = head, sid
            place.granted.clear()
        return True

    def may_pass(self, caller: Caller, passage: Passage) -> bool:
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


def start_in_proc(tid: int, directory: int) -> bytes:
    """Return a path of the supervisor's own, with a final slash, to where a task's relative paths start.

    Args:
        tid: the task.
        directory: its descriptor number or ``AT_FDCWD``.
    """
    directory &= 0xFFFFFFFF
    return b"/proc/%d/cwd/" % tid if directory == _WORKING_DIRECTORY else b"/proc/%d/fd/%d/" % (tid, directory)


def path_key(here: os.stat_result | None, text: bytes) -> PathKey:
    """Return by what a path, or the directory part of one, is remembered.

    Args:
        here: status of the directory where it starts; None for an absolute one.
        text: what is to be remembered.
    """
    return text if here is None else (here.st_dev, here.st_ino, text)


def named_part(path: bytes) -> bytes:
    """Return a path up to its last component, without the slashes that say that it is a directory's."""
    return path.rstrip(b"/")


def _note(notes: dict[_Kind, int], who: _Kind, generation: int) -> None:
    if len(notes) >= _WHO_PASSED:
        notes.clear()
    notes[who] = generation
