"""POSIX message queues: files of a file system that programs reach by calls of its own.

A queue is opened, made and removed by the supervisor, by the copy of its name that it decided about; sending and
receiving ask nobody again, as in the kernel. All queues lie in one directory, the root of their file system.

Source: the kernel's ``do_mq_open``, ``prepare_open`` and ``mq_unlink`` in ``ipc/mqueue.c``, and the hooks that these
reach: ``selinux_inode_permission``, ``selinux_inode_create``, ``selinux_file_open``, ``selinux_inode_unlink``.
"""

import errno
import os
import struct
from functools import partial

from selbox.enforce.answer import ANSWERED, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.directoryentries import DirectoryEntries
from selbox.enforce.calls.openpermissions import open_permissions
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.creation import created_sid
from selbox.enforce.credentials import own_capabilities
from selbox.enforce.ipcnamespaces import in_ipc_of
from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

_KIND: Final = "mqueue"
_ATTRIBUTES_SIZE: Final = 64
"""Bytes of ``struct mq_attr``."""

_MAX_ATTEMPTS: Final = 8


class MessageQueueCalls:
    """``mq_open`` and ``mq_unlink``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._entries = DirectoryEntries(box)
        self._capabilities = Capabilities(box)
        self._directory = box.labels.filesystem_sid(_KIND)
        """The label of the directory; the file system's own is the same."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {"mq_open": partial(_in_namespace, self.open), "mq_unlink": partial(_in_namespace, self.unlink)}

    def open(self, caller: Caller, arguments: Arguments) -> int:
        """``mq_open(name, flags, mode, attributes)``."""
        memory = self._box.memory
        attributes = memory.read_exactly(caller.tid, arguments[3], _ATTRIBUTES_SIZE) if arguments[3] else None
        name = memory.read_string(caller.tid, arguments[0])
        flags, mode = arguments[1] & 0xFFFFFFFF, arguments[2] & 0o7777
        self._check_directory(caller, "search")
        for _ in range(_MAX_ATTEMPTS):
            try:
                opened = self._open(name, flags & ~(os.O_CREAT | os.O_EXCL))
            except FileNotFoundError:
                if not flags & os.O_CREAT:
                    raise
                try:
                    return self._create(caller, name, flags, mode, attributes)
                except FileExistsError:
                    if flags & os.O_EXCL:
                        raise
                    continue  # somebody outside the box was quicker
            except PermissionError:
                if flags & os.O_CREAT and flags & os.O_EXCL:
                    return -errno.EEXIST
                raise
            if flags & os.O_CREAT and flags & os.O_EXCL:
                return -errno.EEXIST
            return self._hand_over(caller, name, opened, flags, is_new=False)
        return -errno.EEXIST

    def _open(self, name: bytes, flags: int, mode: int = 0, attributes: bytes | None = None) -> int:
        return self._box.descriptors.add(system_call(NUMBERS["mq_open"], name + b"\0", flags, mode, attributes))

    def _create(self, caller: Caller, name: bytes, flags: int, mode: int, attributes: bytes | None) -> int:
        """Make a queue (kernel: ``may_create``)."""
        box = self._box
        self._check_directory(caller, "write", "search")
        self._check_directory(caller, "add_name", "search")
        sid = caller.state.next_labels.create_sid or created_sid(
            box, caller.state.sid, self._directory, "file", os.fsdecode(name)
        )

        def describe() -> dict[str, object]:
            return {"name": os.fsdecode(name)}

        box.monitor.check(caller, sid, "file", ("create",), describe)
        box.monitor.check(caller, self._directory, "filesystem", ("associate",), describe, source=sid)
        if not self._may_have(caller, attributes):
            return -errno.EINVAL
        with self._entries.creating(caller):
            opened = self._open(name, flags | os.O_CREAT | os.O_EXCL, mode, attributes)
        box.labels.assign(os.fstat(opened), sid)
        return self._hand_over(caller, name, opened, flags, is_new=True)

    def _may_have(self, caller: Caller, attributes: bytes | None) -> bool:
        """Tell whether a queue may be as large as is asked: beyond the limits only by a capability."""
        if self._capabilities.may_use_if_held(caller, "sys_resource") or attributes is None:
            return True
        _, messages, size = struct.unpack_from("=3q", attributes)
        return bool(messages <= _limit("msg_max") and size <= _limit("msgsize_max"))

    def _hand_over(self, caller: Caller, name: bytes, opened: int, flags: int, *, is_new: bool) -> int:
        box = self._box
        status = os.fstat(opened)
        sid = self._label(status)
        access = open_permissions(flags & os.O_ACCMODE)
        if access and not is_new:
            box.monitor.check(caller, sid, "file", access, lambda: _describe(name, status))
        box.monitor.check(caller, sid, "file", (*access, "open"), lambda: _describe(name, status))
        box.openers.note(status, caller.state.sid)
        box.listener.give_descriptor(caller.id, opened, os.O_CLOEXEC)
        return ANSWERED

    def _label(self, status: os.stat_result) -> int:
        """Return a queue's label; one from outside the box has the file system's."""
        labels = self._box.labels
        if labels.known(status) is None:
            labels.assign(status, self._directory)
        return labels.known(status) or self._directory

    def unlink(self, caller: Caller, arguments: Arguments) -> int:
        """``mq_unlink(name)`` (kernel: ``may_link``)."""
        box = self._box
        name = box.memory.read_string(caller.tid, arguments[0])
        self._check_directory(caller, "search")
        status = self._status(name)
        self._check_directory(caller, "write", "search")
        self._check_directory(caller, "remove_name", "search")
        box.monitor.check(caller, self._label(status), "file", ("unlink",), lambda: _describe(name, status))
        system_call(NUMBERS["mq_unlink"], name + b"\0")
        box.labels.removed(status, f"/dev/mqueue/{os.fsdecode(name)}")
        return 0

    def _status(self, name: bytes) -> os.stat_result:
        """Return a queue's status, whoever may open it."""
        with own_capabilities():
            try:
                return os.fstat(self._open(name, os.O_RDONLY | os.O_NONBLOCK))
            except PermissionError:
                return os.fstat(self._open(name, os.O_WRONLY | os.O_NONBLOCK))

    def _check_directory(self, caller: Caller, *permissions: str) -> None:
        self._box.monitor.check(
            caller, self._directory, "dir", permissions, lambda: {"name": "/", "dev": _KIND, "ino": 1}
        )


def _in_namespace(handler: Handler, caller: Caller, arguments: Arguments) -> int:
    """Handle a call where names mean what they do to the caller."""
    with in_ipc_of(caller):
        return handler(caller, arguments)


def _limit(name: str) -> int:
    """Return a limit on queues that ordinary users make."""
    with open(f"/proc/sys/fs/mqueue/{name}", "rb") as file:
        return int(file.read())


def _describe(name: bytes, status: os.stat_result) -> dict[str, object]:
    return {"name": os.fsdecode(name), "dev": _KIND, "ino": status.st_ino}
