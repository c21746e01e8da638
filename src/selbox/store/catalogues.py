"""What searches need of kernel policies, kept from one run to the next, so that they do not read a whole policy again.

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


class KeptCatalogues(KeptFiles):
    """Catalogues as bytes, in a directory that only its owner can write."""

    kind = "catalogues"
    most = 8

    def get(self, policy: bytes) -> memoryview | None:
        """Return what was kept for a policy, or None when there is nothing for this very one."""
        try:
            with self._open(_name(policy)) as entry:
                content = memoryview(entry.read())
        except OSError:
            return None
        key = _key(policy)
        start, end = len(key), len(key) + len(policy)
        return content[end:] if content[:start] == key and content[start:end] == policy else None

    def put(self, policy: bytes, kept: bytes) -> None:
        """Keep something for a policy, whole or not at all; where nothing can be written, nothing is kept."""
        if len(policy) <= LARGEST:
            self._write(_name(policy), lambda entry: entry.write(b"".join((_key(policy), policy, kept))))


def _name(policy: bytes) -> str:
    return f"{zlib.crc32(policy):08x}-{len(policy)}"


def _key(policy: bytes) -> bytes:
    """Return what stands before a policy in its entry."""
    return repr((selbox.__version__, len(policy), files_state(_ROOMS))).encode() + b"\n"
