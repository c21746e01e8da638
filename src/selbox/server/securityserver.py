"""The security server: what callers ask."""

from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.context import Context
from selbox.model.context_text import format_context
from selbox.model.policy import HandleUnknown
from selbox.model.rules import RuleKind
from selbox.server.access import AccessVectors, bounding_chain
from selbox.server.contextserver import ContextServer
from selbox.server.decision import (
    ALL_EXTENDED,
    GRANTS_ALL,
    NEVERAUDIT_FLAG,
    PERMISSIVE_FLAG,
    AccessDecision,
    ExtendedBase,
    ExtendedDecision,
)
from selbox.server.evaluation import NOTHING, Access, evaluate
from selbox.server.explanation import DenialKind, DenialReason, Explanation
from selbox.server.expression import Operands
from selbox.server.reachable import user_contexts
from selbox.server.report import InvalidTransitionError
from selbox.server.ruleindex import VECTOR_MASK
from selbox.server.state import PolicyState
from selbox.server.validity import context_fault
from selbox.typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selbox.server.accessarrays import AccessDecisions
    from selbox.server.causes import CauseFinder
    from selbox.server.proposal import Proposal
    from selbox.server.proposals import Proposer
    from selbox.server.sidarrays import Numbers, SidDecider

_NO_EXTENDED = ExtendedDecision(0, 0, 0)


class SecurityServer(ContextServer):
    """Decides by one policy, as the kernel's security server does.

    SIDs are positive integers; class ids are the policy's, from 0. Methods may be called from several threads, also
    while another one loads a policy or sets booleans: each answer is taken from one state of the server alone.

    Args:
        policy: the policy.
        enforcing: whether denials are to be enforced; callers of :meth:`compute_access` heed it themselves.
    """

    # Made when many decisions are asked for together; a state of the server that is not the latest is never asked.
    _arrays: "SidDecider | None" = None
    _proposer: "Proposer | None" = None
    _cause_finder: "CauseFinder | None" = None

    # --- Access ----------------------------------------------------------------------------------------------------

    def compute_access(self, source: int, target: int, object_class: int) -> AccessDecision:
        """Decide about every permission of a class at once.

        Whether the server is enforcing plays no part; the flags of the source type do.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: the kernel's ``security_compute_av``.
        """
        state = self._state
        contexts = state.sids.context(source), state.sids.context(target)
        return decide_access(state, *contexts, object_class)

    def compute_access_arrays(
        self, sources: "Numbers", targets: "Numbers", object_classes: "Numbers"
    ) -> "AccessDecisions":
        """Take many access decisions together, in arrays of numpy: for each what :meth:`compute_access` says.

        The first ones under a state of the server make the arrays, which takes some 0.2 s for Debian's policy. What
        bounding types withhold is not reported.

        Args:
            sources: SIDs of the subjects: an array or a sequence.
            targets: SIDs of the objects.
            object_classes: class ids. All of one length.

        Returns:
            Arrays of that length.

        Raises:
            SelboxError: code ``unknown-sid``.
            ValueError: when the arguments are not of one length.
        """
        from selbox.server.sidarrays import SidDecider  # numpy, which takes longer to import than most programs run

        state, decider = self._state, self._arrays
        if decider is None or decider.state is not state:
            contexts = None if decider is None or decider.contexts.sids is not state.sids else decider.contexts
            decider = self._arrays = SidDecider(state, contexts)
        return decider.decide(sources, targets, object_classes)

    def compute_extended(
        self, source: int, target: int, object_class: int, kind: ExtendedBase, driver: int
    ) -> ExtendedDecision:
        """Decide about the 256 extended permissions of one driver.

        It matters where :attr:`AccessDecision.extended` is not None, for there the base permission alone grants
        nothing.

        Args:
            source: SID of the subject.
            target: SID of the object.
            object_class: class id.
            kind: the permission that is refined.
            driver: high byte of the numbers: of the ``ioctl`` command, or of the netlink message.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: the kernel's ``security_compute_xperms_decision``.
        """
        state = self._state
        contexts = state.sids.context(source), state.sids.context(target)
        if object_class >= len(state.policy.classes):
            allowed = ALL_EXTENDED if state.policy.handle_unknown is HandleUnknown.ALLOW else 0
            return ExtendedDecision(allowed, 0, 0)
        if object_class not in state.extended.classes:
            return _NO_EXTENDED
        types = contexts[0].type, contexts[1].type
        return state.extended.decide(*types, object_class, state.active, kind, driver)

    def explain(
        self, source: int, target: int, object_class: int, vector: int, number: int | None = None
    ) -> Explanation:
        """Decide about permissions as :meth:`compute_access` and :meth:`compute_extended` do, and tell why.

        Args:
            source: SID of the subject.
            target: SID of the object.
            object_class: class id.
            vector: access vector.
            number: the extended permission that is asked for, 0 to 65535, where ``vector`` has ``ioctl`` or ``nlmsg``.

        Raises:
            SelboxError: code ``unknown-sid``.
        """
        state = self._state
        access = Access(state.sids.context(source), state.sids.context(target), object_class, vector, number)
        flags = _flags(state, access.source)
        found, unknown = NOTHING, vector
        if object_class < len(state.policy.classes):
            unknown = vector & state.classes.unknown_permissions(object_class)
            found = evaluate(
                state.policy, state.access, state.extended, state.active, access._replace(vector=vector & ~unknown)
            )
        (allowed, auditallow, auditdeny), reasons = found.vectors, found.reasons
        if flags == GRANTS_ALL:
            allowed, reasons = vector, ()
        elif unknown and state.policy.handle_unknown is HandleUnknown.ALLOW:
            allowed |= unknown
        elif unknown:
            reasons = (*reasons, DenialReason(DenialKind.UNKNOWN, unknown))
        others, allowed = allowed & ~vector, allowed & vector
        is_silent = flags & NEVERAUDIT_FLAG
        return Explanation(
            source=access.source,
            target=access.target,
            object_class=object_class,
            requested=vector,
            allowed=allowed,
            others=others,
            audited=0 if is_silent else allowed & auditallow | vector & ~allowed & auditdeny,
            flags=flags,
            reasons=reasons,
            rules=found.rules,
            extended=found.extended,
            number=number,
            values=state.values,
        )

    def propose(self, explanation: Explanation) -> "tuple[Proposal, ...]":
        """Return what would allow a denied access, those proposals first that change least; there may be none.

        Each was decided about by the evaluation that decides about accesses, with its changes applied.

        Args:
            explanation: from :meth:`explain`, under the policy and the booleans that are in force now.
        """
        return self._current_proposer().proposals(explanation, self._state.active)

    def reasons_beyond_rules(self, explanation: Explanation) -> tuple[DenialReason, ...]:
        """Return why permissions that no rule allows would be denied all the same if one did.

        The evaluation that decides about accesses has met these reasons, with the rule supposed.

        Args:
            explanation: as for :meth:`propose`.
        """
        return self._current_proposer().reasons_beyond_rules(explanation, self._state.active)

    def cause_finder(self) -> "CauseFinder":
        """Return what finds, of very many accesses, the part of the policy that denies each, as things are now."""
        from selbox.server.causes import CauseFinder  # those who only decide do not pay for it

        state, finder = self._state, self._cause_finder
        if finder is None or finder.state is not state:
            finder = self._cause_finder = CauseFinder(state)
        return finder

    def _current_proposer(self) -> "Proposer":
        from selbox.server.proposals import Proposer  # those who only decide do not pay for it

        state, proposer = self._state, self._proposer
        if proposer is None or proposer.access is not state.access:
            proposer = self._proposer = Proposer(state.policy, state.access, state.extended, state.entries)
        return proposer

    def compute_user(self, source: int, user: str) -> tuple[int, ...]:
        """Return the SIDs that a user may be given who logs in through a process.

        They are those of the user's roles and types that the process may come to (``process transition``), in the
        policy's order, at the range that user and process have in common.

        Args:
            source: SID of the process, such as ``login``.
            user: name of the SELinux user.

        Raises:
            SelboxError: code ``unknown-user`` or ``unknown-sid``.

        Source: the kernel's ``security_get_user_sids``.
        """
        state = self._state
        user_id = state.policy.user_ids.get(user)
        if user_id is None:
            advice = did_you_mean(user, state.policy.user_ids)
            raise SelboxError.of("unknown-user", f"the policy has no user `{user}`", help=advice)
        context = state.sids.context(source)
        process, transition = state.access.process_transition
        if not transition:
            return ()
        return tuple(
            state.sids.sid(each)
            for each in user_contexts(state.policy, context, user_id)
            if decide_access(state, context, each, process).allowed & transition
        )

    # --- Transitions -----------------------------------------------------------------------------------------------

    def compute_create(self, source: int, target: int, object_class: int, name: str | None = None) -> int:
        """Return the SID of a new process or object.

        Args:
            source: SID of the process that makes it.
            target: SID of the program for a process, of the directory for a file, of the related object otherwise.
            object_class: class id of what is made.
            name: last component of the new object's path, where it has one.

        Raises:
            InvalidTransitionError: when the context is not valid and the server is enforcing (``EACCES``).
            SelboxError: code ``no-common-range``, where ``glblub`` finds no range (``EINVAL``); ``unknown-sid``.

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
        state = self._state
        contexts = state.sids.context(source), state.sids.context(target)
        undefined = state.classes.undefined_name(object_class)
        context = state.contexts.compute(kind, *contexts, object_class, state.active, name, undefined)
        fault = context_fault(state.policy, context)
        if fault:
            error = _invalid_transition(state, context, fault, contexts, object_class)
            self._report(error)
            if self._enforcing:
                raise error
        # Initial SIDs may share one context: who keeps its context keeps its SID.
        if context == contexts[0]:
            return source
        return target if context == contexts[1] else state.sids.sid(context)

    def validate_transition(self, old: int, new: int, task: int, object_class: int) -> bool:
        """Tell whether ``validatetrans`` rules let an object be relabelled at all.

        Args:
            old: SID that the object has.
            new: SID that it is to have.
            task: SID of the process that relabels it.
            object_class: the object's class id.

        Raises:
            SelboxError: code ``unknown-class``, for a class that the policy does not define (the kernel's ``EINVAL``);
                ``unknown-sid``.

        Source: the kernel's ``security_validate_transition_user``. ``security_validate_transition``, for the kernel's
        own checks, says yes in permissive mode, which is the caller's to heed.
        """
        state = self._state
        if object_class >= len(state.policy.classes):
            raise SelboxError.of("unknown-class", f"the policy does not define a class of number {object_class}")
        operands = Operands.of(*(state.sids.context(each) for each in (old, new, task)))
        return all(holds(operands) for holds in state.access.relabelling_rules(object_class))

    def copy_range(self, sid: int, range_sid: int) -> int:
        """Return the SID of a context with the range of another, as the server end of a connection has it.

        Raises:
            SelboxError: code ``invalid-context``, when that is not valid and the server is enforcing; ``unknown-sid``.

        Source: the kernel's ``security_sid_mls_copy``.
        """
        state = self._state
        before = state.sids.context(sid)
        context = before._replace(range=state.sids.context(range_sid).range)
        if context == before:
            return sid
        return self.sid_for(context) if self._enforcing else state.sids.sid(context)

    def bounded_transition(self, old: int, new: int) -> bool:
        """Tell whether the new type is the old one or bounded by it, directly or through others.

        Source: the kernel's ``security_bounded_transition``.
        """
        state = self._state
        old_type, new_type = state.sids.context(old).type, state.sids.context(new).type
        return old_type == new_type or old_type in bounding_chain(state.policy, new_type)


def _flags(state: PolicyState, source: Context) -> int:
    permissive = PERMISSIVE_FLAG if source.type in state.permissive else 0
    return permissive | NEVERAUDIT_FLAG if source.type in state.neveraudit else permissive


def decide_access(state: PolicyState, source: Context, target: Context, object_class: int) -> AccessDecision:
    """Decide about every permission of a class, of the policy or at or above ``len(Policy.classes)``, at once."""
    policy = state.policy
    flags = _flags(state, source)
    if flags == GRANTS_ALL:
        return AccessDecision(VECTOR_MASK, 0, 0, state.seqno, flags)
    unknown = VECTOR_MASK
    vectors = AccessVectors(0, 0, VECTOR_MASK)
    extended = None
    if object_class < len(policy.classes):
        unknown = state.classes.unknown_permissions(object_class)
        vectors = state.access.compute(source, target, object_class, state.active)
        if object_class in state.extended.classes:
            extended = state.extended.defined(source.type, target.type, object_class, state.active)
    allowed, auditallow, auditdeny = vectors
    if policy.handle_unknown is HandleUnknown.ALLOW:
        allowed |= unknown
    if flags & NEVERAUDIT_FLAG:
        auditallow = auditdeny = 0
    return AccessDecision(allowed, auditallow, auditdeny, state.seqno, flags, extended)


def _invalid_transition(
    state: PolicyState, context: Context, fault: str, contexts: tuple[Context, Context], object_class: int
) -> InvalidTransitionError:
    invalid = format_context(state.policy, context)
    source, target = (format_context(state.policy, each) for each in contexts)
    class_name = state.classes.class_name(object_class)
    words = f"`{source}` on `{target}` makes a {class_name} with the invalid context `{invalid}`: {fault}"
    return InvalidTransitionError(words, invalid, source, target, class_name)
