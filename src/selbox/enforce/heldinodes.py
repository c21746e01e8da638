"""What the tasks of a box have open: of what nobody has, nothing needs to be known any more."""

import os

from selbox.enforce.credentials import own_capabilities
from selbox.enforce.linux import system_call
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.tasks import TaskTable, has_one_thread, processes
from selbox.typing import Final

_KCMP_FILES: Final = 2
_MOST_LOOKS: Final = 64
_GONE: Final = (FileNotFoundError, ProcessLookupError)


def held_inodes(tasks: TaskTable) -> set[tuple[int, int]] | None:
    """Return devices and inode numbers of what descriptors of a box's tasks stand for; None where that is not told.

    What the supervisor has open, perhaps for one of them, is among it; what is on its way in a message, or only mapped,
    is not. Nobody hides anything by handing it on: who is forked meanwhile is looked at as well, and where the
    descriptors of a process come to be in more tables, or new ones are forked again and again, it is not told.
    """
    found: set[tuple[int, int]] = set()
    seen: set[int] = set()
    try:
        with own_capabilities():
            _add_held("/proc/self/fd", found)
            for _ in range(_MOST_LOOKS):
                new = set(processes()) - seen
                if not new:
                    return found
                seen |= new
                for pid in new:
                    if tasks.state_of(pid) is not None and not _add_process(pid, found):
                        return None
    except OSError:
        pass
    return None


def _add_process(pid: int, found: set[tuple[int, int]]) -> bool:
    """Add what a process has open; tell whether that is all."""
    holders = _holders(pid)
    for tid in holders:
        _add_held(f"/proc/{pid}/task/{tid}/fd", found)
    return _holders(pid) in (holders, [])


def _holders(pid: int) -> list[int]:
    """Return threads of a process that have all its tables of descriptors: one, where all threads share it."""
    if has_one_thread(pid):
        return [pid]
    try:
        threads = [int(each) for each in os.listdir(f"/proc/{pid}/task")]
    except _GONE:
        return []
    return [pid, *(each for each in threads if each != pid and not _share(pid, each))]


def _share(pid: int, tid: int) -> bool:
    try:
        return system_call(NUMBERS["kcmp"], pid, tid, _KCMP_FILES, 0, 0) == 0
    except OSError:  # the first thread has ended, or nobody may compare here
        return False


def _add_held(directory: str, found: set[tuple[int, int]]) -> None:
    try:
        numbers = os.listdir(directory)
    except _GONE:
        return
    for number in numbers:
        try:
            status = os.stat(f"{directory}/{number}")
        except _GONE:
            continue
        found.add((status.st_dev, status.st_ino))
