"""Takes everything about levels out of a policy that has none."""

from selbox.compiler.relabelling import relabelled
from selbox.model.mls import LOWEST, LevelRange
from selbox.model.policy import Policy


def without_levels(policy: Policy) -> Policy:
    """Return a policy without sensitivities, categories and all that is said about them.

    Source: ``__cil_policydb_init`` and ``__cil_node_to_policydb`` of libsepol: what they leave out when
    ``mls`` is false.
    """
    lowest = LevelRange(LOWEST, LOWEST)
    return relabelled(policy, lambda context: context._replace(range=lowest))._replace(
        sensitivities=(),
        categories=(),
        users=tuple(each._replace(default_level=LOWEST, range=lowest) for each in policy.users),
        constraints=tuple(each for each in policy.constraints if not each.is_mls),
        validate_transitions=tuple(each for each in policy.validate_transitions if not each.is_mls),
        range_transitions=(),
        ranges=(),
    )
