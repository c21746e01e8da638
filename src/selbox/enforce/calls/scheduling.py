"""How tasks are scheduled, and where their memory lies: asked about, and set.

Source: the kernel's ``selinux_task_getscheduler``, ``selinux_task_setscheduler``, ``selinux_task_setnice``,
``selinux_task_getioprio``, ``selinux_task_setioprio`` and ``selinux_task_movememory``.
"""

import ctypes
import errno
import os
import resource
import struct
from collections.abc import Callable

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.calls.prioritygroups import PriorityGroups
from selbox.enforce.capabilities import Capabilities
from selbox.enforce.linux import system_call
from selbox.enforce.registers import signed
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.syscalls import NUMBERS
from selbox.enforce.targets import Targets
from selbox.enforce.tasks import shown_limits
from selbox.typing import Final

_GETSCHED, _SETSCHED = "getsched", "setsched"
_PARAMETER_SIZE: Final = 4
_INTERVAL_SIZE: Final = 16
_LARGEST_MASK: Final = 4096
_MOST_NODES: Final = 4096 * 8 + 1
_MOVES: Final = 6
"""``MPOL_MF_MOVE`` and ``MPOL_MF_MOVE_ALL``."""

_SMALLEST_ATTRIBUTES: Final = 48
"""``SCHED_ATTR_SIZE_VER0``."""

_PAGE: Final = 4096
_DEADLINE: Final = 6
_RESET_ON_FORK: Final = 0x40000000


class SchedulingCalls:
    """``sched_*``, ``setpriority``, ``ioprio_*``, ``move_pages`` and ``migrate_pages``.

    What concerns the caller itself is decided and let go on; what is about another task the supervisor does.
    """

    def __init__(self, box: Box) -> None:
        self._box = box
        self._targets = Targets(box)
        self._groups = PriorityGroups(box, self._targets)
        self._capabilities = Capabilities(box)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by the names of their calls."""
        return {
            "sched_getscheduler": self.getscheduler,
            "sched_getparam": lambda caller, given: self._get(caller, given, "sched_getparam", 1, _PARAMETER_SIZE),
            "sched_rr_get_interval": lambda caller, given: self._get(
                caller, given, "sched_rr_get_interval", 1, _INTERVAL_SIZE
            ),
            "sched_getaffinity": self.getaffinity,
            "sched_getattr": self.getattr,
            "sched_setscheduler": self.setscheduler,
            "sched_setparam": self.setparam,
            "sched_setaffinity": self.setaffinity,
            "sched_setattr": self.setattr,
            "setpriority": self._groups.setpriority,
            "ioprio_set": self._groups.ioprio_set,
            "ioprio_get": self._groups.ioprio_get,
            "move_pages": self.move_pages,
            "migrate_pages": self.migrate_pages,
        }

    # --- Asking -----------------------------------------------------------------------------------------------------

    def _look(self, caller: Caller, register: int, ask: Callable[[int], int]) -> int:
        """Answer from a task that may be looked at; the caller's own call goes on."""
        tid = self._targets.named(caller, signed(register))
        if self._targets.is_own(caller, tid):
            self._targets.check(caller, caller.tid, _GETSCHED)
            return CONTINUE
        return self._targets.look(caller, tid, _GETSCHED, lambda: ask(tid))

    def getscheduler(self, caller: Caller, arguments: Arguments) -> int:
        """``sched_getscheduler(tid)``."""
        return self._look(caller, arguments[0], lambda tid: system_call(NUMBERS["sched_getscheduler"], tid))

    def _get(self, caller: Caller, arguments: Arguments, name: str, place: int, size: int) -> int:
        """Do a call that fills a structure of a known size."""
        if not arguments[place] and name == "sched_getparam":
            return -errno.EINVAL
        buffer = ctypes.create_string_buffer(size)
        result = self._look(caller, arguments[0], lambda tid: system_call(NUMBERS[name], tid, buffer))
        if result != CONTINUE:
            self._box.memory.write(caller.tid, arguments[place], buffer.raw)
        return result

    def getaffinity(self, caller: Caller, arguments: Arguments) -> int:
        """``sched_getaffinity(tid, size, mask)``."""
        size = arguments[1] & 0xFFFFFFFF
        if size < _own_mask_size() or size % 8:
            return -errno.EINVAL
        if signed(arguments[0]) < 0:
            return -errno.ESRCH
        buffer = ctypes.create_string_buffer(min(size, _LARGEST_MASK))
        result = self._look(
            caller, arguments[0], lambda tid: system_call(NUMBERS["sched_getaffinity"], tid, size, buffer)
        )
        if result != CONTINUE:
            self._box.memory.write(caller.tid, arguments[2], buffer.raw[:result])
        return result

    def getattr(self, caller: Caller, arguments: Arguments) -> int:
        """``sched_getattr(tid, attributes, size, flags)``."""
        size, flags = arguments[2] & 0xFFFFFFFF, arguments[3] & 0xFFFFFFFF
        if not arguments[1] or not _SMALLEST_ATTRIBUTES <= size <= _PAGE or flags:
            return -errno.EINVAL
        buffer = ctypes.create_string_buffer(size)
        result = self._look(
            caller, arguments[0], lambda tid: system_call(NUMBERS["sched_getattr"], tid, buffer, size, 0)
        )
        if result != CONTINUE:
            self._box.memory.write(caller.tid, arguments[1], buffer.raw)
        return result

    # --- Changing ---------------------------------------------------------------------------------------------------

    def _change(self, caller: Caller, register: int, set_: Callable[[int], int]) -> int:
        """Have a function change a task; the caller's own call goes on."""
        tid = self._targets.named(caller, signed(register))
        if self._targets.is_own(caller, tid):
            self._targets.check(caller, caller.tid, _SETSCHED)
            return CONTINUE
        return self._targets.change(caller, tid, _SETSCHED, lambda: set_(tid))

    def setscheduler(self, caller: Caller, arguments: Arguments) -> int:
        """``sched_setscheduler(tid, policy, parameters)``."""
        policy = signed(arguments[1])
        if not arguments[2] or policy < 0 or signed(arguments[0]) < 0:
            return -errno.EINVAL
        given = self._box.memory.read_exactly(caller.tid, arguments[2], _PARAMETER_SIZE)
        if bool(struct.unpack("=i", given)[0]) != (policy & ~_RESET_ON_FORK in (os.SCHED_FIFO, os.SCHED_RR)):
            return -errno.EINVAL

        def set_(tid: int) -> int:
            return system_call(NUMBERS["sched_setscheduler"], tid, policy, given)

        own = arguments[0] & 0xFFFFFFFF in (0, caller.tid)
        if own and _needs_privilege(caller.tid, policy) and not self._capabilities.may_use(caller, "sys_nice"):
            return -errno.EPERM
        return self._change(caller, arguments[0], set_)

    def setparam(self, caller: Caller, arguments: Arguments) -> int:
        """``sched_setparam(tid, parameters)``."""
        if not arguments[1] or signed(arguments[0]) < 0:
            return -errno.EINVAL
        given = self._box.memory.read_exactly(caller.tid, arguments[1], _PARAMETER_SIZE)

        def set_(tid: int) -> int:
            return system_call(NUMBERS["sched_setparam"], tid, given)

        return self._change(caller, arguments[0], set_)

    def setaffinity(self, caller: Caller, arguments: Arguments) -> int:
        """``sched_setaffinity(tid, size, mask)``."""
        size = min(arguments[1] & 0xFFFFFFFF, _own_mask_size())
        given = self._box.memory.read_exactly(caller.tid, arguments[2], size)
        if signed(arguments[0]) < 0:
            return -errno.ESRCH

        def set_(tid: int) -> int:
            return system_call(NUMBERS["sched_setaffinity"], tid, size, given)

        return self._change(caller, arguments[0], set_)

    def setattr(self, caller: Caller, arguments: Arguments) -> int:
        """``sched_setattr(tid, attributes, flags)``."""
        if not arguments[1] or arguments[2] & 0xFFFFFFFF or signed(arguments[0]) < 0:
            return -errno.EINVAL
        memory = self._box.memory
        (size,) = struct.unpack("=I", memory.read_exactly(caller.tid, arguments[1], 4))
        if size and not _SMALLEST_ATTRIBUTES <= size <= _PAGE:
            return -errno.E2BIG
        given = memory.read_exactly(caller.tid, arguments[1], size or _SMALLEST_ATTRIBUTES)

        def set_(tid: int) -> int:
            return system_call(NUMBERS["sched_setattr"], tid, given, 0)

        return self._change(caller, arguments[0], set_)

    def move_pages(self, caller: Caller, arguments: Arguments) -> int:
        """``move_pages(pid, count, pages, nodes, status, flags)``."""
        return -errno.EINVAL if arguments[5] & 0xFFFFFFFF & ~_MOVES else self._move_memory(caller, arguments)

    def migrate_pages(self, caller: Caller, arguments: Arguments) -> int:
        """``migrate_pages(pid, size, old, new)``."""
        if not 0 < arguments[1] <= _MOST_NODES:
            return -errno.EINVAL
        return self._move_memory(caller, arguments)

    def _move_memory(self, caller: Caller, arguments: Arguments) -> int:
        """Decide about memory that is moved; of another process, whose memory shows by it."""
        pid = signed(arguments[0])
        if pid < 0:
            return -errno.ESRCH
        tid = self._targets.named(caller, pid)
        if self._targets.is_own(caller, tid):
            self._targets.check(caller, caller.tid, _SETSCHED)
            return CONTINUE
        target = self._box.labels.task_sid(tid)
        self._box.monitor.check(caller, target, "file", ("read",), dict)
        self._targets.check(caller, tid, _SETSCHED)
        return CONTINUE


def _own_mask_size() -> int:
    """Return the bytes of the kernel's masks of processors."""
    return (os.sysconf("SC_NPROCESSORS_CONF") + 63) // 64 * 8


def _needs_privilege(tid: int, policy: int) -> bool:
    """Tell whether only a capability gives a task a policy (kernel: ``user_check_sched_setscheduler``)."""
    policy &= ~_RESET_ON_FORK
    if policy == _DEADLINE:
        return True
    return policy in (os.SCHED_FIFO, os.SCHED_RR) and shown_limits(tid, resource.RLIMIT_RTPRIO)[0] == 0
