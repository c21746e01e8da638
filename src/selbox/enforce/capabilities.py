"""Capabilities: what a privileged task may do only if policy lets it, too.

The kernel asks policy where a task uses a capability that it holds. A capability that it lacks is no event for policy.
"""

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import effective_capabilities, user_namespace
from selbox.enforce.monitor import AccessDenied
from selbox.typing import Final

NAMES: Final = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap"),
    *("linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner"),
    *("sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice"),
    *("sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap"),
    *("mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf"),
    "checkpoint_restore",
)
"""Names of the capabilities in the order of their numbers, as policy has them.

Source: the kernel's ``include/uapi/linux/capability.h`` and ``classmap.h``.
"""

_NUMBERS: Final = {name: number for number, name in enumerate(NAMES)}
_FIRST_OF_SECOND: Final = 32
_INITIAL_NAMESPACE: Final = 0xEFFFFFFD
"""Inode of the user namespace that is there from the start (kernel: ``PROC_USER_INIT_INO``)."""


class Capabilities:
    """Asks policy about the capabilities that tasks use."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def may_use(self, caller: Caller, name: str, *, own: bool = False) -> bool:
        """Tell whether a task holds a capability and policy lets it be used; a denial is recorded.

        Source: the kernel's ``cap_capable`` and ``cred_has_capability``.

        Args:
            caller: the task.
            name: as policy has it, such as ``sys_nice``.
            own: whether it suffices to hold it in the task's own user namespace (kernel: ``ns_capable``); otherwise it
                must be the one that is there from the start (``capable``).
        """
        return self._is_effective(caller, name, own) and self._is_allowed_where_held(caller, name)

    def may_use_if_held(self, caller: Caller, name: str, *, own: bool = False) -> bool:
        """Tell whether policy lets a call go on that may use a capability; one that is not held the kernel refuses."""
        return not self._is_effective(caller, name, own) or self._is_allowed_where_held(caller, name)

    def could_use(self, caller: Caller, name: str) -> bool:
        """Tell what :meth:`may_use` would, and record nothing (kernel: ``CAP_OPT_NOAUDIT``)."""
        sid, object_class = caller.state.sid, _class_of(name)
        return self._is_effective(caller, name, own=False) and self._box.monitor.would_go_on(
            sid, sid, object_class, (name,)
        )

    def _is_effective(self, caller: Caller, name: str, own: bool) -> bool:
        held = bool(effective_capabilities(caller.tid) >> _NUMBERS[name] & 1)
        return held and (own or user_namespace(caller.tid) == _INITIAL_NAMESPACE)

    def _is_allowed_where_held(self, caller: Caller, name: str) -> bool:
        return self.is_allowed(caller, name, initial=user_namespace(caller.tid) == _INITIAL_NAMESPACE)

    def is_allowed(self, caller: Caller, name: str, *, initial: bool) -> bool:
        """Tell whether policy lets a capability be used that is held; a denial is recorded.

        Args:
            caller: the task.
            name: as policy has it.
            initial: whether it is held in the user namespace that is there from the start.
        """
        number = _NUMBERS[name]
        object_class = _class_of(name) if initial else f"{_class_of(name).replace('ability', '')}_userns"
        try:
            self._box.monitor.check(caller, caller.state.sid, object_class, (name,), lambda: {"capability": number})
        except AccessDenied:
            return False
        return True


def _class_of(name: str) -> str:
    """Return the class of a capability that is held in the initial user namespace."""
    return "capability" if _NUMBERS[name] < _FIRST_OF_SECOND else "capability2"
