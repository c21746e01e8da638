"""Neighbouring ids of a set."""

from selbox.model.bitset import members


def runs(bits: int) -> list[tuple[int, int]]:
    """Return the first and the last of each run of neighbouring ids, ascending."""
    found: list[tuple[int, int]] = []
    for each in members(bits):
        if found and found[-1][1] == each - 1:
            found[-1] = (found[-1][0], each)
        else:
            found.append((each, each))
    return found
