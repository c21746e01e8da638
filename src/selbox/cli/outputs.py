"""Output files, written whole or not at all: first beside their places, then all moved into them."""

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count

from selbox.diagnostics import SelboxError
from selbox.typing import Final, NamedTuple

UNWRITABLE_CODE: Final = "file-unwritable"

STANDARD_OUTPUT: Final = "/dev/stdout"
"""The path that is standard output, whatever that leads to."""

_DESCRIPTOR: Final = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,9})")
_STANDARD: Final = {STANDARD_OUTPUT: 1, "/dev/stderr": 2}


class Output(NamedTuple):
    """A file to be written.

    Attributes:
        path: where to. What is no regular file, such as a pipe or a device, is written to as it stands.
        content: all of it, at once or in parts; the parts are asked for as they are written.
    """

    path: str
    content: bytes | Iterable[bytes]


def file_or_standard_output(word: str) -> str:
    """Return the path that a word of the command line stands for: ``-`` is standard output."""
    return STANDARD_OUTPUT if word == "-" else word


def write_outputs(outputs: Sequence[Output]) -> None:
    """Write files, all of them or none.

    A regular file is replaced: the new one keeps its mode and, where that is allowed, its owner. Through a symbolic
    link the file that it leads to is replaced. A file that was not there gets what the umask leaves of mode 0666.

    Raises:
        SelboxError: ``file-unwritable``; no regular file has changed then.
        BrokenPipeError: when nobody reads the pipe that is written to.
    """
    beside: dict[str, str] = {}  # temporary file to the place it is for
    straight: list[Output] = []
    try:
        for output in outputs:
            with _reported(output.path):
                target = _regular_target(output.path)
                if target is None:
                    straight.append(output)
                else:
                    _refuse_again(target, beside.values())
                    beside[_write_beside(target, output.content)] = target
        for output in straight:
            with _reported(output.path):
                _write_straight(output)
        for temporary, target in tuple(beside.items()):
            with _reported(target):
                os.replace(temporary, target)
            del beside[temporary]
    except BaseException:
        for temporary in beside:
            with suppress(OSError):
                os.unlink(temporary)
        raise


def _refuse_again(target: str, others: Iterable[str]) -> None:
    if target in others:
        raise SelboxError.of(UNWRITABLE_CODE, f"`{target}` is named for two outputs")


@contextmanager
def _reported(path: str) -> Iterator[None]:
    """Turn what the system refuses into a diagnostic that names the output."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        directory = os.path.dirname(path) or "."
        advice = ""
        if isinstance(error, FileNotFoundError):
            advice = f"there is no directory `{directory}`"
        elif isinstance(error, PermissionError) and os.access(path, os.W_OK):
            advice = f"the file is replaced as a whole, for which the directory `{directory}` must be writable"
        raise SelboxError.of(
            UNWRITABLE_CODE, f"cannot write `{path}`: {error.strerror or error}", help=advice
        ) from None


def _regular_target(path: str) -> str | None:
    """Return the regular file that a path leads to or would make; None for anything else that can be written to.

    Raises:
        OSError: when it cannot be written to.
    """
    if path in _STANDARD or _DESCRIPTOR.fullmatch(path):
        return None
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return os.path.realpath(path)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        return None
    # Replacing needs no right to the file itself; but a file that is protected is meant to stay.
    if not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return os.path.realpath(path)


def _write_beside(target: str, content: bytes | Iterable[bytes]) -> str:
    """Write a new file in the directory of a target, with the target's mode; return its path."""
    descriptor, temporary = _created(os.path.dirname(target))
    try:
        try:
            with suppress(FileNotFoundError):
                _take_after(descriptor, os.stat(target))
            _write_all(descriptor, content)
        finally:
            os.close(descriptor)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    return temporary


def _created(directory: str) -> tuple[int, str]:
    for number in count():  # names of a process that was killed may be left
        temporary = os.path.join(directory, f".selbox-{os.getpid()}-{number}")
        with suppress(FileExistsError):
            return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), temporary
    raise AssertionError("unreachable")


def _take_after(descriptor: int, model: os.stat_result) -> None:
    """Give an open file the owner and mode of another, the owner as far as that is allowed."""
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (model.st_uid, model.st_gid):
        with suppress(OSError):
            os.fchown(descriptor, model.st_uid, model.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(model.st_mode))


def _write_straight(output: Output) -> None:
    """Write to a pipe, a device or an open descriptor."""
    found = _DESCRIPTOR.fullmatch(output.path)
    if found or output.path in _STANDARD:
        _write_all(int(found[1]) if found else _STANDARD[output.path], output.content)
        return
    descriptor = os.open(output.path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        _write_all(descriptor, output.content)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes | Iterable[bytes]) -> None:
    for part in (content,) if isinstance(content, bytes) else content:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
