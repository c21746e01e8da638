"""Compiled policies kept from one run to the next, so that a box starts without compiling.

An entry holds every byte that it was compiled from, and what the compiler's own files looked like, and is used only
when all of it is the same now. It may be thrown away at any time.
"""

import _pickle as pickle  # what is beneath `pickle`: all that is needed, and no second one in Python
import zlib
from enum import Enum

import selbox
from selbox.diagnostics import SourceFile
from selbox.model.policy import Policy
from selbox.store.keptfiles import KeptFiles
from selbox.store.ownfiles import files_state
from selbox.typing import Any, Final, NamedTuple

LARGEST: Final = 4 << 20
"""Characters of source above which a policy is not kept: an entry holds them all."""

_ROOMS: Final = ("compiler", "language/cil", "model")

_NEWEST: Final = -1
"""Stands for the newest protocol."""

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


class PolicyCache(KeptFiles):
    """Compiled policies in a directory that only its owner can write."""

    kind = "policies"
    most = 32

    def key(self, sources: tuple[SourceFile, ...], *, base: bool) -> Key | None:
        """Return what identifies a policy; None when its sources are too large to be kept."""
        if sum(len(each.text) for each in sources) > LARGEST:
            return None
        return Key(selbox.__version__, base, _compiler_state(), sources)

    def get(self, key: Key) -> Policy | None:
        """Return a policy, or None when there is none of this very key."""
        try:
            with self._open(_name(key)) as entry:
                found, policy = _PolicyUnpickler(entry).load()
        except Exception:  # noqa: BLE001 - whatever is wrong with an entry, the policy is compiled
            return None
        return policy if found == _plain(key) and isinstance(policy, Policy) else None

    def put(self, key: Key, policy: Policy) -> None:
        """Keep a policy, whole or not at all; where nothing can be written, nothing is kept."""
        self._write(_name(key), lambda entry: _PolicyPickler(entry, _NEWEST).dump((_plain(key), policy)))


def _name(key: Key) -> str:
    checksum = 0
    for each in key.sources:
        checksum = zlib.crc32(each.text.encode("utf-8", "surrogatepass"), checksum)
    return f"{checksum:08x}{'-base' if key.base else ''}"


def _plain(key: Key) -> tuple[object, ...]:
    """Return a key without classes, as it is written."""
    return (key.version, key.base, key.compiler, tuple(map(tuple, key.sources)))


def _compiler_state() -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of every file that a compiled policy depends on."""
    return files_state(_ROOMS)
