"""The object manager: loads a policy, answers who may do what with its objects, and labels new ones."""

from collections.abc import Iterable, Mapping

from selbox.avc.cache import GRANTED, Verdict
from selbox.diagnostics import Diagnostics, SourceFile
from selbox.server.decision import PERMISSIVE_FLAG
from selbox.typing import NamedTuple
from selbox.userspace.arguments import check_name, permission_names
from selbox.userspace.engine import Engine, ObjectClass, Question
from selbox.userspace.notes import shown_in_full
from selbox.userspace.permission import PermissionDenied, PermissionResult
from selbox.userspace.policykeeper import Audit, PolicyKeeper

Label = str | int
"""A security context as text, or the SID that :meth:`ObjectManager.context_to_sid` gave for it."""

_AS_THEY_ARE = (str, int, tuple)
"""Kinds of permissions that are looked up as they are given."""


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


class ObjectManager(PolicyKeeper):
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
            SelboxError: when it cannot be asked: ``invalid-context``, ``argument-kind`` for what is no label, class or
                permission at all, and others; nothing is granted then.

        Source: ``avc_has_perm(3)``.
        """
        engine = self._engine
        labels = engine.labels
        try:
            source = labels.get(subject) or engine.sid(subject)
            target = labels.get(object) or engine.sid(object)
        except TypeError:  # what cannot be looked up is no label, as the engine says
            source, target = engine.sid(subject), engine.sid(object)
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
        try:
            source = labels.get(subject) or engine.sid(subject)
            target = labels.get(object) or engine.sid(object)
        except TypeError:  # what cannot be looked up is no label, as the engine says
            source, target = engine.sid(subject), engine.sid(object)
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
            permissions = permission_names(permissions)
        key = (object_class, permissions)
        try:
            return engine.questions.get(key) or engine.question(*key)
        except TypeError:  # as with labels
            return engine.question(*key)

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
        if name is not None:
            check_name(name, "a new object")
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
        check_name(name, "an initial SID")
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
        return engine.handles.number(text)

    def sid_to_context(self, sid: int) -> str:
        """Return the context that a number stands for under the policy that is in force.

        Raises:
            SelboxError: code ``unknown-sid``.

        Source: ``avc_sid_to_context(3)``.
        """
        engine = self._engine
        return self._text(engine, engine.sid(sid))
