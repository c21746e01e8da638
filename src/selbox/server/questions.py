"""Questions to a security server as lines of text, and its answers, as the kernel's selinuxfs gives them.

A question's columns are separated by tabs: source context, target context and class, for ``create`` the new object's
name if it has one; for ``context`` the context alone. An answer is the question with the answer's columns after it.
"""

from collections.abc import Callable, Sequence

from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.policy import HandleUnknown, Policy
from selbox.model.rules import RuleKind
from selbox.server.contexttexts import ContextTexts
from selbox.server.decision import AccessDecision
from selbox.server.ruleindex import VECTOR_MASK
from selbox.server.securityserver import decide_access
from selbox.server.state import PolicyState
from selbox.server.validity import context_fault
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selbox.server.questionarrays import AccessQuestions

QUESTIONS: Final = ("access", "create", "relabel", "member", "context")
"""What can be asked, by the names of selinuxfs's files."""

INVALID: Final = "ERR:EINVAL"
"""The answer when a context is not valid, or the policy has no such class."""
DENIED: Final = "ERR:EACCES"
"""The answer when, enforcing, the computed context is not valid."""

_DECIDED = "ffffffff"
_ARRAYS_FROM = 4096
"""Questions from which on it pays to import numpy and to make arrays of the policy's rules."""
_ARRAYS_WORTH = 128
"""Questions at once from which on arrays, once they are there, answer faster than one decision after the other."""

_RULE_KINDS = {
    "create": RuleKind.TYPE_TRANSITION,
    "relabel": RuleKind.TYPE_CHANGE,
    "member": RuleKind.TYPE_MEMBER,
}
_COLUMNS = {"access": (3, 3), "create": (3, 4), "relabel": (3, 3), "member": (3, 3), "context": (1, 1)}
_WIDEST_NUMBER = 0xFFFF
_SPACE = " \t\n\v\f\r"
"""What the kernel's ``sscanf`` leaves out around a word."""
_BLANKS = bytes.maketrans(b"\t\n\v\f\r\xa0", b"      ")
"""What ends a word, to the kernel's ``sscanf``."""


class Questions:
    """Answers questions of one kind.

    Args:
        policy: the policy, in the state in which it is loaded.
        kind: one of :data:`QUESTIONS`.
        enforcing: whether a computed context that is not valid is refused.
    """

    def __init__(self, policy: Policy, kind: str, enforcing: bool = True) -> None:
        self._state = PolicyState.first(policy)
        self._enforcing = enforcing
        self._texts = ContextTexts(policy)
        self._least, self._most = _COLUMNS[kind]
        self._rule_kind = _RULE_KINDS.get(kind, RuleKind.TYPE_TRANSITION)
        self._arrays: AccessQuestions | None = None
        self._asked = 0
        self._answer: Callable[[str], str] = {"access": self._access, "context": self._context}.get(kind, self._new)
        self._is_access = kind == "access"

    def well_formed(self, lines: Sequence[str]) -> int:
        """Return how many of the first lines have the right number of columns: all of them, when none is wrong."""
        least, most = self._least - 1, self._most - 1
        for place, line in enumerate(lines):
            if line and not least <= line.count("\t") <= most:
                return place
        return len(lines)

    @property
    def columns(self) -> str:
        """What the columns of a question are, for people."""
        if self._most == 1:
            return "a context"
        return "source context, target context, class" + (" and perhaps a name" if self._most > self._least else "")

    def answer(self, lines: Sequence[str]) -> list[str]:
        """Return the answers to questions, in their order; an empty line is no question, and has no answer.

        Args:
            lines: without line ends, each with the right number of columns.
        """
        asked = [line for line in lines if line]
        arrays = self._arrays
        self._asked += len(asked)
        if self._is_access and len(asked) >= _ARRAYS_WORTH and self._asked >= _ARRAYS_FROM:
            if arrays is None:
                from selbox.server.questionarrays import AccessQuestions  # numpy: a few questions do not pay for it

                arrays = self._arrays = AccessQuestions(self._state, self._texts, _access_answer)
            return arrays.answer(asked, self._access)
        return [f"{line}\t{self._answer(line)}" for line in asked]

    def _context(self, line: str) -> str:
        context = self._texts.read(line)
        return INVALID if context is None else self._texts.write(context)

    def _access(self, line: str) -> str:
        source_text, target_text, class_text = line.split("\t")
        source, target = self._texts.read(source_text.strip(_SPACE)), self._texts.read(target_text.strip(_SPACE))
        number = _class_number(self._state.policy, class_text)
        if source is None or target is None or number is None:
            return INVALID
        return _access_answer(_decide_numbered(self._state, source, target, number))

    def _new(self, line: str) -> str:
        source_text, target_text, class_text, *rest = line.split("\t")
        source, target = self._texts.read(source_text.strip(_SPACE)), self._texts.read(target_text.strip(_SPACE))
        policy = self._state.policy
        number = _class_number(policy, class_text)
        try:
            name = _object_name(rest[0]) if rest else None
        except ValueError:
            return INVALID
        if source is None or target is None or number is None:
            return INVALID
        # To the kernel, a class that no policy has is like any other that has no rules.
        object_class = number - 1 if 0 < number <= len(policy.classes) else len(policy.classes)
        state = self._state
        try:
            context = state.contexts.compute(self._rule_kind, source, target, object_class, state.active, name)
        except SelboxError:  # the ranges have no sensitivity in common
            return INVALID
        if self._enforcing and context_fault(policy, context):
            return DENIED
        return self._texts.write(context)


def _class_number(policy: Policy, text: str) -> int | None:
    """Return the kernel's number of a class, which is given by its name or that number; None for any other text."""
    found = policy.class_ids.get(text)
    if found is not None:
        return found + 1
    if text.isascii() and text.isdigit() and len(text) <= len(str(_WIDEST_NUMBER)) and int(text) <= _WIDEST_NUMBER:
        return int(text)
    return None


def _decide_numbered(state: PolicyState, source: Context, target: Context, number: int) -> AccessDecision:
    """Decide about a class given by the kernel's number, which no class of the policy need have.

    Source: the kernel's ``security_compute_av_user``.
    """
    if 0 < number <= len(state.policy.classes):
        return decide_access(state, source, target, number - 1)
    decided = decide_access(state, source, target, len(state.policy.classes))
    is_granted = number == 0 and state.policy.handle_unknown is HandleUnknown.ALLOW
    return decided._replace(allowed=VECTOR_MASK if is_granted else 0)


def _access_answer(decision: AccessDecision) -> str:
    """Return the columns of an access decision: vectors and flags in hexadecimal digits, and the policy's number.

    Source: the kernel's ``sel_write_access``.
    """
    allowed, auditallow, auditdeny, seqno, flags, _ = decision
    return f"{allowed:x}\t{_DECIDED}\t{auditallow:x}\t{auditdeny:x}\t{seqno}\t{flags:x}"


def _object_name(text: str) -> str | None:
    """Return the name of a new object, which is written as selinuxfs takes it: ``+`` and ``%20`` are blanks.

    What comes after a blank is no part of it, and no name is left of an empty text.

    Raises:
        ValueError: when two hexadecimal digits do not follow a ``%``.

    Source: the kernel's ``sel_write_create``, and libselinux's ``security_compute_create_name_raw``, which writes it.
    """
    raw = text.encode("utf-8", "surrogateescape")
    words = raw.translate(_BLANKS).split(b" ")
    name = next(filter(None, words), None)
    if name is None:
        return None
    first, *escaped = name.replace(b"+", b" ").split(b"%")
    decoded = b"".join([first, *(_byte(each) + each[2:] for each in escaped)])
    return decoded.split(b"\0")[0].decode("utf-8", "surrogateescape")


def _byte(escaped: bytes) -> bytes:
    digits = escaped[:2]
    if len(digits) < 2 or not digits.isalnum():
        raise ValueError
    return bytes.fromhex(digits.decode("ascii"))
