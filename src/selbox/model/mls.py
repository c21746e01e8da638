"""Multi-level security: levels, ranges and their order.

Source: Bell and LaPadula's dominance as the kernel's ``security/selinux/ss/mls_types.h`` computes it.
"""

from selbox.typing import NamedTuple


class Level(NamedTuple):
    """A sensitivity with a set of categories.

    Attributes:
        sensitivity: position in the policy's dominance order, from 0 (lowest).
        categories: bitset of category ids.
    """

    sensitivity: int
    categories: int = 0

    def dominates(self, other: "Level") -> bool:
        """Tell whether this level is at least as high and holds every category of the other."""
        return self.sensitivity >= other.sensitivity and other.categories & ~self.categories == 0

    def incomparable(self, other: "Level") -> bool:
        """Tell whether neither level dominates the other (``incomp`` of constraint expressions)."""
        return not self.dominates(other) and not other.dominates(self)


class LevelRange(NamedTuple):
    """A low and a high level; a range in use has ``high`` dominate ``low``."""

    low: Level
    high: Level

    def contains(self, other: "LevelRange") -> bool:
        """Tell whether the other range lies within this one (the kernel's ``mls_range_contains``)."""
        return other.low.dominates(self.low) and self.high.dominates(other.high)

    @property
    def is_ordered(self) -> bool:
        """Whether the high level dominates the low one."""
        return self.high.dominates(self.low)


LOWEST = Level(0, 0)
"""The level of contexts in a policy without MLS, so that every context has a range."""
