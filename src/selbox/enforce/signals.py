"""The signals of a supervisor: which are the program's, and which are its own."""

import signal

from selbox.typing import Final, NamedTuple

FORWARDED: Final = frozenset(
    {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGTSTP}
)
"""Signals sent to the supervisor that are meant for the program; those of the terminal reach it by themselves."""

BLOCKED: Final = FORWARDED | {signal.SIGCHLD, signal.SIGCONT}
"""Signals that the supervisor reads from a descriptor."""

WAKE_SIGNAL: Final = signal.SIGUSR2
"""Breaks off a blocking call in a worker; the supervisor's handler of it does nothing."""


class Inherited(NamedTuple):
    """What a process was started with, and its programs are to start with as well.

    Attributes:
        mask: the signals that are blocked.
        ignored: the signals that are ignored, without those that Python itself ignores (SIGPIPE, SIGXFSZ): whoever
            started it may have ignored these or not.
    """

    mask: frozenset[int]
    ignored: frozenset[int]

    @classmethod
    def of_this_process(cls) -> "Inherited":
        """Tell it of this process, before anything has changed it."""
        ignored = {each for each in signal.valid_signals() if signal.getsignal(each) == signal.SIG_IGN}
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return cls(frozenset(map(int, mask)), frozenset(map(int, ignored - {signal.SIGPIPE, signal.SIGXFSZ})))

    def take(self) -> None:
        """Have it in this process, which is about to run a program; what waited until now ends it."""
        for number in self.ignored | {signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ}:
            signal.signal(number, signal.SIG_IGN if number in self.ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)
