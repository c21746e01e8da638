"""Mounting in the newer way: a file system is configured by a descriptor, mounted nowhere yet, and moved to its place.

What a program configures by is a file in memory, which only tells the supervisor what is meant; the kernel's own
context stays with the supervisor. Nor can what ``fsmount`` returns be handed over, which is open for nothing
(``O_PATH``): a program has the root directory of the new mount instead, opened for reading.
"""

import errno
import os
import struct
from collections import OrderedDict
from functools import partial

from selbox.enforce import mountcalls
from selbox.enforce.answer import ANSWERED, CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import Target, check_target, target_at, target_held, target_open
from selbox.enforce.filesystems import mount_number
from selbox.enforce.linux import AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW
from selbox.enforce.mounting import Made, Mounting, invalid
from selbox.enforce.overlaymounts import KIND, LAYERS, Option
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.superblocks import CONTEXT, DEFCONTEXT, LABELS
from selbox.enforce.tasks import start_of_process, thread_group
from selbox.typing import Final

_SET_FLAG, _SET_STRING, _SET_BINARY, _SET_PATH, _SET_PATH_EMPTY, _SET_FD = range(6)
_CREATE, _RECONFIGURE, _CREATE_EXCLUSIVELY = 6, 7, 8
_LARGEST_BINARY: Final = 1 << 20
_KEY_LIMIT: Final = 256
_FROM_LINKS, _FROM_EMPTY, _TO_LINKS, _TO_EMPTY = 0x01, 0x04, 0x10, 0x40
_SET_GROUP, _BENEATH, _MOVE_FLAGS = 0x100, 0x200, 0x377
_PICK_NOFOLLOW, _PICK_EMPTY, _PICK_FLAGS = 0x02, 0x08, 0x0F
_CLOSE_ON_EXEC: Final = 1
_CLONE: Final = 1
_RECURSIVE: Final = 0x8000
_TREE_FLAGS: Final = _CLONE | os.O_CLOEXEC | AT_EMPTY_PATH | 0x800 | _RECURSIVE | AT_SYMLINK_NOFOLLOW
_ATTRIBUTES: Final = struct.Struct("=4Q")
_ATTRIBUTES_LIMIT: Final = 4096
_SETATTR_FLAGS: Final = AT_EMPTY_PATH | _RECURSIVE | AT_SYMLINK_NOFOLLOW | 0x800
_IDMAP: Final = 0x00100000
_ATTRIBUTES_CLEARED: Final = 0x2000FF
"""All attributes of mounts but the mapping of ids."""
_KEPT: Final = 64
"""Contexts that are kept at most; who begins more loses those begun first."""


class _Context:
    """What a program has configured so far.

    Attributes:
        kind: of a file system that is to be made; empty for one that is mounted already.
        kernel: descriptor of the kernel's context.
        device: number of the file system that is mounted already.
        options: those that were set.
        labels: contexts that were set, by the names of their options.
        made: the file system, once it was made.
    """

    def __init__(self, kind: bytes, kernel: int, device: int = 0) -> None:
        self.kind = kind
        self.kernel = kernel
        self.device = device
        self.options: list[Option] = []
        self.labels: dict[str, str] = {}
        self.made: Made | None = None

    def close(self) -> None:
        """Give up what is held."""
        os.close(self.kernel)
        if self.made is not None:
            os.close(self.made.mount)


class MountTreeCalls:
    """``fsopen``, ``fsconfig``, ``fsmount``, ``fspick``, ``open_tree``, ``move_mount`` and ``mount_setattr``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._mounting = Mounting(box)
        self._contexts: OrderedDict[int, _Context] = OrderedDict()
        """By inode number of the file in memory that a program has instead."""
        self._unmounted: dict[int, tuple[int, int, int]] = {}
        """Mounts that are mounted nowhere yet, by their numbers: descriptor; the process that has it, and its start."""

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call, which are those of the methods."""
        contexts = (self.fsopen, self.fsconfig, self.fsmount, self.fspick)
        return {each.__name__: each for each in (*contexts, self.open_tree, self.move_mount, self.mount_setattr)}

    # --- Contexts ---------------------------------------------------------------------------------------------------

    def fsopen(self, caller: Caller, arguments: Arguments) -> int:
        """``fsopen(kind, flags)``."""
        self._mounting.may_mount(caller)
        self._mounting.check_unconfined(caller)
        flags = arguments[1] & 0xFFFFFFFF
        if flags & ~_CLOSE_ON_EXEC:
            return -errno.EINVAL
        kind = self._box.memory.read_string(caller.tid, arguments[0])
        kernel = self._mounting.open_context(caller, kind)
        return self._begin(caller, _Context(kind, kernel), os.O_CLOEXEC if flags else 0)

    def fspick(self, caller: Caller, arguments: Arguments) -> int:
        """``fspick(directory, path, flags)``."""
        self._mounting.may_mount(caller)
        self._mounting.check_unconfined(caller)
        flags = arguments[2] & 0xFFFFFFFF
        if flags & ~_PICK_FLAGS:
            return -errno.EINVAL
        place = self._place(
            caller, arguments[0], arguments[1], empty=bool(flags & _PICK_EMPTY), follow=not flags & _PICK_NOFOLLOW
        )
        kernel = self._box.descriptors.add(mountcalls.pick(place.descriptor))
        context = _Context(b"", kernel, place.status.st_dev)
        return self._begin(caller, context, os.O_CLOEXEC if flags & _CLOSE_ON_EXEC else 0)

    def _begin(self, caller: Caller, context: _Context, flags: int) -> int:
        """Give a program what it configures by."""
        box = self._box
        memory = box.descriptors.add(os.memfd_create("fscontext", os.MFD_CLOEXEC))
        status = os.fstat(memory)
        box.labels.assign_nameless(status, caller.state.sid)
        box.openers.note(status, caller.state.sid)
        box.listener.give_descriptor(caller.id, memory, flags)
        box.descriptors.keep(context.kernel)
        self._contexts[status.st_ino] = context
        if len(self._contexts) > _KEPT:
            self._contexts.popitem(last=False)[1].close()
        return ANSWERED

    def _context(self, caller: Caller, number: int) -> tuple[int, _Context]:
        """Return what a program configures by a descriptor, and by what it is known.

        Raises:
            OSError: EBADF when it has none of the number, or one with ``O_PATH``; EINVAL when it is none of these.
        """
        inode = target_open(self._box, caller, number).status.st_ino
        context = self._contexts.get(inode)
        if context is None:
            raise invalid()
        return inode, context

    def fsconfig(self, caller: Caller, arguments: Arguments) -> int:
        """``fsconfig(descriptor, command, key, value, number)``."""
        command = arguments[1] & 0xFFFFFFFF
        _check_parameters(command, arguments)
        inode, context = self._context(caller, arguments[0])
        if command in (_SET_FLAG, _SET_STRING):
            self._set(caller, context, command, arguments)
        elif command in (_CREATE, _CREATE_EXCLUSIVELY):
            self._create(caller, inode, context, exclusively=command == _CREATE_EXCLUSIVELY)
        elif command == _RECONFIGURE:
            if context.kind:
                return -errno.EBUSY
            self._mounting.check_unchanged(context.device, self._mounting.sids(context.labels))
            self._mounting.change(caller, lambda: mountcalls.reconfigure(context.kernel))
        else:
            return -errno.EOPNOTSUPP
        return 0

    def _set(self, caller: Caller, context: _Context, command: int, arguments: Arguments) -> None:
        memory = self._box.memory
        if context.made is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        name = memory.read_string(caller.tid, arguments[2], _KEY_LIMIT)
        value = memory.read_string(caller.tid, arguments[3], _KEY_LIMIT) if command == _SET_STRING else None
        text = name.decode(errors="surrogateescape")
        if text in LABELS and value is not None:
            excluded = {CONTEXT: DEFCONTEXT, DEFCONTEXT: CONTEXT}.get(text)
            if text in context.labels or excluded in context.labels:
                raise invalid()
            label = {text: value.decode(errors="surrogateescape")}
            self._mounting.sids(label)
            context.labels.update(label)
            return
        if context.kind != KIND or name not in LAYERS:  # the kernel would look directories up where the supervisor is
            mountcalls.set_option(context.kernel, name, value)
        context.options.append((name, value))

    def _create(self, caller: Caller, inode: int, context: _Context, *, exclusively: bool) -> None:
        """Make a file system (kernel: ``vfs_cmd_create``)."""
        if not context.kind or context.made is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._mounting.may_mount(caller)
        try:
            made = self._mounting.make(
                caller, context.kind, context.options, context.labels, 0, exclusively=exclusively
            )
        except OSError:
            self._contexts.pop(inode).close()  # as the kernel has it, it is of no more use
            raise
        os.close(context.kernel)
        context.kernel = self._box.descriptors.keep(made.context)
        self._box.descriptors.keep(made.mount)
        context.made = made

    def fsmount(self, caller: Caller, arguments: Arguments) -> int:
        """``fsmount(descriptor, flags, attributes)``."""
        self._mounting.may_mount(caller)
        flags, attributes = arguments[1] & 0xFFFFFFFF, arguments[2] & 0xFFFFFFFF
        if flags & ~_CLOSE_ON_EXEC:
            return -errno.EINVAL
        inode, context = self._context(caller, arguments[0])
        if context.made is None:
            return -errno.EINVAL
        mount = context.made.mount
        mountcalls.set_attributes(mount, 0, _ATTRIBUTES.pack(attributes, _ATTRIBUTES_CLEARED, 0, 0))
        root = self._box.descriptors.open(f"/proc/self/fd/{mount}", os.O_RDONLY | os.O_DIRECTORY)
        self._box.openers.note(context.made.status, caller.state.sid)
        self._box.listener.give_descriptor(caller.id, root, os.O_CLOEXEC if flags else 0)
        self._keep(caller, mount)
        os.close(self._contexts.pop(inode).kernel)
        return ANSWERED

    def _keep(self, caller: Caller, mount: int) -> None:
        """Keep a mount that is mounted nowhere: once its own descriptor is closed, it can be mounted no more."""
        process = thread_group(caller.tid)
        for number, (kept, holder, start) in list(self._unmounted.items()):
            if start_of_process(holder) != start or len(self._unmounted) >= _KEPT:
                os.close(kept)
                del self._unmounted[number]
        self._unmounted[mount_number(mount)] = (mount, process, start_of_process(process))

    # --- Mounts -----------------------------------------------------------------------------------------------------

    def _place(self, caller: Caller, directory: int, address: int, *, empty: bool, follow: bool) -> Target:
        """Return what a directory and a path in memory name; an empty one may mean the directory itself."""
        path = self._box.memory.read_string(caller.tid, address)
        if not path and empty:
            return target_held(self._box, caller, directory)
        return target_at(self._box, caller, directory, path, follow=follow)

    def open_tree(self, caller: Caller, arguments: Arguments) -> int:
        """``open_tree(directory, path, flags)``: a descriptor of a place, or of a copy of what is mounted there.

        The kernel makes it, since it cannot be handed over. What is opened by a copy has no label until it is mounted.
        """
        flags = arguments[2] & 0xFFFFFFFF
        if flags & ~_TREE_FLAGS or (flags & _RECURSIVE and not flags & _CLONE):
            return -errno.EINVAL
        if flags & _CLONE:
            self._mounting.may_mount(caller)
        follow = not flags & AT_SYMLINK_NOFOLLOW
        self._place(caller, arguments[0], arguments[1], empty=bool(flags & AT_EMPTY_PATH), follow=follow)
        return CONTINUE

    def move_mount(self, caller: Caller, arguments: Arguments) -> int:
        """``move_mount(from_directory, from_path, to_directory, to_path, flags)``.

        Source: the kernel's ``vfs_move_mount`` and ``selinux_move_mount``.
        """
        self._mounting.may_mount(caller)
        flags = arguments[4] & 0xFFFFFFFF
        if flags & ~_MOVE_FLAGS or flags & (_BENEATH | _SET_GROUP) == _BENEATH | _SET_GROUP:
            return -errno.EINVAL
        if flags & _SET_GROUP:
            return -errno.EPERM
        original = self._place(
            caller, arguments[0], arguments[1], empty=bool(flags & _FROM_EMPTY), follow=bool(flags & _FROM_LINKS)
        )
        place = self._place(
            caller, arguments[2], arguments[3], empty=bool(flags & _TO_EMPTY), follow=bool(flags & _TO_LINKS)
        )
        check_target(self._box, caller, place, "mounton")
        if mount_number(original.descriptor) not in self._unmounted:
            self._mounting.guard.check_moved(original.descriptor, caller.tid)
        self._mounting.guard.check_covered(place.descriptor, caller.tid)
        attach = partial(mountcalls.attach, original.descriptor, place.descriptor, flags & _BENEATH)
        self._mounting.change(caller, attach)
        kept = self._unmounted.pop(mount_number(original.descriptor), None)
        if kept is not None:
            os.close(kept[0])
        return 0

    def mount_setattr(self, caller: Caller, arguments: Arguments) -> int:
        """``mount_setattr(directory, path, flags, attributes, size)``."""
        flags, size = arguments[2] & 0xFFFFFFFF, arguments[4]
        if flags & ~_SETATTR_FLAGS or size < _ATTRIBUTES.size:
            return -errno.EINVAL
        if size > _ATTRIBUTES_LIMIT:
            return -errno.E2BIG
        self._mounting.may_mount(caller)
        data = self._box.memory.read_exactly(caller.tid, arguments[3], size)
        if any(data[_ATTRIBUTES.size :]):
            return -errno.E2BIG
        values = _ATTRIBUTES.unpack_from(data)
        if not any(values[:3]):
            return 0
        if values[0] & _IDMAP:
            return -errno.EPERM
        place = self._place(
            caller,
            arguments[0],
            arguments[1],
            empty=bool(flags & AT_EMPTY_PATH),
            follow=not flags & AT_SYMLINK_NOFOLLOW,
        )
        attributes = data[: _ATTRIBUTES.size]
        self._mounting.change(
            caller, lambda: mountcalls.set_attributes(place.descriptor, flags & _RECURSIVE, attributes)
        )
        return 0


def _check_parameters(command: int, arguments: Arguments) -> None:
    """Check what the kernel checks of ``fsconfig`` before it looks at the descriptor.

    Raises:
        OSError: EINVAL, or EOPNOTSUPP for an unknown command.
    """
    key, value, number = bool(arguments[2]), bool(arguments[3]), signed(arguments[4])
    well = {
        _SET_FLAG: key and not value and not number,
        _SET_STRING: key and value and not number,
        _SET_BINARY: key and value and 0 < number <= _LARGEST_BINARY,
        _SET_PATH: key and value and (number == AT_FDCWD or number >= 0),
        _SET_PATH_EMPTY: key and value and (number == AT_FDCWD or number >= 0),
        _SET_FD: key and not value and number >= 0,
    }.get(command, not key and not value and not number)
    if signed(arguments[0]) < 0:
        raise invalid()
    if command > _CREATE_EXCLUSIVELY:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    if not well:
        raise invalid()
