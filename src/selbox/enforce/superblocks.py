"""What the box knows of whole file systems: their own labels, and how those of their files come about.

Source: the kernel's ``struct superblock_security_struct``, ``selinux_set_mnt_opts`` and ``security_fs_use``.
"""

from selbox.model.labelling import FileKind, FilesystemUseBehaviour
from selbox.model.policy import Policy
from selbox.server.labelling import generic_filesystem_context
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final, NamedTuple

FSCONTEXT: Final = "fscontext"
CONTEXT: Final = "context"
DEFCONTEXT: Final = "defcontext"
ROOTCONTEXT: Final = "rootcontext"
LABELS: Final = (FSCONTEXT, CONTEXT, DEFCONTEXT, ROOTCONTEXT)
"""Options of mounts that are labels, in the order in which tables of mounts show them."""

_WITH_LABELS: Final = frozenset({"sysfs", "pstore", "debugfs", "tracefs", "rootfs", "cgroup", "cgroup2"})
"""File systems that ``genfscon`` labels and whose files may be relabelled all the same.

Source: the kernel's ``selinux_is_genfs_special_handling``.
"""


class Superblock(NamedTuple):
    """A file system.

    Attributes:
        kind: the kernel's name for it, such as ``ext4``.
        behaviour: ``fs_use`` of its kind; None for what ``genfscon`` labels, or nothing.
        sid: of the file system itself.
        default: of a file that has no label of its own, where labels are attributes.
        mountpoint: of all its files, where it was mounted with ``context=``; 0 for any other.
        root: of its root, where it was mounted with ``rootcontext=`` or ``context=``; 0 for any other.
        said: names of the labels that it was mounted with.
    """

    kind: str
    behaviour: FilesystemUseBehaviour | None
    sid: int
    default: int
    mountpoint: int = 0
    root: int = 0
    said: tuple[str, ...] = ()

    def sid_said(self, option: str) -> int:
        """Return the SID that an option gave or would give."""
        return {FSCONTEXT: self.sid, CONTEXT: self.mountpoint, DEFCONTEXT: self.default, ROOTCONTEXT: self.root}[option]

    @property
    def takes_labels(self) -> bool:
        """Whether its files can be relabelled (kernel: ``SBLABEL_MNT``)."""
        return not self.mountpoint and (self.behaviour is not None or self.kind in _WITH_LABELS)


class Superblocks:
    """Those that the box has mounted, by device number, and what all others of their kind are like.

    Args:
        server: gives their labels.
    """

    def __init__(self, server: SecurityServer) -> None:
        self._server = server
        self._mounted: dict[int, Superblock] = {}

    def mounted(self, device: int) -> Superblock | None:
        """Return a file system that the box mounted; None for any other."""
        return self._mounted.get(device) if self._mounted else None

    def of(self, device: int, kind: str) -> Superblock:
        """Return a file system.

        Args:
            device: its number.
            kind: what it is.
        """
        return self.mounted(device) or self.usual(kind)

    def add(self, device: int, superblock: Superblock) -> None:
        """Remember a file system that the box made."""
        self._mounted[device] = superblock

    def forget(self, device: int) -> None:
        """Forget a file system: its number is another's now."""
        self._mounted.pop(device, None)

    def usual(self, kind: str) -> Superblock:
        """Return what a file system is like that was mounted without a word about labels."""
        server = self._server
        unlabeled, file = server.initial_sid("unlabeled"), server.initial_sid("file")
        use = next((each for each in server.policy.filesystem_uses if each.filesystem == kind), None)
        if use is not None:
            return Superblock(kind, use.behaviour, server.sid_for(use.context), file)
        context = generic_filesystem_context(server.policy, kind, "/", FileKind.DIRECTORY)
        return Superblock(kind, None, unlabeled if context is None else server.sid_for(context), file)

    def said(self, superblock: Superblock) -> tuple[tuple[str, str], ...]:
        """Return the options that tables of mounts show of a file system: names and contexts."""
        return tuple(
            (each, self._server.sid_to_context(superblock.sid_said(each))) for each in LABELS if each in superblock.said
        )


def fixed_filesystems(policy: Policy) -> frozenset[str]:
    """Return the kinds of file systems whose files cannot be relabelled: ``genfscon`` labels them by their paths."""
    by_path = {each.filesystem for each in policy.genfs_contexts}
    return frozenset(by_path - {each.filesystem for each in policy.filesystem_uses} - _WITH_LABELS)
