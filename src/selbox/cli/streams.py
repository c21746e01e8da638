"""Standard streams that the program was started without, as with `>&-` in a shell."""

import io
import os
import sys

from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_INPUT: Final = 0
_OUTPUT: Final = 1
_ERROR: Final = 2


class _ClosedOutput(io.FileIO):
    """Standard output that is closed: whoever writes to it is told its name."""

    def write(self, content: "ReadableBuffer") -> int:
        try:
            return super().write(content)
        except OSError as error:
            raise OSError(error.errno, error.strerror, "<stdout>") from None


def _text(stream: io.BufferedReader | io.BufferedWriter) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace")


def replace_closed_streams() -> None:
    """Put a stream in the place of each standard stream that is closed.

    Standard input and output cannot be used, and say so to whoever tries (``EBADF``). What is written to standard error
    is dropped: the exit status tells what it would. Their descriptors are taken, so that no file that is opened later
    gets a number that is written to; a command that is run inherits none of them.

    Source: ``stdopen`` of gnulib, which the programs of coreutils begin with.
    """
    for descriptor in (_INPUT, _OUTPUT, _ERROR):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free number is this one. It is opened the way in which it is not used, but for errors.
            os.open(os.devnull, os.O_RDONLY if descriptor == _OUTPUT else os.O_WRONLY)
    if sys.stdin is None:
        sys.stdin = _text(io.BufferedReader(io.FileIO(_INPUT, closefd=False)))
    if sys.stdout is None:
        sys.stdout = _text(io.BufferedWriter(_ClosedOutput(_OUTPUT, "w", closefd=False)))
    if sys.stderr is None:
        sys.stderr = _text(io.BufferedWriter(io.FileIO(_ERROR, "w", closefd=False)))
