"""The signals of a supervisor: which are the program's, and which are its own."""

import signal

from selbox.typing import Final

FORWARDED: Final = frozenset(
    {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGTSTP}
)
"""Signals sent to the supervisor that are meant for the program; those of the terminal reach it by themselves."""

BLOCKED: Final = FORWARDED | {signal.SIGCHLD, signal.SIGCONT}
"""Signals that the supervisor reads from a descriptor."""

WAKE_SIGNAL: Final = signal.SIGUSR2
"""Breaks off a blocking call in a worker; the supervisor's handler of it does nothing."""
