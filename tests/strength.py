"""How hard the tests try what they try again and again: races, and hypothesis's examples.

Every run tries other examples, and interleaves what races in other ways, so a quick run of each change finds in time
what a thorough one (``./dev thorough``) finds at once. Where ``CI`` is in the environment the examples are always the
same.
"""

import os

IS_THOROUGH = "SELBOX_THOROUGH" in os.environ


def tries(thorough: int) -> int:
    """Return how often something is tried: a quarter of what it is in a thorough run."""
    return thorough if IS_THOROUGH else -(-thorough // 4)
