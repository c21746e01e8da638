"""Ending a box whose supervisor was killed.

Nobody answers what a killed supervisor leaves behind, so that it cannot go on, but it may spin or wait for ever. So a
shell waits beside each supervisor for the end of a pipe, which the kernel closes with it, and then runs the program
of this module: it kills every process that carries the box's numbers (:mod:`selbox.enforce.tasks`), by descriptors
that stand for them, and removes the directories that the supervisor had told of. A shell starts in a millisecond and
takes one megabyte; Python is started only when there is something to end. Where it cannot be started, the shell kills
them itself, by number.

It holds the listener too, so that mediated calls wait for their end. Once both are gone, the kernel has them fail.
"""

import os
import select
import signal
import sys
from contextlib import suppress

from selbox.typing import Final

_SHELL: Final = "/bin/sh"
_SCRIPT: Final = r"""
while IFS= read -r path; do set -- "$@" "$path"; done
"$@" && exit
for signal in STOP KILL KILL KILL; do
    for process in /proc/[0-9]*; do
        while read -r first second third soft rest; do
            [ "$first $second $third" = "Max realtime timeout" ] || continue
            [ "$soft" != unlimited ] && [ "$soft" -ge "$5" ] && [ "$soft" -lt "$6" ] || continue
            kill -$signal "${process#/proc/}"
        done < "$process/limits"
    done
done
"""
"""Each line is one more argument of the program that is run at the end, of which the fifth and sixth are the numbers.

Where that cannot be run, as by a user to whom this Python is closed, the shell does what it can.
"""

_PAUSE_SECONDS: Final = 0.02
_TRIES: Final = 500
"""A process that the kernel keeps from dying for ten seconds is left to it."""


class Watchdog:
    """Sees to it that the box of this process ends with it, however that ends.

    Args:
        numbers: that the tasks of the box carry in their ``RLIMIT_RTTIME``.
        listener: of its calls.
    """

    def __init__(self, numbers: range, listener: int) -> None:
        end, self._pipe = os.pipe()
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        program = [sys.executable, "-P", "-m", __name__, str(numbers.start), str(numbers.stop)]
        given = [(os.POSIX_SPAWN_DUP2, each, to) for to, each in enumerate((end, null, null, listener))]
        try:
            self._pid = os.posix_spawn(
                _SHELL,
                ["sh", "-c", _SCRIPT, "sh", *program],
                os.environ,
                file_actions=given,
                setsid=True,  # what a terminal sends is not for it
            )
        except OSError:  # no shell, or no room for a process: a killed supervisor then leaves what it leaves
            self._pid = 0
        finally:
            os.close(end)
            os.close(null)

    @property
    def pid(self) -> int:
        """Its process, a child that is not of the box; 0 when there is none."""
        return self._pid

    def remove_at_end(self, path: str) -> None:
        """Have a directory removed if this process does not live to remove it."""
        if "\n" not in path:
            with suppress(OSError):  # somebody ended it
                os.write(self._pipe, os.fsencode(path) + b"\n")

    def stop(self) -> None:
        """End it: this process has seen its box to its end."""
        with suppress(ChildProcessError):  # somebody else had ended it, and it was reaped
            if self._pid and os.waitpid(self._pid, os.WNOHANG)[0] == 0:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        os.close(self._pipe)


def main(arguments: list[str]) -> None:
    """End a box whose supervisor is gone.

    Args:
        arguments: the first of the numbers that its tasks carry, the one after the last, and directories to remove.
    """
    from time import sleep

    from selbox.enforce.selinuxdirectories import remove_directory

    numbers = range(int(arguments[0]), int(arguments[1]))
    for _ in range(_TRIES):
        # Who is stopped makes no new processes while others are killed.
        if not _signal_all(numbers, signal.SIGSTOP):
            break
        _signal_all(numbers, signal.SIGKILL)
        sleep(_PAUSE_SECONDS)
    for path in arguments[2:]:
        remove_directory(path)


def _signal_all(numbers: range, number: int) -> bool:
    """Signal every living process that carries one of the numbers; tell whether there was one."""
    from selbox.enforce.tasks import label_number

    found = False
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                pidfd = os.pidfd_open(int(name))
                try:
                    # Read when the descriptor already stands for it, so that it is this very process's.
                    if (label_number(int(name)) or 0) in numbers and not _has_ended(pidfd):
                        found = True
                        signal.pidfd_send_signal(pidfd, number)
                finally:
                    os.close(pidfd)
    return found


def _has_ended(pidfd: int) -> bool:
    """Tell whether a process has died, and waits at most to be reaped."""
    waiting = select.poll()
    waiting.register(pidfd, select.POLLIN)
    return bool(waiting.poll(0))


if __name__ == "__main__":
    main(sys.argv[1:])
