"""Files without a name: pipes and memory files. The supervisor makes them, and so knows their labels from the start."""

import errno
import os
import struct

from selbox.enforce.answer import ANSWERED, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.creation import created_sid
from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.typing import Final

_PAIR: Final = struct.Struct("=ii")
_LONGEST_NAME: Final = 250
_CLOSE_ON_EXEC: Final = 1
_OWN_CLASS: Final = "memfd_class"
"""The policy capability under which memory files have a class of their own."""


_ANONYMOUS: Final = "anon_inode"
_SECRET: Final = "[secretmem]"  # noqa: S105 - what the kernel calls such memory


class AnonymousFileCalls:
    """``pipe``, ``pipe2``, ``memfd_create`` and ``memfd_secret``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._own_class = _OWN_CLASS in box.server.policy.policy_capabilities

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call, which are those of the methods."""
        return {each.__name__: each for each in (self.pipe, self.pipe2, self.memfd_create, self.memfd_secret)}

    def pipe(self, caller: Caller, arguments: Arguments) -> int:
        """``pipe(numbers)``."""
        return self.pipe2(caller, (arguments[0], 0, 0, 0, 0, 0))

    def pipe2(self, caller: Caller, arguments: Arguments) -> int:
        """``pipe2(numbers, flags)``: a pipe has the label of the task that makes it (``fs_use_task``)."""
        box = self._box
        where, flags = arguments[0], arguments[1] & 0xFFFFFFFF
        ends = [box.descriptors.add(each) for each in os.pipe2(flags)]
        box.memory.write(caller.tid, where, bytes(_PAIR.size))  # so that an address that is none leaves nothing open
        status = os.fstat(ends[0])
        box.labels.assign_nameless(status, caller.state.sid)
        box.openers.note(status, caller.state.sid)
        numbers = [box.listener.add_descriptor(caller.id, each, flags & os.O_CLOEXEC) for each in ends]
        box.memory.write(caller.tid, where, _PAIR.pack(*numbers))
        return 0

    def memfd_create(self, caller: Caller, arguments: Arguments) -> int:
        """``memfd_create(name, flags)``.

        The label comes by transition from task and file system, as that of any file in memory; where they have a class
        of their own, from the task alone, and making them is a permission.

        Source: the kernel's ``inode_doinit_with_dentry`` and ``selinux_inode_init_security_anon``.
        """
        box = self._box
        flags = arguments[1] & 0xFFFFFFFF
        name = self._name(caller, arguments[0])
        descriptor = box.descriptors.add(system_call(NUMBERS["memfd_create"], name + b"\0", flags | _CLOSE_ON_EXEC))
        object_class = "memfd_file" if self._own_class else "file"
        target = caller.state.sid if self._own_class else box.labels.filesystem_sid("tmpfs")
        sid = created_sid(box, caller.state.sid, target, object_class)
        if self._own_class:
            box.monitor.check(caller, sid, object_class, ("create",), lambda: {"anonclass": "[memfd]"})
        return self._give(caller, descriptor, sid, object_class, flags & _CLOSE_ON_EXEC)

    def memfd_secret(self, caller: Caller, arguments: Arguments) -> int:
        """``memfd_secret(flags)``: an anonymous inode, whose label comes by transition from the task alone.

        Source: the kernel's ``secretmem_file_create`` and ``selinux_inode_init_security_anon``.
        """
        box = self._box
        flags = arguments[0] & 0xFFFFFFFF
        descriptor = box.descriptors.add(system_call(NUMBERS["memfd_secret"], flags | os.O_CLOEXEC))
        sid = created_sid(box, caller.state.sid, caller.state.sid, _ANONYMOUS, _SECRET)
        box.monitor.check(caller, sid, _ANONYMOUS, ("create",), lambda: {"anonclass": _SECRET})
        return self._give(caller, descriptor, sid, _ANONYMOUS, flags & os.O_CLOEXEC)

    def _give(self, caller: Caller, descriptor: int, sid: int, object_class: str, close_on_exec: int) -> int:
        """Label a file in memory and answer with it."""
        box = self._box
        status = os.fstat(descriptor)
        if "mmap" in box.settings.spared:
            # Mapping is then asked of nobody, since whoever could read may map; here nothing was read.
            box.monitor.check(caller, sid, object_class, ("map",), lambda: box.labels.describe(descriptor))
        box.labels.assign_nameless(status, sid, object_class)
        box.openers.note(status, caller.state.sid)
        box.listener.give_descriptor(caller.id, descriptor, os.O_CLOEXEC if close_on_exec else 0)
        return ANSWERED

    def _name(self, caller: Caller, address: int) -> bytes:
        try:
            return self._box.memory.read_string(caller.tid, address, _LONGEST_NAME)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
            raise
