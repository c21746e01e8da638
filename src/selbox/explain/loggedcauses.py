"""The part of the policy that denies each access of a log, in names."""

from collections.abc import Iterable, Iterator

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

    def find(self, accesses: Iterable[LoggedAccess]) -> list[LoggedCause]:
        """Return what denies each of some accesses; equal ones cost little."""
        asked = list(accesses)
        found = self._found
        if len(found) > _MOST_KEPT:
            found.clear()
        new = [each for each in dict.fromkeys(asked) if each not in found]
        found.update(zip(new, self._find(new), strict=True))
        result = [found[each] for each in asked]
        for each in new:
            if found[each].unknown is not None:
                del found[each]  # whoever writes nonsense into a log can write ever more of it
        return result

    def _find(self, new: list[LoggedAccess]) -> Iterator[LoggedCause]:
        accesses = self._accesses.find(new)
        causes = iter(self._finder.find([each for each in accesses if not isinstance(each, UnknownName)]))
        for each in accesses:
            if isinstance(each, UnknownName):
                yield LoggedCause(None, unknown=each)
            else:
                kind, booleans = next(causes)
                yield LoggedCause(kind, self._booleans[booleans] if booleans else (), each)


class _BooleanValues(dict[tuple[tuple[int, bool], ...], tuple[BooleanValue, ...]]):
    """Booleans with values, named; of those that open something together there are few."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def __missing__(self, booleans: tuple[tuple[int, bool], ...]) -> tuple[BooleanValue, ...]:
        found = self[booleans] = tuple(
            BooleanValue(self._policy.booleans[each].name, value) for each, value in booleans
        )
        return found
