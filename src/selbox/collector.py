"""Python's collector of garbage, which finds none where policies are read and made."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Run a block, or a function as its decorator, in which nobody looks for garbage.

    A policy is a heap of small tuples without a cycle: looking for some takes up to a third of the time.
    """
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_collecting:
            gc.enable()
