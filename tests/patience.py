"""How long tests wait for what must come about: far longer than it takes, even on a machine that others keep busy."""

import time
from collections.abc import Callable

PATIENCE = 180.0
"""Seconds after which nothing will come any more."""


def wait_for(condition: Callable[[], bool], pause: float = 0.02) -> None:
    """Wait until a condition holds.

    Args:
        condition: is asked again and again.
        pause: seconds between two times.

    Raises:
        AssertionError: when it does not come to hold.
    """
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(pause)
