"""Scripts: which interpreter the kernel runs for one, and the words with which that begins.

Whoever may run a script in another domain may not run its interpreter there with words of its own. Both are the same
program, so the words tell what the kernel ran: the interpreter, its argument, and the name of the script.

Source: the kernel's ``load_script`` and ``alloc_bprm``.
"""

import errno
import os
import re

from selbox.enforce.linux import AT_FDCWD
from selbox.typing import Final

HEAD_SIZE: Final = 256
"""Bytes of a file that the kernel looks at (``BINPRM_BUF_SIZE``)."""

_LINE = re.compile(rb"#![ \t]*([^ \t\0]+)(?:[ \t]+([^\0]+))?")


def interpreter_line(head: bytes) -> tuple[bytes, ...]:
    """Return the interpreter that the first line of a script names, and the one argument that it may give.

    Args:
        head: the first :data:`HEAD_SIZE` bytes of the file, or all of it.

    Raises:
        OSError: ENOEXEC where it is no script, or the name may go on behind them.
    """
    line, end, _ = head.ljust(HEAD_SIZE, b"\0").partition(b"\n")
    found = _LINE.match((line if end else line[:-1]).rstrip(b" \t"))
    if found is None or not (end or line[found.end(1)] in b" \t\0"):
        raise OSError(errno.ENOEXEC, os.strerror(errno.ENOEXEC))
    return tuple(each for each in found.groups() if each is not None)


def named_at(directory: int, path: bytes) -> bytes:
    """Return the name that a script of ``execveat`` is shown by to its interpreter."""
    if directory == AT_FDCWD or path.startswith(b"/"):
        return path
    return b"/dev/fd/%d/%s" % (directory, path) if path else b"/dev/fd/%d" % directory


def begins_with(pid: int, words: tuple[bytes, ...]) -> bool:
    """Tell whether these are the first words of a program that has run nothing yet."""
    expected = b"\0".join(words) + b"\0"
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as line:
            return line.read(len(expected)) == expected
    except OSError:
        return False
