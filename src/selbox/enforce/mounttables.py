"""What a task sees mounted, as a kernel with SELinux tells it.

selinuxfs is among it, which in a box is there without a mount, and file systems whose files can be relabelled are told
by the option ``seclabel``: ``restorecon`` passes by all others.

Source: ``proc(5)``; the kernel's ``show_mountinfo``, ``show_vfsmnt`` and ``selinux_sb_show_options``.
"""

import os
import re
from collections.abc import Callable

from selbox.enforce.tasks import thread_group
from selbox.typing import Final

_TABLE = re.compile(rb"/proc/(?:(self|thread-self|\d+)(?:/task/(\d+))?/)?(mounts|mountinfo)")
_LAYERS = re.compile(rb"(?<=,)lowerdir=\d+(?::\d+)*(?:,(?:upperdir|workdir)=\d+)*")
_LINK: Final = b"/etc/mtab"
_KIND: Final = b" selinuxfs "
_POINT: Final = b"/sys/fs/selinux"
_HOLDER: Final = b"/sys"
_OPTIONS: Final = b"rw,nosuid,noexec,relatime"
_DEVICE: Final = b"0:4095"
"""A device number that no file system of the host has."""


def mount_table_of(path: bytes, caller: int, meant: Callable[[int], int]) -> int | None:
    """Return the task whose table of mounts a path names; None for any other path.

    Args:
        path: absolute and normal.
        caller: the task that asks.
        meant: returns the task that stands in its ``/proc`` under a number; 0 when there is none.
    """
    if path == _LINK:
        return caller
    match = _TABLE.fullmatch(path)
    if match is None or (match[1] is None and match[3] != b"mounts"):
        return None
    if match[2] is not None:
        return meant(int(match[2]))
    if match[1] is not None and match[1].isdigit():
        return meant(int(match[1]))
    return caller if match[1] == b"thread-self" else thread_group(caller)


def mount_table(
    tid: int, path: bytes, options_of: Callable[[int, bytes], bytes], layers_of: Callable[[int], bytes]
) -> bytes:
    """Return a task's table of mounts.

    Args:
        tid: the task.
        path: one for which :func:`mount_table_of` returned it.
        options_of: returns the options about labels of a file system, by device number and kind; none is empty.
        layers_of: returns the options by which a box's overlay named its directories, by device number; the kernel
            was told others.

    Raises:
        OSError: when it cannot be read.
    """
    full = _lines(tid, "mountinfo")
    is_full = path.endswith(b"mountinfo")
    plain = full if is_full else _lines(tid, "mounts")
    devices = [_device(line) for line in full]
    if len(plain) != len(devices):  # changed between the two; who asks again is told again
        devices = [-1] * len(plain)
    lines = [
        _with_options(_with_layers(line, layers_of(device)), device, options_of, is_full=is_full)
        for line, device in zip(plain, devices, strict=True)
    ]
    if any(_KIND in line for line in lines):
        return b"".join(lines)
    place, line = _with_numbers(lines) if is_full else _plain(lines)
    lines.insert(place, line)
    return b"".join(lines)


def _lines(tid: int, name: str) -> list[bytes]:
    with open(f"/proc/{tid}/{name}", "rb") as table:
        return table.read().splitlines(keepends=True)


def _device(line: bytes) -> int:
    major, minor = line.split(b" ", 3)[2].split(b":")
    return os.makedev(int(major), int(minor))


def _with_layers(line: bytes, said: bytes) -> bytes:
    """Name the directories of an overlay as its mounter did; without what it said, there are none."""
    if not said:
        return line
    for byte in b"\\ \t\n":
        said = said.replace(bytes((byte,)), b"\\%03o" % byte)
    return _LAYERS.sub(lambda _: said, line, count=1)


def _with_options(line: bytes, device: int, options_of: Callable[[int, bytes], bytes], *, is_full: bool) -> bytes:
    """Add the options of a file system that are about labels, after ``rw`` or ``ro``."""
    words = line.rstrip(b"\n").split(b" ")
    kind, options = (words.index(b"-") + 1, len(words) - 1) if is_full else (2, 3)
    added = options_of(device, words[kind])
    if not added or added in words[options].split(b","):
        return line
    first, comma, others = words[options].partition(b",")
    words[options] = first + b"," + added + comma + others
    return b" ".join(words) + b"\n"


def _plain(lines: list[bytes]) -> tuple[int, bytes]:
    after = [number for number, line in enumerate(lines, 1) if line.split(b" ")[1] == _HOLDER]
    return (after or [len(lines)])[-1], b"selinuxfs %s selinuxfs %s 0 0\n" % (_POINT, _OPTIONS)


def _with_numbers(lines: list[bytes]) -> tuple[int, bytes]:
    words = [line.split(b" ") for line in lines]
    number = max((int(each[0]) for each in words), default=0) + 1
    after = [place for place, each in enumerate(words, 1) if each[4] == _HOLDER]
    place = (after or [len(lines)])[-1]
    holder = words[place - 1][0] if words else b"1"
    return place, b"%d %s %s / %s %s - selinuxfs selinuxfs rw\n" % (number, holder, _DEVICE, _POINT, _OPTIONS)
