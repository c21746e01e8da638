"""The label of every file that a call names: looked up once, then known by device and inode number."""

import errno
import os
import re
import stat
from itertools import islice

from selbox.diagnostics import SelboxError
from selbox.enforce.caller import Caller
from selbox.enforce.domains import init_sid
from selbox.enforce.filesystems import Filesystems, nameless_kind
from selbox.enforce.namelesslabels import NamelessLabels
from selbox.enforce.pidnumbers import ProcMounts
from selbox.enforce.saidlabels import SaidLabels
from selbox.enforce.shownpaths import TOO_LONG, directory_of, path_of, without_deleted
from selbox.enforce.superblocks import Superblock, Superblocks
from selbox.enforce.tasks import TaskTable
from selbox.model.labelling import FilesystemUseBehaviour
from selbox.server.securityserver import SecurityServer
from selbox.store.labels import LabelStore
from selbox.store.pathhistory import PathHistory
from selbox.store.pathlabels import PathLabels
from selbox.store.xattr import read_xattr
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selbox.enforce.overlays import Overlays
    from selbox.enforce.standins import OpenFile

CLASSES: Final = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "lnk_file",
    stat.S_IFCHR: "chr_file",
    stat.S_IFBLK: "blk_file",
    stat.S_IFIFO: "fifo_file",
    stat.S_IFSOCK: "sock_file",
}
"""Object class by file type bits (kernel: ``inode_mode_to_security_class``)."""

_KIND_MASK: Final = 0o170000

_TASK_ENTRY = re.compile(r"/(\d+)(?:/|$)")
_TASK_NETWORK = re.compile(r"/\d+(?:/task/\d+)?/net/")
_TASK_MEMORY = re.compile(r".*/(\d+)/(?:task/\d+/)?mem")
_NAMELESS: Final = ("/memfd:", "/SYSV")
"""What the kernel calls files that are in no directory: memory files and System V shared memory."""
_LABELLED_WHEN_MADE: Final = ("/memfd:", "pipe:")

_INHERITING: Final = frozenset({"cgroup", "cgroup2"})
"""File systems in which the kernel itself makes the files of a new directory."""

_UNLINKED_KEPT: Final = 65536

_FIRST_PROCESS: Final = 1


class Labels:
    """Labels of inodes, and of the tasks that ``/proc`` shows.

    A label comes, in this order, from what the box itself set, the user's ``--label``, the label of the task for an
    entry of ``/proc``, ``genfscon``, the file's ``security.selinux`` attribute, ``filecon``, ``fsuse``, and at last
    the initial SID ``file``. What ``filecon`` leaves alone (``<<none>>``) has its directory's. An attribute that is not
    a context of this policy counts as none.
    """

    def __init__(
        self,
        server: SecurityServer,
        tasks: TaskTable,
        store: LabelStore,
        path_labels: PathLabels,
    ) -> None:
        self._server = server
        self._tasks = tasks
        self._store = store
        self._path_labels = path_labels
        self._history = PathHistory()
        self.filesystems = Filesystems()
        """What is mounted."""
        self.proc_mounts = ProcMounts()
        """Which numbers tasks have in each ``proc`` among it."""
        self.superblocks = Superblocks(server)
        """File systems that the box mounted."""
        self.open_files: Mapping[tuple[int, int], OpenFile] = {}
        """Open files that stand for others, by device and inode number."""
        self.overlays: Overlays | None = None
        """Overlays among them, once there are any."""
        self._sids: dict[tuple[int, int], int] = {}
        self._nameless = NamelessLabels(tasks)
        """Labels of pipes and memory files."""
        self._inherited: set[tuple[int, int]] = set()
        """Directories that were made with a label where the kernel fills them with files, which have it too."""
        self._unlinked: dict[tuple[int, int], int] = {}
        """Labels of inodes that lost their last name and may still be open."""
        self._drops_unlinked = False
        """Whether some were too many to be kept: what has no name and is not known then may be one of them."""
        self._said = SaidLabels(server)
        """What policy says of files, by their paths and the kinds of their file systems."""
        self._init: int | None = None
        self.outside = server.initial_sid("kernel")
        """The SID of everything that is not of the box: it was there before, as the kernel is."""
        self._unlabeled = server.initial_sid("unlabeled")

    def policy_changed(self) -> None:
        """Label by the policy that is in force now; what has a label keeps it."""
        self._said = SaidLabels(self._server)
        self._init = None

    def filesystem_of(self, device: int) -> str:
        """Return the kind of the file system with a device number."""
        return self.filesystems.kind_of(device)

    def forget_device(self, device: int) -> None:
        """Forget the labels of a file system's files: its number is that of another one now."""
        self.superblocks.forget(device)
        self.proc_mounts.forget(device)
        if self.overlays is not None:
            self.overlays.forget(device)
        for key in [each for each in self._sids if each[0] == device]:
            del self._sids[key]
            if not os.major(device):  # others may come again with what is on their disk, and birth times tell
                self._store.forget(*key)
        for key in [each for each in self._unlinked if each[0] == device]:
            del self._unlinked[key]

    def task_sid(self, pid: int) -> int:
        """Return the SID of a task, of the box or outside."""
        state = self._tasks.state_of(pid)
        return self.outside_sid(pid) if state is None else state.sid

    def outside_sid(self, pid: int) -> int:
        """Return the SID of a task outside the box: the kernel's, and of the first one what policy has for init."""
        if pid != _FIRST_PROCESS:
            return self.outside
        if self._init is None:
            try:
                self._init = init_sid(self._server)
            except SelboxError:
                self._init = self.outside
        return self._init

    def sid_of(self, descriptor: int, status: os.stat_result, caller: Caller, path: str | None = None) -> int:
        """Return the SID of an open file.

        Args:
            descriptor: the supervisor's, ``O_PATH`` or open.
            status: its status.
            caller: who asks; a pipe that was never seen before is taken to be its own.
            path: by which the kernel knows it; it is asked for where None.
        """
        sid = self.known(status)
        if sid is None:
            key, path = (status.st_dev, status.st_ino), path or path_of(descriptor)
            if self.overlays is not None:
                overlaid = self.overlays.sid_of(descriptor, status, caller, path)
                if overlaid is not None:
                    return overlaid
            sid, lasting = self._find(path, status, descriptor, caller)
            if lasting:
                self._sids[key] = sid
        return sid

    def meet(self, key: tuple[int, int], directory: str, name: bytes) -> None:
        """Label a file that has a name, where that takes no more than its path: if it was never seen, and the user did.

        Args:
            key: device and inode number.
            directory: path by which the kernel knows its directory, without a final slash.
            name: in it.
        """
        if key in self._sids or self._store.holds(key) or not self._path_labels:
            return
        if self.filesystem_of(key[0]) == "proc":
            return
        if self.filesystems.is_changed:
            return  # by which mount it is seen is not known here
        path = f"{directory}/{os.fsdecode(name)}"
        if self._history:
            text = self._path_labels.lookup(self._history.original(path))
        else:
            text = self._path_labels.lookup_in(directory, path)
        sid = None if text is None else self._said.of_text(text)
        if sid is not None:
            self._unlinked.pop(key, None)
            self._sids[key] = sid

    def known(self, status: os.stat_result) -> int | None:
        """Return the SID of an inode that was seen or labelled before, or None."""
        key = (status.st_dev, status.st_ino)
        sid = self._sids.get(key)
        nameless = self._nameless.known(key) if sid is None else None
        return sid if nameless is None else nameless[0]

    def seen(self, status: os.stat_result) -> tuple[int, str] | None:
        """Return SID and class of an inode that keeps its label and was seen or labelled before, or None.

        INVARIANT: no file of a task in ``/proc`` keeps its label, so what is special about them need not be asked then.
        """
        return self.seen_as(*status[:3])

    def seen_as(self, mode: int, inode: int, device: int) -> tuple[int, str] | None:
        """Return what :meth:`seen` does, by the first three fields of a status."""
        sid = self._sids.get((device, inode))
        return None if sid is None else (sid, CLASSES[mode & _KIND_MASK])

    def lasting(self, key: tuple[int, int]) -> int | None:
        """Return the SID that an inode keeps, by device and inode number; None for one that was not seen before.

        What the label of changes by itself, as in ``/proc`` those of a task's files, has none of this kind.
        """
        return self._sids.get(key)

    def class_of(self, status: os.stat_result) -> str:
        """Return the object class of a file; empty for what is of none, such as an event queue."""
        nameless = self._nameless.known((status.st_dev, status.st_ino))
        told = "" if nameless is None else nameless[1]
        return told or CLASSES.get(stat.S_IFMT(status.st_mode), "")

    def assign_nameless(self, status: os.stat_result, sid: int, object_class: str = "") -> None:
        """Label an inode that has no name, nor ever had one.

        Args:
            status: the inode's.
            sid: its SID.
            object_class: its class, where it is not that of its kind of file.
        """
        self._nameless.assign((status.st_dev, status.st_ino), sid, object_class)

    def maker_of_pipe(self, status: os.stat_result) -> int | None:
        """Return the SID of who made a pipe, which is its label; None for what is no pipe, or not of the box."""
        nameless = self._nameless.known((status.st_dev, status.st_ino)) if stat.S_ISFIFO(status.st_mode) else None
        return None if nameless is None else nameless[0]

    def assign(self, status: os.stat_result, sid: int, place: str | None = None) -> None:
        """Label an inode: a new object, or one relabelled.

        Args:
            status: the inode's.
            sid: its new SID.
            place: a path that names it now; without it the label lives no longer than the box.

        Raises:
            OSError: EIO when the label store cannot be written.
        """
        if self.overlays is not None and self.is_layered(status.st_dev):
            self.overlays.assign(status, sid, place)
            return
        key = (status.st_dev, status.st_ino)
        if key not in self._sids and stat.S_ISDIR(status.st_mode) and self.filesystem_of(key[0]) in _INHERITING:
            self._inherited.add(key)
        self._sids[key] = sid
        if place is not None and (self._store.lasting or self._is_lasting(status.st_dev)):
            try:
                self._store.set(*key, self._server.sid_to_context_force(sid), place)
            except SelboxError as error:
                raise OSError(errno.EIO, str(error)) from None

    def appeared(self, status: os.stat_result, caller: Caller) -> None:
        """Label an inode that the kernel has made for a task, where policy has such labels follow from the task.

        Source: the kernel's ``inode_doinit_with_dentry`` for ``fs_use_trans``.
        """
        superblock = self.superblocks.of(status.st_dev, self.filesystem_of(status.st_dev))
        if superblock.behaviour is FilesystemUseBehaviour.TRANSITION and not superblock.mountpoint:
            self._sids[status.st_dev, status.st_ino] = self._by_transition(superblock, status, caller)

    def _is_lasting(self, device: int) -> bool:
        """Tell whether a file system's labels are to be found again when it is unmounted and mounted once more."""
        superblock = self.superblocks.mounted(device)
        if superblock is None or superblock.mountpoint or not os.major(device):
            return False
        return superblock.behaviour is FilesystemUseBehaviour.XATTR

    def removed(self, status: os.stat_result, path: str) -> None:
        """Forget a name that is gone, and its inode with the last one: what comes later inherits nothing from them."""
        self._history.removed(path)
        key = (status.st_dev, status.st_ino)
        if status.st_nlink <= 1 or stat.S_ISDIR(status.st_mode):
            self._store.forget(*key)
            self._inherited.discard(key)
            sid = self._sids.pop(key, None)
            if sid is not None:
                self._unlinked[key] = sid
                if len(self._unlinked) > _UNLINKED_KEPT:
                    self._unlinked = dict(islice(self._unlinked.items(), _UNLINKED_KEPT // 2, None))
                    self._drops_unlinked = True

    def is_memory(self, descriptor: int, status: os.stat_result) -> bool:
        """Tell whether a file is a task's memory, ``/proc/PID/mem``; its label is then the task's."""
        return self.filesystem_of(status.st_dev) == "proc" and _TASK_MEMORY.fullmatch(path_of(descriptor)) is not None

    def is_of_box(self, descriptor: int) -> bool:
        """Tell whether a task's memory is that of a task of the box."""
        match = _TASK_MEMORY.fullmatch(path_of(descriptor))
        if match is None:
            return False
        task = self.proc_mounts.meant(os.fstat(descriptor).st_dev, int(match[1]))
        return task > 0 and self._tasks.state_of(task) is not None

    def task_of(self, descriptor: int, status: os.stat_result, caller: Caller) -> int:
        """Return the task whose file in ``/proc`` this is, by the supervisor's number of it; 0 where it is none's."""
        if self.filesystem_of(status.st_dev) != "proc":
            return 0
        entry = _TASK_ENTRY.match(
            self.filesystems.inner_path(status.st_dev, path_of(descriptor), descriptor, caller.tid)
        )
        return 0 if entry is None else self.proc_mounts.meant(status.st_dev, int(entry[1]))

    def renamed(self, source: str, destination: str) -> None:
        """Note that a path was renamed: what lies below it keeps the labels of the old one."""
        self._history.renamed(source, destination)

    def exchanged(self, first: str, second: str) -> None:
        """Note that two paths changed places."""
        self._history.exchanged(first, second)

    def stands_for(self, directory: str, path: str) -> None:
        """Note that files below a directory are labelled as those below another path."""
        if self._history.original(directory) != path:
            self._history.renamed(path, directory)

    def filesystem_sid_on(self, device: int) -> int:
        """Return the SID of the file system with a device number."""
        superblock = self.superblocks.mounted(device)
        return self.filesystem_sid(self.filesystem_of(device)) if superblock is None else superblock.sid

    def filesystem_sid(self, kind: str) -> int:
        """Return the SID of file systems of a kind themselves, with which their files are associated."""
        return self._said.of_filesystem(kind)

    def is_unmarked(self, descriptor: int, status: os.stat_result) -> bool:
        """Tell whether nobody ever said what the label of a file is, but rules about paths."""
        key, path = (status.st_dev, status.st_ino), path_of(descriptor)
        if self.known(status) is not None or self._store.holds(key) or self._path_labels.lookup(path) is not None:
            return False
        return read_xattr(f"/proc/self/fd/{descriptor}") is None

    def is_layered(self, device: int) -> bool:
        """Tell whether a device number is that of an overlay which the box mounted."""
        return self.overlays is not None and self.overlays.on(device) is not None

    def at(self, descriptor: int) -> "FileAt":
        """Return what describes an open file once it is called, and names it to who asks about what lies beneath."""
        return FileAt(self, descriptor)

    def describe(self, descriptor: int) -> dict[str, object]:
        """Return the fields that an audit record has about a file: path, dev and ino."""
        status, path = os.fstat(descriptor), path_of(descriptor)
        stood_for = self.open_files.get((status.st_dev, status.st_ino))
        if stood_for is not None:
            return stood_for.fields
        return {
            "path": without_deleted(path, status),
            "dev": self.filesystems.device_name(status.st_dev, path),
            "ino": status.st_ino,
        }

    def _find(self, path: str, status: os.stat_result, descriptor: int, caller: Caller) -> tuple[int, bool]:
        """Return a label and whether it stays with the inode."""
        if path == TOO_LONG:
            return self._unlabeled, False  # what policy would say of its path cannot be told
        if not path.startswith("/") or path.startswith(_NAMELESS):
            nameless = self._find_nameless(path, status, caller)
            self.assign_nameless(status, nameless)
            return nameless, False
        key = (status.st_dev, status.st_ino)
        if status.st_nlink == 0 and key in self._unlinked:
            return self._unlinked[key], False
        if status.st_nlink == 0 and self._drops_unlinked:
            return self._unlabeled, False
        self._unlinked.pop(key, None)  # the number is another file's now
        superblock = self.superblocks.mounted(status.st_dev)
        if superblock is not None:
            return self._find_on(superblock, path, status, descriptor, caller)
        original = self.filesystems.original(descriptor, without_deleted(path, status), caller.tid)
        if original is None:
            return self._unlabeled, False  # what policy would say of its path cannot be told
        path = self._history.original(original)
        kind = self.filesystems.kind_at(status.st_dev, descriptor)
        place = f"/proc/self/fd/{descriptor}"
        text = self._store.get(status.st_dev, status.st_ino, place) or self._path_labels.lookup(path)
        if text is not None:
            sid = self._said.of_text(text)
            if sid is not None:
                return sid, kind != "proc"
        if kind == "proc" or self._said.are_made_up(kind):
            found = self._find_made_up(path, kind, status, descriptor, caller)
            if found is not None:
                return found
        text = read_xattr(place)
        sid = None if text is None else self._said.of_text(text)
        if sid is not None:
            return sid, True
        said = self._said.of_path(path, status.st_mode, kind)
        return self._around(path, descriptor) if said is None else said, True

    def _around(self, path: str, descriptor: int) -> int:
        """Return the SID of what policy leaves alone: its directory's, as if it had been made there without a rule.

        Args:
            path: by which policy knows it.
            descriptor: of it.

        Source: the kernel's ``selinux_determine_inode_label``.
        """
        known = self._sids.get(directory_of(path_of(descriptor)))
        return self._said.of_directories_above(path) if known is None else known

    def _find_on(
        self, superblock: Superblock, path: str, status: os.stat_result, descriptor: int, caller: Caller
    ) -> tuple[int, bool]:
        """Return a label in a file system that the box mounted, as a kernel with SELinux gives it, and if it stays.

        Source: the kernel's ``inode_doinit_with_dentry``.
        """
        if superblock.mountpoint:
            return superblock.mountpoint, True
        behaviour = superblock.behaviour
        if behaviour is FilesystemUseBehaviour.XATTR:
            place = f"/proc/self/fd/{descriptor}"
            text = self._store.get(status.st_dev, status.st_ino, place) or read_xattr(place)
            sid = superblock.default if text is None else self._said.of_text(text)
            return self._unlabeled if sid is None else sid, True
        if behaviour is FilesystemUseBehaviour.TASK:
            return caller.state.sid, True
        if behaviour is FilesystemUseBehaviour.TRANSITION:
            return self._by_transition(superblock, status, caller), True
        return self._find_made_up(path, superblock.kind, status, descriptor, caller) or (superblock.sid, True)

    def _by_transition(self, superblock: Superblock, status: os.stat_result, caller: Caller) -> int:
        class_id = self._server.vector(self.class_of(status), ()).object_class
        try:
            return self._server.compute_create(caller.state.sid, superblock.sid, class_id)
        except SelboxError:
            return superblock.sid

    def _find_made_up(
        self, path: str, kind: str, status: os.stat_result, descriptor: int, caller: Caller
    ) -> tuple[int, bool] | None:
        """Return a label in a file system that the kernel makes up, where labels go by path; None where none fits.

        Source: the kernel's ``selinux_task_to_inode``, ``selinux_genfs_get_sid``, ``inode_doinit_with_dentry`` and
        ``selinux_kernfs_init_security``.
        """
        inner = self.filesystems.inner_path(status.st_dev, path, descriptor, caller.tid)
        if kind == "proc":
            entry = _TASK_ENTRY.match(inner)
            if entry is not None:
                if _TASK_NETWORK.match(inner) is None:
                    task = self.proc_mounts.meant(status.st_dev, int(entry[1]))
                    return self.task_sid(task) if task else self.outside, False
                inner = inner[entry.end(1) :]
        if not self._said.are_made_up(kind):
            return None
        if kind in _INHERITING and self._inherited:
            around = directory_of(path)
            if around in self._inherited:
                return self._sids[around], True
        sid = self._said.of_made_up(kind, inner, status.st_mode)
        return None if sid is None else (sid, True)

    def _find_nameless(self, path: str, status: os.stat_result, caller: Caller) -> int:
        if self._nameless.forgets and path.startswith(_LABELLED_WHEN_MADE):
            return self._unlabeled
        if nameless_kind(path) == "nsfs":  # a namespace, as its link in ``/proc`` shows it
            return self.filesystem_sid("nsfs")
        if stat.S_ISREG(status.st_mode):  # memory files
            return self._said.of_files_in("tmpfs")
        return caller.state.sid


class FileAt:
    """Describes an open file to the audit log.

    Attributes:
        descriptor: the supervisor's.
    """

    __slots__ = ("_labels", "descriptor")

    def __init__(self, labels: Labels, descriptor: int) -> None:
        self._labels = labels
        self.descriptor = descriptor

    def __call__(self) -> dict[str, object]:
        """Return the fields of a record: path, dev and ino."""
        return self._labels.describe(self.descriptor)
