"""What this machine, or the container around, takes from a box that it lets run otherwise."""

import os

from selbox.enforce.credentials import own_credentials
from selbox.enforce.linux import pidfd_getfd
from selbox.typing import Final

_CAP_SYS_PTRACE: Final = 1 << 19
_YAMA: Final = "/proc/sys/kernel/yama/ptrace_scope"
_ADMINISTRATORS_TRACE: Final = 2
"""From this scope on, only who has CAP_SYS_PTRACE traces anybody."""


def shortfalls() -> tuple[str, ...]:
    """Return what will fail in a box that is started by this process, a sentence for each; empty in the usual case.

    None of it weakens the box: what the supervisor cannot see to is refused.

    Source: the kernel's ``pidfd_getfd``, ``__ptrace_may_access`` and ``yama_ptrace_access_check``.
    """
    found: list[str] = []
    if not may_copy_descriptors():
        found.append(
            "no socket can be bound or connected here, nor a message be received with `recvmsg`: `pidfd_getfd` is "
            "refused; a container has it with `--cap-add SYS_PTRACE`"
        )
    # As root or as somebody else, one sees to processes of one's own user without this capability.
    if os.geteuid() == 0 and not own_credentials().capabilities & _CAP_SYS_PTRACE:
        found.append(
            "programs that become another user fail here: only who has CAP_SYS_PTRACE can supervise them; a container "
            "has it with `--cap-add SYS_PTRACE`"
        )
    if _trace_scope() >= _ADMINISTRATORS_TRACE and not own_credentials().capabilities & _CAP_SYS_PTRACE:
        found.append(
            "no program can be started here: tracing, which proves what runs, needs CAP_SYS_PTRACE "
            "(kernel.yama.ptrace_scope is 2 or more)"
        )
    return tuple(found)


def may_copy_descriptors() -> bool:
    """Tell whether descriptors of tasks may be copied: what forbids to copy one's own forbids it everywhere."""
    own, other = os.pipe()
    try:
        pidfd = os.pidfd_open(os.getpid())
        try:
            os.close(pidfd_getfd(pidfd, own))
        finally:
            os.close(pidfd)
    except OSError:
        return False
    finally:
        os.close(own)
        os.close(other)
    return True


def _trace_scope() -> int:
    try:
        with open(_YAMA, "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0
