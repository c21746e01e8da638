"""What ordinary permissions deny and a capability gives all the same: only if policy lets the capability be used.

The kernel would ask policy when it falls back on a capability; the supervisor, which does things for the caller with
the caller's own credentials, sees beforehand where they are needed. Access control lists are not read: where one
grants what the mode does not, a capability may be asked for that is not needed.
"""

import errno
import os
import stat
from functools import partial

from selbox.enforce.caller import Caller
from selbox.enforce.credentials import Credentials, own_credentials, read_credentials
from selbox.enforce.monitor import AccessDenied, ReferenceMonitor
from selbox.enforce.statusdata import kind_and_key, owner_of
from selbox.enforce.tasks import TaskState
from selbox.typing import Final

CHOWN: Final = ("chown", 0)
DAC_OVERRIDE: Final = ("dac_override", 1)
DAC_READ_SEARCH: Final = ("dac_read_search", 2)
FOWNER: Final = ("fowner", 3)
FSETID: Final = ("fsetid", 4)
LEASE: Final = ("lease", 28)

_ASKED: Final = sum(1 << number for _, number in (CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, LEASE))
_ANY_EXECUTE: Final = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class Privileges:
    """Asks policy about the capabilities by which a task goes beyond ordinary permissions on files."""

    def __init__(self, monitor: ReferenceMonitor) -> None:
        self._monitor = monitor
        self._own = own_credentials()
        self._own_are_plain = not self._own.capabilities & _ASKED

    def check_mode(self, caller: Caller, status: os.stat_result, mask: int) -> bool:
        """Check access beyond the mode of a file.

        Args:
            caller: the task.
            status: the file's.
            mask: ``os.R_OK`` and the like.

        Returns:
            Whether the mode grants it.

        Raises:
            OSError: EACCES, where a capability would grant it that policy does not let be used.

        Source: the kernel's ``generic_permission``.
        """
        credentials = self._of(caller)
        if credentials is None:
            return True
        mode = status.st_mode
        if not mask & ~_granted(credentials, mode, status.st_uid, status.st_gid) & 7:
            return True
        is_directory = stat.S_ISDIR(mode)
        if not is_directory and mask & os.X_OK and not mode & _ANY_EXECUTE:
            return False  # no capability helps
        reads = not mask & os.W_OK if is_directory else mask == os.R_OK
        names = (DAC_READ_SEARCH, DAC_OVERRIDE) if reads else (DAC_OVERRIDE,)
        self._use_one(caller, credentials, names, errno.EACCES)
        return False

    def needs_none(self, state: TaskState, status: bytes, mask: int) -> bool:
        """Tell whether the mode of a file grants access, so that :meth:`check_mode` would ask nobody.

        Args:
            state: of the task; its credentials are known, if they changed.
            status: the file's, as ``struct stat`` begins.
            mask: ``os.R_OK`` and the like.
        """
        if not state.credentials_changed:
            credentials = None if self._own_are_plain or state.is_launcher else self._own
        else:
            credentials = state.credentials
        if credentials is None or not credentials.capabilities & _ASKED:
            return True
        mode, (user, group) = kind_and_key(status)[0], owner_of(status)
        return not mask & ~_granted(credentials, mode, user, group) & 7

    def check_owner(self, caller: Caller, status: os.stat_result) -> None:
        """Check what only a file's owner may do (kernel: ``inode_owner_or_capable``).

        Raises:
            OSError: EPERM, where a capability would grant it that policy does not let be used.
        """
        self._check_owner(caller, status, FOWNER, errno.EPERM)

    def check_lease(self, caller: Caller, status: os.stat_result) -> None:
        """Check a lease on a file (kernel: ``generic_setlease``).

        Raises:
            OSError: EACCES, where a capability would grant it that policy does not let be used.
        """
        self._check_owner(caller, status, LEASE, errno.EACCES)

    def may_set_group_id(self, caller: Caller, status: os.stat_result) -> bool:
        """Tell whether a file's set-group-ID bit may be set; the kernel takes it away from who may not.

        Source: the kernel's ``setattr_prepare`` and ``setattr_copy``, which both ask, whether or not it is to be set.
        """
        credentials = self._of(caller)
        if credentials is None or status.st_gid == credentials.group or status.st_gid in credentials.groups:
            return True
        allowed = True
        for _ in range(2):
            try:
                self._use_one(caller, credentials, (FSETID,), errno.EPERM)
            except PermissionError:
                allowed = False
        return allowed

    def check_removal(self, caller: Caller, directory: os.stat_result, status: os.stat_result) -> None:
        """Check the removal of a name from a directory where only owners may (kernel: ``check_sticky``)."""
        credentials = self._of(caller)
        is_sticky = directory.st_mode & stat.S_ISVTX
        if credentials is not None and is_sticky and credentials.user not in (status.st_uid, directory.st_uid):
            self._use_one(caller, credentials, (FOWNER,), errno.EPERM)

    def check_chown(self, caller: Caller, status: os.stat_result, user: int, group: int) -> None:
        """Check a change of owner (kernel: ``chown_ok``, ``chgrp_ok``).

        Args:
            caller: the task.
            status: the file's.
            user: the new owner, -1 for none.
            group: the new group, -1 for none.

        Raises:
            OSError: EPERM, where a capability would grant it that policy does not let be used.
        """
        credentials = self._of(caller)
        if credentials is None:
            return
        owns = credentials.user == status.st_uid
        keeps_user = user == -1 or (owns and user == status.st_uid)
        is_member = group in (status.st_gid, credentials.group) or group in credentials.groups
        keeps_group = group == -1 or (owns and is_member)
        if not (keeps_user and keeps_group):
            self._use_one(caller, credentials, (CHOWN,), errno.EPERM)

    def _of(self, caller: Caller) -> Credentials | None:
        """Return a caller's credentials; None for one that has none of these capabilities, whom the kernel refuses."""
        if not caller.state.credentials_changed:
            return None if self._own_are_plain or caller.state.is_launcher else self._own
        credentials = caller.credentials or read_credentials(caller.tid)
        return credentials if credentials.capabilities & _ASKED else None

    def _check_owner(self, caller: Caller, status: os.stat_result, name: tuple[str, int], number: int) -> None:
        """Have who is not a file's owner use a capability."""
        credentials = self._of(caller)
        if credentials is not None and credentials.user != status.st_uid:
            self._use_one(caller, credentials, (name,), number)

    def _use_one(
        self, caller: Caller, credentials: Credentials, names: tuple[tuple[str, int], ...], number: int
    ) -> None:
        """Have one of some capabilities be used, the first that is held and that policy allows."""
        held = [each for each in names if credentials.capabilities >> each[1] & 1]
        for name, capability in held:
            try:
                self._monitor.check(caller, caller.state.sid, "capability", (name,), partial(_fields, capability))
            except AccessDenied:
                continue
            return
        if held:
            raise OSError(number, os.strerror(number))


def _granted(credentials: Credentials, mode: int, user: int, group: int) -> int:
    """Return what the mode of a file of an owner grants, in the lowest three bits."""
    if credentials.user == user:
        return mode >> 6
    return mode >> 3 if group == credentials.group or group in credentials.groups else mode


def _fields(capability: int) -> dict[str, object]:
    return {"capability": capability}
