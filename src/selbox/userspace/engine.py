"""One policy in force: its security server, its cache, and what names and labels come to under it."""

from collections.abc import Iterable
from threading import Lock

from selbox.avc.cache import AccessVectorCache
from selbox.diagnostics import SelboxError, did_you_mean
from selbox.model.context_text import INVALID_CONTEXT
from selbox.model.policy import HandleUnknown, Policy
from selbox.server.reasontext import denial_texts
from selbox.server.securityserver import SecurityServer
from selbox.typing import TYPE_CHECKING, Final, NamedTuple
from selbox.userspace.arguments import check_class, check_label, permission_names
from selbox.userspace.notes import shown_in_full

if TYPE_CHECKING:
    from selbox.explain.answer import Answer

ObjectClass = str | int
"""A class by name, or by its number in the object manager's own mapping, from 1."""

Permissions = str | int | tuple[str, ...]
"""One permission or several by name, or as an access vector in the bits of the object manager's own mapping."""

Mapped = tuple[tuple[str, tuple[str, ...]], ...]
"""An object manager's own classes, in the order of their numbers, each with its permissions in the order of bits."""

_REMEMBERED: Final = 4096
"""Labels, and questions, whose numbers are kept at most; a program has few, and a client cannot make it keep more."""

_VECTOR_BITS: Final = 32
_PUNCTUATION: Final = dict.fromkeys(map(ord, "_-."))


class Question(NamedTuple):
    """Permissions of a class, as a server takes them.

    Attributes:
        object_class: class id.
        vector: access vector.
        class_name: the class's name.
        names: the permissions' names.
        unknown: of the class and these names, those that the policy does not define.
    """

    object_class: int
    vector: int
    class_name: str
    names: tuple[str, ...]
    unknown: tuple[str, ...]


class Handles:
    """Numbers for contexts, from 1, that outlive a policy: what an object manager keeps in place of text."""

    def __init__(self) -> None:
        # INVARIANT: contexts are only ever appended, so that reading needs no lock.
        self._contexts: list[str] = []
        self._numbers: dict[str, int] = {}
        self._lock = Lock()

    def number(self, context: str) -> int:
        """Return the number of a context, a new one if it is seen for the first time."""
        with self._lock:
            number = self._numbers.get(context)
            if number is None:
                self._contexts.append(context)
                number = self._numbers[context] = len(self._contexts)
            return number

    def context(self, number: int) -> str:
        """Return the text that a number was given for.

        Raises:
            SelboxError: code ``unknown-sid``.
        """
        if 0 < number <= len(self._contexts):
            return self._contexts[number - 1]
        raise SelboxError.of("unknown-sid", f"no context has the SID {number}")


class Engine:
    """Decides by one policy. Another policy is another engine, so that every question is answered by one alone.

    Args:
        server: decides.
        cache: stands in front of it.
        handles: numbers that stand for contexts.
        mapped: the object manager's own classes.
        changes_before: changes of policy and booleans that the server's own count does not have.

    Raises:
        SelboxError: ``unknown-class`` or ``unknown-permission``, when the policy rejects unknown names and lacks one of
            the object manager's; ``too-many-permissions``.
    """

    def __init__(
        self,
        server: SecurityServer,
        cache: AccessVectorCache,
        handles: Handles,
        mapped: Mapped = (),
        changes_before: int = 0,
    ) -> None:
        self.server = server
        self.cache = cache
        self.mapped = mapped
        self.handles = handles
        self._changes_before = changes_before
        self.labels: dict[str | int, int] = {}
        """SIDs of the server by context or handle, so far as they were asked for."""
        self.questions: dict[tuple[ObjectClass, Permissions], Question] = {}
        """By class and permissions as the caller writes them, so far as they were asked."""
        self.unknown = self._unknown()

    @classmethod
    def of(cls, policy: Policy, enforcing: bool) -> "Engine":
        """Return an engine for a first policy."""
        server = SecurityServer(policy, enforcing)
        return cls(server, AccessVectorCache(server), Handles())

    @property
    def seqno(self) -> int:
        """Number of the state: 1 at first, one more for each change of policy or booleans."""
        return self._changes_before + self.server.seqno

    def with_server(self, server: SecurityServer) -> "Engine":
        """Return an engine for a new server of another policy, which takes over mode, handles and values of booleans.

        Raises:
            SelboxError: as the class says.

        Source: the kernel's ``security_load_policy`` and ``security_preserve_bools``.
        """
        server.enforcing = self.server.enforcing
        known = server.policy.boolean_ids
        kept = {name: value for name, value in self.server.booleans.items() if name in known}
        if any(server.booleans[name] != value for name, value in kept.items()):
            server.set_booleans(kept)
        return Engine(server, AccessVectorCache(server), self.handles, self.mapped, self.seqno + 1 - server.seqno)

    def with_mapping(self, mapped: Mapped) -> "Engine":
        """Return an engine in the same state whose own classes are others.

        Raises:
            SelboxError: as the class says.
        """
        return Engine(self.server, self.cache, self.handles, mapped, self._changes_before)

    # --- Labels -----------------------------------------------------------------------------------------------------

    def sid(self, label: str | int) -> int:
        """Return the server's SID for a context or a handle.

        A handle whose context this policy does not know is unlabelled, as in the kernel, until one knows it again.

        Raises:
            SelboxError: ``invalid-context`` for a text, ``unknown-sid`` for a handle that was never given,
                ``argument-kind`` for anything else.
        """
        check_label(label)
        sid = self.labels.get(label)
        if sid is None:
            with shown_in_full():
                sid = self._handle_sid(label) if isinstance(label, int) else self.server.context_to_sid(label)
            if len(self.labels) >= _REMEMBERED:
                self.labels.clear()
            self.labels[label] = sid
        return sid

    def _handle_sid(self, handle: int) -> int:
        context = self.handles.context(handle)
        try:
            return self.server.context_to_sid(context)
        except SelboxError as error:
            if error.diagnostics[0].code != INVALID_CONTEXT:
                raise
            return self.server.initial_sid("unlabeled")

    # --- Names ------------------------------------------------------------------------------------------------------

    def question(self, object_class: ObjectClass, permissions: Permissions) -> Question:
        """Return the numbers for a class and permissions.

        Raises:
            SelboxError: ``unknown-class`` or ``unknown-permission`` where the policy rejects unknown names;
                ``no-permission`` when none is asked for; ``not-mapped`` for numbers that the mapping does not have;
                ``argument-kind`` for what is neither name nor number.
        """
        check_class(object_class)
        if not isinstance(permissions, str | int):
            permissions = permission_names(permissions)
        key = (object_class, permissions)
        question = self.questions.get(key)
        if question is None:
            class_name, names = self._class_name(object_class), self._permission_names(object_class, permissions)
            _check_names(class_name, names)
            found = self.server.vector(class_name, names)
            question = Question(found.object_class, found.vector, class_name, names, found.unknown)
            if len(self.questions) >= _REMEMBERED:
                self.questions.clear()
            self.questions[key] = question
        return question

    def class_id(self, object_class: ObjectClass) -> int:
        """Return the id of a class that the policy defines.

        Raises:
            SelboxError: ``unknown-class``: a label cannot be computed for a class without a meaning; ``not-mapped`` and
                ``argument-kind`` as in :meth:`question`.
        """
        check_class(object_class)
        name = self._class_name(object_class)
        class_id = self.server.class_id(name)
        if class_id is None:
            raise SelboxError.of(
                "unknown-class",
                f"the policy does not define the class `{name}`",
                help=did_you_mean(name, self.server.policy.class_ids)
                or f"declare it: `(class {name} (…))` and `(classorder (unordered {name}))`",
            )
        return class_id

    def _class_name(self, object_class: ObjectClass) -> str:
        if isinstance(object_class, str):
            return object_class
        if 0 < object_class <= len(self.mapped):
            return self.mapped[object_class - 1][0]
        raise _not_mapped(f"class {object_class}", self.mapped)

    def _permission_names(self, object_class: ObjectClass, permissions: Permissions) -> tuple[str, ...]:
        if isinstance(permissions, str):
            return (permissions,)
        if not isinstance(permissions, int):
            return tuple(dict.fromkeys(permissions))
        class_name = self._class_name(object_class)
        bits = next((names for name, names in self.mapped if name == class_name), ())
        known = sum(1 << bit for bit, name in enumerate(bits) if name)
        if permissions & ~known:
            raise _not_mapped(f"permissions {permissions & ~known:#x} of class `{class_name}`", self.mapped)
        return tuple(name for bit, name in enumerate(bits) if permissions >> bit & 1)

    def _unknown(self) -> tuple[str, ...]:
        """Return what the mapping names and the policy does not define, as ``class`` or ``class.permission``."""
        unknown: list[str] = []
        policy = self.server.policy
        for class_name, names in self.mapped:
            if len(names) > _VECTOR_BITS:
                words = f"class `{class_name}` has {len(names)} permissions, and an access vector {_VECTOR_BITS} bits"
                raise SelboxError.of("too-many-permissions", words)
            wanted = [name for name in names if name]
            if policy.handle_unknown is HandleUnknown.REJECT:
                self.server.vector(class_name, wanted)
            class_id = policy.class_ids.get(class_name)
            if class_id is None:
                unknown.append(class_name)
            else:
                known = policy.classes[class_id].permissions
                unknown += [f"{class_name}.{name}" for name in wanted if name not in known]
        return tuple(unknown)

    # --- Why --------------------------------------------------------------------------------------------------------

    def reasons(self, source: int, target: int, question: Question) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the permissions that are denied, and why, in lines.

        Why is for what is denied each part of policy that denies some of it; when nothing is, the rules that allow.
        """
        server = self.server
        denied = question.vector & ~server.compute_access(source, target, question.object_class).allowed
        if denied:
            names = server.permission_names(question.object_class, denied)
            reasons = denial_texts(server, source, target, question.object_class, denied)
            return names, (*reasons, *self._guesses(question))
        rules = self.explain(source, target, question).rules
        conditions = (f" if {each.condition}" if each.condition else "" for each in rules)
        places = (f" at {each.place}" if each.place else "" for each in rules)
        lines = [each.cil + "".join(more) for each, *more in zip(rules, conditions, places, strict=True)]
        if question.unknown:
            lines.append(
                f"the policy does not define `{'`, `'.join(question.unknown)}`, and allows what it does not define"
            )
        return (), tuple(lines)

    def explain(self, source: int, target: int, question: Question) -> "Answer":
        """Return all that can be said about an access."""
        from selbox.explain.describe import answer  # only who asks why pays for it
        from selbox.explain.question import Question as Asked

        return answer(self.server, Asked(source, target, question.object_class, question.vector))

    def _guesses(self, question: Question) -> Iterable[str]:
        """Say what unknown names may have been meant to be."""
        policy = self.server.policy
        class_id = policy.class_ids.get(question.class_name)
        known: Iterable[str] = policy.class_ids if class_id is None else policy.classes[class_id].permissions
        for name in question.unknown:
            guess = did_you_mean(name, known)
            if guess:
                yield f"`{name}`: {guess}"


def _check_names(class_name: str, names: tuple[str, ...]) -> None:
    """Refuse what no policy can define, and no audit record could hold."""
    if not names:
        raise SelboxError.of("no-permission", f"no permission of class `{class_name}` is asked for")
    for name in (class_name, *names):
        if not (name.isascii() and name.translate(_PUNCTUATION).isalnum()):
            raise SelboxError.of("bad-name", f"{name!r} can be no name of a class or permission")


def _not_mapped(what: str, mapped: Mapped) -> SelboxError:
    listed = ", ".join(f"{number} is {name}" for number, (name, _) in enumerate(mapped, 1))
    return SelboxError.of("not-mapped", f"the mapping has no {what}", help=listed or "`set_mapping` gives numbers")
