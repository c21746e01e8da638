"""Mapping files, and making memory executable.

What is asked rests on registers, and on what a descriptor or an address stands for when the call is made. A program of
several threads can change that before the kernel carries the call out.
"""

import errno
import os

from selbox.enforce.answer import CONTINUE, Handler
from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.callerfiles import Target, check_target, has_label
from selbox.enforce.memorymaps import Mapping, is_modified, mappings_within, open_origin, stack_pointer
from selbox.enforce.seccomp.listener import Arguments
from selbox.enforce.seccomp.parts.mappings import LOWEST_ADDRESS, MAP_ANONYMOUS, MAP_FIXED, PROT_EXEC
from selbox.typing import Final

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_PROT_WRITE: Final = 2
_MAP_TYPE: Final = 0xF
_MAP_SHARED: Final = 1


class MappingCalls:
    """``mmap``, ``mremap``, ``mprotect``, ``pkey_mprotect`` and ``personality``.

    Source: the kernel's ``selinux_mmap_file``, ``selinux_mmap_addr``, ``selinux_file_mprotect`` and
    ``file_map_prot_check``.
    """

    def __init__(self, box: Box) -> None:
        self._box = box

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by name of their call."""
        protect = self.mprotect
        return {
            "mmap": self.mmap,
            "mremap": self.mremap,
            "mprotect": protect,
            "pkey_mprotect": protect,
            "personality": self.personality,
        }

    def personality(self, _caller: Caller, _arguments: Arguments) -> int:
        """``personality(persona)`` with ``READ_IMPLIES_EXEC``, which no box has."""
        return -errno.EPERM

    # --- New mappings -----------------------------------------------------------------------------------------------

    def mmap(self, caller: Caller, arguments: Arguments) -> int:
        """``mmap(address, length, protection, flags, descriptor, offset)``."""
        address, _, protection, flags, number, _ = arguments
        if not flags & MAP_ANONYMOUS:
            self._check_file(caller, number, protection, flags)
        elif protection & PROT_EXEC:
            self._check_own_memory(caller, "execmem")
        if flags & MAP_FIXED:
            check_place(self._box, caller, address)
        return CONTINUE

    def mremap(self, caller: Caller, arguments: Arguments) -> int:
        """``mremap(old, old_length, length, flags, address)``, to a low address."""
        check_place(self._box, caller, arguments[4])
        return CONTINUE

    def _check_file(self, caller: Caller, number: int, protection: int, flags: int) -> None:
        """Check the mapping of a file."""
        box = self._box
        is_shared = flags & _MAP_TYPE == _MAP_SHARED
        status = box.walker.status_of(caller, number)
        if self._is_granted(caller, status, protection, is_shared=is_shared):
            return
        is_known = has_label(box, status)
        target = Target(box.walker.start_of(caller, number), status, is_open=True)
        if is_known and not self._is_given(target, protection):
            check_target(box, caller, target, "map")
        self._check_protection(caller, target if is_known else None, protection, is_shared=is_shared)

    def _is_granted(self, caller: Caller, status: os.stat_result, protection: int, *, is_shared: bool) -> bool:
        """Tell whether a file's label and all the answers are known already, and there is nothing to record."""
        sid = self._box.labels.known(status)
        object_class = self._box.labels.class_of(status)
        if sid is None or not object_class or (protection & PROT_EXEC and protection & _PROT_WRITE):
            return False
        permissions = ("map", *_file_permissions(protection, is_shared=is_shared))
        return self._box.monitor.is_quiet(caller.state.sid, sid, object_class, permissions)

    def _is_given(self, target: Target, protection: int) -> bool:
        return not protection & PROT_EXEC and self._box.openers.is_handed_in(target.status)

    def _check_protection(self, caller: Caller, target: Target | None, protection: int, *, is_shared: bool) -> None:
        """Check what memory is to be used for; a target of None is memory that is from no labelled file."""
        if protection & PROT_EXEC and (target is None or (not is_shared and protection & _PROT_WRITE)):
            self._check_own_memory(caller, "execmem")
        if target is not None and not self._is_given(target, protection):
            check_target(self._box, caller, target, *_file_permissions(protection, is_shared=is_shared))

    def _check_own_memory(self, caller: Caller, permission: str) -> None:
        self._box.monitor.check(caller, caller.state.sid, "process", (permission,), dict)

    # --- Mappings that are there ------------------------------------------------------------------------------------

    def mprotect(self, caller: Caller, arguments: Arguments) -> int:
        """``mprotect(address, length, protection)``, when the memory is to be executable."""
        start, length, protection = arguments[:3]
        if start % _PAGE:
            return -errno.EINVAL
        for mapping in mappings_within(caller, start, start + length):
            target = self._origin(caller, mapping) if mapping.is_file else None
            if not mapping.is_executable:
                self._check_becoming_executable(caller, mapping, target)
            self._check_protection(caller, target, protection, is_shared=mapping.is_shared)
        return CONTINUE

    def _check_becoming_executable(self, caller: Caller, mapping: Mapping, target: Target | None) -> None:
        if mapping.name == "[heap]":
            self._check_own_memory(caller, "execheap")
        elif mapping.inode == 0:
            if mapping.name == "[stack]" or mapping.start <= stack_pointer(caller) <= mapping.end:
                self._check_own_memory(caller, "execstack")
        elif target is not None and not mapping.is_shared and is_modified(caller, mapping):
            check_target(self._box, caller, target, "execmod")

    def _origin(self, caller: Caller, mapping: Mapping) -> Target:
        """Return the file that memory is mapped from.

        Raises:
            OSError: EACCES when it cannot be found.
        """
        descriptor = self._box.descriptors.add(open_origin(caller.tid, mapping))
        return Target(descriptor, os.fstat(descriptor), is_open=True)


def check_place(box: Box, caller: Caller, address: int) -> None:
    """Check where a mapping is to be: near address 0, whoever follows a null pointer would meet it.

    Raises:
        AccessDenied: when policy denies it.
    """
    if address < LOWEST_ADDRESS:
        box.monitor.check(caller, caller.state.sid, "memprotect", ("mmap_zero",), dict)


def _file_permissions(protection: int, *, is_shared: bool) -> tuple[str, ...]:
    """Return what a mapping asks of its file: one that is mapped can always be read."""
    writes = ("write",) if is_shared and protection & _PROT_WRITE else ()
    return ("read", *writes, *(("execute",) if protection & PROT_EXEC else ()))
