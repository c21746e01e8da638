"""Mounting overlays: the directories that they are made of are those that its mounter's own paths lead to.

The kernel is told their descriptors. So it takes the directories that were decided about, from among the mounts that
the caller sees.

Source: the kernel's ``ovl_parse_layer``, ``ovl_parse_monolithic`` and ``ovl_fill_super``.
"""

import errno
import os
import re
from collections.abc import Iterator, Sequence

from selbox.enforce import mountcalls
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import target_at
from selbox.enforce.creation import created_sid
from selbox.enforce.linux import AT_FDCWD
from selbox.enforce.mountnamespaces import among_mounts_of
from selbox.enforce.overlaychecks import OverlayChecks
from selbox.enforce.overlays import Overlay, Overlays
from selbox.enforce.superblocks import Superblock
from selbox.typing import Final, NamedTuple

KIND: Final = b"overlay"
_LOWER, _ADDED_LOWER, _UPPER, _WORK = b"lowerdir", b"lowerdir+", b"upperdir", b"workdir"
LAYERS: Final = frozenset({_LOWER, _ADDED_LOWER, _UPPER, _WORK})
"""Options that name directories."""
_REFUSED: Final = frozenset({b"userxattr", b"verity", b"datadir+", b"override_creds"})
_OWN_CHOICE: Final = {b"redirect_dir": b"nofollow", b"metacopy": b"off", b"nfs_export": b"off", b"xino": b"on"}
"""Options that are always set so: a file's name tells what lies beneath it, and its numbers tell that this is so."""
_ALLOWED: Final = {b"redirect_dir": (b"off", b"nofollow", b"follow"), b"metacopy": (b"off",), b"nfs_export": (b"off",)}
"""Values of options beside which others are refused."""
_SEPARATOR = re.compile(rb"(?<!\\):")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_LAYERS_LIMIT: Final = 500

Option = tuple[bytes, bytes | None]
"""Name of an option, and its value; None for one that is only named."""


class Layers(NamedTuple):
    """The directories of an overlay that is to be mounted, by the supervisor's descriptors.

    Attributes:
        lowers: lower ones, uppermost first.
        upper: upper one; -1 for none.
        work: the one beside it; -1 for none.
        said: how the mounter named them.
    """

    lowers: tuple[int, ...]
    upper: int
    work: int
    said: bytes


class OverlayMounts:
    """Makes overlays for the tasks of a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def make(self, caller: Caller, options: Sequence[Option], attributes: int) -> tuple[int, int, Layers]:
        """Have the kernel make an overlay.

        Args:
            caller: who mounts it.
            options: as they were said, without labels.
            attributes: of the mount.

        Returns:
            The kernel's context, a descriptor of the mount, and the directories.

        Raises:
            OSError: what the kernel says; EPERM for an option with which no box mounts.
        """
        _check_options(options)
        layers = self._layers(caller, options)
        others = [each for each in options if each[0] not in LAYERS and each[0] not in _OWN_CHOICE]
        if layers.work >= 0 and (b"ro", None) not in others and not self.checks().may_prepare(caller, layers.work):
            others.append((b"ro", None))

        def work() -> tuple[int, int]:
            context = mountcalls.open_context(KIND)
            try:
                for name, value in (*others, *_OWN_CHOICE.items(), *_told(layers)):
                    mountcalls.set_option(context, name, value)
                mountcalls.create(context, exclusively=False)
                return context, mountcalls.detached_mount(context, attributes)
            except OSError:
                os.close(context)
                raise

        context, mount = among_mounts_of(caller.tid, work)
        return self._box.descriptors.add(context), self._box.descriptors.add(mount), layers

    def remember(self, caller: Caller, device: int, superblock: Superblock, layers: Layers) -> None:
        """Have the files of an overlay that was made be labelled by those beneath."""
        kept = [os.dup(each) if each >= 0 else -1 for each in (layers.upper, layers.work, *layers.lowers)]
        overlay = Overlay(caller.state.sid, superblock, kept[0], kept[1], tuple(kept[2:]), layers.said)
        self.checks().overlays.add(device, overlay)
        if layers.work >= 0:
            self._label_work(caller, layers.work)

    def checks(self) -> OverlayChecks:
        """Return what asks about files beneath, which the monitor has from now on."""
        box = self._box
        if box.monitor.layers is None:
            box.labels.overlays = Overlays(box)
            box.monitor.layers = OverlayChecks(box, box.labels.overlays)
        return box.monitor.layers

    def _label_work(self, caller: Caller, work: int) -> None:
        """Label the directory that the kernel made beside the upper one."""
        box = self._box
        made = box.descriptors.open(b"work", os.O_PATH | os.O_NOFOLLOW, work)
        status = os.fstat(made)
        holder = box.labels.sid_of(work, os.fstat(work), caller)
        box.labels.assign(status, created_sid(box, caller.state.sid, holder, "dir", "work"), f"/proc/self/fd/{made}")

    def _layers(self, caller: Caller, options: Sequence[Option]) -> Layers:
        lowers: list[int] = []
        others = {_UPPER: -1, _WORK: -1}
        for name, value in options:
            if name not in LAYERS:
                continue
            if not value:
                raise _invalid()
            if name == _LOWER:
                lowers = [self._directory(caller, each) for each in _separated(value)]
            elif name == _ADDED_LOWER:
                lowers.append(self._directory(caller, value))
            else:
                others[name] = self._directory(caller, _ESCAPED.sub(rb"\1", value))
        if not lowers or len(lowers) > _LAYERS_LIMIT or (others[_UPPER] >= 0 and others[_WORK] < 0):
            raise _invalid()
        if others[_UPPER] < 0:
            others[_WORK] = -1
        said = b",".join(name + b"=" + value for name, value in options if name in LAYERS and value)
        return Layers(tuple(lowers), others[_UPPER], others[_WORK], said)

    def _directory(self, caller: Caller, path: bytes) -> int:
        return target_at(self._box, caller, AT_FDCWD, path, follow=True).descriptor


def _separated(value: bytes) -> Iterator[bytes]:
    """Part the lower directories, which colons separate (kernel: ``ovl_parse_param_split_lowerdirs``).

    Raises:
        OSError: EPERM for two colons, behind which the directories of mere data are.
    """
    for each in _SEPARATOR.split(value):
        if not each:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        yield _ESCAPED.sub(rb"\1", each)


def _check_options(options: Sequence[Option]) -> None:
    """Refuse what would have a name tell too little of what lies beneath.

    Raises:
        OSError: EPERM.
    """
    for name, value in options:
        if name in _REFUSED or (name in _ALLOWED and value not in _ALLOWED[name]):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def _told(layers: Layers) -> Iterator[Option]:
    """Return the options by which the kernel is told the directories, from where their descriptors are."""
    yield _LOWER, b":".join(b"%d" % each for each in layers.lowers)
    if layers.upper >= 0:
        yield _UPPER, b"%d" % layers.upper
        yield _WORK, b"%d" % layers.work


def _invalid() -> OSError:
    return OSError(errno.EINVAL, os.strerror(errno.EINVAL))
