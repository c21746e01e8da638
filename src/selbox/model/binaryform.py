"""How a binary policy says what could be said in several ways, kept so that writing it again gives the same bytes."""

from selbox.typing import NamedTuple


class BinaryForm(NamedTuple):
    """What the file of a policy has beyond its meaning. It decides nothing.

    Attributes:
        orders: the names of each symbol table in the order of the file, by table. A table that has other names by now
            is written in the order of libsepol's compilers.
        initial_sids: ids of the initial SIDs in the order of the file, those without a context left out.
        object_role_types: bitset of the types that the file gives to ``object_r``, which goes with all in any case.
        extended_places: for each extended rule how many other rules stand before it in its table or branch.
    """

    orders: dict[str, tuple[str, ...]]
    initial_sids: tuple[int, ...]
    object_role_types: int
    extended_places: tuple[int, ...] = ()
