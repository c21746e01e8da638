"""The policy that an object manager decides by: where it comes from, how it changes, and who is told."""

import os
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from selbox.audit.userrecord import UserAvc, UserEvent
from selbox.avc.cache import Statistics
from selbox.diagnostics import Diagnostic, Diagnostics
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer
from selbox.userspace.engine import Engine
from selbox.userspace.policysource import PolicySource
from selbox.userspace.recorder import Recorder

PolicyFile = str | os.PathLike[str]

Audit = Callable[[UserAvc | UserEvent], object]
"""Takes a record; ``str`` of it is the line that auditd would write."""


class PolicyKeeper:
    """Keeps the engine in force; arguments are those of :class:`selbox.userspace.objectmanager.ObjectManager`."""

    def __init__(
        self, *policy: PolicyFile | Policy, base: bool = True, enforcing: bool = True, audit: Audit | None = None
    ) -> None:
        self._source = PolicySource.of(policy, base)
        self._audit = audit
        self._recorder = Recorder()
        self._policyload_callbacks: list[Callable[[int], object]] = []
        self._setenforce_callbacks: list[Callable[[bool], object]] = []
        self._load_lock = Lock()
        self._change_lock = Lock()
        diagnostics = Diagnostics()
        # INVARIANT: replaced as a whole; whoever answers a question reads it once.
        with self._source.being_read():
            self._engine = Engine.of(self._source.load(diagnostics), enforcing)
        self._warnings = tuple(diagnostics.warnings)

    def _tell(self, record: UserAvc | UserEvent) -> None:
        if self._audit is not None:
            self._audit(record)

    # --- Classes of its own -----------------------------------------------------------------------------------------

    def set_mapping(self, mapping: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Give classes numbers, from 1 in their order here, and their permissions bits, from bit 0 in their order.

        Classes and permissions can then be asked for by these numbers, whatever numbers the policy has, also after
        another policy is loaded: what ``enum.IntEnum`` and ``enum.IntFlag`` are made for. Names go on to be understood.

        Args:
            mapping: permissions by class; an empty name leaves its bit without a meaning.

        Returns:
            What the policy does not define, as ``class`` or ``class.permission``: it is granted or denied as the
            policy's ``handleunknown`` says.

        Raises:
            SelboxError: ``unknown-class`` or ``unknown-permission``, when the policy rejects unknown names;
                ``too-many-permissions`` for a class with more than 32. The mapping is as it was then.

        Source: ``selinux_set_mapping(3)``; for what a policy does not define the kernel's function of that name.
        """
        with self._change_lock:
            self._engine = self._engine.with_mapping(tuple((name, tuple(each)) for name, each in mapping.items()))
            return self._engine.unknown

    # --- The state of the policy ------------------------------------------------------------------------------------

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._engine.server.policy

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What was noticed when the policy in force was read."""
        return self._warnings

    @property
    def seqno(self) -> int:
        """Number of the policy's state: 1 at first, one more for each change of policy or booleans."""
        return self._engine.seqno

    @property
    def statistics(self) -> Statistics:
        """What the access vector cache has done since the policy was loaded."""
        return self._engine.cache.statistics

    @property
    def enforcing(self) -> bool:
        """Whether denials are enforced."""
        return self._engine.server.enforcing

    def setenforce(self, enforcing: bool) -> None:
        """Switch enforcing on or off, and tell the callbacks when that is a change.

        Raises:
            SelboxError: code ``boolean-value``, for anything but True, False, 1 or 0; a text is none of them.

        Source: ``security_setenforce(3)``.
        """
        with self._change_lock:
            server = self._engine.server
            before = server.enforcing
            server.enforcing = enforcing  # which may be 1 or 0
            enforcing = server.enforcing
        if enforcing is before:
            return
        self._tell(self._recorder.mode_change(enforcing))
        for each in tuple(self._setenforce_callbacks):
            each(enforcing)

    @property
    def booleans(self) -> dict[str, bool]:
        """The policy's booleans with their present values."""
        return self._engine.server.booleans

    def set_booleans(self, values: Mapping[str, bool]) -> None:
        """Set booleans together, and tell the callbacks; another policy keeps them.

        Raises:
            SelboxError: code ``unknown-boolean``, or ``boolean-value`` for anything but True, False, 1 or 0, such as a
                text; nothing is changed then.

        Source: ``security_set_boolean_list(3)``.
        """
        with self._change_lock:
            self._engine.server.set_booleans(values)
            seqno = self._engine.seqno
        self._policy_changed(seqno)

    def load_policy(self, *policy: PolicyFile | Policy) -> None:
        """Put another policy in force, and tell the callbacks; what :meth:`reload` reads again are its files.

        Mode, mapping, SIDs and the values of booleans stay.

        Raises:
            SelboxError: with everything that is wrong with it; the policy in force is as it was then.
        """
        with self._load_lock:
            source = PolicySource.of(policy, self._source.base)
            self._put_in_force(source)
            self._source = source
        self._policy_changed(self.seqno)

    def reload(self) -> None:
        """Read the policy's files again, put what they say in force, and tell the callbacks.

        Raises:
            SelboxError: with everything that is wrong with them; the policy in force is as it was then.
        """
        with self._load_lock:
            self._put_in_force(self._source)
        self._policy_changed(self.seqno)

    def reload_if_changed(self) -> bool:
        """Do as :meth:`reload` does if one of the files has changed since it was last read; tell whether that is so.

        A file that is wrong, empty or no longer there leaves the policy in force as it is, and every call says so until
        the files are right again. They are read again only when they have changed once more: asking costs little.

        Raises:
            SelboxError: as :meth:`reload`, also for what is still wrong since the files were last read.
        """
        with self._load_lock:
            if not self._source.has_changed():
                return False
            self._put_in_force(self._source)
        self._policy_changed(self.seqno)
        return True

    def _put_in_force(self, source: PolicySource) -> None:
        diagnostics = Diagnostics()
        with source.being_read():
            server = SecurityServer(source.load(diagnostics))  # which takes its time, and holds nobody up
            with self._change_lock:
                self._engine = self._engine.with_server(server)
                self._warnings = tuple(diagnostics.warnings)

    def _policy_changed(self, seqno: int) -> None:
        self._tell(self._recorder.policy_load(seqno))
        for each in tuple(self._policyload_callbacks):
            each(seqno)

    def on_policyload(self, callback: Callable[[int], object]) -> None:
        """Have a function called with :attr:`seqno` after every change of policy or booleans, by whoever makes it.

        What was granted before need not be granted now: the place to look again at what is open.

        Source: ``SELINUX_CB_POLICYLOAD`` of ``selinux_set_callback(3)``.
        """
        self._policyload_callbacks.append(callback)

    def on_setenforce(self, callback: Callable[[bool], object]) -> None:
        """Have a function called with the new mode after every change of enforcing, by whoever makes it.

        Source: ``SELINUX_CB_SETENFORCE`` of ``selinux_set_callback(3)``.
        """
        self._setenforce_callbacks.append(callback)
