"""The keys of a box: keys and keyrings as the kernel has them, kept by the supervisor.

A box has keys of its own, as it would in a namespace: those of the kernel lie in rings that only their owners can act
in, and nobody else could see which key a call finds. What the kernel itself uses keys for, such as encrypted
directories, does not see these.

Source: the kernel's ``security/keys/key.c``, ``keyring.c`` and ``permission.c``; ``keyrings(7)``.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import SystemRandom
from time import monotonic

from selbox.typing import Final, NamedTuple

VIEW, READ, WRITE, SEARCH, LINK, SETATTR = (1 << bit for bit in range(6))
POSSESSOR, USER, GROUP = 24, 16, 8
"""Places of masks in the permissions of a key; that of others is 0."""

ALL: Final = VIEW | READ | WRITE | SEARCH | LINK | SETATTR
KEYRING: Final = "keyring"
TYPES: Final = frozenset({KEYRING, "user", "logon", "big_key"})
MOST_PAYLOAD: Final = 32767
MOST_OF_BIG_KEY: Final = (1 << 20) - 1

_MOST_KEYS: Final = {0: 100_000}
_MOST_BYTES: Final = {0: 25_000_000}
_MOST_KEYS_OF_USER, _MOST_BYTES_OF_USER = 200, 20_000
_MOST_NESTED: Final = 6
_RANDOM = SystemRandom()


class Key:
    """One key, or a keyring.

    Attributes:
        serial: its number.
        type: name of its type.
        description: its name.
        user: user id of its owner; group: group id.
        permissions: masks for possessor, user, group and others.
        sid: its label.
        payload: what it holds; nothing for a keyring.
        links: the keys in a keyring, by type and description.
        holders: how many keyrings it is in.
        is_root: whether something else than a keyring holds it: a task, or a user.
        expires: when it is of no more use, on the monotonic clock; None for never.
        is_revoked: whether it was revoked.
    """

    __slots__ = (
        *("serial", "type", "description", "user", "group", "permissions", "sid", "payload", "links", "holders"),
        *("is_root", "expires", "is_revoked"),
    )

    def __init__(
        self, serial: int, kind: str, description: bytes, user: int, group: int, permissions: int, sid: int
    ) -> None:
        self.serial = serial
        self.type = kind
        self.description = description
        self.user = user
        self.group = group
        self.permissions = permissions
        self.sid = sid
        self.payload = b""
        self.links: dict[tuple[str, bytes], Key] = {}
        self.holders = 0
        self.is_root = False
        self.expires: float | None = None
        self.is_revoked = False

    @property
    def size(self) -> int:
        """Bytes that it counts for in its owner's quota."""
        return len(self.description) + 1 + len(self.payload)

    def validate(self) -> None:
        """See that it is of use.

        Raises:
            OSError: EKEYREVOKED or EKEYEXPIRED.
        """
        if self.is_revoked:
            raise OSError(errno.EKEYREVOKED, os.strerror(errno.EKEYREVOKED))
        if self.expires is not None and monotonic() >= self.expires:
            raise OSError(errno.EKEYEXPIRED, os.strerror(errno.EKEYEXPIRED))

    def is_valid(self) -> bool:
        """Tell whether it is of use."""
        return not self.is_revoked and (self.expires is None or monotonic() < self.expires)

    def mask_for(self, user: int, groups: tuple[int, ...], *, is_possessed: bool) -> int:
        """Return what ordinary permissions let a user do with it (kernel: ``key_task_permission``)."""
        if self.user == user:
            mask = self.permissions >> USER
        elif self.group in groups and self.permissions >> GROUP & ALL:
            mask = self.permissions >> GROUP
        else:
            mask = self.permissions
        return (mask | (self.permissions >> POSSESSOR if is_possessed else 0)) & ALL


class Found(NamedTuple):
    """A key, and whether it was found in a keyring that the finder possesses."""

    key: Key
    is_possessed: bool


Check = Callable[[Found, int], None]
"""Checks permissions of a key; raises OSError where they are not granted."""


class Keys:
    """All keys of a box."""

    def __init__(self) -> None:
        self._keys: dict[int, Key] = {}
        self._used: dict[int, tuple[int, int]] = {}
        """How many keys each user has, and their bytes."""

    def find(self, serial: int) -> Key:
        """Return a key by its number.

        Raises:
            OSError: ENOKEY.
        """
        key = self._keys.get(serial)
        if key is None:
            raise OSError(errno.ENOKEY, os.strerror(errno.ENOKEY))
        return key

    def named(self, description: bytes) -> Iterator[Key]:
        """Return the keyrings with a name that are of use."""
        return (key for key in self._keys.values() if key.type == KEYRING and key.description == description)

    def make(self, kind: str, description: bytes, owner: tuple[int, int], permissions: int, sid: int) -> Key:
        """Make a key that nothing holds yet.

        Raises:
            OSError: EDQUOT when its owner has too many.
        """
        serial = 0
        while serial < 3 or serial in self._keys:
            serial = _RANDOM.getrandbits(31)
        key = Key(serial, kind, description, *owner, permissions, sid)
        self._count(key.user, 1, key.size)
        self._keys[serial] = key
        return key

    def set_payload(self, key: Key, payload: bytes) -> None:
        """Give a key what it holds.

        Raises:
            OSError: EDQUOT when its owner has too much.
        """
        self._count(key.user, 0, len(payload) - len(key.payload))
        key.payload = payload

    def set_owner(self, key: Key, user: int) -> None:
        """Give a key to a user.

        Raises:
            OSError: EDQUOT when that one has too much.
        """
        self._count(user, 1, key.size)
        self._count(key.user, -1, -key.size)
        key.user = user

    def _count(self, user: int, keys: int, size: int) -> None:
        used, used_bytes = self._used.get(user, (0, 0))
        used, used_bytes = used + keys, used_bytes + size
        most, most_bytes = _MOST_KEYS.get(user, _MOST_KEYS_OF_USER), _MOST_BYTES.get(user, _MOST_BYTES_OF_USER)
        if (keys > 0 and used > most) or (size > 0 and used_bytes > most_bytes):
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        self._used[user] = used, used_bytes

    def link(self, ring: Key, key: Key) -> None:
        """Put a key into a keyring, where it takes the place of one with its type and name.

        Raises:
            OSError: ENOTDIR, EDEADLK for a ring within itself, ELOOP for rings nested too deep.
        """
        if ring.type != KEYRING:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if key.type == KEYRING:
            _check_nesting(ring, key)
        place = (key.type, key.description)
        before = ring.links.get(place)
        if before is key:
            return
        key.holders += 1
        ring.links[place] = key
        if before is not None:
            self._released(before)

    def unlink(self, ring: Key, key: Key) -> None:
        """Take a key out of a keyring.

        Raises:
            OSError: ENOTDIR; ENOENT when it is not in it.
        """
        if ring.type != KEYRING:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if ring.links.get((key.type, key.description)) is not key:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        del ring.links[key.type, key.description]
        self._released(key)

    def clear(self, ring: Key) -> None:
        """Empty a keyring.

        Raises:
            OSError: ENOTDIR.
        """
        if ring.type != KEYRING:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        for key in list(ring.links.values()):
            self.unlink(ring, key)

    def invalidate(self, key: Key) -> None:
        """Take a key away from everywhere."""
        for ring in list(self._keys.values()):
            if ring.links.get((key.type, key.description)) is key:
                self.unlink(ring, key)
        self.release(key)

    def release(self, key: Key) -> None:
        """Have no task or user hold a key any longer."""
        key.is_root = False
        self._dispose(key)

    def _released(self, key: Key) -> None:
        key.holders -= 1
        self._dispose(key)

    def _dispose(self, key: Key) -> None:
        """Forget a key that nothing holds, and what only it held."""
        waiting = [key]
        while waiting:
            each = waiting.pop()
            if each.holders > 0 or each.is_root or self._keys.pop(each.serial, None) is None:
                continue
            self._count(each.user, -1, -each.size)
            for held in each.links.values():
                held.holders -= 1
                waiting.append(held)
            each.links = {}

    def search(self, ring: Found, kind: str, description: bytes, check: Check) -> Found | None:
        """Look for a key in a keyring, and in those that are in it.

        Args:
            ring: where to look.
            kind: type of the key.
            description: its name.
            check: of every keyring, and of the key, that they may be searched.

        Raises:
            OSError: EACCES where a check failed and no other key was found; EKEYREVOKED and EKEYEXPIRED likewise.
        """
        ring.key.validate()
        failed: OSError | None = None
        for found in self._walk(ring, check):
            if found.key.type == kind and found.key.description == description:
                try:
                    found.key.validate()
                    check(found, SEARCH)
                except OSError as error:
                    failed = error
                    continue
                return found
        if failed is not None:
            raise failed
        return None

    def possesses(self, ring: Found, key: Key, check: Check) -> bool:
        """Tell whether a key lies in a keyring that may be searched, or in one that is in it.

        Raises:
            OSError: where the keyring itself may not be searched.
        """
        for found in self._walk(ring, check):
            if found.key is key:
                check(found, SEARCH)
                return True
        return False

    def _walk(self, ring: Found, check: Check) -> Iterator[Found]:
        """Return a keyring and all keys in it, and in those keyrings in it that may be searched."""
        if ring.key.type != KEYRING:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        check(ring, SEARCH)
        yield ring
        waiting, seen = [(ring.key, 0)], {ring.key.serial}
        while waiting:
            current, depth = waiting.pop(0)
            for key in list(current.links.values()):
                found = Found(key, ring.is_possessed)
                yield found
                if key.type != KEYRING or key.serial in seen or depth >= _MOST_NESTED or not key.is_valid():
                    continue
                seen.add(key.serial)
                with suppress(PermissionError):
                    check(found, SEARCH)
                    waiting.append((key, depth + 1))


def _check_nesting(ring: Key, key: Key) -> None:
    """See that a keyring neither holds one that it would lie in, nor too deep a nest."""
    level, seen = [key], {key.serial}
    for _ in range(_MOST_NESTED):
        if ring in level:
            raise OSError(errno.EDEADLK, os.strerror(errno.EDEADLK))
        level = [each for held in level for each in held.links.values() if each.type == KEYRING]
        level = [each for each in {each.serial: each for each in level}.values() if each.serial not in seen]
        seen.update(each.serial for each in level)
        if not level:
            return
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
