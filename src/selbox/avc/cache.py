"""The access vector cache.

A check that the policy grants and nobody records, which is nearly every check, costs one dictionary look-up and
returns one shared value.
"""

from collections.abc import Callable
from threading import Lock

from selbox.avc.extended import ExtendedNode
from selbox.server.decision import PERMISSIVE_FLAG, AccessDecider, AccessDecision, ExtendedBase
from selbox.typing import Final, NamedTuple, Protocol

DEFAULT_SIZE = 4096
"""Nodes that a cache holds at most. The kernel's default is 512 (``cache_threshold``); here a miss costs a hundred
times a hit and a node a third of a kilobyte, so that more of them pay."""

RECLAIMED_AT_ONCE = 16
"""Nodes that make room when the cache is full, the oldest first; the kernel's ``AVC_CACHE_RECLAIM``."""


class DecisionSource(AccessDecider, Protocol):
    """What a cache stands in front of: the security server, or a test double."""

    @property
    def enforcing(self) -> bool:
        """Whether denials are enforced."""
        ...

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after every change that may change a decision."""
        ...


class Verdict(NamedTuple):
    """What a check came to: whether to go on, and what to record.

    Attributes:
        granted: whether the operation goes on; in permissive mode also when the policy denies it.
        denied: access vector of the requested permissions that the policy denies.
        audited: access vector to record: of denied permissions if any are denied, else of granted ones
            (``auditallow``). Zero: record nothing.
        permissive: whether something is denied but goes on: the record's ``permissive=1``.
    """

    granted: bool
    denied: int
    audited: int
    permissive: bool


GRANTED = Verdict(True, 0, 0, False)
"""The one verdict of every check that is granted and not recorded."""


class Statistics(NamedTuple):
    """What a cache has done since it was made, as the kernel's ``/sys/fs/selinux/avc/cache_stats`` counts it.

    On an interpreter without a global lock counts may fall short when threads meet; verdicts never do.

    Attributes:
        lookups: checks made; hits: answered by a node; misses: computed; allocations: nodes made;
        reclaims: nodes given up to make room; frees: nodes given up for any reason.
    """

    lookups: int
    hits: int
    misses: int
    allocations: int
    reclaims: int
    frees: int


_DENIALS_KEPT = 16
"""Verdicts that a node keeps at most: programs ask for few different permissions of one object."""

_NO_DENIALS: Final[dict[int, Verdict]] = {}
"""Those of most nodes; nothing is ever put into it."""


class _Node:
    """One cached decision.

    Attributes:
        decision: as computed, with permissions that permissive mode granted added to ``allowed``.
        quiet: permissions that are granted and not recorded: the fast way out.
        extended: what extended rules say; None where there are none.
        denials: verdicts that deny, by what was requested. They hold as long as the node: setting ``enforcing`` empties
            the cache.
    """

    __slots__ = ("decision", "denials", "extended", "quiet")

    def __init__(self, decision: AccessDecision) -> None:
        self.decision = decision
        self.quiet = decision.allowed & ~decision.auditallow
        self.extended = None if decision.extended is None else ExtendedNode(decision.extended)
        self.denials = _NO_DENIALS

    def keep_denial(self, requested: int, verdict: Verdict) -> None:
        """Keep a verdict, so that who asks the same again is answered at once."""
        if self.denials is _NO_DENIALS:
            self.denials = {requested: verdict}
        elif len(self.denials) < _DENIALS_KEPT:
            self.denials[requested] = verdict


class AccessVectorCache:
    """Caches the decisions of a server and tells of each check what to do and what to record.

    May be called from several threads: looking up takes no lock, and what is computed while the server changes is
    used once and not kept. May be called in an event loop: nothing in it waits for anything but, for moments, for
    other threads. Every change that the server tells of empties the cache.

    Args:
        server: takes the decisions.
        size: nodes held at most.

    Attributes:
        size: may be changed at any time, and is heeded from the next miss on (kernel: ``avc_cache_threshold``).

    Source: the kernel's ``security/selinux/avc.c``.
    """

    def __init__(self, server: DecisionSource, size: int = DEFAULT_SIZE) -> None:
        self._server = server
        self.size = size
        self._nodes: dict[tuple[int, int, int], _Node] = {}
        self._generation = 0
        self._lock = Lock()
        self._lookups = self._misses = self._allocations = self._reclaims = self._frees = 0
        server.add_listener(self.flush)

    def check(self, source: int, target: int, object_class: int, requested: int) -> Verdict:
        """Check permissions.

        What permissive mode lets pass is added to the node, so that it is recorded once until the cache is
        emptied. An empty request is denied, as in the kernel.

        Args:
            source: SID of the subject.
            target: SID of the object.
            object_class: class id.
            requested: access vector; not 0.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: the kernel's ``avc_has_perm_noaudit``, ``avc_denied`` and ``avc_audit_required``.
        """
        self._lookups += 1
        node = self._nodes.get((source, target, object_class))
        if node is not None and 0 != requested & node.quiet == requested:
            return GRANTED
        return self._check_slowly(source, target, object_class, requested, node)

    def is_quiet(self, source: int, target: int, object_class: int, requested: int, *, whole: bool = False) -> bool:
        """Tell whether a cached decision grants permissions with nothing to record.

        It computes nothing and changes nothing: False also where nothing is cached. For callers that would ask in
        several steps, of which none matters when the last one is granted.

        Args:
            source: SID of the subject.
            target: SID of the object.
            object_class: class id.
            requested: access vector.
            whole: whether they have to be granted for every number that extended rules could refine them by.
        """
        node = self._nodes.get((source, target, object_class))
        if node is None or (whole and node.extended is not None):
            return False
        return 0 != requested & node.quiet == requested

    def _check_slowly(self, source: int, target: int, object_class: int, requested: int, node: _Node | None) -> Verdict:
        if node is None:
            node = self._compute(source, target, object_class)
        return node.denials.get(requested) or self._verdict(node, requested)

    def _verdict(self, node: _Node, requested: int) -> Verdict:
        decision = node.decision
        denied = requested & ~decision.allowed
        if not denied:
            audited = requested & decision.auditallow
            if requested and not audited:
                return GRANTED
            return Verdict(requested != 0, 0, audited, False)
        audited = denied & decision.auditdeny
        if self._is_enforced(decision):
            verdict = Verdict(False, denied, audited, False)
            node.keep_denial(requested, verdict)
            return verdict
        with self._lock:
            self._grant(node, requested)
        return Verdict(True, denied, audited, True)

    def _is_enforced(self, decision: AccessDecision) -> bool:
        return self._server.enforcing and not decision.flags & PERMISSIVE_FLAG

    def _grant(self, node: _Node, requested: int) -> None:
        """Add what permissive mode lets pass to a node."""
        # INVARIANT: a node that a change has emptied out of the cache is written to without effect.
        current = node.decision
        node.decision = current._replace(allowed=current.allowed | requested)
        node.quiet |= requested & ~current.auditallow

    def check_extended(
        self,
        source: int,
        target: int,
        object_class: int,
        requested: int,
        kind: ExtendedBase,
        driver: int,
        permission: int,
    ) -> Verdict:
        """Check a permission that extended rules may refine, for one number.

        Where no extended rule is about source, target and class, it is :meth:`check`. In permissive mode a number of
        a driver that has no ``allowx`` rule is recorded each time, as in the kernel.

        Args:
            source: SID of the subject.
            target: SID of the object.
            object_class: class id.
            requested: access vector of the base permission; not 0.
            kind: which base permission it is.
            driver: high byte of the number.
            permission: low byte.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: the kernel's ``avc_has_extended_perms`` and ``avc_xperms_audit_required``.
        """
        self._lookups += 1
        node = self._nodes.get((source, target, object_class)) or self._compute(source, target, object_class)
        extended = node.extended
        if extended is None:
            return self._verdict(node, requested)
        decision, allowed = node.decision, node.decision.allowed
        answer = None
        if extended.covers(kind, driver):
            answer = extended.decision(kind, driver)
            if answer is None:
                answer = self._server.compute_extended(source, target, object_class, kind, driver)
                with self._lock:
                    extended.add(kind, driver, answer)
        if answer is None or not answer.allowed >> permission & 1:
            allowed &= ~requested
        denied = requested & ~allowed
        if not denied:
            audited = requested & decision.auditallow
            if answer is None or not answer.auditallow >> permission & 1:
                audited = 0
            return Verdict(requested != 0, 0, audited, False) if audited or not requested else GRANTED
        audited = denied & decision.auditdeny
        if answer is not None and answer.dontaudit >> permission & 1:
            audited = 0
        if self._is_enforced(decision):
            return Verdict(False, denied, audited, False)
        with self._lock:
            self._grant(node, requested)
            extended.grant(kind, driver, permission)
        return Verdict(True, denied, audited, True)

    def compute_access(self, source: int, target: int, object_class: int) -> AccessDecision:
        """Return a decision, from the cache where it is there; the server's own protocol.

        What permissive mode granted since the cache was emptied is in ``allowed``.
        """
        self._lookups += 1
        node = self._nodes.get((source, target, object_class))
        return (node or self._compute(source, target, object_class)).decision

    def _compute(self, source: int, target: int, object_class: int) -> _Node:
        generation = self._generation
        node = _Node(self._server.compute_access(source, target, object_class))
        with self._lock:
            self._misses += 1
            if generation != self._generation:
                # The policy's state changed meanwhile: the decision serves this check and is forgotten.
                return node
            if len(self._nodes) >= self.size:
                self._reclaim()
            self._allocations += 1
            return self._nodes.setdefault((source, target, object_class), node)

    def _reclaim(self) -> None:
        oldest = [key for key, _ in zip(self._nodes, range(RECLAIMED_AT_ONCE), strict=False)]
        for key in oldest:
            del self._nodes[key]
        self._reclaims += len(oldest)
        self._frees += len(oldest)

    def flush(self) -> None:
        """Forget every decision."""
        with self._lock:
            self._generation += 1
            self._frees += len(self._nodes)
            self._nodes = {}

    @property
    def statistics(self) -> Statistics:
        """The counts so far."""
        with self._lock:
            hits = self._lookups - self._misses
            return Statistics(self._lookups, hits, self._misses, self._allocations, self._reclaims, self._frees)

    def __len__(self) -> int:
        return len(self._nodes)
