"""Security identifiers: small numbers for contexts, which outlive the policy that they were first given under."""

from collections.abc import Callable
from threading import Lock

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.context import Context
from selbox.model.context_text import format_context
from selbox.model.policy import Policy
from selbox.server.conversion import ContextConverter, Entry

UNLABELED = "unlabeled"
"""The initial SID whose context stands in for every initial SID and every invalid context that have none."""

_REMEMBERED = 4096
"""Texts that are remembered with their SIDs, and SIDs with their texts; all are forgotten when there would be more. The
kernel remembers 256 (``SIDTAB_SID2STR_CACHE_SIZE``)."""

_LONGEST_REMEMBERED = 256

_INIT, _KERNEL = "init", "kernel"
_INIT_CAPABILITY = "userspace_initial_context"


class SidTable:
    """Numbers contexts: initial SIDs from 1 in the policy's order, others as they come.

    An initial SID without a context takes that of ``unlabeled``; so does a context that the policy does not know,
    whose text is kept.

    Source: the kernel's ``sidtab``, ``sidtab_search_core`` and ``policydb_load_isids``.

    Args:
        policy: the policy in force.
        initial_numbers: numbers that initial SIDs have already, by name.
        entries: what all the numbers so far stand for, from 1; initial SIDs are given anew.
    """

    def __init__(
        self, policy: Policy, initial_numbers: dict[str, int] | None = None, entries: list[Entry | None] | None = None
    ) -> None:
        self.policy = policy
        self._initial = initial_contexts(policy)
        self._unlabeled = self._initial.get(UNLABELED)
        self._numbers = dict(initial_numbers or {})
        # INVARIANT: entries are only ever appended, so that reading needs no lock. A context is what decisions are
        # taken about: of an entry that is text it is that of `unlabeled`.
        self._contexts: list[Context | None] = [None]
        self._texts: dict[int, str] = {}
        self._sids: dict[Entry, int] = {}
        self._sids_of_texts: dict[str, int] = {}
        self._texts_of_sids: dict[int, str] = {}
        self._lock = Lock()
        self._successor: SidTable | None = None
        self._converter: ContextConverter | None = None
        self._fill(entries or [])

    def _fill(self, entries: list[Entry | None]) -> None:
        by_number = {number: self._initial.get(name) for name, number in self._numbers.items()}
        for number, entry in enumerate(entries, 1):
            self._append(by_number.get(number, entry))
        for name, context in self._initial.items():
            if name not in self._numbers:
                self._numbers[name] = self._append(context)

    def _append(self, entry: Entry | None) -> int:
        number = len(self._contexts)
        self._contexts.append(entry if isinstance(entry, Context) else self._unlabeled)
        if isinstance(entry, str):
            self._texts[number] = entry
        if entry is not None:
            self._sids.setdefault(entry, number)
        return number

    def hand_over(self, policy: Policy, enforcing: bool, install: Callable[["SidTable"], None]) -> None:
        """Make the table of a new policy, in which every number stays what it is, and have it installed.

        Whoever still asks this table for a new number afterwards is given one of the new table.

        Args:
            policy: the new policy.
            enforcing: see :class:`selbox.server.conversion.ContextConverter`.
            install: takes the new table; nobody gets a new number until it returns.

        Source: the kernel's ``sidtab_convert`` and ``sidtab_freeze_begin``.
        """
        converter = ContextConverter(self.policy, policy, initial_contexts(policy).get(UNLABELED), enforcing)
        with self._lock:
            entries = [None if each is None else converter(each) for each in self._entries()]
            successor = SidTable(policy, self._numbers, entries)
            install(successor)
            self._successor, self._converter = successor, converter

    def _entries(self) -> list[Entry | None]:
        return [self._texts.get(number, context) for number, context in enumerate(self._contexts)][1:]

    def __len__(self) -> int:
        return len(self._contexts) - 1

    def initial(self, name: str) -> int:
        """Return the number of an initial SID.

        Raises:
            SelboxError: code ``missing-initial-sid``, when the policy has no such initial SID or no context for it.
        """
        if name not in self._initial:
            advice = did_you_mean(name, self._initial) or (
                f"declare it: `(sid {name})`, with `sidorder` and `sidcontext`"
            )
            raise SelboxError.of("missing-initial-sid", f"the policy has no initial SID `{name}`", help=advice)
        number = self._numbers[name]
        if self._contexts[number] is None:
            words = f"the policy gives neither the initial SID `{name}` nor `{UNLABELED}` a context"
            raise SelboxError.of("missing-initial-sid", words, help=f"add `(sidcontext {name} …)`")
        return number

    def initial_or_unlabeled(self, name: str) -> int:
        """Return the number of an initial SID, or that of ``unlabeled`` where the policy does not have it.

        Raises:
            SelboxError: code ``missing-initial-sid``, when it has neither.
        """
        return self.initial(name if name in self._initial else UNLABELED)

    def sid(self, entry: Entry) -> int:
        """Return the SID of a context, a new one if the context is seen for the first time.

        Args:
            entry: a context of the table's policy, or the text of one that it does not know.
        """
        found = self._sids.get(entry)
        if found is not None:
            return found
        with self._lock:
            found = self._sids.get(entry)
            if found is not None:
                return found
            if self._successor is None:
                return self._append(entry)
            successor, converter = self._successor, self._converter
        return successor.sid(entry if converter is None else converter(entry))

    def context(self, sid: int) -> Context:
        """Return the context that decisions about a SID are taken for.

        Raises:
            SelboxError: code ``unknown-sid``, for a number that no context was ever given.
        """
        if 0 < sid < len(self._contexts):
            context = self._contexts[sid]
            if context is not None:
                return context
        raise SelboxError.of("unknown-sid", f"no context has the SID {sid}")

    def sid_of_text(self, text: str) -> int | None:
        """Return the SID of a valid context that was read before; None when it is not remembered."""
        return self._sids_of_texts.get(text)

    def remember(self, text: str, sid: int) -> int:
        """Remember the SID of a valid context's text, and return it."""
        if len(text) <= _LONGEST_REMEMBERED:
            if len(self._sids_of_texts) >= _REMEMBERED:
                self._sids_of_texts = {}
            self._sids_of_texts[text] = sid
        return sid

    def canonical_text(self, sid: int) -> str:
        """Return the canonical text of the context that decisions about a SID are taken for.

        Raises:
            SelboxError: code ``unknown-sid``.
        """
        text = self._texts_of_sids.get(sid)
        if text is None:
            text = format_context(self.policy, self.context(sid))
            if len(self._texts_of_sids) >= _REMEMBERED:
                self._texts_of_sids = {}
            self._texts_of_sids[sid] = text
        return text

    def text(self, sid: int) -> str | None:
        """Return the kept text of a SID whose context the policy does not know; None for every other."""
        return self._texts.get(sid)


def initial_contexts(policy: Policy) -> dict[str, Context | None]:
    """Return the contexts of the initial SIDs by name, in the policy's order; None where there is none.

    ``init`` is the kernel's own, unless the policy has the capability ``userspace_initial_context``.

    Source: the kernel's ``policydb_load_isids``.
    """
    contexts = {each.name: each.context for each in policy.initial_sids}
    if _INIT in contexts and _INIT_CAPABILITY not in policy.policy_capabilities:
        contexts[_INIT] = contexts.get(_KERNEL)
    return contexts
