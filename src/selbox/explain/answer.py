"""The answer to a question about access, as texts that need no policy any more."""

from selbox.typing import NamedTuple


class BooleanValue(NamedTuple):
    """A boolean and the value that it has."""

    name: str
    value: bool


class RuleLine(NamedTuple):
    """A rule of the policy.

    Attributes:
        cil: as CIL writes it.
        language: as the policy language writes it.
        place: ``file:line:column``; empty when it is not known.
        through: the attributes that it names in place of the two types, such as ``httpd_t is in domain``.
        condition: expression over booleans under which it holds, as the policy language writes it; empty when it always
            holds.
        booleans: the booleans of the condition.
        holds: whether it holds.
    """

    cil: str
    language: str
    place: str
    through: tuple[str, ...]
    condition: str
    booleans: tuple[BooleanValue, ...]
    holds: bool


class TermLine(NamedTuple):
    """A term of a constraint's expression, evaluated on two contexts.

    Attributes:
        depth: how deep it stands in the expression, from 0.
        term: as CIL writes it, without parentheses; a connective alone.
        values: what is compared, such as ``s0:c1 dom s0:c2``, or with names ``httpd_t``; empty for a connective.
        holds: what it comes to.
    """

    depth: int
    term: str
    values: str
    holds: bool


class ReasonLine(NamedTuple):
    """What part of the policy withholds permissions.

    Attributes:
        kind: ``no-rule``, ``constraint``, ``role``, ``bounds``, ``extended`` or ``undefined``.
        permissions: names of the permissions that it withholds.
        text: the reason in one line.
        place: where a constraint was written, as in :class:`RuleLine`.
        language: a constraint as the policy language writes it; empty for other reasons.
        terms: a constraint's expression term by term, each before those that are under it.
        bounding: why the bounding type may not.
    """

    kind: str
    permissions: tuple[str, ...]
    text: str
    place: str = ""
    language: str = ""
    terms: tuple[TermLine, ...] = ()
    bounding: tuple["ReasonLine", ...] = ()


class ChangeLine(NamedTuple):
    """One change of a proposal.

    Attributes:
        kind: ``rule``, ``extended-rule``, ``boolean``, ``role``, ``attribute``; of a context ``label`` (its type),
            ``range``, ``role`` or ``user``.
        text: what is to be done, in a line.
        cil: what is to be written in CIL; empty when it is nothing in the policy.
        language: likewise in the policy language.
    """

    kind: str
    text: str
    cil: str = ""
    language: str = ""


class ProposalLine(NamedTuple):
    """Changes that together allow all that was asked for."""

    changes: tuple[ChangeLine, ...]


class ClassLine(NamedTuple):
    """Permissions of another class."""

    object_class: str
    permissions: tuple[str, ...]


class NearMisses(NamedTuple):
    """What almost allows a denied access, or hides it.

    Attributes:
        switched_off: conditional rules that would allow some of it.
        others: permissions of the class that are granted.
        classes: denied permissions that are granted on other classes of the same types.
        silent: the ``dontaudit`` rules by which the denial is not recorded.
    """

    switched_off: tuple[RuleLine, ...] = ()
    others: tuple[str, ...] = ()
    classes: tuple[ClassLine, ...] = ()
    silent: tuple[RuleLine, ...] = ()


class Answer(NamedTuple):
    """The answer.

    Attributes:
        source: context of the subject.
        target: context of the object.
        object_class: name of the class.
        permissions: names of the permissions asked for.
        number: the extended permission asked for, such as an ``ioctl`` command; None without one.
        denied: names of those that are denied.
        permissive: whether the source's type is permissive, so that denials of it go on.
        neveraudit: whether nothing that the source's type does is recorded.
        audited: names of those that are recorded, as granted or as denied.
        undefined: names of those that the policy does not define, and grants, as it grants all that it does not define.
        rules: the rules that grant the others.
        extended: the extended rules about this access, where a permission that they refine was asked for.
        reasons: why those are denied.
        even_with_rule: why those that no rule allows would be denied all the same if one did; empty when the rule is
            all that they lack.
        near: what almost allows it.
        proposals: what would allow it; each has been tried.
        assumed: what the question left open and was assumed, such as ``user and role of the source``.
        times: in how many records it was asked.
    """

    source: str
    target: str
    object_class: str
    permissions: tuple[str, ...]
    number: int | None
    denied: tuple[str, ...]
    permissive: bool
    neveraudit: bool
    audited: tuple[str, ...]
    undefined: tuple[str, ...]
    rules: tuple[RuleLine, ...]
    extended: tuple[RuleLine, ...]
    reasons: tuple[ReasonLine, ...]
    even_with_rule: tuple[ReasonLine, ...]
    near: NearMisses
    proposals: tuple[ProposalLine, ...]
    assumed: tuple[str, ...] = ()
    times: int = 1
