"""What searches need of policies, kept from one run to the next, so that they do not read or compile them again.

An entry holds the policy that it was made from, byte for byte, and what selbox's own files looked like; it is used only
when both are the same now. It may be thrown away at any time.
"""

import zlib

import selbox
from selbox.store.keptfiles import KeptFiles
from selbox.store.ownfiles import files_state
from selbox.typing import Final

LARGEST: Final = 64 << 20
"""Bytes of a policy above which nothing is kept."""

_ROOMS: Final = ("analysis", "binary/kernel", "model")
_COMPILING: Final = ("binary", "binary/modulesections", "compiler", "language/cil", "store")
"""Where else the files are that a policy in sources depends on."""


class KeptCatalogues(KeptFiles):
    """Catalogues as bytes, in a directory that only its owner can write."""

    kind = "catalogues"
    most = 8

    def get(self, policy: bytes, *, compiled: bool = False) -> memoryview | None:
        """Return what was kept for a policy, or None when there is nothing for this very one.

        Args:
            policy: the policy, byte for byte; or all that it is compiled from.
            compiled: whether it is compiled.
        """
        try:
            with self._open(_name(policy)) as entry:
                content = memoryview(entry.read())
        except OSError:
            return None
        key = _key(policy, compiled=compiled)
        start, end = len(key), len(key) + len(policy)
        return content[end:] if content[:start] == key and content[start:end] == policy else None

    def put(self, policy: bytes, kept: bytes, *, compiled: bool = False) -> None:
        """Keep something for a policy, whole or not at all; where nothing can be written, nothing is kept."""
        if len(policy) <= LARGEST:
            key = _key(policy, compiled=compiled)
            self._write(_name(policy), lambda entry: entry.write(b"".join((key, policy, kept))))


def _name(policy: bytes) -> str:
    return f"{zlib.crc32(policy):08x}-{len(policy)}"


def _key(policy: bytes, *, compiled: bool) -> bytes:
    """Return what stands before a policy in its entry."""
    rooms = (*_ROOMS, *_COMPILING) if compiled else _ROOMS
    return repr((selbox.__version__, len(policy), files_state(rooms))).encode() + b"\n"
