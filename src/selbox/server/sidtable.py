"""Security identifiers: small numbers for contexts, valid for the life of a server."""

from threading import Lock

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.context import Context
from selbox.model.policy import Policy

UNLABELED = "unlabeled"
"""The initial SID whose context stands in for every initial SID that the policy gives none."""


class SidTable:
    """Numbers contexts: initial SIDs from 1 in the policy's order, others as they come.

    An initial SID without a context takes that of ``unlabeled``.

    Source: the kernel's ``sidtab`` and ``sidtab_search_core``.
    """

    def __init__(self, policy: Policy) -> None:
        fallback = next((each.context for each in policy.initial_sids if each.name == UNLABELED), None)
        self._names = {each.name: number for number, each in enumerate(policy.initial_sids, 1)}
        # INVARIANT: entries are only ever appended, so that reading needs no lock.
        self._contexts: list[Context | None] = [None]
        self._sids: dict[Context, int] = {}
        self._lock = Lock()
        for number, each in enumerate(policy.initial_sids, 1):
            context = each.context or fallback
            self._contexts.append(context)
            if context is not None:
                self._sids.setdefault(context, number)

    def initial(self, name: str) -> int:
        """Return the number of an initial SID.

        Raises:
            SelboxError: code ``missing-initial-sid``, when the policy has no such initial SID or no context for it.
        """
        sid = self._names.get(name)
        if sid is None:
            advice = did_you_mean(name, self._names) or f"declare it: `(sid {name})`, with `sidorder` and `sidcontext`"
            raise SelboxError.of("missing-initial-sid", f"the policy has no initial SID `{name}`", help=advice)
        if self._contexts[sid] is None:
            words = f"the policy gives neither the initial SID `{name}` nor `{UNLABELED}` a context"
            raise SelboxError.of("missing-initial-sid", words, help=f"add `(sidcontext {name} …)`")
        return sid

    def sid(self, context: Context) -> int:
        """Return the SID of a context, a new one if the context is seen for the first time."""
        found = self._sids.get(context)
        if found is not None:
            return found
        with self._lock:
            found = self._sids.get(context)
            if found is None:
                found = len(self._contexts)
                self._contexts.append(context)
                self._sids[context] = found
            return found

    def context(self, sid: int) -> Context:
        """Return the context of a SID.

        Raises:
            SelboxError: code ``unknown-sid``, for a number that no context was ever given.
        """
        if 0 < sid < len(self._contexts):
            context = self._contexts[sid]
            if context is not None:
                return context
        raise SelboxError.of("unknown-sid", f"no context has the SID {sid}")
