"""The state of a security server: its policy, booleans and mode, how they change, and who is told."""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.policy import Policy
from selbox.server.classes import ClassVector
from selbox.server.report import Report
from selbox.server.sidtable import SidTable
from selbox.server.state import PolicyState
from selbox.server.switch import switched

_MODE = "enforcing"


class PolicyHolder:
    """Holds what a security server decides by.

    Every change installs a whole new :class:`PolicyState` and then calls the listeners, in the thread that made it.

    Args:
        policy: the policy.
        enforcing: whether denials are to be enforced.

    Raises:
        SelboxError: code ``boolean-value``, when ``enforcing`` is neither True nor False.
    """

    def __init__(self, policy: Policy, enforcing: bool = True) -> None:
        self._enforcing = switched(enforcing, _MODE)
        self._reporters: list[Callable[[Report], None]] = []
        self._state = PolicyState.first(policy, self._report)
        self._staged: dict[str, bool] = {}
        self._listeners: list[Callable[[], None]] = []
        # Held by whoever changes the state, never by who decides.
        self._changing = Lock()

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._state.policy

    @property
    def enforcing(self) -> bool:
        """Whether denials are enforced; changing it tells the listeners.

        Raises:
            SelboxError: code ``boolean-value``, when it is set to anything but True, False, 1 or 0.
        """
        return self._enforcing

    @enforcing.setter
    def enforcing(self, value: bool) -> None:
        enforcing = switched(value, _MODE)
        if enforcing is not self._enforcing:
            self._enforcing = enforcing
            self._notify()

    @property
    def seqno(self) -> int:
        """Number of the policy's state: 1 at first, one more for each load of a policy and change of booleans."""
        return self._state.seqno

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after every change that may change a decision."""
        self._listeners.append(listener)

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def add_reporter(self, reporter: Callable[[Report], None]) -> None:
        """Have ``reporter`` called, in the thread that asks, with each :data:`~selbox.server.report.Report`."""
        self._reporters.append(reporter)

    def _report(self, report: Report) -> None:
        for reporter in tuple(self._reporters):
            reporter(report)

    # --- Policy ----------------------------------------------------------------------------------------------------

    def load_policy(self, policy: Policy) -> None:
        """Put another policy in force, as a whole.

        SIDs stay what they are: each stands for the same context, by the names of its parts. One that the new
        policy does not know, or, enforcing, does not allow, is decided about as ``unlabeled``; its text is kept, and
        it is itself again under a policy that knows it. Booleans that both policies have keep their values, staged
        values are dropped. :attr:`seqno` grows by one.

        Class ids and access vectors are those of the policy in force: whoever keeps them resolves them anew when
        told. Where threads ask meanwhile, an answer surely belongs to numbers that were resolved under the same
        :attr:`seqno` if that is still the server's after the answer.

        Source: the kernel's ``security_load_policy`` and ``selinux_policy_commit``.
        """
        with self._changing:
            old = self._state
            values = {each.name: value for each, value in zip(old.policy.booleans, old.values, strict=True)}
            kept = [values.get(each.name, each.default) for each in policy.booleans]

            def install(sids: SidTable) -> None:
                self._state = PolicyState(policy, sids, old.seqno + 1, kept, report=self._report)
                self._staged = {}

            old.sids.hand_over(policy, self._enforcing, install)
        self._notify()

    # --- Booleans --------------------------------------------------------------------------------------------------

    @property
    def booleans(self) -> dict[str, bool]:
        """The booleans' present values, by name."""
        state = self._state
        return {each.name: value for each, value in zip(state.policy.booleans, state.values, strict=True)}

    @property
    def staged_booleans(self) -> dict[str, bool]:
        """The values that :meth:`commit_booleans` would put in force, by name."""
        with self._changing:
            return self.booleans | self._staged

    def stage_boolean(self, name: str, value: bool) -> None:
        """Note a boolean's next value; it holds from :meth:`commit_booleans` on.

        Raises:
            SelboxError: code ``unknown-boolean``; ``boolean-value`` for anything but True, False, 1 or 0.

        Source: the kernel's ``sel_write_bool``.
        """
        with self._changing:
            self._staged |= self._checked({name: value})

    def commit_booleans(self) -> None:
        """Put all staged values in force together.

        Source: the kernel's ``sel_commit_bools_write`` and ``security_set_bools``.
        """
        with self._changing:
            staged, self._staged = self._staged, {}
            self._install(staged)
        self._notify()

    def set_booleans(self, values: Mapping[str, bool]) -> None:
        """Set booleans together; the others keep their values, and what is staged for them stays staged.

        Raises:
            SelboxError: code ``unknown-boolean``, or ``boolean-value`` for anything but True, False, 1 or 0; nothing is
                changed then.

        Source: the kernel's ``security_set_bools``.
        """
        with self._changing:
            checked = self._checked(values)
            for name in checked:
                self._staged.pop(name, None)
            self._install(checked)
        self._notify()

    def _checked(self, values: Mapping[str, bool]) -> dict[str, bool]:
        ids = self._state.policy.boolean_ids
        for name in values:
            if name not in ids:
                words = f"the policy has no boolean `{name}`"
                raise SelboxError.of("unknown-boolean", words, help=did_you_mean(str(name), ids))
        return {name: switched(value, f"the boolean `{name}`") for name, value in values.items()}

    def _install(self, values: Mapping[str, bool]) -> None:
        state = self._state
        changed = list(state.values)
        for name, value in values.items():
            changed[state.policy.boolean_ids[name]] = value
        self._state = state.with_values(changed)

    # --- Classes and permissions -----------------------------------------------------------------------------------

    def class_id(self, name: str) -> int | None:
        """Return the id of a class, or None when the policy does not define it."""
        return self._state.policy.class_ids.get(name)

    def vector(self, object_class: str, permissions: Iterable[str]) -> ClassVector:
        """Return the numbers of a class and of permissions, for :meth:`compute_access` and the cache.

        Names that the policy does not define get numbers beyond its own and are listed in the result; decisions
        about them follow the policy's ``handle_unknown``: granted where it is ``allow``, denied where it is ``deny``.

        Raises:
            SelboxError: code ``unknown-class`` or ``unknown-permission``, where it is ``reject``.
        """
        result, is_new = self._state.classes.resolve(object_class, permissions)
        if is_new:
            self._notify()
        return result

    def class_name(self, object_class: int) -> str:
        """Return a class's name, also of a class that only :meth:`vector` knows."""
        return self._state.classes.class_name(object_class)

    def permission_names(self, object_class: int, vector: int) -> tuple[str, ...]:
        """Return the names of the permissions in an access vector, in bit order."""
        return self._state.classes.permission_names(object_class, vector)
