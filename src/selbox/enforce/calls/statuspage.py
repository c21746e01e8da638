"""The page that tells programs of changes without a system call: ``/sys/fs/selinux/status``."""

import fcntl
import os
import struct

from selbox.model.policy import HandleUnknown
from selbox.server.securityserver import SecurityServer
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import mmap

_PAGE = struct.Struct("=5I")
_SEQUENCE = struct.Struct("=I")
_VERSION: Final = 1
_SIZE: Final = 4096
_SEAL_FUTURE_WRITE: Final = 0x10


class StatusPage:
    """One page of memory that programs map and the supervisor writes.

    It is made when it is first asked for.

    Source: the kernel's ``struct selinux_kernel_status`` and ``security/selinux/status.c``.
    """

    def __init__(self, server: SecurityServer) -> None:
        self._server = server
        self._descriptor = -1
        self._memory: mmap.mmap | None = None
        self._sequence = 0
        # INVARIANT: 0 until the policy's state changes, never 0 after.
        self._policy_load = 0
        self._shown = (server.enforcing, server.seqno)

    def descriptor(self) -> int:
        """Return the supervisor's own descriptor of the page; whoever else opens it cannot write."""
        if self._memory is None:
            from mmap import mmap

            self._descriptor = os.memfd_create("selinux-status", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.ftruncate(self._descriptor, _SIZE)
            os.fchmod(self._descriptor, 0o444)
            self._memory = mmap(self._descriptor, _SIZE)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | _SEAL_FUTURE_WRITE | fcntl.F_SEAL_SEAL
            fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, seals)
            self._shown = (self._server.enforcing, self._server.seqno)
            self._write(self._memory)
            self._server.add_listener(self._changed)
        return self._descriptor

    def _write(self, memory: "mmap.mmap") -> None:
        enforcing, _ = self._shown
        deny_unknown = self._server.policy.handle_unknown is not HandleUnknown.ALLOW
        memory[: _PAGE.size] = _PAGE.pack(_VERSION, self._sequence, enforcing, self._policy_load, deny_unknown)

    def _changed(self) -> None:
        """Show a change; while it is written the sequence number is odd, and readers wait."""
        shown = (self._server.enforcing, self._server.seqno)
        if shown == self._shown or self._memory is None:
            return
        if shown[1] != self._shown[1]:
            self._policy_load = shown[1]
        self._shown = shown
        self._memory[4:8] = _SEQUENCE.pack(self._sequence + 1 & 0xFFFFFFFF)
        self._sequence = self._sequence + 1 & 0xFFFFFFFF
        self._write(self._memory)
        self._sequence = self._sequence + 1 & 0xFFFFFFFF
        self._memory[4:8] = _SEQUENCE.pack(self._sequence)
