"""From a path in a call to the object it names, as the caller sees it.

The walk is the supervisor's own, on its own copy of the path (:mod:`selbox.enforce.walks`), and what it returns are
descriptors of the very objects that were checked, so a path that changes under way changes nothing.
What walks led to is remembered (:mod:`selbox.enforce.knownpaths`), and looked at again without a walk.
"""

import errno
import os
import stat

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.descriptors import Descriptors
from selbox.enforce.knownpaths import NO_NAMES, KnownPaths, Passage, Place, named_part, path_key
from selbox.enforce.labels import Labels
from selbox.enforce.linux import AT_FDCWD, O_PATH
from selbox.enforce.monitor import ReferenceMonitor
from selbox.enforce.privileges import Privileges
from selbox.enforce.shownpaths import path_of
from selbox.enforce.standins import StandIns
from selbox.enforce.statusdata import status_head
from selbox.enforce.walks import DIRECTORY, UNFOLLOWED, Located, Tools, Walk
from selbox.typing import Final, NamedTuple

_WORKING_DIRECTORY: Final = AT_FDCWD & 0xFFFFFFFF


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
        self.known = KnownPaths(descriptors, labels, monitor)
        """What paths led to before."""
        self.stand_ins = StandIns()
        """Directories that stand elsewhere for the box."""
        labels.open_files = self.stand_ins.files
        protects_links = _sysctl_is_on("/proc/sys/fs/protected_symlinks")
        self._tools = Tools(descriptors, labels, monitor, privileges, protects_links, self.stand_ins)
        self._root = os.open("/", DIRECTORY | os.O_CLOEXEC)
        self._call = (0, 0)
        self._begun: tuple[int, os.stat_result | None] = (-1, None)
        """Where the relative paths of one call and directory start; its descriptor lives as long as the call."""
        self.protects_hard_links = _sysctl_is_on("/proc/sys/fs/protected_hardlinks")
        """Whether the kernel lets only those link a file who own it or may read and write it."""

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
            wanted: what the caller wants of the object, as :meth:`KnownPaths.remember` was told; -1 is the way alone.
            follow: whether a symbolic link in the last place is followed.

        Returns:
            None when the path has to be located.

        Raises:
            OSError: as :meth:`locate`.
        """
        if not path or caller.state.root_changed or caller.kind < 0:
            return None
        start, here = self._beginning(caller, directory, path)
        known = self.known
        place = known.place(path_key(here, path), follow=follow)
        if place is not None:
            # INVARIANT: what a path led to once, and still leads to, it leads to by the way that was checked. Those who
            # could have changed the way, and not the end, are outside the box.
            try:
                status = os.stat(path, dir_fd=start, follow_symlinks=follow)
            except OSError:
                status = None  # what it is to fail with depends on what may be searched
            if status is not None and known.is_at(place, status):
                if known.is_granted(place, caller.kind, wanted):
                    return Look(start, status, place, True)
                return Look(start, status, place, False) if known.may_pass(caller, place.passage) else None
        return self._look_first(caller, start, here, path, follow=follow)

    def _look_first(
        self, caller: Caller, start: int, here: os.stat_result | None, path: bytes, *, follow: bool
    ) -> Look | None:
        """Look at what was not met before, in a directory to which the way is known."""
        named = named_part(path)
        head, _, name = named.rpartition(b"/")
        if name in NO_NAMES:
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
        self.known.meet_place(path_key(here, path), place, name, follow=follow)
        return Look(start, status, place, False)

    def _known_passage(self, caller: Caller, start: int, here: os.stat_result | None, head: bytes) -> Passage | None:
        """Return the way to a directory, if it is remembered, still leads there, and the caller may go it."""
        passage = self.known.passage(path_key(here, head))
        if passage is None:
            return None
        status = here
        if head or status is None:
            try:
                status = os.stat(head or b"/", dir_fd=start)
            except OSError:
                return None
        return passage if passage.leads_to(status) and self.known.may_pass(caller, passage) else None

    def path_of(self, look: Look, path: bytes) -> str | None:
        """Return the path by which the kernel knows what a look found, if that is known."""
        directory = look.place.passage.path
        return None if directory is None else f"{directory}/{os.fsdecode(named_part(path).rpartition(b'/')[2])}"

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

    def locate_name(self, caller: Caller, directory: int, path: bytes) -> Located:
        """Locate a name itself: a link there is not followed, also where slashes follow it.

        Source: the kernel's ``filename_parentat``.

        Raises:
            OSError: as :meth:`locate`.
        """
        name = path.rstrip(b"/") or path
        return self.locate(caller, directory, name, follow=False)._replace(must_be_directory=name != path)

    def _locate_again(
        self, caller: Caller, start: int, here: os.stat_result | None, path: bytes, *, follow: bool, parent: bool
    ) -> Located | None:
        """Go the last step of a walk that is remembered."""
        place = None if parent else self.known.place(path_key(here, path), follow=follow)
        if place is not None and self.known.may_pass(caller, place.passage):
            descriptor = self._descriptors.open(path, O_PATH if follow else UNFOLLOWED, start)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) == place.key:
                return Located(-1, b"", descriptor, status)
        head, _, name = path.rpartition(b"/")
        if name in NO_NAMES or self._known_passage(caller, start, here, head) is None:
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
            key = path_key(here, named_part(path).rpartition(b"/")[0])
            passage = self.known.passage(key)
            if passage is None or not passage.leads_to(status) or passage.steps != steps:
                passage = Passage(status, steps, _path_without_slash(parent))
                self.known.keep_passage(key, passage)
            self._walked(caller, walk, passage)
        if walk.led_through_links is not None and located.status is not None:
            place = self.known.place(path_key(here, path), follow=True)
            passage = None if place is None else place.passage
            if passage is None or not passage.leads_to(located.status) or passage.steps != walk.led_through_links:
                passage = Passage(located.status, walk.led_through_links)
                place = Place((located.status.st_dev, located.status.st_ino), status_head(located.status), passage)
                self.known.keep_place(path_key(here, path), place, follow=True)
            self._walked(caller, walk, passage)

    def _walked(self, caller: Caller, walk: Walk, passage: Passage) -> None:
        """Note who went a way."""
        # A box's launcher is not asked about its capabilities, all others are.
        passage.is_plain |= not caller.state.credentials_changed and not caller.state.is_launcher
        if walk.is_silent and caller.kind >= 0:
            self.known.note_passed(passage, caller.kind)


def _path_without_slash(directory: int) -> str | None:
    """Return the path by which the kernel knows a directory; None where it is not below the supervisor's root."""
    path = path_of(directory)
    return path.rstrip("/") if path.startswith("/") else None


def _sysctl_is_on(path: str) -> bool:
    try:
        with open(path, "rb") as setting:
            return setting.read().strip() != b"0"
    except OSError:
        return False
