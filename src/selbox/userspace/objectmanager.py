"""The object manager: loads a policy, answers who may do what with its objects, and labels new ones."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from selbox.audit.userrecord import UserAvc, UserEvent
from selbox.avc.cache import GRANTED, Statistics, Verdict
from selbox.diagnostics import Diagnostic, Diagnostics, SourceFile
from selbox.model.policy import Policy
from selbox.server.decision import PERMISSIVE_FLAG
from selbox.userspace.engine import Engine, ObjectClass, Permissions, Question
from selbox.userspace.notes import shown_in_full
from selbox.userspace.permission import PermissionDenied, PermissionResult
from selbox.userspace.policysource import PolicySource
from selbox.userspace.recorder import Recorder

Label = str | int
"""A security context as text, or the SID that :meth:`ObjectManager.context_to_sid` gave for it."""

_AS_THEY_ARE = (str, int, tuple)
"""Kinds of permissions that are looked up as they are given."""

PolicyFile = str | os.PathLike[str]

Audit = Callable[[UserAvc | UserEvent], object]
"""Takes a record; ``str`` of it is the line that auditd would write."""


class AccessVectors(NamedTuple):
    """Everything that the policy says about one subject, object and class.

    Attributes:
        allowed: names of the permissions that are granted.
        auditallow: names of those that are recorded when they are granted.
        auditdeny: names of those that are recorded when they are denied.
        permissive: whether denials of this subject are not enforced, as its type is permissive.
    """

    allowed: frozenset[str]
    auditallow: frozenset[str]
    auditdeny: frozenset[str]
    permissive: bool


class ObjectManager:
    """Answers for a program that owns objects: who may do what with them, and which label a new one gets.

    Contexts may be given as text or, which is a little faster, as the SIDs that :meth:`context_to_sid` returns. All
    methods may be called from several threads at once. None waits for anything but a lock that is held for a moment,
    so that they may be called in an event loop; those that read policy files (the constructor, :meth:`load_policy`,
    :meth:`reload`, :meth:`reload_if_changed`) compile them and belong into a thread: ``asyncio.to_thread``.

    Args:
        policy: policy files: CIL and module packages, with the base policy of selbox where they need it; or one kernel
            policy. Or one policy that is loaded already. Nothing for the base policy alone.
        base: whether the base policy is taken.
        enforcing: whether denials are enforced; without, :meth:`check_permission` only records them.
        audit: called with each record, before the one who asked learns the answer. What it raises reaches the one who
            asked, so that nothing is granted that could not be recorded. None records nothing.

    Raises:
        SelboxError: with everything that is wrong with the policy.

    Source: ``avc_open(3)``, ``avc_has_perm(3)``, ``selinux_check_access(3)`` of libselinux.
    """

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
        self._engine = Engine.of(self._source.load(diagnostics), enforcing)
        self._warnings = tuple(diagnostics.warnings)

    @classmethod
    def from_cil(
        cls, text: str, *, base: bool = True, enforcing: bool = True, audit: Audit | None = None
    ) -> "ObjectManager":
        """Return an object manager for a policy that is no file but a text in CIL, such as a test has.

        Args:
            text: the policy; messages call it ``<text>``.
            base: as of the class, and so are the others.
            enforcing: likewise.
            audit: likewise.

        Raises:
            SelboxError: with everything that is wrong with it.
        """
        from selbox.store.policyfiles import compile_sources  # a policy of files may do without the compiler

        with shown_in_full():
            policy = compile_sources([SourceFile("<text>", text)], base=base, diagnostics=Diagnostics())
        return cls(policy, enforcing=enforcing, audit=audit)

    # --- May it? ----------------------------------------------------------------------------------------------------

    def check_permission(
        self,
        subject: Label,
        object: Label,  # noqa: A002 - the field's word for it
        object_class: ObjectClass,
        permissions: str | int | Iterable[str],
        fields: Mapping[str, object] | None = None,
    ) -> None:
        """Return when an access may go on, and raise when it may not.

        Args:
            subject: context or SID of who acts.
            object: context or SID of the object.
            object_class: name of its class, or its number in the mapping.
            permissions: name of a permission, several names of which all are needed, or an access vector in the bits of
                the mapping.
            fields: what an audit record says besides, such as ``{"table": "customers"}``.

        Raises:
            PermissionDenied: when the policy denies one of them and is enforced.
            SelboxError: when it cannot be asked: ``invalid-context`` and others; nothing is granted then.

        Source: ``avc_has_perm(3)``.
        """
        engine = self._engine
        labels = engine.labels
        source = labels.get(subject) or engine.sid(subject)
        target = labels.get(object) or engine.sid(object)
        question = self._question(engine, object_class, permissions)
        verdict = engine.cache.check(source, target, question.object_class, question.vector)
        if verdict is not GRANTED:
            if verdict.audited and self._audit is not None:
                self._record(engine, source, target, question, verdict, fields)
            if not verdict.granted:
                raise PermissionDenied(PermissionResult(False, (engine, source, target, question)))

    def has_permission(
        self,
        subject: Label,
        object: Label,  # noqa: A002 - the field's word for it
        object_class: ObjectClass,
        permissions: str | int | Iterable[str],
        fields: Mapping[str, object] | None = None,
        *,
        audit: bool = True,
    ) -> PermissionResult:
        """Tell whether an access may go on, and why not.

        Args:
            subject: as in :meth:`check_permission`, and so are the others.
            object: likewise.
            object_class: likewise.
            permissions: likewise.
            fields: likewise.
            audit: whether it is an access, to be recorded as :meth:`check_permission` does. Without, it is a question:
                what to show, what would happen.

        Returns:
            A result that is true or false, with what lies behind it.

        Raises:
            SelboxError: when it cannot be asked.

        Source: ``avc_has_perm(3)``; without ``audit`` ``avc_has_perm_noaudit(3)``.
        """
        engine = self._engine
        labels = engine.labels
        source = labels.get(subject) or engine.sid(subject)
        target = labels.get(object) or engine.sid(object)
        question = self._question(engine, object_class, permissions)
        if not audit:
            decision = engine.cache.compute_access(source, target, question.object_class)
            enforced = engine.server.enforcing and not decision.flags & PERMISSIVE_FLAG
            granted = not (enforced and question.vector & ~decision.allowed)
            return PermissionResult(granted, (engine, source, target, question))
        verdict = engine.cache.check(source, target, question.object_class, question.vector)
        if verdict.audited and self._audit is not None:
            self._record(engine, source, target, question, verdict, fields)
        return PermissionResult(verdict.granted, (engine, source, target, question))

    def compute_av(self, subject: Label, object: Label, object_class: ObjectClass) -> AccessVectors:  # noqa: A002
        """Return everything that the policy says about a subject, an object and a class; nothing is recorded.

        Raises:
            SelboxError: ``invalid-context``, ``unknown-class`` and others.

        Source: ``security_compute_av(3)``.
        """
        engine = self._engine
        class_id = engine.class_id(object_class)
        decision = engine.server.compute_access(engine.sid(subject), engine.sid(object), class_id)

        def names(vector: int) -> frozenset[str]:
            return frozenset(engine.server.permission_names(class_id, vector))

        permissive = bool(decision.flags & PERMISSIVE_FLAG)
        return AccessVectors(names(decision.allowed), names(decision.auditallow), names(decision.auditdeny), permissive)

    @staticmethod
    def _question(engine: Engine, object_class: ObjectClass, permissions: str | int | Iterable[str]) -> Question:
        if not isinstance(permissions, _AS_THEY_ARE):
            permissions = tuple(permissions)
        key = (object_class, permissions)
        return engine.questions.get(key) or engine.question(*key)

    def _record(
        self,
        engine: Engine,
        source: int,
        target: int,
        question: Question,
        verdict: Verdict,
        fields: Mapping[str, object] | None,
    ) -> None:
        server = engine.server
        names = server.permission_names(question.object_class, verdict.audited)
        contexts = server.sid_to_context(source), server.sid_to_context(target)
        record = self._recorder.access(
            not verdict.denied, names, fields or {}, *contexts, question.class_name, verdict.permissive
        )
        self._tell(record)

    def _tell(self, record: UserAvc | UserEvent) -> None:
        if self._audit is not None:
            self._audit(record)

    # --- Labels -----------------------------------------------------------------------------------------------------

    def compute_create(self, subject: Label, parent: Label, object_class: ObjectClass, name: str | None = None) -> str:
        """Return the context of a new object.

        Args:
            subject: who makes it.
            parent: what it is made in, or belongs to: the database of a table, the broker of a queue.
            object_class: class of the new object.
            name: its name, for transitions that ask for it.

        Raises:
            SelboxError: ``invalid-context``, ``unknown-class``, and ``invalid-transition`` when the policy leads to a
                context that is not valid and is enforced.

        Source: ``security_compute_create_name(3)``.
        """
        engine = self._engine
        class_id = engine.class_id(object_class)
        return self._text(engine, engine.server.compute_create(engine.sid(subject), engine.sid(parent), class_id, name))

    def compute_relabel(self, subject: Label, object: Label, object_class: ObjectClass) -> str:  # noqa: A002
        """Return the context that an object is to be relabelled to for a subject.

        Raises:
            SelboxError: as :meth:`compute_create`.

        Source: ``security_compute_relabel(3)``.
        """
        engine = self._engine
        class_id = engine.class_id(object_class)
        return self._text(engine, engine.server.compute_relabel(engine.sid(subject), engine.sid(object), class_id))

    def compute_member(self, subject: Label, object: Label, object_class: ObjectClass) -> str:  # noqa: A002
        """Return the context of a subject's own member of an object that everyone sees under one name.

        Raises:
            SelboxError: as :meth:`compute_create`.

        Source: ``security_compute_member(3)``.
        """
        engine = self._engine
        class_id = engine.class_id(object_class)
        return self._text(engine, engine.server.compute_member(engine.sid(subject), engine.sid(object), class_id))

    def validate_transition(self, old: Label, new: Label, subject: Label, object_class: ObjectClass) -> bool:
        """Tell whether the policy's ``validatetrans`` rules let an object have another context at all.

        Args:
            old: context or SID that the object has.
            new: the one that it is to have.
            subject: who wants it.
            object_class: class of the object.

        Raises:
            SelboxError: ``invalid-context``, ``unknown-class`` and others.

        Source: ``security_validatetrans(3)``. The permissions to relabel from and to are checks of their own.
        """
        engine = self._engine
        sids = engine.sid(old), engine.sid(new), engine.sid(subject)
        return engine.server.validate_transition(*sids, engine.class_id(object_class))

    @staticmethod
    def _text(engine: Engine, sid: int) -> str:
        return engine.server.sid_to_context(sid)

    def canonical_context(self, context: str) -> str:
        """Return a context as the policy writes it: aliases resolved, categories in order.

        Raises:
            SelboxError: code ``invalid-context``, with the part that is wrong.

        Source: ``security_canonicalize_context(3)``.
        """
        engine = self._engine
        return self._text(engine, engine.sid(context))

    def initial_context(self, name: str) -> str:
        """Return the context of an initial SID, such as ``unlabeled`` for what has lost its label.

        Raises:
            SelboxError: code ``missing-initial-sid``.

        Source: ``security_get_initial_context(3)``.
        """
        server = self._engine.server
        return server.sid_to_context(server.initial_sid(name))

    def context_to_sid(self, context: str) -> int:
        """Return a number that stands for a context, for as long as this object manager lives.

        When another policy no longer knows the context, the number stands for the initial SID ``unlabeled``, until a
        policy knows it again.

        Raises:
            SelboxError: code ``invalid-context``.

        Source: ``avc_context_to_sid(3)``; the kernel's ``sidtab`` for what a reload does.
        """
        engine = self._engine
        text = self._text(engine, engine.sid(context))
        with self._change_lock:
            return engine.handles.number(text)

    def sid_to_context(self, sid: int) -> str:
        """Return the context that a number stands for under the policy that is in force.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: ``avc_sid_to_context(3)``.
        """
        engine = self._engine
        return self._text(engine, engine.sid(sid))

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
        """Switch enforcing on or off, and tell the callbacks when that is a change."""
        with self._change_lock:
            server = self._engine.server
            if server.enforcing == enforcing:
                return
            server.enforcing = enforcing
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
            SelboxError: code ``unknown-boolean``; nothing is changed then.

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

        Files that turned out wrong are not read again, and not complained of again, before they have changed once more.

        Raises:
            SelboxError: as :meth:`reload`.
        """
        with self._load_lock:
            if not self._source.has_changed():
                return False
            self._put_in_force(self._source)
        self._policy_changed(self.seqno)
        return True

    def _put_in_force(self, source: PolicySource) -> None:
        diagnostics = Diagnostics()
        policy = source.load(diagnostics)
        with self._change_lock:
            self._engine = self._engine.with_policy(policy)
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


__all__ = ["AccessVectors", "Audit", "Label", "ObjectManager", "PermissionDenied", "PermissionResult", "Permissions"]
