"""The security server: what callers ask."""

from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from selbox.diagnostics import Diagnostic, SelboxError, did_you_mean
from selbox.model.context import Context
from selbox.model.context_text import INVALID_CONTEXT, format_context, parse_context
from selbox.model.policy import HandleUnknown, Policy
from selbox.model.rules import RuleKind
from selbox.server.access import AccessComputer, AccessVectors, RecordedAccess, bounding_chain
from selbox.server.classes import ClassMap, ClassVector
from selbox.server.conditionals import active_conditions
from selbox.server.decision import PERMISSIVE_FLAG, AccessDecision
from selbox.server.explanation import DenialKind, DenialReason, Explanation
from selbox.server.expression import Operands, compile_expression
from selbox.server.ruleindex import VECTOR_MASK, RuleIndex
from selbox.server.sidtable import SidTable
from selbox.server.transition import INVALID_TRANSITION, ContextComputer
from selbox.server.validity import context_fault


class InvalidTransitionError(SelboxError):
    """A computed context is not valid; enforcing, it is raised, permissive, only reported.

    Attributes:
        invalid_context: the text of the context.
        source: the text of the source's context.
        target: the text of the target's context.
        object_class: the name of the class.
    """

    def __init__(self, message: str, invalid_context: str, source: str, target: str, object_class: str) -> None:
        super().__init__(Diagnostic(INVALID_TRANSITION, message))
        self.invalid_context = invalid_context
        self.source = source
        self.target = target
        self.object_class = object_class


class SecurityServer:
    """Decides by one policy, as the kernel's security server does.

    SIDs are positive integers; class ids are the policy's, from 0. Methods may be called from several threads.

    Args:
        policy: the policy.
        enforcing: whether denials are to be enforced; callers of :meth:`compute_access` heed it themselves.
        report: called with each computed context that is not valid, whether it is raised or not.
    """

    def __init__(
        self, policy: Policy, enforcing: bool = True, report: Callable[[InvalidTransitionError], None] | None = None
    ) -> None:
        self.policy = policy
        self._enforcing = enforcing
        self._report = report
        self._sids = SidTable(policy)
        self._classes = ClassMap(policy)
        rules = RuleIndex(policy)
        self._access = AccessComputer(policy, rules)
        self._contexts = ContextComputer(policy, rules)
        self._permissive = frozenset(index for index, each in enumerate(policy.types) if each.permissive)
        self._values = tuple(each.default for each in policy.booleans)
        # INVARIANT: replaced as a whole, so that a decision sees the booleans of one moment.
        self._active = active_conditions(policy, self._values)
        self._seqno = 1
        self._listeners: list[Callable[[], None]] = []
        self._lock = Lock()

    # --- State -----------------------------------------------------------------------------------------------------

    @property
    def enforcing(self) -> bool:
        """Whether denials are enforced; setting it tells the listeners."""
        return self._enforcing

    @enforcing.setter
    def enforcing(self, value: bool) -> None:
        self._enforcing = value
        self._notify()

    @property
    def seqno(self) -> int:
        """Number of the policy's state: 1 at first, one more for each change of booleans."""
        return self._seqno

    @property
    def booleans(self) -> dict[str, bool]:
        """The booleans' present values, by name."""
        return {each.name: value for each, value in zip(self.policy.booleans, self._values, strict=True)}

    def set_booleans(self, values: Mapping[str, bool]) -> None:
        """Set booleans together; the others keep their values.

        Raises:
            SelboxError: code ``unknown-boolean``; nothing is changed then.

        Source: the kernel's ``security_set_bools``.
        """
        ids = self.policy.boolean_ids
        for name in values:
            if name not in ids:
                words = f"the policy has no boolean `{name}`"
                raise SelboxError.of("unknown-boolean", words, help=did_you_mean(name, ids))
        with self._lock:
            changed = list(self._values)
            for name, value in values.items():
                changed[ids[name]] = value
            self._values = tuple(changed)
            self._active = active_conditions(self.policy, self._values)
            self._seqno += 1
        self._notify()

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after every change that may change a decision."""
        self._listeners.append(listener)

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()

    # --- Names, SIDs and contexts ----------------------------------------------------------------------------------

    def class_id(self, name: str) -> int | None:
        """Return the id of a class, or None when the policy does not define it."""
        return self.policy.class_ids.get(name)

    def vector(self, object_class: str, permissions: Iterable[str]) -> ClassVector:
        """Return the numbers of a class and of permissions, for :meth:`compute_access` and the cache.

        Names that the policy does not define get numbers beyond its own and are listed in the result; decisions
        about them follow the policy's ``handle_unknown``: granted where it is ``allow``, denied where it is ``deny``.

        Raises:
            SelboxError: code ``unknown-class`` or ``unknown-permission``, where it is ``reject``.
        """
        result, is_new = self._classes.resolve(object_class, permissions)
        if is_new:
            self._notify()
        return result

    def class_name(self, object_class: int) -> str:
        """Return a class's name, also of a class that only :meth:`vector` knows."""
        return self._classes.class_name(object_class)

    def permission_names(self, object_class: int, vector: int) -> tuple[str, ...]:
        """Return the names of the permissions in an access vector, in bit order."""
        return self._classes.permission_names(object_class, vector)

    def initial_sid(self, name: str) -> int:
        """Return the SID of an initial SID's name, such as ``kernel``.

        Raises:
            SelboxError: code ``missing-initial-sid``.
        """
        return self._sids.initial(name)

    def context_to_sid(self, text: str) -> int:
        """Return the SID of a context given as text.

        Raises:
            SelboxError: code ``invalid-context``.

        Source: the kernel's ``security_context_to_sid``.
        """
        context = parse_context(self.policy, text)
        self._check(context, text)
        return self._sids.sid(context)

    def sid_for(self, context: Context) -> int:
        """Return the SID of a context.

        Raises:
            SelboxError: code ``invalid-context``.
        """
        self._check(context, None)
        return self._sids.sid(context)

    def _check(self, context: Context, text: str | None) -> None:
        fault = context_fault(self.policy, context)
        if fault:
            shown = text or format_context(self.policy, context)
            raise SelboxError.of(INVALID_CONTEXT, f"invalid context `{shown}`: {fault}")

    def sid_to_context(self, sid: int) -> str:
        """Return the canonical text of a SID's context.

        Raises:
            SelboxError: code ``unknown-sid``.
        """
        return format_context(self.policy, self._sids.context(sid))

    def context_of(self, sid: int) -> Context:
        """Return a SID's context.

        Raises:
            SelboxError: code ``unknown-sid``.
        """
        return self._sids.context(sid)

    # --- Access ----------------------------------------------------------------------------------------------------

    def compute_access(self, source: int, target: int, object_class: int) -> AccessDecision:
        """Decide about every permission of a class at once.

        Whether the server is enforcing plays no part; the flag of a permissive source type does.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: the kernel's ``security_compute_av``.
        """
        # The number is read first: a decision may be newer than it says, never older.
        seqno = self._seqno
        source_context, target_context = self._sids.context(source), self._sids.context(target)
        unknown = VECTOR_MASK
        vectors = AccessVectors(0, 0, VECTOR_MASK)
        if object_class < len(self.policy.classes):
            unknown = self._classes.unknown_permissions(object_class)
            vectors = self._access.compute(source_context, target_context, object_class, self._active)
        allowed = vectors.allowed
        if self.policy.handle_unknown is HandleUnknown.ALLOW:
            allowed |= unknown
        flags = PERMISSIVE_FLAG if source_context.type in self._permissive else 0
        return AccessDecision(allowed, vectors.auditallow, vectors.auditdeny, seqno, flags)

    def explain(self, source: int, target: int, object_class: int, vector: int) -> Explanation:
        """Decide about permissions as :meth:`compute_access` does, and tell why.

        Raises:
            SelboxError: code ``unknown-sid``.
        """
        values, active = self._values, self._active
        contexts = self._sids.context(source), self._sids.context(target)
        permissive = contexts[0].type in self._permissive
        unknown = vector
        found = RecordedAccess(AccessVectors(0, 0, VECTOR_MASK), (), ())
        if object_class < len(self.policy.classes):
            unknown &= self._classes.unknown_permissions(object_class)
            found = self._access.explain(*contexts, object_class, vector & ~unknown, active)
        allowed, reasons = found.vectors.allowed, found.reasons
        if unknown and self.policy.handle_unknown is HandleUnknown.ALLOW:
            allowed |= unknown
        elif unknown:
            reasons = (*reasons, DenialReason(DenialKind.UNKNOWN, unknown))
        allowed &= vector
        audited = allowed & found.vectors.auditallow | vector & ~allowed & found.vectors.auditdeny
        return Explanation(*contexts, object_class, vector, allowed, audited, permissive, reasons, found.rules, values)

    # --- Transitions -----------------------------------------------------------------------------------------------

    def compute_create(self, source: int, target: int, object_class: int, name: str | None = None) -> int:
        """Return the SID of a new process or object.

        Args:
            source: SID of the process that makes it.
            target: SID of the program for a process, of the directory for a file, of the related object otherwise.
            object_class: class id of what is made.
            name: last component of the new object's path, where it has one.

        Raises:
            SelboxError: code ``invalid-transition``, when the context is not valid and the server is enforcing.

        Source: the kernel's ``security_transition_sid``.
        """
        return self._compute(RuleKind.TYPE_TRANSITION, source, target, object_class, name)

    def compute_relabel(self, source: int, target: int, object_class: int) -> int:
        """Return the SID that an object should be relabelled to for a subject, such as a terminal at login.

        Raises:
            SelboxError: as :meth:`compute_create`.

        Source: the kernel's ``security_change_sid``.
        """
        return self._compute(RuleKind.TYPE_CHANGE, source, target, object_class)

    def compute_member(self, source: int, target: int, object_class: int) -> int:
        """Return the SID of a subject's own member of a polyinstantiated object.

        Raises:
            SelboxError: as :meth:`compute_create`.

        Source: the kernel's ``security_member_sid``.
        """
        return self._compute(RuleKind.TYPE_MEMBER, source, target, object_class)

    def _compute(self, kind: RuleKind, source: int, target: int, object_class: int, name: str | None = None) -> int:
        contexts = self._sids.context(source), self._sids.context(target)
        context = self._contexts.compute(kind, *contexts, object_class, self._active, name)
        fault = context_fault(self.policy, context)
        if fault:
            error = self._invalid_transition(context, fault, contexts, object_class)
            if self._report is not None:
                self._report(error)
            if self._enforcing:
                raise error
        # Initial SIDs may share one context: who keeps its context keeps its SID.
        if context == contexts[0]:
            return source
        return target if context == contexts[1] else self._sids.sid(context)

    def _invalid_transition(
        self, context: Context, fault: str, contexts: tuple[Context, Context], object_class: int
    ) -> InvalidTransitionError:
        invalid = format_context(self.policy, context)
        source, target = (format_context(self.policy, each) for each in contexts)
        class_name = self._classes.class_name(object_class)
        words = f"`{source}` on `{target}` makes a {class_name} with the invalid context `{invalid}`: {fault}"
        return InvalidTransitionError(words, invalid, source, target, class_name)

    def validate_transition(self, old: int, new: int, task: int, object_class: int) -> bool:
        """Tell whether ``validatetrans`` rules let an object be relabelled at all.

        Args:
            old: SID that the object has.
            new: SID that it is to have.
            task: SID of the process that relabels it.
            object_class: the object's class id.

        Source: the kernel's ``security_compute_validatetrans``. Enforcing or not is the caller's to heed.
        """
        policy = self.policy
        operands = Operands.of(self._sids.context(old), self._sids.context(new), self._sids.context(task))
        return all(
            compile_expression(policy, each.expression)(operands)
            for each in policy.validate_transitions
            if each.object_class == object_class
        )

    def bounded_transition(self, old: int, new: int) -> bool:
        """Tell whether the new type is the old one or bounded by it, directly or through others.

        Source: the kernel's ``security_bounded_transition``.
        """
        old_type, new_type = self._sids.context(old).type, self._sids.context(new).type
        return old_type == new_type or old_type in bounding_chain(self.policy, new_type)
