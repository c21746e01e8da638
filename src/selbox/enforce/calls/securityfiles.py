"""What the files of ``/sys/fs/selinux`` hold and do.

Source: the kernel's ``security/selinux/selinuxfs.c``; the man page ``selinux(8)`` and libselinux name the formats.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable

from selbox.avc.cache import DEFAULT_SIZE
from selbox.diagnostics import SelboxError
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.securitypolicy import LARGEST, VERSION, PolicyInForce
from selbox.enforce.calls.statuspage import StatusPage
from selbox.enforce.changes import record_booleans, set_enforcing
from selbox.model.capabilities import POLICY_CAPABILITIES
from selbox.model.policy import HandleUnknown
from selbox.server.report import InvalidTransitionError
from selbox.server.ruleindex import VECTOR_MASK
from selbox.typing import Final, NamedTuple

_MOST_REPLIED: Final = 4088
"""Bytes that one transaction can hold (``SIMPLE_TRANSACTION_LIMIT``)."""

_INITIAL_SIDS: Final = frozenset(
    ("kernel", "security", "unlabeled", "file", "init", "any_socket", "port", "netif", "netmsg", "node", "devnull")
)
"""The initial SIDs of the kernel (``initial_sid_to_string.h``); policies know more, of older kernels."""

_UNSIGNED: Final = 0xFFFFFFFF

_NUMBER = re.compile(rb"\s*([+-]?\d+)")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


class SecurityFile(NamedTuple):
    """One file.

    Attributes:
        mode: permission bits; its owner is whoever runs the box.
        content: returns what it holds.
        write: called with the writer and its data; returns the reply of a transaction, else None; raises OSError.
            None for a file that is only read.
        once: whether it is a transaction: one write, one reply, for each open file.
        permission: of class ``security``, that opening it asks for.
        largest: bytes that a write may have.
        taken: returns how much of its data a write that succeeds says to have taken.
    """

    mode: int
    content: Callable[[], bytes]
    write: Callable[[Caller, bytes], bytes | None] | None = None
    once: bool = False
    permission: str = ""
    largest: int = 4095
    taken: Callable[[bytes], int] = len


class FoundFile(NamedTuple):
    """A file that a path was recognised as.

    Attributes:
        path: its own path.
        sid: its label.
        file: what it holds and does; of a directory, the names in it.
        status: its status, where it is not in selinuxfs; None where there is nothing at its path.
        shared: a descriptor of the supervisor that every reader gets a view of, or -1.
    """

    path: str
    sid: int
    file: SecurityFile | dict[str, bool]
    status: os.stat_result | None = None
    shared: int = -1


class SecurityFiles:
    """The tree of files, by path below ``/sys/fs/selinux``.

    Args:
        box: the box.
        status: the page behind the file ``status``.
    """

    def __init__(self, box: Box, status: StatusPage) -> None:
        self._box = box
        self._server = box.server
        self._security = known_initial_sid(box, "security")
        self._policy = PolicyInForce(box)
        server = box.server
        self._files: dict[str, SecurityFile] = {
            "enforce": SecurityFile(0o644, lambda: b"%d" % server.enforcing, self._set_enforcing),
            "mls": SecurityFile(0o444, lambda: b"%d" % server.policy.mls),
            "policyvers": SecurityFile(0o444, lambda: b"%d" % VERSION),
            "policy": SecurityFile(0o444, self._policy.image, permission="read_policy"),
            "load": SecurityFile(0o600, _no_content, self._load, largest=LARGEST),
            "deny_unknown": SecurityFile(
                0o444, lambda: b"%d" % (server.policy.handle_unknown is not HandleUnknown.ALLOW)
            ),
            "reject_unknown": SecurityFile(
                0o444, lambda: b"%d" % (server.policy.handle_unknown is HandleUnknown.REJECT)
            ),
            "checkreqprot": SecurityFile(0o644, lambda: b"0", self._set_check_request),
            "commit_pending_bools": SecurityFile(0o200, _no_content, self._commit),
            "context": SecurityFile(0o666, lambda: b"", self._context, once=True),
            "access": SecurityFile(0o666, lambda: b"", self._access, once=True),
            "create": SecurityFile(0o666, lambda: b"", self._create, once=True),
            "relabel": SecurityFile(0o666, lambda: b"", self._relabel, once=True),
            "member": SecurityFile(0o666, lambda: b"", self._member, once=True),
            "user": SecurityFile(0o666, lambda: b"", self._user, once=True),
            "validatetrans": SecurityFile(0o222, lambda: b"", self._validate_transition),
            "status": SecurityFile(0o444, lambda: os.pread(status.descriptor(), 20, 0)),
            "null": SecurityFile(stat.S_IFCHR | 0o666, lambda: b""),
            "ss/sidtab_hash_stats": SecurityFile(0o444, self._sid_statistics),
            "avc/cache_stats": SecurityFile(0o444, self._cache_statistics),
            "avc/cache_threshold": SecurityFile(0o644, lambda: b"%d" % box.monitor.cache.size, self._set_threshold),
            "avc/hash_stats": SecurityFile(0o444, self._hash_statistics),
        }

    # --- The tree ---------------------------------------------------------------------------------------------------

    def lookup(self, path: str) -> SecurityFile | None:
        """Return the file at a path, or None when there is none."""
        found = self._files.get(path)
        if found is not None:
            return found
        directory, _, name = path.rpartition("/")
        policy = self._server.policy
        if directory == "booleans" and name in policy.boolean_ids:
            return SecurityFile(0o644, lambda: self._boolean(name), lambda *given: self._set_boolean(name, *given))
        if directory == "initial_contexts":
            return self._fixed(name in self._initial_names(), lambda: self._initial(name))
        if directory == "policy_capabilities":
            return self._fixed(name in POLICY_CAPABILITIES, lambda: b"%d" % (name in policy.policy_capabilities))
        match directory.split("/"):
            case ["class", object_class] if object_class in policy.class_ids:
                return self._fixed(name == "index", lambda: b"%d" % (policy.class_ids[object_class] + 1))
            case ["class", object_class, "perms"] if object_class in policy.class_ids:
                permissions = policy.classes[policy.class_ids[object_class]].permissions
                return self._fixed(name in permissions, lambda: b"%d" % (permissions.index(name) + 1))
        return None

    def _fixed(self, is_there: bool, content: Callable[[], bytes]) -> SecurityFile | None:
        return SecurityFile(0o444, content) if is_there else None

    def entries(self, path: str) -> dict[str, bool] | None:
        """Return the names in a directory, and of each whether it is a directory; None when it is none itself."""
        policy = self._server.policy
        match path.split("/"):
            case [""]:
                directories = ("avc", "booleans", "class", "initial_contexts", "policy_capabilities", "ss")
                return _names((each for each in self._files if "/" not in each), directories)
            case ["avc" | "ss" as name]:
                return _names(each.removeprefix(f"{name}/") for each in self._files if each.startswith(f"{name}/"))
            case ["booleans"]:
                return _names(policy.boolean_ids)
            case ["initial_contexts"]:
                return _names(self._initial_names())
            case ["policy_capabilities"]:
                return _names(POLICY_CAPABILITIES)
            case ["class"]:
                return _names((), policy.class_ids)
            case ["class", name] if name in policy.class_ids:
                return _names(("index",), ("perms",))
            case ["class", name, "perms"] if name in policy.class_ids:
                return _names(policy.classes[policy.class_ids[name]].permissions)
        return None

    # --- What files hold --------------------------------------------------------------------------------------------

    def _boolean(self, name: str) -> bytes:
        value = self._server.booleans[name]
        return b"%d %d" % (value, self._server.staged_booleans[name])

    def _initial_names(self) -> list[str]:
        """Return the initial SIDs that a kernel has a use for, and that have contexts in the policy."""
        return [each.name for each in self._server.policy.initial_sids if each.name in _INITIAL_SIDS]

    def _initial(self, name: str) -> bytes:
        try:
            return _terminated(self._server.sid_to_context(self._server.initial_sid(name)))
        except SelboxError:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None

    def _cache_statistics(self) -> bytes:
        head = b"lookups hits misses allocations reclaims frees\n"
        return head + b"%d %d %d %d %d %d\n" % self._box.monitor.cache.statistics

    def _hash_statistics(self) -> bytes:
        nodes = len(self._box.monitor.cache)
        return b"entries: %d\nbuckets used: %d/%d\nlongest chain: %d\n" % (nodes, nodes, DEFAULT_SIZE, nodes > 0)

    def _sid_statistics(self) -> bytes:
        sids = self._server.sid_count
        return b"entries: %d\nbuckets used: %d/%d\nlongest chain: %d\n" % (sids, sids, sids, sids > 0)

    # --- Changes ----------------------------------------------------------------------------------------------------

    def check(self, caller: Caller, permission: str) -> None:
        """Check a permission on the security server itself.

        Raises:
            AccessDenied: when policy denies it.
        """
        self._box.monitor.check(caller, self._security, "security", (permission,), dict)

    def _set_enforcing(self, caller: Caller, data: bytes) -> None:
        value = _number(data) != 0
        if value != self._server.enforcing:
            self.check(caller, "setenforce")
            set_enforcing(self._server, self._box.recorder, value, caller.tid)

    def _load(self, caller: Caller, data: bytes) -> None:
        self.check(caller, "load_policy")
        self._policy.load(caller.tid, data)

    def _set_check_request(self, caller: Caller, data: bytes) -> None:
        """Take a value and heed it not, as kernels since 6.4 do."""
        self.check(caller, "setcheckreqprot")
        _number(data)

    def _set_threshold(self, caller: Caller, data: bytes) -> None:
        self.check(caller, "setsecparam")
        self._box.monitor.cache.size = _number(data) & _UNSIGNED

    def _set_boolean(self, name: str, caller: Caller, data: bytes) -> None:
        self.check(caller, "setbool")
        self._server.stage_boolean(name, _number(data) != 0)

    def _commit(self, caller: Caller, data: bytes) -> None:
        self.check(caller, "setbool")
        if not _number(data):
            return
        server = self._server
        record_booleans(self._box.recorder, server.booleans, server.staged_booleans, caller.tid)
        server.commit_booleans()

    # --- Questions --------------------------------------------------------------------------------------------------

    def _context(self, caller: Caller, data: bytes) -> bytes:
        self.check(caller, "check_context")
        return _terminated(self._server.sid_to_context(self._sid(data)))

    def _access(self, caller: Caller, data: bytes) -> bytes:
        self.check(caller, "compute_av")
        source, target, number = self._words(data, 3)[:3]  # libselinux goes on with what it wants to know of
        sids = self._sid(source), self._sid(target)
        policy = self._server.policy
        object_class = _number(number) - 1
        if not 0 <= object_class < len(policy.classes):
            is_granted = object_class == -1 and policy.handle_unknown is HandleUnknown.ALLOW
            return b"%x ffffffff 0 ffffffff %d 0" % (VECTOR_MASK * is_granted, self._server.seqno)
        allowed, auditallow, auditdeny, seqno, flags, _ = self._server.compute_access(*sids, object_class)
        return b"%x ffffffff %x %x %d %x" % (allowed, auditallow, auditdeny, seqno, flags)

    def _create(self, caller: Caller, data: bytes) -> bytes:
        self.check(caller, "compute_create")
        words = self._words(data, 3)
        source, target, object_class = self._triple(words)
        name = os.fsdecode(_unescaped(words[3])) if len(words) > 3 else None
        return self._computed(lambda: self._server.compute_create(source, target, object_class, name))

    def _relabel(self, caller: Caller, data: bytes) -> bytes:
        self.check(caller, "compute_relabel")
        triple = self._triple(self._words(data, 3))
        return self._computed(lambda: self._server.compute_relabel(*triple))

    def _member(self, caller: Caller, data: bytes) -> bytes:
        self.check(caller, "compute_member")
        triple = self._triple(self._words(data, 3))
        return self._computed(lambda: self._server.compute_member(*triple))

    def _user(self, caller: Caller, data: bytes) -> bytes:
        """Give the contexts that a user may be given (``sel_write_user``)."""
        self.check(caller, "compute_user")
        words = self._words(data, 2)
        try:
            sids = self._server.compute_user(self._sid(words[0]), os.fsdecode(words[1]))
        except SelboxError:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
        reply = _terminated("\0".join((str(len(sids)), *map(self._server.sid_to_context, sids))))
        if len(reply) >= _MOST_REPLIED:
            raise OSError(errno.ERANGE, os.strerror(errno.ERANGE))
        return reply

    def _validate_transition(self, caller: Caller, data: bytes) -> None:
        self.check(caller, "validate_trans")
        words = self._words(data, 4)
        old, new, object_class = self._triple(words)
        if object_class == len(self._server.policy.classes):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if not self._server.validate_transition(old, new, self._sid(words[3]), object_class):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def _computed(self, compute: Callable[[], int]) -> bytes:
        try:
            return _terminated(self._server.sid_to_context(compute()))
        except InvalidTransitionError:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES)) from None
        except SelboxError:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None

    def _words(self, data: bytes, least: int) -> list[bytes]:
        """Split what was written; like ``sscanf``, heed no words beyond those that are asked for."""
        words = data.partition(b"\0")[0].split()
        if len(words) < least:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return words

    def _triple(self, words: list[bytes]) -> tuple[int, int, int]:
        """Return two SIDs and a class; one that no policy has is like any other that has no rules."""
        number, last = _number(words[2]), len(self._server.policy.classes)
        return self._sid(words[0]), self._sid(words[1]), number - 1 if 0 < number <= last else last

    def _sid(self, data: bytes) -> int:
        try:
            return self._server.context_to_sid(data.partition(b"\0")[0].decode(errors="surrogateescape"))
        except SelboxError:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None


def known_initial_sid(box: Box, name: str) -> int:
    """Return an initial SID; a policy that gives it no context has what it stands for unlabelled."""
    for each in (name, "unlabeled"):
        try:
            return box.server.initial_sid(each)
        except SelboxError:
            continue
    return box.labels.outside


def _no_content() -> bytes:
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


def _names(files: Iterable[str], directories: Iterable[str] = ()) -> dict[str, bool]:
    return {**dict.fromkeys(files, False), **dict.fromkeys(directories, True)}


def _terminated(context: str) -> bytes:
    return context.encode() + b"\0"


def _number(data: bytes) -> int:
    """Return the number at the start of what was written, as ``sscanf`` with ``%d`` reads it.

    Raises:
        OSError: EINVAL when there is none.
    """
    match = _NUMBER.match(data)
    if match is None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return int(match[1])


def _unescaped(name: bytes) -> bytes:
    """Undo the escapes that libselinux writes an object's name in: ``+`` is a space, ``%HH`` a byte."""
    return _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), name.replace(b"+", b" "))
