"""Files without a name: pipes and memory files. The supervisor makes them, and so knows their labels from the start."""

import errno
import os
import struct

from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.creation import created_sid
from selbox.enforce.descriptorchecks import ANONYMOUS, FAULTS, FAULTS_PATH
from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.shownpaths import path_of
from selbox.typing import Final

_PAIR: Final = struct.Struct("=ii")
_LONGEST_NAME: Final = 250
_CLOSE_ON_EXEC: Final = 1
_OWN_CLASS: Final = "memfd_class"
"""The policy capability under which memory files have a class of their own."""


_USER_MODE_ONLY: Final = 1
_HUGE_PAGES: Final = 4
_SIZES: Final = 0x3F << 26
_MEMORY_FLAGS: Final = 0x1F
"""Flags of ``memfd_create``; beside huge pages, their size may stand."""

_MOST_DESCRIPTORS: Final = 1 << 31
_SECRET: Final = "[secretmem]"  # noqa: S105 - what the kernel calls such memory


class AnonymousFileCalls:
    """``pipe``, ``pipe2``, ``memfd_create``, ``memfd_secret`` and ``userfaultfd``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._own_class = _OWN_CLASS in box.server.policy.policy_capabilities

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call, which are those of the methods."""
        methods = (self.pipe, self.pipe2, self.memfd_create, self.memfd_secret, self.userfaultfd)
        return {each.__name__: each for each in methods}

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
        if flags & ~(_MEMORY_FLAGS | _SIZES if flags & _HUGE_PAGES else _MEMORY_FLAGS):
            return -errno.EINVAL
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
        sid = created_sid(box, caller.state.sid, caller.state.sid, ANONYMOUS, _SECRET)
        box.monitor.check(caller, sid, ANONYMOUS, ("create",), lambda: {"anonclass": _SECRET})
        return self._give(caller, descriptor, sid, ANONYMOUS, flags & os.O_CLOEXEC)

    def userfaultfd(self, caller: Caller, arguments: Arguments) -> int:
        """``userfaultfd(flags)``, for faults of programs and none of the kernel's.

        Only the task itself can make one, for its own memory, and nobody but the supervisor may wait for what the
        kernel reads of it. So the task is led to make one that leaves the kernel alone; its label is given before the
        task goes on. Reading from it is not seen, and is asked about now.

        Source: the kernel's ``handle_userfault`` and ``selinux_inode_init_security_anon``.
        """
        box = self._box
        flags = arguments[0] & 0xFFFFFFFF
        if box.leads.holds(caller.tid):
            return CONTINUE
        if not flags & _USER_MODE_ONLY and not self._may_stop_kernel(caller):
            return -errno.EPERM
        sid = created_sid(box, caller.state.sid, caller.state.sid, ANONYMOUS, FAULTS)
        for permission in ("create", "read"):
            box.monitor.check(caller, sid, ANONYMOUS, (permission,), lambda: {"anonclass": FAULTS})

        def give_label(number: int) -> None:
            if number >= _MOST_DESCRIPTORS:
                return
            try:
                copy = box.pidfds.copy(caller.tid, number)
            except OSError as error:
                if error.errno != errno.EBADF:
                    raise
                return  # another thread has closed it; where it took it elsewhere first, check_descriptor labels it
            try:
                if path_of(copy) == FAULTS_PATH:  # another thread may have put another file there
                    status = os.fstat(copy)
                    box.labels.assign_nameless(status, sid, ANONYMOUS)
                    box.openers.note(status, caller.state.sid)
            finally:
                os.close(copy)

        return box.leads.begin(caller, (NUMBERS["userfaultfd"], flags | _USER_MODE_ONLY), give_label)

    def _may_stop_kernel(self, caller: Caller) -> bool:
        """Tell whether ordinary permissions give a task all faults (kernel: ``userfaultfd_syscall_allowed``)."""
        with open("/proc/sys/vm/unprivileged_userfaultfd", "rb") as setting:
            is_for_all = setting.read().strip() != b"0"
        return is_for_all or Capabilities(self._box).may_use(caller, "sys_ptrace")

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
