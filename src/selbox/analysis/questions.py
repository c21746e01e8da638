"""The accesses that an expectation is about, and the quick way past those of them that are as expected."""

from collections.abc import Iterator, Sequence

from selbox.model.context import Context
from selbox.server.extendedrules import refined_permission
from selbox.server.securityserver import SecurityServer
from selbox.typing import Final, NamedTuple

_BY_ARRAY: Final = 8000
"""Questions from which on arrays pay, whose making takes as long as deciding about some thousands one by one."""

_DRIVER_NUMBERS: Final = 256


class Wanted(NamedTuple):
    """What is asked about a source and a target.

    Attributes:
        object_class: class id.
        vector: access vector.
        numbers: extended permissions, each of which is asked about; None where the vector alone is.
    """

    object_class: int
    vector: int
    numbers: range | None = None


class Question(NamedTuple):
    """One access, or those to several extended permissions."""

    source: Context
    target: Context
    wanted: Wanted


class Questions:
    """Everything that is wanted of each source on each target.

    Args:
        sources: contexts.
        targets: contexts.
        wanted: what is asked about each pair.
        with_self: whether each source is a target of itself besides.
    """

    def __init__(
        self, sources: Sequence[Context], targets: Sequence[Context], wanted: Sequence[Wanted], *, with_self: bool
    ) -> None:
        self.sources = sources
        self.targets = targets
        self.wanted = wanted
        self.with_self = with_self

    @property
    def of_a_source(self) -> int:
        """How many questions there are about each source."""
        return (len(self.targets) + self.with_self) * len(self.wanted)

    @property
    def are_many(self) -> bool:
        """Whether they are asked by the array."""
        return len(self.sources) * self.of_a_source >= _BY_ARRAY

    def __iter__(self) -> Iterator[Question]:
        """Yield all questions."""
        for source in self.sources:
            for target in (*self.targets, source) if self.with_self else self.targets:
                for wanted in self.wanted:
                    yield Question(source, target, wanted)

    def suspects(self, server: SecurityServer, *, granted: bool) -> Iterator[Question]:
        """Yield the questions whose answers have to be looked at, in order; of many, those that may fail.

        Args:
            server: decides.
            granted: whether everything is expected to be granted; else nothing is.
        """
        if not self.are_many:
            return iter(self)
        from selbox.analysis.suspectarrays import suspects  # numpy, which few questions do not pay for

        return suspects(self, server, granted=granted)


def number_groups(server: SecurityServer, question: Question) -> list[int]:
    """Part the numbers of a question by what extended rules say, driver by driver: those allowed, and the others.

    Returns:
        Sets of bits that are not empty. Every answer about the numbers of one is the same.
    """
    object_class, vector, numbers = question.wanted
    if numbers is None:
        return []
    every = (1 << numbers.stop) - (1 << numbers.start)
    allowed = 0
    sids = server.sid_for(question.source), server.sid_for(question.target)
    refinement = refined_permission(server.policy.classes[object_class].permissions, vector)
    if refinement is not None and server.compute_access(*sids, object_class).extended is not None:
        for driver in range(numbers.start // _DRIVER_NUMBERS, (numbers.stop - 1) // _DRIVER_NUMBERS + 1):
            decision = server.compute_extended(*sids, object_class, refinement[0], driver)
            allowed |= decision.allowed << driver * _DRIVER_NUMBERS
    return [each for each in (every & allowed, every & ~allowed) if each]
