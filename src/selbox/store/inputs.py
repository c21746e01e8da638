"""Policy files from disk, a pipe or standard input: read whole, unpacked, and told apart by their first bytes."""

import codecs
import os
import re
import stat
from collections.abc import Callable, Iterable, Sequence

from selbox.binary.formats import Format, detect
from selbox.diagnostics import Diagnostic, Diagnostics, SelboxError, SourceFile, did_you_mean
from selbox.typing import BinaryIO, Final, NamedTuple, TypeVar

UNREADABLE_CODE: Final = "file-unreadable"
WRONG_FORMAT_CODE: Final = "file-wrong-format"
REPEATED_CODE: Final = "file-repeated"

TOO_LARGE_CODE: Final = "file-too-large"

LARGEST: Final = 1 << 30
"""Bytes that one file may have, read or unpacked: twenty times the largest policy that people have."""

ORIGINS_ENDING: Final = ".origins"
"""What is added to the path of a kernel policy for the file with the places of its rules in the source."""

STANDARD_INPUT: Final = "-"
"""How a command line names standard input, where a verb reads it."""

_POLICY_LANGUAGE: Final = (
    r"(?:\s++|#[^\n]*+)*+"
    r"(?:policy_module\s*+\(|(?:module|class|sid|type|attribute|allow|policycap|interface|template)\s|require\s*+\{)"
)
"""How sources begin that are text and no CIL, in which everything stands in parentheses."""

_COMPRESSED: Final = (b"BZ", b"\x1f\x8b", b"\xfd7", b"\x28\xb5")
"""Beginnings of the beginnings of compressed files."""

_READ_AT_ONCE: Final = 1 << 20

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")

_KINDS: Final = {
    Format.KERNEL_POLICY: "a kernel policy",
    Format.PACKAGE: "a module package",
    Format.MODULE: "a module",
    Format.TEXT: "text",
}

_TAKEN_BY: Final = {
    Format.KERNEL_POLICY: "`selbox checkpolicy -b` reads it, and turns it into CIL with -C -o FILE",
    Format.PACKAGE: "`selbox compile` takes it as it is; `selbox pp` turns it into CIL",
    Format.MODULE: "`selbox compile` takes it as it is",
    Format.TEXT: "`selbox compile` takes CIL",
}


class File(NamedTuple):
    """A file as it is, packed or not.

    Attributes:
        name: the path as the user gave it.
        content: all of it.
    """

    name: str
    content: bytes


class Input(NamedTuple):
    """One file, as its author knows it.

    Attributes:
        name: the path as the user gave it; what messages show.
        content: all of it, unpacked.
        format: what the content is.
    """

    name: str
    content: bytes
    format: Format

    def expect(self, *formats: Format, what: str = "") -> "Input":
        """Return this input when it is of one of some formats.

        Args:
            formats: what will do.
            what: how a message calls them; the first format's own name when empty.

        Raises:
            SelboxError: ``file-wrong-format``, with the command that takes what it is.
        """
        if self.format in formats:
            return self
        wanted = what or _KINDS[formats[0]]
        if not self.content:
            raise SelboxError.of(WRONG_FORMAT_CODE, f"`{self.name}` is empty, not {wanted}")
        raise SelboxError.of(
            WRONG_FORMAT_CODE, f"`{self.name}` is {_KINDS[self.format]}, not {wanted}", help=_TAKEN_BY[self.format]
        )

    def text(self, what: str, *, marked: bool = False) -> SourceFile:
        """Return the text of this input; bytes that are not UTF-8 are kept as surrogates, as those of paths are.

        Args:
            what: how a message calls what is wanted.
            marked: whether it may begin with a byte order mark, which is left out.

        Raises:
            SelboxError: ``file-wrong-format``, when it is something else.
        """
        content = self.expect(Format.TEXT, what=what).content
        if content.startswith(codecs.BOM_UTF8):
            if not marked:
                words = f"`{self.name}` begins with a byte order mark, which {what} does not have"
                raise SelboxError.of(WRONG_FORMAT_CODE, words, help="save it as UTF-8 without one")
            content = content[len(codecs.BOM_UTF8) :]
        if b"\0" in content:
            is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            words = f"`{self.name}` is {'UTF-16' if is_wide else 'binary'}, not {what}"
            raise SelboxError.of(WRONG_FORMAT_CODE, words, help="save it as UTF-8" if is_wide else "")
        return SourceFile(self.name, content.decode(errors="surrogateescape").replace("\r\n", "\n"))

    def source(self) -> SourceFile:
        """Return the text of this input, which is to be CIL.

        Raises:
            SelboxError: ``file-wrong-format``, when it is something else.
        """
        source = self.text("CIL text")
        if re.match(_POLICY_LANGUAGE, source.text):
            raise SelboxError.of(
                WRONG_FORMAT_CODE,
                f"`{self.name}` is in the policy language, not CIL",
                help="compile a module with `checkmodule` and `semodule_package`: `selbox compile` takes packages",
            )
        return source


def read_input(path: str, name: str = "", *, pattern: str = "") -> Input:
    """Read a file, and unpack it when it is compressed.

    Args:
        path: where it is.
        name: what messages call it; the path when empty.
        pattern: how a shell finds such files in a directory, which help shows; nothing where one alone is wanted.

    Raises:
        SelboxError: when it cannot be read (``file-unreadable``) or unpacked.
    """
    return unpacked(_file(path, path, name or path, pattern))


def read_expectations(path: str) -> SourceFile:
    """Read a file of expectations, which editors of any system may have written.

    Raises:
        SelboxError: when it cannot be read (``file-unreadable``), unpacked, or is no text.
    """
    return read_input(path, pattern="*.expect").text("expectations", marked=True)


def read_standard_input() -> Input:
    """Read standard input to its end.

    Raises:
        SelboxError: when it cannot be read (``file-unreadable``) or unpacked.
    """
    return unpacked(_file(0, "", "<stdin>"))


def read_inputs(
    paths: Iterable[str], diagnostics: Diagnostics, *, stdin: bool = False, repeats: bool = False
) -> list[Input]:
    """Read several files, and unpack them when they are compressed.

    Args:
        paths: as the user named them.
        diagnostics: takes a warning for each file that is named again.
        stdin: whether ``-`` is standard input.
        repeats: whether a file that is named again is read again.

    Raises:
        SelboxError: with everything that is wrong with any of them.
    """
    return each_of(unpacked, read_files(paths, diagnostics, stdin=stdin, repeats=repeats))


def read_files(
    paths: Iterable[str], diagnostics: Diagnostics, *, stdin: bool = False, repeats: bool = False
) -> list[File]:
    """Read several files as they are, as :func:`read_inputs` does.

    Raises:
        SelboxError: with all of them that cannot be read.
    """
    seen: dict[tuple[int, int] | str, str] = {}
    chosen: list[str] = []
    for path in paths:
        first = seen.setdefault(_identity(path), path)
        if first is not path:
            also = "" if first == path else f", first as `{first}`"
            diagnostics.warning(REPEATED_CODE, f"`{path}` is named twice{also}", help="name it once")
        if first is path or repeats:
            chosen.append(path)
    return each_of(
        lambda path: _file(0, "", "<stdin>") if stdin and path == STANDARD_INPUT else _file(path, path, path, "*.cil"),
        chosen,
    )


def unpacked(file: File) -> Input:
    """Return what a file holds.

    Raises:
        SelboxError: when it is compressed, and broken.
    """
    content = file.content
    if content[:2] in _COMPRESSED:
        from selbox.store.compression import decompressed  # those who have no such files do not pay for it

        content = decompressed(content, file.name)
    return Input(file.name, content, detect(content))


def each_of(step: Callable[[_Given], _Made], given: Iterable[_Given]) -> list[_Made]:
    """Take a step with each of several things, and fail with the errors of all.

    Raises:
        SelboxError: with the diagnostics of every step that failed.
    """
    made: list[_Made] = []
    diagnostics: list[Diagnostic] = []
    for each in given:
        try:
            made.append(step(each))
        except SelboxError as error:
            diagnostics += error.diagnostics
    if diagnostics:
        raise SelboxError(*diagnostics)
    return made


def _identity(path: str) -> tuple[int, int] | str:
    """Return what two names of one regular file have in common; the name itself for anything else."""
    try:
        status = os.stat(path)
    except OSError:
        return path
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else path


def _file(file: str | int, path: str, name: str, pattern: str = "") -> File:
    try:
        with open(file, "rb", closefd=file != 0) as stream:
            return File(name, _content(stream, name))
    except OSError as error:
        raise unreadable(path, error, name, pattern) from None


def _content(stream: BinaryIO, name: str) -> bytes:
    status = os.fstat(stream.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST:
        return stream.read()
    parts: list[bytes] = []
    room = LARGEST
    while room >= 0:
        part = stream.read(_READ_AT_ONCE)
        if not part:
            return b"".join(parts)
        parts.append(part)
        room -= len(part)
    raise SelboxError.of(TOO_LARGE_CODE, f"`{name}` has more than {LARGEST >> 30} GiB")


def unreadable(path: str, error: OSError, name: str = "", pattern: str = "") -> SelboxError:
    """Return the error for a file that cannot be read, with what may help.

    Args:
        path: where it is; empty for standard input.
        error: why.
        name: what messages call it; the path when empty.
        pattern: as for :func:`read_input`.
    """
    words = f"cannot read `{name or path}`: {error.strerror}"
    return SelboxError.of(UNREADABLE_CODE, words, help=_open_help(path, pattern, error))


def _open_help(path: str, pattern: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return _nearby(path)
    if isinstance(error, IsADirectoryError):
        return f"name the files in it: {os.path.join(path, pattern)}" if pattern else "name a file in it"
    if isinstance(error, PermissionError):
        return "it needs read permission for the user that runs selbox"
    return ""


def _nearby(path: str) -> str:
    directory, name = os.path.split(path)
    try:
        neighbours: Sequence[str] = os.listdir(directory or ".")
    except OSError:
        return f"there is no directory `{directory}` that could be read"
    return did_you_mean(name, neighbours)
