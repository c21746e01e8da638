"""How the policy labels objects that have no label of their own: initial SIDs, files, file systems, the network."""

from enum import Enum

from selbox.model.context import Context
from selbox.model.rules import NO_ORIGIN
from selbox.typing import Final, NamedTuple


class FileKind(Enum):
    """The kind of file that a ``filecon`` or ``genfscon`` entry is for; values are CIL's keywords."""

    __hash__ = object.__hash__  # by identity, and not by the name in Python: thousands of entries are sorted by it

    ANY = "any"
    FILE = "file"
    DIRECTORY = "dir"
    CHARACTER = "char"
    BLOCK = "block"
    SOCKET = "socket"
    PIPE = "pipe"
    SYMLINK = "symlink"


FILE_CLASSES: Final = {
    FileKind.FILE: "file",
    FileKind.DIRECTORY: "dir",
    FileKind.CHARACTER: "chr_file",
    FileKind.BLOCK: "blk_file",
    FileKind.SOCKET: "sock_file",
    FileKind.PIPE: "fifo_file",
    FileKind.SYMLINK: "lnk_file",
}
"""The class of each kind of file; ``FileKind.ANY`` has none."""


class InitialSid(NamedTuple):
    """An initial SID: what the kernel labels before, or without, any labelled thing.

    Attributes:
        name: such as ``kernel``; its SID number is its place in ``Policy.initial_sids`` plus one.
        context: its context, or None where the policy gives none.
    """

    name: str
    context: Context | None


class FileContext(NamedTuple):
    """A ``filecon`` entry.

    Attributes:
        pattern: regular expression over the whole path.
        kind: the kind of file it is for.
        context: the label; None is ``<<none>>``: leave such files alone.
    """

    pattern: str
    kind: FileKind
    context: Context | None
    origin: int = NO_ORIGIN


class PathSubstitution(NamedTuple):
    """A directory whose files are labelled as if they were in another one.

    Attributes:
        source: path without a final slash, such as ``/var/run``.
        target: what stands for it when file contexts are looked up, such as ``/run``.
    """

    source: str
    target: str


class GenericFilesystemContext(NamedTuple):
    """A ``genfscon`` entry: labels by file system and path prefix, where files cannot carry labels.

    Under the policy capability ``genfs_seclabel_wildcard`` the path is a pattern, and a prefix ends in ``*``.
    """

    filesystem: str
    path: str
    context: Context
    kind: FileKind = FileKind.ANY
    origin: int = NO_ORIGIN


class FilesystemContext(NamedTuple):
    """An ``fscon`` statement of the policy language: the contexts of a file system's volume and of its files."""

    name: str
    filesystem: Context
    file: Context
    origin: int = NO_ORIGIN


class FilesystemUseBehaviour(Enum):
    """How a file system's inodes get their labels (``fsuse``)."""

    XATTR = "xattr"
    TASK = "task"
    TRANSITION = "trans"


FILESYSTEM_USE_NUMBERS: Final = {
    FilesystemUseBehaviour.XATTR: 1,
    FilesystemUseBehaviour.TRANSITION: 2,
    FilesystemUseBehaviour.TASK: 3,
}
"""The number of each behaviour in binary policies, which is also the order in which compilers sort.

Source: the kernel's ``SECURITY_FS_USE_*``.
"""


class FilesystemUse(NamedTuple):
    """An ``fsuse`` statement."""

    behaviour: FilesystemUseBehaviour
    filesystem: str
    context: Context
    origin: int = NO_ORIGIN


PORT_PROTOCOLS: Final = {"tcp": 6, "udp": 17, "dccp": 33, "sctp": 132}
"""The protocols whose ports have contexts, and their numbers (IANA)."""


class PortContext(NamedTuple):
    """A ``portcon`` statement: protocol (``tcp``, ``udp``, ``dccp``, ``sctp``) and an inclusive range of ports."""

    protocol: str
    low: int
    high: int
    context: Context
    origin: int = NO_ORIGIN


class NodeContext(NamedTuple):
    """A ``nodecon`` statement; address and mask are packed in network order, 4 or 16 bytes."""

    address: bytes
    mask: bytes
    context: Context
    origin: int = NO_ORIGIN


class InterfaceContext(NamedTuple):
    """A ``netifcon`` statement: the contexts of an interface and of its packets."""

    name: str
    interface: Context
    packet: Context
    origin: int = NO_ORIGIN


class InfinibandKeyContext(NamedTuple):
    """An ``ibpkeycon`` statement: a subnet prefix (8 bytes, network order), an inclusive range of keys."""

    subnet_prefix: bytes
    low: int
    high: int
    context: Context
    origin: int = NO_ORIGIN


class InfinibandPortContext(NamedTuple):
    """An ``ibendportcon`` statement: a device's name and the number of its port, 1 to 255."""

    device: str
    port: int
    context: Context
    origin: int = NO_ORIGIN


class XenInterruptContext(NamedTuple):
    """A ``pirqcon`` statement of a Xen policy."""

    interrupt: int
    context: Context
    origin: int = NO_ORIGIN


class XenPortContext(NamedTuple):
    """An ``ioportcon`` statement of a Xen policy: an inclusive range of I/O ports."""

    low: int
    high: int
    context: Context
    origin: int = NO_ORIGIN


class XenMemoryContext(NamedTuple):
    """An ``iomemcon`` statement of a Xen policy: an inclusive range of I/O memory pages."""

    low: int
    high: int
    context: Context
    origin: int = NO_ORIGIN


class XenDeviceContext(NamedTuple):
    """A ``pcidevicecon`` statement of a Xen policy."""

    device: int
    context: Context
    origin: int = NO_ORIGIN


class XenDeviceTreeContext(NamedTuple):
    """A ``devicetreecon`` statement of a Xen policy: a path of the device tree."""

    path: str
    context: Context
    origin: int = NO_ORIGIN
