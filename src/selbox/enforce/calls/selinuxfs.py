"""The files by which programs know SELinux: ``/sys/fs/selinux``, ``/proc/PID/attr`` and their signposts.

The host's kernel has none of this. Opening such a path gives a program a file in memory, or one end of a transaction;
so programs that use libselinux run unchanged. Paths are recognised by their text.
"""

import errno
import fcntl
import os
import re
import stat
import struct
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress

from selbox.enforce.answer import ANSWERED
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.processattributes import ATTRIBUTE_MODES, ProcessAttributes, memory_of, taken
from selbox.enforce.calls.securitydirectories import Entry, SecurityDirectories
from selbox.enforce.calls.securityfiles import FoundFile, SecurityFile, SecurityFiles, known_initial_sid
from selbox.enforce.calls.signposts import CONFIGURATION, Signposts, has_our_root, proc_of
from selbox.enforce.calls.statuspage import StatusPage
from selbox.enforce.calls.transactions import Operation, Transactions
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import read_credentials
from selbox.enforce.linux import AT_FDCWD, O_PATH
from selbox.enforce.policystore import StoreDirectory
from selbox.enforce.selinuxdirectories import BoxDirectory, LogDirectory, PolicyDirectory
from selbox.enforce.shownpaths import path_of
from selbox.enforce.standins import OpenFile
from selbox.enforce.tasks import thread_group
from selbox.model.labelling import FileKind
from selbox.server.labelling import generic_filesystem_context
from selbox.store.selinuxroot import STORES
from selbox.typing import Final

ROOT: Final = b"/sys/fs/selinux"
_BESIDE: Final = b"/sys/fs/selinuxfs"
"""A name in the same directory, to which the way is the same and remembered."""

POLICIES: Final = b"/etc/selinux"
LOGS: Final = b"/var/log/audit"
_ATTRIBUTE = re.compile(rb"/proc/(self|thread-self|\d+)(?:/task/(\d+))?/attr/([a-z]+)")
_MAGIC: Final = 0xF97CFF8C
_NAME_MAX: Final = 255
_ATTRIBUTE_MOST: Final = 4096
"""What is taken of a longer text (``proc_pid_attr_write``), where selinuxfs refuses it."""
_STATFS = struct.Struct("=7q2i7q")
_MOUNT_FLAGS: Final = 0x20 | 0x02 | 0x08 | 0x1000
"""ST_VALID, nosuid, noexec and relatime."""
_SEALS: Final = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_KEPT: Final = 64
_NULL: Final = "/dev/null"
_ACCESSES: Final = {
    os.O_RDONLY: ("read",),
    os.O_WRONLY: ("write",),
    os.O_RDWR: ("read", "write"),
    os.O_ACCMODE: ("read", "write"),
}


class SelinuxFiles:
    """Opens such files, and answers ``stat``, ``access`` and ``statfs`` about them.

    Attributes:
        transactions: files that are open for writing.
    """

    def __init__(self, box: Box) -> None:
        self._box = box
        self._attributes = ProcessAttributes(box)
        self._status = StatusPage(box.server)
        self._files = SecurityFiles(box, self._status)
        self.transactions = Transactions(box)
        directory = BoxDirectory(box.watchdog.remove_at_end)
        self._directories = SecurityDirectories(directory, self._entries, self._label_made, lambda: box.server.seqno)
        self._policy_directory = PolicyDirectory(box.selinux_root, box.server.policy, directory)
        server = box.server
        self._store = StoreDirectory(self._policy_directory, lambda: server.policy, directory)
        log = box.audit_log
        self._log_directory = None if log is None else LogDirectory(log, directory)
        self._is_known = False
        self._signposts = Signposts(box, self._policy_directory)
        self._memory_files: OrderedDict[tuple[str, int | None, bytes, int], int] = OrderedDict()

    # --- Calls ------------------------------------------------------------------------------------------------------

    def open(self, caller: Caller, directory: int, path: bytes, flags: int) -> int | None:
        """Open a file if it is one of these; return None for any other path.

        Raises:
            OSError: what ``open`` is to fail with.
        """
        try:
            found = self._recognise(caller, directory, path)
        except FileNotFoundError:
            if flags & os.O_CREAT:
                return -errno.EACCES  # nobody makes files there
            raise
        if found is None or (found.path == CONFIGURATION.decode() and flags & os.O_ACCMODE != os.O_RDONLY):
            return None
        if flags & os.O_CREAT and flags & os.O_EXCL:
            return -errno.EEXIST
        if isinstance(found.file, dict):
            return self._open_directory(caller, found, flags)
        if flags & os.O_DIRECTORY:
            return -errno.ENOTDIR
        return self._open_file(caller, found, found.file, flags)

    def _open_file(self, caller: Caller, found: FoundFile, file: SecurityFile, flags: int) -> int | None:
        if flags & O_PATH:
            return None  # what stands for it is led to like any other file that stands elsewhere
        mode = flags & os.O_ACCMODE
        if stat.S_ISCHR(file.mode):
            self._check(caller, found, _ACCESSES[mode], "open")
            return self._hand_over(caller, found, self._box.descriptors.open(_NULL, flags & os.O_ACCMODE), flags)
        self._check(caller, found, _ACCESSES[mode], "open")
        if file.permission:
            self._files.check(caller, file.permission)
        if mode == os.O_RDONLY:
            return self._give(caller, found, file.content(), flags)
        operation = Operation(found.path, file.write or _unwritable, file.content, file.once, file.largest, file.taken)
        return self.transactions.open(caller, flags, operation, self._open_file_of(found))

    def _open_directory(self, caller: Caller, found: FoundFile, flags: int) -> int:
        if flags & os.O_ACCMODE != os.O_RDONLY or flags & os.O_CREAT:
            return -errno.EISDIR
        if not flags & O_PATH:
            self._check(caller, found, ("read",), "open")
        box = self._box
        opened = box.descriptors.open(self._standing_for(found.path), os.O_RDONLY | os.O_DIRECTORY)
        return self._hand_over(caller, found, opened, flags)

    def access(self, caller: Caller, directory: int, path: bytes, mode: int) -> bool:
        """Tell whether a path is one of these files, which may then be accessed.

        Raises:
            OSError: what ``access`` is to fail with.
        """
        found = self._recognise(caller, directory, path)
        if found is None:
            return False
        if mode & os.X_OK and isinstance(found.file, SecurityFile):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        bits = ((os.R_OK, "read"), (os.W_OK, "write"), (os.X_OK, "search"))
        wanted = tuple(permission for bit, permission in bits if mode & bit)
        if wanted:
            self._check(caller, found, wanted)
        return True

    def status(self, caller: Caller, directory: int, path: bytes) -> os.stat_result | None:
        """Return the status of a file if it is one of these; None for any other path.

        Raises:
            OSError: what ``stat`` is to fail with.
        """
        found = self._recognise(caller, directory, path)
        if found is not None and found.path == CONFIGURATION.decode():
            return found.status
        if found is None or not found.path.startswith(ROOT.decode()):
            return None
        object_class = _class_of(found.file)
        self._box.monitor.check(
            caller, found.sid, object_class, ("getattr",), lambda: _describe(found.path, "selinuxfs")
        )
        return os.stat(self._standing_for(found.path))

    def filesystem(self, caller: Caller, path: bytes) -> bytes | None:
        """Return ``struct statfs`` of a path in selinuxfs, by whose type libselinux tells that SELinux is there.

        Returns:
            None for any other path.
        """
        path = self._box.walker.stand_ins.shown(_absolute(caller, AT_FDCWD, path))
        if path != ROOT and not path.startswith(ROOT + b"/"):
            return None
        sid = self._label("/", FileKind.DIRECTORY)
        self._box.monitor.check(caller, sid, "filesystem", ("getattr",), dict)
        return _STATFS.pack(_MAGIC, 4096, *[0] * 7, _NAME_MAX, 4096, _MOUNT_FLAGS, *[0] * 4)

    # --- Which file a path means ------------------------------------------------------------------------------------

    def _recognise(self, caller: Caller, directory: int, path: bytes) -> FoundFile | None:
        """Return what a path means, after the checks on the way to it; None for a path that is none of these.

        Raises:
            OSError: ENOENT for what is not in ``/sys/fs/selinux``; EACCES where policy denies a step.
        """
        box = self._box
        path = box.walker.stand_ins.shown(_absolute(caller, directory, path))
        if path.rstrip(b"/") == ROOT or path.startswith(ROOT + b"/"):
            return self._security_file(caller, os.fsdecode(path[len(ROOT) + 1 :]))
        match = _ATTRIBUTE.fullmatch(path)
        if match is None or match[3].decode() not in ATTRIBUTE_MODES:
            return self._signposts.recognise(caller, path)
        # Wherever its root is, a task's own /proc tells it of tasks.
        is_proc = has_our_root(caller) or box.labels.filesystem_of(proc_of(caller)) == "proc"
        return self._attribute(caller, match) if is_proc else None

    def _security_file(self, caller: Caller, inner: str) -> FoundFile | None:
        if not has_our_root(caller):
            return None
        self._search(caller)
        path = f"{ROOT.decode()}/{inner}"
        entries = self._files.entries(inner)
        if entries is not None:
            return FoundFile(path, self._label("/" + inner, FileKind.DIRECTORY), entries)
        file = self._files.lookup(inner)
        if file is None:
            number = errno.ENAMETOOLONG if len(os.fsencode(os.path.basename(inner))) > _NAME_MAX else errno.ENOENT
            raise OSError(number, os.strerror(number))
        shared = self._status.descriptor() if inner == "status" else -1
        return FoundFile(path, self._label_of_file(inner, file), file, shared=shared)

    def _label_of_file(self, inner: str, file: SecurityFile) -> int:
        if stat.S_ISCHR(file.mode):
            return known_initial_sid(self._box, "devnull")
        return self._label("/" + inner, FileKind.FILE)

    def _entries(self, inner: str) -> dict[str, Entry] | None:
        """Return the names in a directory; None for what is none."""
        names = self._files.entries(inner)
        if names is None:
            return None
        entries = {}
        for name, is_directory in names.items():
            path = f"{inner}/{name}" if inner else name
            file = None if is_directory else self._files.lookup(path)
            if file is None:
                entries[name] = Entry(stat.S_IFDIR | 0o555, self._label("/" + path, FileKind.DIRECTORY))
            else:
                entries[name] = Entry(file.mode, self._label_of_file(path, file))
        return entries

    def place(self, components: Sequence[bytes]) -> str:
        """Return the directory that stands for ``/sys/fs/selinux``.

        Args:
            components: of the path that is sought in it.

        Raises:
            OSError: when it cannot be made.
        """
        place = self._directories.place(components)
        if not self._is_known:
            status = os.stat(place)
            self._label_made(status, self._label("/", FileKind.DIRECTORY))
            self._box.walker.stand_ins.stands_for(status, os.fsencode(place), ROOT.decode())
            self._is_known = True
        return place

    def _standing_for(self, path: str) -> str:
        """Return the path of what stands for a path in ``/sys/fs/selinux``."""
        inner = path[len(ROOT) + 1 :]
        return os.path.join(self.place([os.fsencode(each) for each in inner.split("/") if each]), inner).rstrip("/")

    def _label_made(self, status: os.stat_result, sid: int) -> None:
        """Label what was made to stand for something in ``/sys/fs/selinux``, where only the kernel makes changes."""
        self._box.labels.assign(status, sid)
        self._box.walker.stand_ins.fix(status)

    def log_place(self, components: Sequence[bytes]) -> str:
        """Return the directory that stands for ``/var/log/audit``, in a box with a log of its own.

        Args:
            components: of the path that is sought in it.

        Raises:
            OSError: when it cannot be made.
        """
        assert self._log_directory is not None  # noqa: S101 - nobody is led there otherwise
        place = self._log_directory.place(components)
        self._box.labels.stands_for(place, LOGS.decode())
        self._box.labels.stands_for(self._log_directory.log, f"{LOGS.decode()}/audit.log")
        return place

    def policy_place(self, components: Sequence[bytes]) -> str:
        """Return the directory that stands for ``/etc/selinux``.

        Args:
            components: of the path that is sought in it.

        Raises:
            OSError: when it cannot be made.
        """
        place = self._policy_directory.place(components)
        self._box.labels.stands_for(place, POLICIES.decode())
        return place

    def store_place(self, components: Sequence[bytes]) -> str:
        """Return the directory that stands for ``/var/lib/selinux``.

        Args:
            components: of the path that is sought in it.

        Raises:
            OSError: when it cannot be made.
        """
        place = self._store.place(components)
        self._box.labels.stands_for(place, STORES)
        return place

    def _search(self, caller: Caller) -> None:
        """Check the way to selinuxfs, and its directory, for search."""
        box = self._box
        with suppress(FileNotFoundError):  # a host without /sys has no directory on the way that could deny it
            box.walker.locate(caller, AT_FDCWD, _BESIDE)
        sid = self._label("/", FileKind.DIRECTORY)
        box.monitor.check(caller, sid, "dir", ("search",), lambda: _describe(ROOT.decode(), "selinuxfs"))

    def _label(self, inner: str, kind: FileKind) -> int:
        server = self._box.server
        context = generic_filesystem_context(server.policy, "selinuxfs", inner, kind)
        return server.initial_sid("unlabeled") if context is None else server.sid_for(context)

    def _attribute(self, caller: Caller, match: re.Match[bytes]) -> FoundFile | None:
        name, box = match[3].decode(), self._box
        mounts, device = box.labels.proc_mounts, proc_of(caller)
        process = int(match[1]) if match[1].isdigit() else mounts.told(device, thread_group(caller.tid))
        thread = mounts.told(device, caller.tid) if match[1] == b"thread-self" else process
        if match[2] is not None:
            thread = int(match[2])
        tid = mounts.meant(device, thread)
        place = f"/proc/{process}/task/{thread}" if thread != process else f"/proc/{process}"
        # The directory may be missing from a kernel without any security module; the process must be there.
        located = box.walker.locate(caller, AT_FDCWD, f"{place}/attr".encode())
        path = f"{place}/attr/{name}"
        sid = box.labels.task_sid(tid)
        if located.status is not None:
            box.monitor.check(caller, sid, "dir", ("search",), lambda: _describe(path, "proc"))
        attributes, memory = self._attributes, memory_of(tid)

        def write(writer: Caller, data: bytes) -> None:
            attributes.write(writer, tid, memory, name, data)
            if name == "current":
                self.transactions.fix(writer.tid)

        settable = ATTRIBUTE_MODES[name] & 0o222
        file = SecurityFile(
            ATTRIBUTE_MODES[name],
            lambda: attributes.read(caller, tid, name),
            write if settable else None,
            largest=_ATTRIBUTE_MOST,
            taken=taken,
        )
        with suppress(OSError):
            return FoundFile(path, sid, file, os.stat(f"/proc/{tid}/attr/{name}"))
        return FoundFile(path, sid, file)

    # --- Checks and answers -----------------------------------------------------------------------------------------

    def _check(self, caller: Caller, found: FoundFile, access: tuple[str, ...], *more: str) -> None:
        """Check the mode of a file, then what policy says about it."""
        file, object_class = found.file, _class_of(found.file)
        allowed = _mode_bits(caller, file.mode if isinstance(file, SecurityFile) else 0o555)
        wanted = sum(bit for permission, bit in (("read", 4), ("write", 2)) if permission in access)
        if wanted & ~allowed and not Capabilities(self._box).may_use(caller, "dac_override"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        kind = _kind_of(found)
        for permissions in (access, (*access, *more)) if more else (access,):
            self._box.monitor.check(caller, found.sid, object_class, permissions, lambda: _describe(found.path, kind))

    def _give(self, caller: Caller, found: FoundFile, content: bytes, flags: int) -> int:
        """Give a reader a view of a file in memory."""
        source = found.shared if found.shared >= 0 else self._memory_file(found, content)
        view = self._box.descriptors.open(f"/proc/self/fd/{source}", os.O_RDONLY)  # O_PATH cannot be handed over
        status = os.fstat(view)
        self._box.walker.stand_ins.files.setdefault((status.st_dev, status.st_ino), self._open_file_of(found))
        return self._hand_over(caller, found, view, flags)

    def _hand_over(self, caller: Caller, found: FoundFile, descriptor: int, flags: int) -> int:
        status = os.fstat(descriptor)
        self._box.labels.assign(status, found.sid)
        self._box.openers.note(status, caller.state.sid)
        self._box.listener.give_descriptor(caller.id, descriptor, flags & os.O_CLOEXEC)
        return ANSWERED

    def _memory_file(self, found: FoundFile, content: bytes) -> int:
        """Return a sealed file in memory with a content that stands for a file; those last used are kept."""
        files = self._memory_files
        key = found.path, found.status and found.status.st_ino, content, found.sid
        descriptor = files.get(key)
        if descriptor is not None:
            files.move_to_end(key)
            return descriptor
        descriptor = os.memfd_create("selinux", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.fchmod(descriptor, 0o444)
        os.write(descriptor, content)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        files[key] = descriptor
        if len(files) > _KEPT:
            _, old = files.popitem(last=False)
            status = os.fstat(old)
            self._box.labels.removed(status, path_of(old))
            self._box.openers.forget(status)
            del self._box.walker.stand_ins.files[status.st_dev, status.st_ino]
            os.close(old)
        return descriptor

    def _open_file_of(self, found: FoundFile) -> OpenFile:
        """Return what an open file is shown as."""
        fields = _describe(found.path, _kind_of(found))
        return OpenFile(lambda: found.status or os.stat(self._standing_for(found.path)), found.sid, fields)


def _unwritable(_caller: Caller, _data: bytes) -> None:
    """Refuse what is written to a file that is only read, which whoever goes beyond its mode finds out then."""
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _class_of(file: SecurityFile | dict[str, bool]) -> str:
    if isinstance(file, dict):
        return "dir"
    return "chr_file" if stat.S_ISCHR(file.mode) else "file"


def _absolute(caller: Caller, directory: int, path: bytes) -> bytes:
    """Return a path made absolute and normal, by its text alone."""
    if not path.startswith(b"/"):
        number = directory & 0xFFFFFFFF
        place = "cwd" if number == AT_FDCWD & 0xFFFFFFFF else f"fd/{number}"
        try:
            path = os.fsencode(os.readlink(f"/proc/{caller.tid}/{place}")) + b"/" + path
        except OSError:
            return b""
    return os.path.normpath(b"/" + path.lstrip(b"/"))


def _mode_bits(caller: Caller, mode: int) -> int:
    """Return the bits of a file mode that are a caller's; the files belong to whoever runs the box."""
    user, group = os.geteuid(), os.getegid()
    if not caller.state.credentials_changed:
        return mode >> 6 & 7
    credentials = read_credentials(caller.tid)
    if credentials.user == user:
        return mode >> 6 & 7
    if group in (credentials.group, *credentials.groups):
        return mode >> 3 & 7
    return mode & 7


def _kind_of(found: FoundFile) -> str:
    """Return the file system that a file is in, as far as programs see."""
    return "proc" if found.path.startswith("/proc/") else "selinuxfs"


def _describe(path: str, kind: str) -> dict[str, object]:
    return {"path": path, "dev": kind}
