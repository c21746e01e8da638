"""Renaming.

Source: the kernel's ``do_renameat2``, ``vfs_rename`` and ``may_rename``.
"""

import errno
import os
import stat

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.directoryentries import DirectoryEntries, check_one_mount, path_in, place_of
from selbox.enforce.linux import AT_FDCWD, system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.walks import Located
from selbox.typing import Final

_RENAME_NOREPLACE: Final = 1
_RENAME_EXCHANGE: Final = 2
_RENAME_WHITEOUT: Final = 4

_NO_NAMES: Final = (b"", b".", b"..")
_LONGEST_NAME: Final = 255


class RenameCalls:
    """``rename``, ``renameat`` and ``renameat2``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._entries = DirectoryEntries(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls, which are those of the methods."""
        return {each.__name__: each for each in (self.rename, self.renameat, self.renameat2)}

    def rename(self, caller: Caller, arguments: Arguments) -> int:
        """``rename(old, new)``."""
        return self.renameat2(caller, (AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], 0, 0))

    def renameat(self, caller: Caller, arguments: Arguments) -> int:
        """``renameat(old_directory, old, new_directory, new)``."""
        return self.renameat2(caller, (*arguments[:4], 0, 0))

    def renameat2(self, caller: Caller, arguments: Arguments) -> int:
        """``renameat2(old_directory, old, new_directory, new, flags)``."""
        flags = arguments[4] & 0xFFFFFFFF
        others = _RENAME_NOREPLACE | _RENAME_WHITEOUT
        if flags & ~(others | _RENAME_EXCHANGE) or (flags & _RENAME_EXCHANGE and flags & others):
            return -errno.EINVAL
        old, new = self._locate_both(caller, arguments, flags)
        status = old.found
        _check_slashes(old, new, flags)
        if flags & _RENAME_WHITEOUT:
            return -errno.EINVAL  # as on a file system that has none
        self._check_rename(caller, old, new, flags)
        system_call(NUMBERS["renameat2"], old.parent, old.name, new.parent, new.name, flags)
        if new.status is not None and not flags & _RENAME_EXCHANGE and new.status.st_ino != status.st_ino:
            self._entries.gone(caller, new, new.status)
        self._after_rename(caller, old, new, flags)
        return 0

    def _locate_both(self, caller: Caller, arguments: Arguments, flags: int) -> tuple[Located, Located]:
        """Locate both names of a call; what is wrong with a last component the kernel tells after all else.

        Raises:
            OSError: EXDEV for names in two mounts; EBUSY for a last component that is no name; EEXIST for a new one
                that must not be there.
        """
        found: list[Located] = []
        paths: list[bytes] = []
        late: list[OSError] = []
        for directory, address in (arguments[:2], arguments[2:4]):
            path = self._box.memory.read_string(caller.tid, address)
            paths.append(path)
            try:
                found.append(self._box.walker.locate_name(caller, directory, path))
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG or len(_last(path)) <= _LONGEST_NAME:
                    raise
                late.append(error)
        if not late:
            check_one_mount(*(each.object if each.parent < 0 else each.parent for each in found))
        is_no_name = [_last(each) in _NO_NAMES for each in paths]
        if any(is_no_name):
            number = errno.EEXIST if flags & _RENAME_NOREPLACE and not is_no_name[0] else errno.EBUSY
            raise OSError(number, os.strerror(number))
        if late:
            if len(_last(paths[0])) <= _LONGEST_NAME and found[0].status is None:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            raise late[0]
        return found[0], found[1]

    def _check_rename(self, caller: Caller, old: Located, new: Located, flags: int) -> None:
        """Check as the kernel's ``vfs_rename`` and ``may_rename`` do."""
        moves = not os.path.sameopenfile(old.parent, new.parent)
        exchange = bool(flags & _RENAME_EXCHANGE)
        for located in (old, new):
            self._entries.check_changeable(caller, located, os.fstat(located.parent))
            self._entries.check_writable(caller, located)
            if located.status is not None:
                self._box.walker.privileges.check_removal(caller, os.fstat(located.parent), located.status)
        if moves:
            # A directory that comes elsewhere is written: its entry `..` changes.
            self._check_parent_entry(caller, old)
            if exchange:
                self._check_parent_entry(caller, new)
        if exchange:
            self._check_move(caller, new, old, moves=moves)
        self._check_move(caller, old, new, moves=moves)
        if self._box.monitor.layers is not None:
            self._box.monitor.layers.may_rename(
                caller, old.parent, old.object, new.parent, new.object, exchange=exchange
            )

    def _check_parent_entry(self, caller: Caller, located: Located) -> None:
        if stat.S_ISDIR(located.found.st_mode):
            self._entries.check_object(caller, located, "write")

    def _check_move(self, caller: Caller, old: Located, new: Located, *, moves: bool) -> None:
        self._entries.check_entry(caller, old, "remove_name")
        self._entries.check_object(caller, old, "rename")
        if moves and stat.S_ISDIR(old.found.st_mode):
            self._entries.check_object(caller, old, "reparent")
        self._entries.check_entry(caller, new, "add_name", *(() if new.status is None else ("remove_name",)))
        if new.status is not None:
            self._entries.check_object(caller, new, "rmdir" if stat.S_ISDIR(new.status.st_mode) else "unlink")

    def _after_rename(self, caller: Caller, old: Located, new: Located, flags: int) -> None:
        """Keep the labels of what moved: its own, and of what lies below and was never looked at."""
        labels = self._box.labels
        moved = [(old, new)]
        if flags & _RENAME_EXCHANGE:
            moved.append((new, old))
        for source, target in moved:
            status = source.found
            if not labels.is_layered(status.st_dev):
                labels.assign(status, labels.sid_of(source.object, status, caller), place_of(target))
            if stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode):
                self._box.walker.known.forget()
        if self._box.monitor.layers is not None:
            self._box.monitor.layers.moved(caller, old.parent, old.name)
        note = labels.exchanged if flags & _RENAME_EXCHANGE else labels.renamed
        note(path_in(old), path_in(new))


def _check_slashes(old: Located, new: Located, flags: int) -> None:
    """Check what there is against what the call and slashes after its names want (kernel: ``do_renameat2``)."""
    status = old.found
    if flags & _RENAME_NOREPLACE and new.status is not None:
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
    if flags & _RENAME_EXCHANGE and not stat.S_ISDIR(new.found.st_mode) and new.must_be_directory:
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    is_named = old.must_be_directory or (new.must_be_directory and not flags & _RENAME_EXCHANGE)
    if is_named and not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


def _last(path: bytes) -> bytes:
    """Return the last component of a path."""
    return path.rstrip(b"/").rpartition(b"/")[2]
