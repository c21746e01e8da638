"""A valid context for a type that is named alone."""

from collections.abc import Iterator

from selbox.model.context import Context
from selbox.model.mls import LOWEST, LevelRange
from selbox.model.policy import Policy
from selbox.server.validity import OBJECT_ROLE


def process_contexts(policy: Policy, type_id: int) -> Iterator[Context]:
    """Iterate over the contexts that a process with a type may have, one for each role and user that go with it.

    Of the first, the role is one that goes with the type: of its name (``staff_r`` for ``staff_t``), else that of the
    initial SID ``kernel``, else the first that the policy declares. So is the user: the kernel's, else the first that
    goes with the role. The level is the kernel's low one with its user, else the user's lowest.
    """
    kernel = _kernel(policy)
    fits = [index for index, role in enumerate(policy.roles) if index != OBJECT_ROLE and role.types >> type_id & 1]
    own = f"{policy.types[type_id].name.removesuffix('_t')}_r"
    for role in sorted(fits, key=lambda each: (policy.roles[each].name != own, kernel is None or each != kernel.role)):
        users = [index for index, user in enumerate(policy.users) if user.roles >> role & 1]
        for user in sorted(users, key=lambda each: kernel is None or each != kernel.user):
            low = kernel.range.low if kernel is not None and user == kernel.user else policy.users[user].range.low
            yield Context(user, role, type_id, LevelRange(low, low))


def process_context(policy: Policy, type_id: int) -> Context | None:
    """Return the first of :func:`process_contexts`; None when no user and role go with the type."""
    return next(process_contexts(policy, type_id), None)


def type_context(policy: Policy, type_id: int) -> Context:
    """Return :func:`process_context`, or, for a type that no process has, the context that an object has with it."""
    found = process_context(policy, type_id)
    if found is not None:
        return found
    kernel = _kernel(policy)
    return Context(0 if kernel is None else kernel.user, OBJECT_ROLE, type_id, LevelRange(LOWEST, LOWEST))


def _kernel(policy: Policy) -> Context | None:
    return next((each.context for each in policy.initial_sids if each.name == "kernel"), None)
