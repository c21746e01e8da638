"""What stays and what changes when another policy is loaded, along the kernel's ``security_load_policy``."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.policies import CLASSES, DEFAULT_RULES, DOG, DOG_CHOW, FILE, READ, make_policy, make_rules
from tests.strength import tries

from selbox.avc.cache import AccessVectorCache
from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.labelling import InitialSid
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.model.symbols import Boolean, Type
from selbox.server.decision import AccessDecision
from selbox.server.securityserver import SecurityServer

DOG_CONTEXT, CHOW_CONTEXT = "system_u:animal_r:dog_t:s0", "system_u:object_r:dog_chow_t:s0"
UNLABELED = "system_u:object_r:kernel_t:s0"


def without(name: str) -> Policy:
    """Return the policy with a type called otherwise, so that contexts of that type are not known."""
    types = tuple(each._replace(name="gone_t" if each.name == name else each.name) for each in make_policy().types)
    return make_policy(types=types)


def reordered() -> Policy:
    """Return the same policy with the ids of types ``dog_t`` and ``ghost_t`` and of the categories exchanged."""
    policy = make_policy()
    types = list(policy.types)
    ghost = next(index for index, each in enumerate(types) if each.name == "ghost_t")
    types[DOG] = types[DOG]._replace(name="ghost_t", permissive=True)
    types[ghost] = types[ghost]._replace(name="dog_t", permissive=False)
    rules = make_rules(*(_exchanged(row, ghost) for row in DEFAULT_RULES))
    return make_policy(types=tuple(types), categories=tuple(reversed(policy.categories)), rules=rules)


def _exchanged(row: tuple[Any, ...], ghost: int) -> tuple[Any, ...]:
    return (row[0], ghost if row[1] == DOG else row[1], *row[2:])


def test_a_sid_stands_for_the_same_context_whatever_its_ids() -> None:
    server = SecurityServer(make_policy())
    texts = [DOG_CONTEXT, CHOW_CONTEXT, "system_u:animal_r:cat_t:s0:c1-s1:c1,c6", "pet_u:object_r:dog_t:s0"]
    sids = [server.context_to_sid(text) for text in texts]
    server.load_policy(reordered())
    assert [server.sid_to_context(sid) for sid in sids[:2]] == texts[:2]
    # the categories come in another order now
    assert server.sid_to_context(sids[2]) == "system_u:animal_r:cat_t:s0:c1-s1:c6,c1"
    assert [server.context_to_sid(text) for text in texts] == sids
    decision = server.compute_access(sids[0], sids[1], FILE)
    # `dog_t` has another id now, under which it is no `animal`
    assert decision == AccessDecision(3, 0, 0xFFFFFFFF, 2, 0)


def test_a_context_that_a_policy_does_not_know_is_unlabelled_until_one_does() -> None:
    server = SecurityServer(make_policy())
    sid = server.context_to_sid(DOG_CONTEXT)
    server.load_policy(without("dog_t"))
    assert server.sid_to_context(sid) == UNLABELED
    assert server.sid_to_context_force(sid) == DOG_CONTEXT
    assert server.context_of(sid) == server.context_of(server.initial_sid("unlabeled"))
    with pytest.raises(SelboxError):
        server.context_to_sid(DOG_CONTEXT)
    assert server.context_to_sid_force(DOG_CONTEXT) == sid
    server.load_policy(without("cat_t"))
    assert server.sid_to_context(sid) == server.sid_to_context_force(sid) == DOG_CONTEXT
    assert server.context_to_sid(DOG_CONTEXT) == sid


def test_an_attribute_is_no_type_of_a_context() -> None:
    server = SecurityServer(make_policy())
    sid = server.context_to_sid("system_u:object_r:ghost_t:s0")
    types = list(make_policy().types)
    types[-1] = types[-1]._replace(name="ghost_t")
    types[7] = types[7]._replace(name="spirit_t")
    server.load_policy(make_policy(types=tuple(types)))
    assert server.sid_to_context(sid) == UNLABELED


def test_what_a_policy_forbids_is_unlabelled_when_enforcing_and_stays_when_permissive() -> None:
    roles = list(make_policy().roles)
    roles[1] = roles[1]._replace(types=1)
    for enforcing, expected in ((True, UNLABELED), (False, DOG_CONTEXT)):
        server = SecurityServer(make_policy(), enforcing)
        sid = server.context_to_sid(DOG_CONTEXT)
        server.load_policy(make_policy(roles=tuple(roles)))
        assert server.sid_to_context(sid) == expected
        assert server.sid_to_context_force(sid) == DOG_CONTEXT


def test_levels_are_dropped_and_given_as_the_policies_have_them() -> None:
    server = SecurityServer(make_policy())
    sid = server.context_to_sid("system_u:animal_r:dog_t:s0-s1:c1")
    server.load_policy(make_policy(mls=False))
    assert server.sid_to_context(sid) == "system_u:animal_r:dog_t"
    server.load_policy(make_policy())
    # the range of the initial SID `unlabeled`
    assert server.sid_to_context(sid) == DOG_CONTEXT


def test_forced_contexts_are_kept_while_they_are_invalid() -> None:
    server = SecurityServer(make_policy())
    sid = server.context_to_sid_force("nobody_u:nothing")
    assert server.context_to_sid_force("nobody_u:nothing") == sid
    assert server.context_to_sid_force(DOG_CONTEXT) == server.context_to_sid(DOG_CONTEXT)
    assert server.sid_to_context(sid) == UNLABELED
    assert server.sid_to_context_force(sid) == "nobody_u:nothing"
    server.load_policy(make_policy())
    assert server.sid_to_context_force(sid) == "nobody_u:nothing"


def test_initial_sids_are_the_new_policys() -> None:
    server = SecurityServer(make_policy())
    numbers = {name: server.initial_sid(name) for name in ("kernel", "security", "unlabeled")}
    dog = server.context_to_sid(DOG_CONTEXT)
    chow = Context(0, 0, DOG_CHOW)
    initial_sids = (InitialSid("port", chow), InitialSid("unlabeled", chow), InitialSid("kernel", None))
    server.load_policy(make_policy(initial_sids=initial_sids))
    assert {name: server.initial_sid(name) for name in ("kernel", "unlabeled")} == {"kernel": 1, "unlabeled": 3}
    assert server.initial_sid("port") not in (*numbers.values(), dog)
    assert {server.sid_to_context(each) for each in (1, 2, 3, server.initial_sid("port"))} == {CHOW_CONTEXT}
    with pytest.raises(SelboxError, match="no initial SID `security`"):
        server.initial_sid("security")


def test_init_is_the_kernels_unless_the_policy_says_otherwise() -> None:
    kernel, dog = (Context(0, 0, each) for each in (0, DOG))
    initial_sids = (InitialSid("kernel", kernel), InitialSid("init", dog))
    server = SecurityServer(make_policy(initial_sids=initial_sids))
    assert server.context_of(server.initial_sid("init")) == kernel
    capability = frozenset({"userspace_initial_context"})
    server = SecurityServer(make_policy(initial_sids=initial_sids, policy_capabilities=capability))
    assert server.context_of(server.initial_sid("init")) == dog


def test_booleans_keep_their_values_and_staged_ones_are_dropped() -> None:
    server = SecurityServer(make_policy())
    server.set_booleans({"dogs_eat_all": True})
    server.stage_boolean("cats_fast", value=False)
    server.load_policy(make_policy(booleans=(Boolean("cats_fast", True), Boolean("dogs_eat_all", False))))
    assert server.booleans == {"cats_fast": True, "dogs_eat_all": True}
    assert server.staged_booleans == server.booleans
    server.load_policy(make_policy(booleans=(Boolean("new", True), Boolean("cats_fast", False))))
    assert server.booleans == {"new": True, "cats_fast": True}


def test_staged_booleans_hold_together_when_committed() -> None:
    server = SecurityServer(make_policy())
    heard: list[int] = []
    server.add_listener(lambda: heard.append(server.seqno))
    server.stage_boolean("dogs_eat_all", value=True)
    server.stage_boolean("cats_fast", value=False)
    with pytest.raises(SelboxError, match="no boolean `cats_fat`"):
        server.stage_boolean("cats_fat", value=False)
    assert server.booleans == {"dogs_eat_all": False, "cats_fast": True}
    assert server.staged_booleans == {"dogs_eat_all": True, "cats_fast": False}
    assert heard == []
    server.commit_booleans()
    assert server.booleans == {"dogs_eat_all": True, "cats_fast": False}
    assert heard == [2]


def test_setting_some_booleans_leaves_what_is_staged_for_others() -> None:
    server = SecurityServer(make_policy())
    server.stage_boolean("dogs_eat_all", value=True)
    server.stage_boolean("cats_fast", value=False)
    server.set_booleans({"cats_fast": True})
    assert server.booleans == {"dogs_eat_all": False, "cats_fast": True}
    server.commit_booleans()
    assert server.booleans == {"dogs_eat_all": True, "cats_fast": True}


def test_a_load_is_counted_and_told_and_empties_the_cache() -> None:
    server = SecurityServer(make_policy())
    cache = AccessVectorCache(server)
    dog, chow = server.context_to_sid(DOG_CONTEXT), server.context_to_sid(CHOW_CONTEXT)
    assert cache.check(dog, chow, FILE, READ).granted
    heard: list[int] = []
    server.add_listener(lambda: heard.append(server.seqno))
    server.load_policy(make_policy(rules=make_rules()))
    assert heard == [server.seqno] == [2]
    assert not cache.check(dog, chow, FILE, READ).granted


def test_a_policy_that_is_refused_changes_nothing() -> None:
    server = SecurityServer(make_policy())
    dog = server.context_to_sid(DOG_CONTEXT)
    heard: list[int] = []
    server.add_listener(lambda: heard.append(server.seqno))
    types = tuple(Type(f"t{index}", False, 1 << index, bounds=index + 1) for index in range(99))
    before = server.policy
    with pytest.raises(SelboxError, match="bounded by a chain"):
        server.load_policy(make_policy(types=(*types, Type("last", False, 1 << 99))))
    assert (server.policy, server.seqno, heard) == (before, 1, [])
    new = server.context_to_sid("system_u:object_r:cat_t:s0")
    assert server.sid_to_context(dog) == DOG_CONTEXT
    assert server.sid_to_context(new) == "system_u:object_r:cat_t:s0"


@settings(max_examples=tries(60), deadline=None)
@given(st.lists(st.sampled_from(["", "dog_t", "cat_t", "puppy_t"]), min_size=1, max_size=5))
def test_any_sequence_of_loads_keeps_every_sid(gone: list[str]) -> None:
    server = SecurityServer(make_policy())
    texts = [
        f"system_u:{role}:{name}:s0" for role in ("object_r", "animal_r") for name in ("dog_t", "cat_t", "puppy_t")
    ]
    sids = [server.context_to_sid(text) for text in texts]
    for name in gone:
        server.load_policy(without(name) if name else make_policy())
        assert [server.sid_to_context_force(sid) for sid in sids] == texts
        assert [server.context_to_sid_force(text) for text in texts] == sids
        for sid, text in zip(sids, texts, strict=True):
            is_gone = bool(name) and f":{name}:" in text
            assert server.sid_to_context(sid) == (UNLABELED if is_gone else text)


def test_threads_decide_by_one_policy_at_a_time_while_another_is_loaded() -> None:
    """Under one policy dogs may only write, under the others only look; nobody is ever told anything else."""
    read, write = (
        make_policy(rules=make_rules((RuleKind.ALLOW, DOG, DOG_CHOW, FILE, vector)), classes=CLASSES)
        for vector in (2, 4)
    )
    exchanged = reordered()._replace(rules=make_rules((RuleKind.ALLOW, 7, DOG_CHOW, FILE, 4)))
    server = SecurityServer(read)
    cache = AccessVectorCache(server, size=16)
    done = Event()

    def ask(number: int) -> int:
        count = 0
        while not done.is_set():
            count += 1
            dog = server.context_to_sid(DOG_CONTEXT)
            new = f"system_u:object_r:dog_chow_t:s0:c{number},c{count % 7 + 1}"
            chow = server.context_to_sid(new)
            assert server.sid_to_context(chow).startswith("system_u:object_r:dog_chow_t:s0:c")
            decision = server.compute_access(dog, chow, FILE)
            assert decision.allowed == (2 if decision.seqno % 3 == 1 else 4)
            assert cache.check(dog, chow, FILE, 6).denied in (2, 4)
            assert server.sid_to_context(server.compute_create(dog, chow, FILE)) == CHOW_CONTEXT
        return count

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(ask, number) for number in range(3)]
        for step in range(60):
            server.load_policy((write, exchanged, read)[step % 3])
        done.set()
        assert all(future.result() for future in futures)
    assert server.seqno == 61
    texts = [server.sid_to_context(sid) for sid in range(4, 4 + 10)]
    assert len(set(texts)) == len(texts)
