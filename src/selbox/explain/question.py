"""Questions about access: names and contexts as people write them, made numbers of one server's policy."""

from collections.abc import Sequence

from selbox.diagnostics import Diagnostic, SelboxError, did_you_mean
from selbox.explain.shortcontext import complete_context
from selbox.model.context import Context
from selbox.server.securityserver import SecurityServer
from selbox.typing import NamedTuple


class Question(NamedTuple):
    """A question.

    Attributes:
        source: SID of the subject.
        target: SID of the object.
        object_class: class id.
        vector: access vector.
        number: the extended permission, such as an ``ioctl`` command; None without one.
        assumed: what was left open and has been assumed.
        times: how often it was asked.
    """

    source: int
    target: int
    object_class: int
    vector: int
    number: int | None = None
    assumed: tuple[str, ...] = ()
    times: int = 1


def question(
    server: SecurityServer,
    source: str,
    target: str,
    object_class: str,
    permissions: Sequence[str],
    number: int | None = None,
) -> Question:
    """Make a question of what a person wrote.

    Args:
        server: to be asked.
        source: context of the subject, or less: see :func:`selbox.explain.shortcontext.complete_context`.
        target: likewise of the object; ``self`` is the subject.
        object_class: name of a class of the policy.
        permissions: names of its permissions, or ``*`` for all.
        number: the extended permission that is asked for, 0 to 65535.

    Raises:
        SelboxError: with everything that the policy does not know: codes ``invalid-context``, ``unknown-class`` and
            ``unknown-permission``.
    """
    policy = server.policy
    diagnostics: list[Diagnostic] = []
    contexts: list[Context] = []
    assumed: list[str] = []
    for party, text in (("source", source), ("target", source if target == "self" else target)):
        try:
            context, parts = complete_context(policy, text)
        except SelboxError as error:
            diagnostics += error.diagnostics
            continue
        contexts.append(context)
        if parts:
            assumed.append(f"{_and(parts)} of the {party}")
    class_id = policy.class_ids.get(object_class)
    names: Sequence[str] = permissions
    if class_id is None:
        words = f"the policy does not define the class `{object_class}`"
        diagnostics.append(Diagnostic("unknown-class", words, help=did_you_mean(object_class, policy.class_ids)))
    else:
        known = policy.classes[class_id].permissions
        names = known if "*" in permissions else permissions
        for each in names:
            if each not in known:
                words = f"the policy's class `{object_class}` has no permission `{each}`"
                advice = did_you_mean(each, known) or f"it has {', '.join(known)}"
                diagnostics.append(Diagnostic("unknown-permission", words, help=advice))
    if diagnostics:
        raise SelboxError(*diagnostics)
    sids = [server.sid_for(each) for each in contexts]
    numbers = server.vector(object_class, names)
    return Question(sids[0], sids[1], numbers.object_class, numbers.vector, number, tuple(assumed))


def _and(parts: Sequence[str]) -> str:
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else parts[0]
