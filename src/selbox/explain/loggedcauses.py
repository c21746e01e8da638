"""The part of the policy that denies each access of a log, in names."""

from collections.abc import Iterable, Sequence
from itertools import filterfalse

from selbox.audit.accesslines import LoggedAccess
from selbox.explain.answer import BooleanValue
from selbox.explain.loggedaccesses import LoggedAccesses, UnknownName
from selbox.model.policy import Policy
from selbox.server.causes import CauseKind
from selbox.server.evaluation import Access
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final, NamedTuple

_MOST_KEPT: Final = 1 << 18
"""Accesses that are remembered from one batch to the next; when there are more, all are forgotten."""


class LoggedCause(NamedTuple):
    """What denies a logged access.

    Attributes:
        kind: what part of the policy; None where the policy cannot be asked about the access.
        booleans: for ``BOOLEAN`` those each of which alone would allow it, with the value that it would have to have.
        access: what was asked; None where it could not be.
        unknown: why it could not be asked; None where it could.
    """

    kind: CauseKind | None
    booleans: tuple[BooleanValue, ...] = ()
    access: Access | None = None
    unknown: UnknownName | None = None


class LoggedCauses:
    """Finds them under the policy and the booleans that a server has now.

    Args:
        server: the server.
    """

    def __init__(self, server: SecurityServer) -> None:
        self._finder = server.cause_finder()
        self._accesses = LoggedAccesses(server.policy)
        self._booleans = _BooleanValues(server.policy)
        self._found: dict[LoggedAccess, LoggedCause] = {}
        self._unknown: list[LoggedAccess] = []

    def find(self, accesses: Iterable[LoggedAccess]) -> list[LoggedCause]:
        """Return what denies each of some accesses; equal ones cost little."""
        asked = list(accesses)
        found = self._found
        if len(found) > _MOST_KEPT:
            found.clear()
        new = list(filterfalse(found.__contains__, dict.fromkeys(asked)))
        found.update(zip(new, self._find(new), strict=True))
        result = list(map(found.__getitem__, asked))
        for each in self._unknown:
            del found[each]  # whoever writes nonsense into a log can write ever more of it
        return result

    def _find(self, new: Sequence[LoggedAccess]) -> list[LoggedCause]:
        """Return what denies each of some accesses that differ, and note those that cannot be asked about."""
        accesses = self._accesses.find(new)
        known = [each for each in accesses if not isinstance(each, UnknownName)]
        causes = [
            LoggedCause(kind, self._booleans[booleans] if booleans else (), access)
            for access, (kind, booleans) in zip(known, self._finder.find(known), strict=True)
        ]
        self._unknown = [logged for logged, each in zip(new, accesses, strict=True) if isinstance(each, UnknownName)]
        if not self._unknown:
            return causes
        rest = iter(causes)
        return [LoggedCause(None, unknown=each) if isinstance(each, UnknownName) else next(rest) for each in accesses]


class _BooleanValues(dict[tuple[tuple[int, bool], ...], tuple[BooleanValue, ...]]):
    """Booleans with values, named; of those that open something together there are few."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def __missing__(self, booleans: tuple[tuple[int, bool], ...]) -> tuple[BooleanValue, ...]:
        found = self[booleans] = tuple(
            BooleanValue(self._policy.booleans[each].name, value) for each, value in booleans
        )
        return found
