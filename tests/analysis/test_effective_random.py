"""Effective access in random policies, beside the server's answers about all contexts that there are."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from tests.compiler.policies import compile_texts
from tests.server.random_policies import PERMISSIONS, policies

from selbox.analysis import EffectiveAccessQuery
from selbox.model.context import Context
from selbox.model.mls import Level, LevelRange
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer
from selbox.server.validity import context_fault


def every_context(policy: Policy, type_id: int) -> list[Context]:
    """Return all valid contexts with a type: of processes where it is one of theirs, else of objects."""
    levels = [
        Level(number, bits)
        for number, each in enumerate(policy.sensitivities)
        for bits in range(1 << len(policy.categories))
        if not bits & ~each.categories
    ]
    found = (
        Context(user, role, type_id, LevelRange(low, high))
        for role in range(len(policy.roles))
        for user in range(len(policy.users))
        for low in levels
        for high in levels
        if high.dominates(low)
    )
    valid = [each for each in found if not context_fault(policy, each)]
    return [each for each in valid if each.role] or valid


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(policies())
def test_answers_are_those_about_all_contexts(text: str) -> None:
    policy = compile_texts(text)
    server = SecurityServer(policy)
    types = [index for index, each in enumerate(policy.types) if not each.is_attribute]
    sids = {each: [server.sid_for(context) for context in every_context(policy, each)] for each in types}
    processes = [each for each in types if server.sid_to_context(sids[each][0]).split(":")[1] != "object_r"]
    expected = {}
    for name in PERMISSIONS:
        object_class = policy.class_ids[name]
        for source in processes:
            for target in types:
                own, others = np.array(sids[source]), np.array(sids[target])
                pairs = np.repeat(own, len(others)), np.tile(others, len(own))
                vectors = server.compute_access_arrays(*pairs, np.full(len(pairs[0]), object_class)).allowed
                some, every = int(np.bitwise_or.reduce(vectors)), int(np.bitwise_and.reduce(vectors))
                described = policy.classes[object_class]
                permissions = described.names(some & (1 << len(described.permissions)) - 1)
                if permissions and not policy.types[source].permissive:
                    key = policy.types[source].name, policy.types[target].name, name
                    expected[key] = permissions, described.names(every & (1 << len(described.permissions)) - 1)
    found = {
        (each.source, each.target, each.object_class): (each.permissions, each.always)
        for each in EffectiveAccessQuery().results(policy)
        if not each.permissive
    }
    assert found == expected
