"""Compiled policies kept from one run to the next, so that a box starts without compiling.

An entry holds every byte that it was compiled from, and what the compiler's own files looked like, and is used only
when all of it is the same now. It may be thrown away at any time.
"""

import os
import pickle
import zlib
from contextlib import suppress
from enum import Enum
from typing import Any, Final, NamedTuple

import selbox
from selbox.cli.ownfiles import files_state
from selbox.diagnostics import SourceFile
from selbox.model.policy import Policy

LARGEST: Final = 4 << 20
"""Characters of source above which a policy is not kept: an entry holds them all."""

_KEPT: Final = 32
_ROOMS: Final = ("compiler", "language/cil", "model")

_COLUMNS: Final = {("array", "array"), ("array", "_array_reconstructor")}


class Key(NamedTuple):
    """What a policy was compiled from.

    Attributes:
        version: of selbox.
        base: whether the base policy was asked for.
        compiler: the state of the compiler's own files.
        sources: names and texts.
    """

    version: str
    base: bool
    compiler: tuple[tuple[str, int, int], ...]
    sources: tuple[SourceFile, ...]


class _PolicyUnpickler(pickle.Unpickler):
    """Makes values of the model, and nothing else that a file could name."""

    def find_class(self, module: str, name: str) -> object:
        """Return a class that a policy is made of.

        Raises:
            pickle.UnpicklingError: for any other.
        """
        if module.startswith("selbox.model.") or (module, name) in _COLUMNS:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a policy")


class _PolicyPickler(pickle.Pickler):
    """Writes members of enumerations by their value, whatever the version of Python does."""

    def reducer_override(self, value: object) -> Any:
        """Return how a value is made again, or ``NotImplemented`` for the usual way."""
        return (type(value), (value.value,)) if isinstance(value, Enum) else NotImplemented


class PolicyCache:
    """Compiled policies in a directory that only its owner can write.

    Args:
        directory: made when missing.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory

    @classmethod
    def of_user(cls) -> "PolicyCache | None":
        """Return the user's own cache, where the XDG base directories say; None for a user without a home."""
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME") or "", ".cache")
        return cls(os.path.join(base, "selbox", "policies")) if os.path.isabs(base) else None

    def key(self, sources: tuple[SourceFile, ...], *, base: bool) -> Key | None:
        """Return what identifies a policy; None when its sources are too large to be kept."""
        if sum(len(each.text) for each in sources) > LARGEST:
            return None
        return Key(selbox.__version__, base, _compiler_state(), sources)

    def get(self, key: Key) -> Policy | None:
        """Return a policy, or None when there is none of this very key."""
        try:
            with open(self._path(key), "rb") as entry:
                status = os.fstat(entry.fileno())
                if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                    return None
                found, policy = _PolicyUnpickler(entry).load()
        except Exception:  # noqa: BLE001 - whatever is wrong with an entry, the policy is compiled
            return None
        return policy if found == _plain(key) and isinstance(policy, Policy) else None

    def put(self, key: Key, policy: Policy) -> None:
        """Keep a policy, whole or not at all; where nothing can be written, nothing is kept."""
        path = self._path(key)
        temporary = f"{path}.{os.getpid()}"
        with suppress(OSError):
            os.makedirs(self._directory, 0o700, exist_ok=True)
            self._make_room()
            try:
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as entry:
                    _PolicyPickler(entry, pickle.HIGHEST_PROTOCOL).dump((_plain(key), policy))
                os.replace(temporary, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary)
                raise

    def _path(self, key: Key) -> str:
        checksum = 0
        for each in key.sources:
            checksum = zlib.crc32(each.text.encode("utf-8", "surrogatepass"), checksum)
        return os.path.join(self._directory, f"{checksum:08x}{'-base' if key.base else ''}")

    def _make_room(self) -> None:
        with os.scandir(self._directory) as entries:
            found = sorted((each.stat().st_mtime, each.path) for each in entries)
        for _, path in found[: max(0, len(found) - _KEPT + 1)]:
            os.unlink(path)


def _plain(key: Key) -> tuple[object, ...]:
    """Return a key without classes, as it is written."""
    return (key.version, key.base, key.compiler, tuple(map(tuple, key.sources)))


def _compiler_state() -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of every file that a compiled policy depends on."""
    return files_state(_ROOMS)
