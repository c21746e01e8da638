"""Policy files from disk to a compiled policy: the user's own, with the base policy that ships with selbox."""

import gc
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import selbox
from selbox.diagnostics import Diagnostic, Diagnostics, SelboxError, SourceFile
from selbox.model.policy import Policy

if TYPE_CHECKING:
    from selbox.cli.policycache import PolicyCache
    from selbox.language.cil import Form, Tree

# The package is a directory of files; importlib.resources would say the same and cost 50 ms of a box's start.
BASE_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(selbox.__file__)), "policies", "base")
"""Where the base policy's CIL files are."""

UNREADABLE_CODE = "file-unreadable"

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")

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


def load_policy(
    paths: Iterable[str],
    base: bool = True,
    diagnostics: Diagnostics | None = None,
    cache: "PolicyCache | None" = None,
) -> Policy:
    """Read CIL files and compile them, with the base policy where they need it.

    Args:
        paths: files as the user named them; messages show them so.
        base: whether to take the base policy. A complete policy among the files stands alone all the same.
        diagnostics: takes the warnings, for a caller who wants to show them.
        cache: where compiled policies are kept; None compiles in any case.

    Raises:
        SelboxError: with every unreadable file (``file-unreadable``), else every syntax error of the files, else
            every error of the policy that they make together.
    """
    sources = _each(_read_source, paths)
    if cache is None:
        return _compile(sources, base, diagnostics)
    key = cache.key((*sources, *(base_sources() if base else ())), base=base)
    policy = None if key is None else cache.get(key)
    if policy is None:
        policy = _compile(sources, base, diagnostics)
        if key is not None:
            cache.put(key, policy)
    return policy


def _compile(sources: list[SourceFile], base: bool, diagnostics: Diagnostics | None) -> Policy:
    # Half of a box's start is spent on these imports when the policy is in the cache already.
    from selbox.compiler.compile import compile_policy
    from selbox.language.cil import parse

    was_collecting = gc.isenabled()
    gc.disable()  # a policy is a heap of small tuples without a cycle: looking for some takes a third of the time
    try:
        endings: dict[str, Form] = {}
        trees = _each(lambda source: parse(source, endings), sources)
        if base and not any(is_complete(each) for each in trees):
            trees = [*(parse(each, endings) for each in base_sources()), *trees]
        return compile_policy(trees, diagnostics)
    finally:
        if was_collecting:
            gc.enable()


def base_sources() -> list[SourceFile]:
    """Return the texts of the base policy, in the order of their names; messages show them as ``<base>/NAME``."""
    names = sorted(name for name in os.listdir(BASE_DIRECTORY) if name.endswith(".cil"))
    return [_read_source(os.path.join(BASE_DIRECTORY, name), f"<base>/{name}") for name in names]


def is_complete(tree: "Tree") -> bool:
    """Tell whether a policy declares its own classes or initial SIDs, as Debian's does, and so needs no base."""
    # Both statements are legal only outside blocks, and no kernel runs on a policy that lacks them.
    return any(form.keyword == "classorder" or form == ["sid", "kernel"] for form in tree.forms)


def _each(step: Callable[[_Given], _Made], given: Iterable[_Given]) -> list[_Made]:
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
    if b"\0" in content:
        raise SelboxError.of(UNREADABLE_CODE, f"`{path}` is binary, not CIL text")
    try:
        return SourceFile(name or path, content.decode().replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        message = f"`{path}` is not UTF-8 text: byte {content[error.start]:#04x} at offset {error.start}"
        raise SelboxError.of(UNREADABLE_CODE, message, help="save it as UTF-8") from None


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
