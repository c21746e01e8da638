"""Keys: ``add_key``, ``request_key`` and ``keyctl``, on the keys of the box (:mod:`selbox.enforce.keyrings`).

Source: the kernel's ``security/keys/keyctl.c``, ``key.c``, ``request_key.c`` and ``selinux_key_permission``.
"""

import errno
import os
import struct
from collections.abc import Callable
from time import monotonic

from selbox.enforce.answer import Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.keyholders import SESSION, KeyHolders
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.credentials import read_ids
from selbox.enforce.keyrings import (
    ALL,
    KEYRING,
    LINK,
    MOST_OF_BIG_KEY,
    MOST_PAYLOAD,
    POSSESSOR,
    READ,
    SEARCH,
    SETATTR,
    TYPES,
    USER,
    VIEW,
    WRITE,
    Found,
    Key,
    Keys,
)
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.tasks import has_one_thread, parent_of, thread_group
from selbox.typing import Final

_PERMISSIONS: Final = {VIEW: "view", READ: "read", WRITE: "write", SEARCH: "search", LINK: "link", SETATTR: "setattr"}
_MOST_TYPE, _MOST_DESCRIPTION = 31, 4095
_MOST_OF_DH: Final = 512
_UNCHANGED: Final = 0xFFFFFFFF
_OF_NEW: Final = (VIEW | SEARCH | LINK | SETATTR) << POSSESSOR | VIEW << USER
_SERIALS = struct.Struct("=i")
_DH = struct.Struct("=3i")

_Operation = Callable[[Caller, tuple[int, ...]], int]


class KeyCalls:
    """``add_key``, ``request_key`` and ``keyctl``."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._keys = Keys()
        self._holders = KeyHolders(box, self._keys)
        self._capabilities = Capabilities(box)
        self._operations: dict[int, _Operation] = {
            0: self._ring_number,
            1: self._join,
            2: self._update,
            3: self._revoke,
            4: self._chown,
            5: self._set_permissions,
            6: self._describe,
            7: self._clear,
            8: self._link,
            9: self._unlink,
            10: self._search,
            11: self._read,
            14: lambda _caller, given: 0 if -1 <= signed(given[0]) <= 7 else -errno.EINVAL,
            15: self._set_timeout,
            16: lambda _caller, given: -errno.ENOKEY if given[0] else 0,
            17: self._security,
            18: self._session_to_parent,
            21: self._invalidate,
            23: self._dh_compute,
            30: self._move,
        }

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {"add_key": self.add_key, "request_key": self.request_key, "keyctl": self.keyctl}

    def keyctl(self, caller: Caller, arguments: Arguments) -> int:
        """``keyctl(operation, …)``; operations that nobody could mediate are those of a kernel without them."""
        operation = self._operations.get(arguments[0])
        return -errno.EOPNOTSUPP if operation is None else operation(caller, arguments[1:])

    # --- Finding ----------------------------------------------------------------------------------------------------

    def _check(self, caller: Caller, found: Found, need: int) -> None:
        """Check ordinary permissions, and then policy.

        Raises:
            OSError: EACCES.
        """
        who = self._holders.credentials(caller)
        mask = found.key.mask_for(who.user, (who.group, *who.groups), is_possessed=found.is_possessed)
        if need & ~mask:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        self._box.monitor.check(caller, found.key.sid, "key", (_PERMISSIONS[need],), dict)

    def _find(
        self, caller: Caller, number: int, need: int, *, creates: bool = False, in_any_state: bool = False
    ) -> Found:
        """Return the key that a number means, with a permission (kernel: ``lookup_user_key``); 0 needs none."""
        number = signed(number)
        if number < 0:
            found = self._holders.ring(caller, number, creates=creates)
        elif number == 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        else:
            key = self._keys.find(number)
            found = Found(key, self._possesses(caller, key))
        if not in_any_state:
            found.key.validate()
        if need:
            self._check(caller, found, need)
        return found

    def _possesses(self, caller: Caller, key: Key) -> bool:
        for ring in self._holders.searched(caller):
            try:
                if self._keys.possesses(ring, key, lambda found, need: self._check(caller, found, need)):
                    return True
            except OSError:
                continue
        return False

    def _text(self, caller: Caller, address: int, most: int) -> bytes:
        try:
            return self._box.memory.read_string(caller.tid, address, most + 1)
        except OSError as error:
            number = errno.EINVAL if error.errno == errno.ENAMETOOLONG else error.errno or errno.EFAULT
            raise OSError(number, os.strerror(number)) from None

    def _type(self, caller: Caller, address: int) -> str:
        name = self._text(caller, address, _MOST_TYPE)
        if not name:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if name.startswith(b"."):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return name.decode(errors="surrogateescape")

    # --- Making and requesting --------------------------------------------------------------------------------------

    def add_key(self, caller: Caller, arguments: Arguments) -> int:
        """``add_key(type, description, payload, size, keyring)``."""
        size = arguments[3]
        if size > MOST_OF_BIG_KEY:
            return -errno.EINVAL
        kind = self._type(caller, arguments[0])
        description = self._text(caller, arguments[1], _MOST_DESCRIPTION) if arguments[1] else b""
        if kind == KEYRING and description.startswith(b"."):
            return -errno.EPERM
        payload = self._box.memory.read_exactly(caller.tid, arguments[2], size)
        ring = self._find(caller, arguments[4], WRITE, creates=True).key
        if kind not in TYPES:
            return -errno.ENODEV
        if ring.type != KEYRING:
            return -errno.ENOTDIR
        _check_payload(kind, payload)
        if not description or (kind == "logon" and description.find(b":") < 1):
            return -errno.EINVAL
        before = ring.links.get((kind, description)) if kind != KEYRING else None
        if before is not None:
            self._check(caller, Found(before, True), WRITE)
            self._set(before, payload)
            return before.serial
        permissions = _OF_NEW | WRITE << POSSESSOR | (0 if kind == "logon" else READ << POSSESSOR)
        who = self._holders.credentials(caller)
        sid = self._holders.label_of_new(caller)
        key = self._keys.make(kind, description, (who.user, who.group), permissions, sid)
        try:
            self._keys.set_payload(key, payload)
            self._keys.link(ring, key)
        except OSError:
            self._keys.release(key)
            raise
        return key.serial

    def _set(self, key: Key, payload: bytes) -> None:
        self._keys.set_payload(key, payload)
        key.is_revoked, key.expires = False, None

    def request_key(self, caller: Caller, arguments: Arguments) -> int:
        """``request_key(type, description, information, keyring)``: nobody is called to make one that is not there."""
        kind = self._type(caller, arguments[0])
        description = self._text(caller, arguments[1], _MOST_DESCRIPTION)
        if arguments[2]:
            self._text(caller, arguments[2], _MOST_DESCRIPTION)
        into = self._find(caller, arguments[3], WRITE, creates=True).key if arguments[3] else None
        if kind not in TYPES:
            return -errno.ENOKEY
        failed = errno.ENOKEY
        for ring in self._holders.searched(caller):
            try:
                found = self._keys.search(ring, kind, description, lambda each, need: self._check(caller, each, need))
            except OSError as error:
                failed = error.errno or errno.EACCES
                continue
            if found is not None:
                if into is not None:
                    self._check(caller, found, LINK)
                    self._keys.link(into, found.key)
                return found.key.serial
        return -failed

    def _search(self, caller: Caller, given: tuple[int, ...]) -> int:
        """``KEYCTL_SEARCH``: keyring, type, description, keyring that the key comes into."""
        kind = self._type(caller, given[1])
        description = self._text(caller, given[2], _MOST_DESCRIPTION)
        ring = self._find(caller, given[0], SEARCH)
        into = self._find(caller, given[3], WRITE, creates=True).key if given[3] else None
        found = self._keys.search(ring, kind, description, lambda each, need: self._check(caller, each, need))
        if found is None:
            return -errno.ENOKEY
        if into is not None:
            self._check(caller, found, LINK)
            self._keys.link(into, found.key)
        return found.key.serial

    # --- Sessions ---------------------------------------------------------------------------------------------------

    def _ring_number(self, caller: Caller, given: tuple[int, ...]) -> int:
        return self._find(caller, given[0], SEARCH, creates=bool(given[1])).key.serial

    def _join(self, caller: Caller, given: tuple[int, ...]) -> int:
        """``KEYCTL_JOIN_SESSION_KEYRING``."""
        if not given[0]:
            return self._holders.join(caller, None).serial
        name = self._text(caller, given[0], _MOST_DESCRIPTION)
        if name.startswith(b"."):
            return -errno.EPERM
        for key in self._keys.named(name):
            if key.is_root and key.is_valid() and self._may_search(caller, key):
                self._holders.enter(caller.tid, key)
                return key.serial
        return self._holders.join(caller, name).serial

    def _may_search(self, caller: Caller, key: Key) -> bool:
        try:
            self._check(caller, Found(key, False), SEARCH)
        except OSError:
            return False
        return True

    def _session_to_parent(self, caller: Caller, given: tuple[int, ...]) -> int:  # noqa: ARG002
        """``KEYCTL_SESSION_TO_PARENT``."""
        session = self._find(caller, SESSION & _UNCHANGED, LINK).key
        parent = parent_of(thread_group(caller.tid))
        state = self._box.tasks.state_of(parent)
        if state is None or not has_one_thread(parent):
            return -errno.EPERM
        own, others = read_ids(caller.tid), read_ids(parent)
        if set(others.users[:3]) != {own.users[1]} or set(others.groups[:3]) != {own.groups[1]}:
            return -errno.EPERM
        before = self._holders.session_of(state.session_keyring)
        if session.user != own.users[1] or (before is not None and before.user != own.users[1]):
            return -errno.EPERM
        self._holders.enter(parent, session)
        return 0

    # --- What is done to one key ------------------------------------------------------------------------------------

    def _update(self, caller: Caller, given: tuple[int, ...]) -> int:
        if given[2] > MOST_OF_BIG_KEY:
            return -errno.EINVAL
        payload = self._box.memory.read_exactly(caller.tid, given[1], given[2])
        key = self._find(caller, given[0], WRITE).key
        if key.type == KEYRING:
            return -errno.EOPNOTSUPP
        _check_payload(key.type, payload)
        self._set(key, payload)
        return 0

    def _revoke(self, caller: Caller, given: tuple[int, ...]) -> int:
        try:
            key = self._find(caller, given[0], WRITE).key
        except PermissionError:
            key = self._find(caller, given[0], SETATTR).key
        key.is_revoked = True
        self._keys.set_payload(key, b"")
        if key.type == KEYRING:
            self._keys.clear(key)
        return 0

    def _invalidate(self, caller: Caller, given: tuple[int, ...]) -> int:
        self._keys.invalidate(self._find(caller, given[0], SEARCH).key)
        return 0

    def _may_administer(self, caller: Caller) -> bool:
        return self._capabilities.may_use_if_held(caller, "sys_admin")

    def _chown(self, caller: Caller, given: tuple[int, ...]) -> int:
        user, group = given[1] & _UNCHANGED, given[2] & _UNCHANGED
        if user == _UNCHANGED and group == _UNCHANGED:
            return 0
        key = self._find(caller, given[0], SETATTR, creates=True).key
        who = self._holders.credentials(caller)
        changes_user = user not in (_UNCHANGED, key.user)
        changes_group = group not in (_UNCHANGED, key.group, who.group, *who.groups)
        if (changes_user or changes_group) and not self._may_administer(caller):
            return -errno.EACCES
        if changes_user:
            self._keys.set_owner(key, user)
        if group != _UNCHANGED:
            key.group = group
        return 0

    def _set_permissions(self, caller: Caller, given: tuple[int, ...]) -> int:
        permissions = given[1] & _UNCHANGED
        if permissions & ~(ALL * 0x01010101):
            return -errno.EINVAL
        key = self._find(caller, given[0], SETATTR, creates=True).key
        if key.user != self._holders.credentials(caller).user and not self._may_administer(caller):
            return -errno.EACCES
        key.permissions = permissions
        return 0

    def _set_timeout(self, caller: Caller, given: tuple[int, ...]) -> int:
        key = self._find(caller, given[0], SETATTR, creates=True).key
        seconds = given[1] & _UNCHANGED
        key.expires = monotonic() + seconds if seconds else None
        return 0

    def _describe(self, caller: Caller, given: tuple[int, ...]) -> int:
        key = self._find(caller, given[0], VIEW).key
        numbers = b"%d;%d;%08x" % (key.user, key.group, key.permissions)
        text = b"%b;%b;%b\0" % (key.type.encode(errors="surrogateescape"), numbers, key.description)
        return self._give(caller, given[1], given[2], text)

    def _security(self, caller: Caller, given: tuple[int, ...]) -> int:
        """``KEYCTL_GET_SECURITY``."""
        key = self._find(caller, given[0], VIEW).key
        text = self._box.server.sid_to_context(key.sid).encode() + b"\0"
        if given[1] and given[2]:
            self._box.memory.write(caller.tid, given[1], text[: given[2]])
        return len(text)

    def _give(self, caller: Caller, address: int, size: int, data: bytes) -> int:
        """Write what fits into a caller's buffer; return the size of all."""
        if address and size >= len(data) and data:
            self._box.memory.write(caller.tid, address, data)
        return len(data)

    def _read(self, caller: Caller, given: tuple[int, ...]) -> int:
        """``KEYCTL_READ``; who possesses a key may read what may not be read, as in the kernel."""
        found = self._find(caller, given[0], 0)
        try:
            self._check(caller, found, READ)
        except PermissionError:
            if not found.is_possessed:
                raise
        key = found.key
        if key.type == "logon":
            return -errno.EOPNOTSUPP
        if key.type == KEYRING:
            numbers = b"".join(_SERIALS.pack(each.serial) for each in key.links.values())
            if given[1] and given[2]:
                self._box.memory.write(caller.tid, given[1], numbers[: given[2] // 4 * 4])
            return len(numbers)
        return self._give(caller, given[1], given[2], key.payload)

    def _dh_compute(self, caller: Caller, given: tuple[int, ...]) -> int:
        """``KEYCTL_DH_COMPUTE``, without a derivation of keys."""
        private, prime, base = _DH.unpack(self._box.memory.read_exactly(caller.tid, given[0], _DH.size))
        if given[3]:
            return -errno.EOPNOTSUPP
        numbers: list[bytes] = []
        for serial in (prime, base, private):
            key = self._find(caller, serial & _UNCHANGED, READ).key
            if key.type != "user":
                return -errno.EOPNOTSUPP
            numbers.append(key.payload)
        size = len(numbers[0])
        if not given[2]:
            return size
        modulus, start, exponent = (int.from_bytes(each) for each in numbers)
        if given[2] < size:
            return -errno.EOVERFLOW
        if max(map(len, numbers)) > _MOST_OF_DH or not modulus:
            return -errno.EINVAL
        self._box.memory.write(caller.tid, given[1], pow(start, exponent, modulus).to_bytes(size))
        return size

    # --- Links ------------------------------------------------------------------------------------------------------

    def _clear(self, caller: Caller, given: tuple[int, ...]) -> int:
        self._keys.clear(self._find(caller, given[0], WRITE, creates=True).key)
        return 0

    def _link(self, caller: Caller, given: tuple[int, ...]) -> int:
        ring = self._find(caller, given[1], WRITE, creates=True).key
        self._keys.link(ring, self._find(caller, given[0], LINK, creates=True).key)
        return 0

    def _unlink(self, caller: Caller, given: tuple[int, ...]) -> int:
        ring = self._find(caller, given[1], WRITE).key
        self._keys.unlink(ring, self._find(caller, given[0], 0, in_any_state=True).key)
        return 0

    def _move(self, caller: Caller, given: tuple[int, ...]) -> int:
        """``KEYCTL_MOVE``: key, from, to, flags."""
        exclusive = given[3] & _UNCHANGED
        if exclusive & ~1:
            return -errno.EINVAL
        key = self._find(caller, given[0], LINK, creates=True).key
        source = self._find(caller, given[1], WRITE).key
        target = self._find(caller, given[2], WRITE, creates=True).key
        if source is target:
            return 0
        if source.links.get((key.type, key.description)) is not key:
            return -errno.ENOENT
        if exclusive and (key.type, key.description) in target.links:
            return -errno.EEXIST
        self._keys.link(target, key)
        self._keys.unlink(source, key)
        return 0


def _check_payload(kind: str, payload: bytes) -> None:
    """See that a key of a type may hold something.

    Raises:
        OSError: EINVAL.
    """
    most = {KEYRING: 0, "big_key": MOST_OF_BIG_KEY}.get(kind, MOST_PAYLOAD)
    if len(payload) > most or (kind != KEYRING and not payload):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
