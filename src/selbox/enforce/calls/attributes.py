"""Extended attributes: labels of files as programs read and set them, and the others.

``security.selinux`` is the box's own: it is never read from or written to the file by a program. All others are read
and set by the supervisor, on its own copy of name and value.
"""

import errno
import os
import stat

from selbox.audit.eventrecord import format_event, invalid_context, relabelling_denied
from selbox.diagnostics import SelboxError
from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import Target, has_label, target_at, target_open
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import read_credentials
from selbox.enforce.linux import AT_FDCWD
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.shownpaths import path_of
from selbox.enforce.socketlabels import is_socket
from selbox.enforce.superblocks import fixed_filesystems
from selbox.typing import Final

NAME: Final = b"security.selinux"
_OF_USERS: Final = b"user."
_CAPABILITIES: Final = b"security.capability"
_TRUSTED: Final = b"trusted."
_PRIVILEGED: Final = (b"security.", _TRUSTED)
"""Beginnings of names that only a privileged task may set."""
_NAME_LIMIT: Final = 256
_VALUE_LIMIT: Final = 65536
_FOWNER: Final = 1 << 3


class AttributeCalls:
    """``getxattr``, ``listxattr``, ``setxattr``, ``removexattr`` and their forms for links and open files."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._fixed = fixed_filesystems(box.server.policy)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call."""
        return {
            "getxattr": lambda caller, given: self._get(caller, given, follow=True),
            "lgetxattr": lambda caller, given: self._get(caller, given, follow=False),
            "fgetxattr": lambda caller, given: self._get(caller, given, follow=None),
            "listxattr": lambda caller, given: self._list(caller, given, follow=True),
            "llistxattr": lambda caller, given: self._list(caller, given, follow=False),
            "flistxattr": lambda caller, given: self._list(caller, given, follow=None),
            "setxattr": lambda caller, given: self._set(caller, given, follow=True),
            "lsetxattr": lambda caller, given: self._set(caller, given, follow=False),
            "fsetxattr": lambda caller, given: self._set(caller, given, follow=None),
            "removexattr": lambda caller, given: self._remove(caller, given, follow=True),
            "lremovexattr": lambda caller, given: self._remove(caller, given, follow=False),
            "fremovexattr": lambda caller, given: self._remove(caller, given, follow=None),
        }

    # --- What a call names ------------------------------------------------------------------------------------------

    def _name(self, caller: Caller, arguments: Arguments) -> bytes:
        """Read an attribute's name.

        Raises:
            OSError: ERANGE when it is empty or too long.
        """
        try:
            name = self._box.memory.read_string(caller.tid, arguments[1], _NAME_LIMIT)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise OSError(errno.ERANGE, os.strerror(errno.ERANGE)) from None
            raise
        if not name:
            raise OSError(errno.ERANGE, os.strerror(errno.ERANGE))
        return name

    def _target(self, caller: Caller, register: int, follow: bool | None) -> Target:
        """Return what a call's first argument names: a path, followed or not, or with None an open file."""
        if follow is None:
            return target_open(self._box, caller, register)
        path = self._box.memory.read_string(caller.tid, register)
        return target_at(self._box, caller, AT_FDCWD, path, follow=follow)

    def _takes_labels(self, target: Target) -> bool:
        """Tell whether the files of a file's file system can be relabelled."""
        labels, device = self._box.labels, target.status.st_dev
        superblock = labels.superblocks.mounted(device)
        if superblock is not None:
            return superblock.takes_labels
        kind = labels.filesystems.kind_at(device, target.descriptor)
        return bool(kind) and kind not in self._fixed

    def _lists_label(self, target: Target) -> bool:
        """Tell whether the label is among the attributes of a file that carries none.

        Source: the kernel's ``vfs_listxattr``, ``sockfs_listxattr`` and ``selinux_inode_listsecurity``: what keeps no
        attributes, such as ``proc`` and pipes, has the label listed; memory files have not.
        """
        labels, status = self._box.labels, target.status
        if labels.is_layered(status.st_dev) or self._takes_labels(target):
            return True
        kind = labels.filesystems.kind_at(status.st_dev, target.descriptor)
        return kind == "proc" or is_socket(status) or (not kind and stat.S_ISFIFO(status.st_mode))

    def _check(self, caller: Caller, target: Target, sid: int, permission: str) -> None:
        object_class = self._box.labels.class_of(target.status)
        self._box.monitor.check(caller, sid, object_class, (permission,), self._box.labels.at(target.descriptor))

    # --- Reading ----------------------------------------------------------------------------------------------------

    def _get(self, caller: Caller, arguments: Arguments, *, follow: bool | None) -> int:
        """Answer with a label or another attribute (kernel: ``selinux_inode_getxattr``, ``vfs_getxattr``)."""
        box = self._box
        name = self._name(caller, arguments)
        target = self._target(caller, arguments[0], follow)
        stood_for = box.walker.stand_ins.open_file(target.status)
        if stood_for is not None:
            box.monitor.check(caller, stood_for.sid, "file", ("getattr",), lambda: stood_for.fields)
            if name != NAME:
                return -errno.EOPNOTSUPP
            return self._give(caller, self._told(caller, stood_for.sid), arguments[2], arguments[3])
        if is_socket(target.status):
            return self._get_of_socket(caller, name, arguments, target)
        if name.startswith(_TRUSTED) and not Capabilities(box).may_use(caller, "sys_admin"):
            return -errno.ENODATA  # as if there were none
        sid = box.labels.sid_of(target.descriptor, target.status, caller)
        if name.startswith(_OF_USERS):
            if not _takes_users(target.status):
                return -errno.ENODATA
            self._ordinarily(caller, target, os.R_OK)
            self._check(caller, target, sid, "read")
        self._check(caller, target, sid, "getattr")
        value = self._told(caller, sid) if name == NAME else os.getxattr(target.place, name)
        return self._give(caller, value, arguments[2], arguments[3])

    def _told(self, caller: Caller, sid: int) -> bytes:
        """Return a label as a task is told it: one that policy does not know only who may set such ones.

        Source: the kernel's ``selinux_inode_getsecurity``.
        """
        server = self._box.server
        text, kept = server.sid_to_context(sid), server.sid_to_context_force(sid)
        if kept != text and Capabilities(self._box).could_use(caller, "mac_admin"):
            text = kept
        return text.encode(errors="surrogateescape") + b"\x00"

    def _get_of_socket(self, caller: Caller, name: bytes, arguments: Arguments, target: Target) -> int:
        from selbox.enforce.socketchecks import SocketChecks  # few programs look at the label of a socket

        checks = SocketChecks(self._box)
        number = signed(arguments[0]) if target.is_open else checks.number_of(caller, target.status)
        label = checks.check_number(caller, number, "getattr")
        if name.startswith(_OF_USERS):
            return -errno.ENODATA
        text = self._box.server.sid_to_context(label.sid)
        value = text.encode() + b"\x00" if name == NAME else os.getxattr(target.place, name)
        return self._give(caller, value, arguments[2], arguments[3])

    def _list(self, caller: Caller, arguments: Arguments, *, follow: bool | None) -> int:
        """Answer with the names of all attributes (kernel: ``selinux_inode_listxattr``)."""
        box = self._box
        target = self._target(caller, arguments[0], follow)
        stood_for = box.walker.stand_ins.open_file(target.status)
        if stood_for is not None:
            box.monitor.check(caller, stood_for.sid, "file", ("getattr",), lambda: stood_for.fields)
            return self._give(caller, NAME + b"\0", arguments[1], arguments[2])
        if has_label(box, target.status):
            self._check(caller, target, box.labels.sid_of(target.descriptor, target.status, caller), "getattr")
        names = [os.fsencode(each) for each in os.listxattr(target.place)]
        if any(each.startswith(_TRUSTED) for each in names) and not Capabilities(box).may_use(caller, "sys_admin"):
            names = [each for each in names if not each.startswith(_TRUSTED)]
        if NAME not in names and self._lists_label(target):
            names.insert(0, NAME)
        return self._give(caller, b"".join(name + b"\0" for name in names), arguments[1], arguments[2])

    def _give(self, caller: Caller, value: bytes, buffer: int, size: int) -> int:
        if size:
            if size < len(value):
                return -errno.ERANGE
            self._box.memory.write(caller.tid, buffer, value)
        return len(value)

    def _ordinarily(self, caller: Caller, target: Target, mode: int) -> None:
        """Ask the ordinary permissions that attributes of users take (kernel: ``xattr_permission``)."""
        self._box.walker.privileges.check_mode(caller, target.status, mode)
        if not os.access(target.place, mode, effective_ids=True):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    # --- Writing ----------------------------------------------------------------------------------------------------

    def _set(self, caller: Caller, arguments: Arguments, *, follow: bool | None) -> int:
        flags = arguments[4] & 0xFFFFFFFF
        if flags & ~(os.XATTR_CREATE | os.XATTR_REPLACE):
            return -errno.EINVAL
        name = self._name(caller, arguments)
        if arguments[3] > _VALUE_LIMIT:
            return -errno.E2BIG
        value = self._box.memory.read_exactly(caller.tid, arguments[2], arguments[3])
        target = self._target(caller, arguments[0], follow)
        if self._box.walker.stand_ins.is_fixed(target.status):
            return -errno.EOPNOTSUPP
        if name != NAME:
            self._may_change(caller, target, name)
            os.setxattr(target.place, name, value, flags)
            return 0
        if flags & os.XATTR_CREATE:
            return -errno.EEXIST  # everything has a label
        self._relabel(caller, target, value)
        return 0

    def _may_change(self, caller: Caller, target: Target, name: bytes) -> None:
        if name.startswith(_PRIVILEGED):
            # Set by the supervisor, which may: so it is asked here whether the caller may.
            capability = "setfcap" if name == _CAPABILITIES else "sys_admin"
            if not Capabilities(self._box).may_use(caller, capability):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        sid = self._box.labels.sid_of(target.descriptor, target.status, caller)
        if name.startswith(_OF_USERS):
            if not _takes_users(target.status):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            self._ordinarily(caller, target, os.W_OK)
            self._check(caller, target, sid, "write")
        self._check(caller, target, sid, "setattr")

    def _relabel(self, caller: Caller, target: Target, value: bytes) -> None:
        """Give a file another label (kernel: ``selinux_inode_setxattr``, ``selinux_inode_post_setxattr``)."""
        box = self._box
        status = target.status
        if os.fstatvfs(target.descriptor).f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        if not self._takes_labels(target):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        if not _owns(caller, status):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        old = box.labels.sid_of(target.descriptor, status, caller)
        self._check(caller, target, old, "relabelfrom")
        new = self._parse(caller, value)
        self._check(caller, target, new, "relabelto")
        self._validate(caller, target, old, new)
        filesystem = box.labels.filesystem_sid_on(status.st_dev)
        box.monitor.check(
            caller, filesystem, "filesystem", ("associate",), lambda: box.labels.describe(target.descriptor), source=new
        )
        if box.monitor.layers is not None:
            box.monitor.layers.may_relabel(caller, target.descriptor, new)
        place = target.place if box.labels.is_layered(status.st_dev) else path_of(target.descriptor)
        box.labels.assign(status, new, place if status.st_nlink else None)
        if stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode):
            box.walker.known.forget()
            box.monitor.invalidate()

    def _parse(self, caller: Caller, value: bytes) -> int:
        text = value.partition(b"\0")[0].decode(errors="surrogateescape")
        recorder = self._box.recorder
        try:
            return self._box.server.context_to_sid(text)
        except SelboxError:
            if Capabilities(self._box).may_use(caller, "mac_admin") and text:
                return self._box.server.context_to_sid_force(text)
            recorder.write(format_event(invalid_context(recorder.stamp(caller.tid), "setxattr", text)))
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None

    def _validate(self, caller: Caller, target: Target, old: int, new: int) -> None:
        """Hold to ``validatetrans``, which permissive mode only records (``security_validate_transition``)."""
        box = self._box
        server = box.server
        object_class = box.labels.class_of(target.status)
        class_id = server.vector(object_class, ()).object_class
        if server.validate_transition(old, new, caller.state.sid, class_id):
            return
        old_context, new_context, task = (server.sid_to_context(each) for each in (old, new, caller.state.sid))
        record = relabelling_denied(box.recorder.stamp(caller.tid), old_context, new_context, task, object_class)
        box.recorder.write(format_event(record))
        if server.enforcing:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def _remove(self, caller: Caller, arguments: Arguments, *, follow: bool | None) -> int:
        name = self._name(caller, arguments)
        target = self._target(caller, arguments[0], follow)
        if name == NAME:
            return -errno.EACCES  # as the kernel: a label is changed, never removed
        self._may_change(caller, target, name)
        os.removexattr(target.place, name)
        return 0


def _owns(caller: Caller, status: os.stat_result) -> bool:
    """Tell whether a task owns a file or holds CAP_FOWNER (kernel: ``inode_owner_or_capable``)."""
    if not caller.state.credentials_changed:
        return os.geteuid() in (0, status.st_uid)
    credentials = read_credentials(caller.tid)
    return credentials.user == status.st_uid or bool(credentials.capabilities & _FOWNER)


def _takes_users(status: os.stat_result) -> bool:
    """Tell whether a file can have attributes of users (kernel: ``xattr_permission``)."""
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
