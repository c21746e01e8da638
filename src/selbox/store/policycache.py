"""Policies kept from one run to the next as they were made, so that a box starts without compiling or checking.

An entry holds every byte that it was made from, and what selbox's own files that made it looked like, and is used only
when all of it is the same now. It may be thrown away at any time.
"""

import _pickle as pickle  # what is beneath `pickle`: all that is needed, and no second one in Python
import zlib
from enum import Enum

import selbox
from selbox.diagnostics import SourceFile
from selbox.model.labelling import FileContext
from selbox.model.origin import Origin, OriginTable
from selbox.model.policy import Policy
from selbox.store.inputs import Input
from selbox.store.keptfiles import KeptFiles
from selbox.store.ownfiles import files_state
from selbox.typing import Any, Final, NamedTuple

LARGEST: Final = 8 << 20
"""Characters of source, and bytes of a kernel policy, above which a policy is not kept: an entry holds them all."""

_COMPILER: Final = ("compiler", "language/cil", "model")
_READER: Final = ("binary", "binary/kernel", "language", "model", "server", "store")
"""Where the files are that a policy depends on, compiled, or read and labelled."""

_NEWEST: Final = -1
"""Stands for the newest protocol."""

_COLUMNS: Final = {("array", "array"), ("array", "_array_reconstructor")}


class Key(NamedTuple):
    """What a policy was made from.

    Attributes:
        version: of selbox.
        way: which of the ways to a policy led to it: from sources, with the base policy or without, checked or not, or
            from a binary.
        makers: the state of selbox's own files that made it.
        sources: names and texts.
        binary: the kernel policy, where it was one.
    """

    version: str
    way: str
    makers: tuple[tuple[str, int, int], ...]
    sources: tuple[SourceFile, ...]
    binary: bytes = b""


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
    """Policies in a directory that only its owner can write."""

    kind = "policies"
    most = 32

    def key(self, sources: tuple[SourceFile, ...], *, base: bool, unchecked: bool = False) -> Key | None:
        """Return what identifies a compiled policy; None when its sources are too large to be kept."""
        if sum(len(each.text) for each in sources) > LARGEST:
            return None
        way = ("base" if base else "") + ("unchecked" if unchecked else "")
        return Key(selbox.__version__, way, _compiler_state(), sources)

    def binary_key(self, policy: Input, labels: tuple[SourceFile, ...]) -> Key | None:
        """Return what identifies a kernel policy with further file contexts; None when they are too large.

        Args:
            policy: the file.
            labels: texts of file contexts, and of what belongs to them.
        """
        if len(policy.content) + sum(len(each.text) for each in labels) > LARGEST:
            return None
        return Key(selbox.__version__, "binary", files_state(_READER), labels, policy.content)

    def get(self, key: Key) -> Policy | None:
        """Return a policy, or None when there is none of this very key."""
        try:
            with self._open(_name(key)) as entry:
                found, policy, contexts, origins = _PolicyUnpickler(entry).load()
            if found != _plain(key) or not isinstance(policy, Policy):
                return None
            places = tuple(map(Origin, *origins)) if origins else policy.origins
            return policy._replace(file_contexts=tuple(map(FileContext, *contexts)) if contexts else (), origins=places)
        except Exception:  # noqa: BLE001 - whatever is wrong with an entry, the policy is compiled
            return None

    def put(self, key: Key, policy: Policy) -> None:
        """Keep a policy, whole or not at all; where nothing can be written, nothing is kept."""
        # By columns, which takes a third of the time where there are thousands; a table of origins is in columns.
        contexts, origins = list(zip(*policy.file_contexts, strict=True)), []
        rest = policy._replace(file_contexts=())
        if not isinstance(policy.origins, OriginTable):
            origins, rest = list(zip(*policy.origins, strict=True)), rest._replace(origins=())
        self._write(
            _name(key), lambda entry: _PolicyPickler(entry, _NEWEST).dump((_plain(key), rest, contexts, origins))
        )


def _name(key: Key) -> str:
    checksum = zlib.crc32(key.binary)
    for each in key.sources:
        checksum = zlib.crc32(each.text.encode("utf-8", "surrogatepass"), checksum)
    return f"{checksum:08x}-{key.way}" if key.way else f"{checksum:08x}"


def _plain(key: Key) -> tuple[object, ...]:
    """Return a key without classes, as it is written."""
    return (*key[:3], tuple(map(tuple, key.sources)), key.binary)


def _compiler_state() -> tuple[tuple[str, int, int], ...]:
    """Return name, size and time of every file that a compiled policy depends on."""
    return files_state(_COMPILER)
