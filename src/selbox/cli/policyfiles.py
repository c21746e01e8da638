"""Policy files from disk to a compiled policy: the user's own, with the base policy that ships with selbox."""

import os
import re
from collections.abc import Iterable, Sequence

import selbox
from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy

# The package is a directory of files; importlib.resources would say the same and cost 50 ms of a box's start.
BASE_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(selbox.__file__)), "policies", "base")
"""Where the base policy's CIL files are."""

UNREADABLE_CODE = "file-unreadable"

# INVARIANT: both statements are legal only outside blocks, and a policy has no kernel without them.
_COMPLETE = re.compile(r"^[ \t]*\([ \t]*(?:classorder\b|sid[ \t]+kernel[ \t]*\))", re.MULTILINE)

_FOREIGN_FORMATS = (
    (
        b"\x8c\xff\x7c\xf9",
        "a binary policy of the kernel",
        "selbox reads CIL: give it the source that this was built from",
    ),
    (b"\x8f\xff\x7c\xf9", "a policy package", "`/usr/libexec/selinux/hll/pp FILE.pp FILE.cil` turns it into CIL"),
    (
        b"BZh",
        "a bzip2 archive",
        "unpack it first: `bunzip2 FILE`; a package inside is turned into CIL by `/usr/libexec/selinux/hll/pp`",
    ),
)
"""First bytes, what such a file is, and what to do with it."""


def load_policy(paths: Iterable[str], base: bool = True) -> Policy:
    """Read CIL files and compile them, with the base policy where they need it.

    Args:
        paths: files as the user named them; messages show them so.
        base: whether to take the base policy. A complete policy among the files stands alone all the same.

    Raises:
        SelboxError: with every unreadable file (``file-unreadable``), or every error of the policy.
    """
    sources = read_sources(paths)
    if base and not any(is_complete(each) for each in sources):
        sources = [*base_sources(), *sources]
    return compile_policy([parse(each) for each in sources])


def read_sources(paths: Iterable[str]) -> list[SourceFile]:
    """Read text files.

    Raises:
        SelboxError: ``file-unreadable`` for each that is missing, not readable, or not UTF-8 text.
    """
    sources: list[SourceFile] = []
    failures: list[SelboxError] = []
    for path in paths:
        try:
            sources.append(_read_source(path))
        except SelboxError as error:
            failures.append(error)
    if failures:
        raise SelboxError(*(each for failure in failures for each in failure.diagnostics))
    return sources


def base_sources() -> list[SourceFile]:
    """Return the texts of the base policy, in the order of their names."""
    names = sorted(name for name in os.listdir(BASE_DIRECTORY) if name.endswith(".cil"))
    return [_read_source(os.path.join(BASE_DIRECTORY, name), f"base/{name}") for name in names]


def is_complete(source: SourceFile) -> bool:
    """Tell whether a policy declares its own classes or initial SIDs, as Debian's does, and so needs no base."""
    return _COMPLETE.search(source.text) is not None


def _read_source(path: str, name: str = "") -> SourceFile:
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise SelboxError.of(
            UNREADABLE_CODE, f"cannot read `{path}`: {error.strerror}", help=_open_help(path, error)
        ) from None
    for magic, kind, advice in _FOREIGN_FORMATS:
        if content.startswith(magic):
            raise SelboxError.of(UNREADABLE_CODE, f"`{path}` is {kind}, not CIL text", help=advice)
    try:
        return SourceFile(name or path, content.decode().replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        kind = "is binary" if b"\0" in content else "is not UTF-8 text"
        message = f"`{path}` {kind}: byte {content[error.start]:#04x} at offset {error.start}"
        raise SelboxError.of(UNREADABLE_CODE, message, help="policy files are CIL, written in UTF-8") from None


def _open_help(path: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return _nearby(path)
    if isinstance(error, IsADirectoryError):
        return f"name the files in it: {os.path.join(path, '*.cil')}"
    if isinstance(error, PermissionError):
        return "it needs read permission for the user that runs selbox"
    return ""


def _nearby(path: str) -> str:
    from selbox.diagnostics import did_you_mean

    directory, name = os.path.split(path)
    try:
        neighbours: Sequence[str] = os.listdir(directory or ".")
    except OSError:
        return f"there is no directory `{directory}` that could be read"
    return did_you_mean(name, neighbours)
