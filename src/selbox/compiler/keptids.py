"""What all parts of a baseline are made with: final ids of types, and places in the sources."""

from selbox.compiler.baseline import PlainLevel, beyond
from selbox.compiler.namespace import Place
from selbox.compiler.resolution import Resolution
from selbox.compiler.together import TopLevel
from selbox.language.cil import Form
from selbox.model.bitset import bitset, members
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy


class NotKeptError(Exception):
    """The policy has what a later compilation could not follow."""


class KeptIds:
    """The ids that a baseline has for types, and what is asked of a compilation again and again.

    Args:
        policy: what was compiled.
        resolution: what it was made from.
        together: top-level statements that are always read again.
        sources: how many sources there are.

    Attributes:
        policy, resolution, together: likewise.
        beyond: the place of all that stands in statements that are always read again.
        ids: by the ids that types have in the resolution. What is not in the policy has ids behind all others.
        by_id: the types in the order of these.
        dropped: the ids of what is not in the policy, by name.
    """

    def __init__(
        self, policy: Policy, resolution: Resolution, together: frozenset[TopLevel] = frozenset(), sources: int = 0
    ) -> None:
        self.policy = policy
        self.resolution = resolution
        self.together = together
        self.beyond = beyond(sources)
        symbols = resolution.numbered["type"]
        ids = {each.name: index for index, each in enumerate(policy.types)}
        gone = [each for each in symbols if each.name not in ids]
        self.dropped = {each.name: len(ids) + index for index, each in enumerate(gone)}
        ids.update(self.dropped)
        self.ids = [ids[each.name] for each in symbols]
        self.by_id = sorted(symbols, key=lambda symbol: ids[symbol.name])
        self._bitsets: dict[int, int] = {}

    def bits(self, old: int) -> int:
        """Return a set of types by their ids here."""
        known = self._bitsets.get(old)
        if known is None:
            known = self._bitsets[old] = bitset(map(self.ids.__getitem__, members(old)))
        return known

    def place_of(self, form: Form, place: Place) -> int:
        """Return where a statement stands in one number: the source, and the offset in it."""
        return self.place_at(form.offset, place)

    def place_at(self, offset: int, place: Place) -> int:
        """Return it for the statement at an offset."""
        if self.together and place.top_level(offset) in self.together:
            return self.beyond
        return place.path[0] << 32 | offset

    def origin_place(self, origin: int) -> int:
        """Return where the statement of an origin stands."""
        origins = self.resolution.origins
        return self.place_at(origins.offsets[origin - 1], origins.places[origin - 1])

    def origin_branch(self, origin: int) -> int:
        """Return the conditional branch in which it stands, or 0."""
        return self.resolution.origins.places[origin - 1].branch

    def is_warned_of(self, code: str) -> bool:
        """Tell whether the compilation gave a warning."""
        return any(each.code == code for each in self.resolution.program.diagnostics.warnings)


def plain_level(each: Level) -> PlainLevel:
    """Return a level in plain values."""
    return each.sensitivity, each.categories


def plain_range(each: LevelRange) -> tuple[PlainLevel, PlainLevel]:
    """Return a range in plain values."""
    return plain_level(each.low), plain_level(each.high)
