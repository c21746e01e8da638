"""How a handler answers a call: with a result, or in one of two other ways.

An integer is the call's result, a negative one an errno; OSError raised by a handler is the same said otherwise.
"""

from collections.abc import Callable

from selbox.enforce.caller import Caller
from selbox.enforce.seccomp.listener import Arguments
from selbox.typing import Final

Handler = Callable[[Caller, Arguments], int]

CONTINUE: Final = 1 << 64
"""Let the kernel run the call. INVARIANT: only where the decision rested on registers, or the outcome is verified."""

ANSWERED: Final = 1 << 65
"""The call has been answered, or will be by somebody else."""
