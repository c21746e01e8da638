from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.server.policies import DIRECTORY, DOG, FILE, KERNEL, between, level, make_policy

from selbox.diagnostics import SelboxError
from selbox.model.constraint import CompareAttributes, CompareNames, Comparison, Operand, ValidateTransition
from selbox.model.context import Context
from selbox.model.labelling import InitialSid
from selbox.server.securityserver import SecurityServer


def code(error: pytest.ExceptionInfo[SelboxError]) -> str:
    return error.value.diagnostics[0].code


def test_initial_sids_count_from_one_in_the_policys_order() -> None:
    server = SecurityServer(make_policy())
    assert [server.initial_sid(name) for name in ("kernel", "security", "unlabeled")] == [1, 2, 3]
    assert server.sid_to_context(1) == "system_u:object_r:kernel_t:s0"


def test_an_initial_sid_without_context_takes_that_of_unlabeled() -> None:
    server = SecurityServer(make_policy())
    assert server.sid_to_context(2) == server.sid_to_context(3)


def test_a_missing_initial_sid_is_named() -> None:
    server = SecurityServer(make_policy(initial_sids=(InitialSid("kernel", None),)))
    with pytest.raises(SelboxError, match="no initial SID `kernle`") as caught:
        server.initial_sid("kernle")
    assert code(caught) == "missing-initial-sid"
    assert caught.value.diagnostics[0].help == "did you mean `kernel`?"
    with pytest.raises(SelboxError, match="neither the initial SID `kernel` nor `unlabeled` a context") as caught:
        server.initial_sid("kernel")
    assert code(caught) == "missing-initial-sid"


def test_a_context_shared_by_initial_sids_has_the_first_ones_number() -> None:
    server = SecurityServer(make_policy())
    assert server.context_to_sid("system_u:object_r:kernel_t:s0") == 1


def test_each_context_has_one_sid() -> None:
    server = SecurityServer(make_policy())
    first = server.context_to_sid("system_u:animal_r:dog_t:s0:c1,c0")
    assert first == 4
    assert server.context_to_sid("system_u:animal_r:dog_t:s0:c0.c1-s0:c0,c1") == first
    assert server.sid_for(server.context_of(first)) == first
    assert server.context_to_sid("system_u:animal_r:cat_t:s0") == 5


def test_threads_agree_on_sids() -> None:
    server = SecurityServer(make_policy())
    texts = [f"system_u:object_r:dog_t:s0:c{first},c{second}" for first in range(8) for second in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: [server.context_to_sid(text) for text in texts], range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0])) == 36  # 8 of one category, 28 pairs


@pytest.mark.parametrize("sid", [0, -1, 99])
def test_a_number_that_is_no_sid_is_refused(sid: int) -> None:
    server = SecurityServer(make_policy())
    with pytest.raises(SelboxError) as caught:
        server.compute_access(sid, 1, FILE)
    assert code(caught) == "unknown-sid"


def test_an_invalid_context_gets_no_sid() -> None:
    server = SecurityServer(make_policy())
    with pytest.raises(SelboxError, match="`system_u:animal_r:dog_t:s1:c0`") as caught:
        server.sid_for(Context(0, 1, DOG, between(level(1, 0))))
    assert code(caught) == "invalid-context"


def test_booleans_are_set_together_or_not_at_all() -> None:
    server = SecurityServer(make_policy())
    heard: list[int] = []
    server.add_listener(lambda: heard.append(server.seqno))
    assert server.booleans == {"dogs_eat_all": False, "cats_fast": True}
    with pytest.raises(SelboxError, match="no boolean `cats_fat`") as caught:
        server.set_booleans({"dogs_eat_all": True, "cats_fat": True})
    assert (code(caught), caught.value.diagnostics[0].help) == ("unknown-boolean", "did you mean `cats_fast`?")
    assert server.booleans == {"dogs_eat_all": False, "cats_fast": True}
    server.set_booleans({"dogs_eat_all": True, "cats_fast": False})
    assert server.booleans == {"dogs_eat_all": True, "cats_fast": False}
    assert heard == [2]


def test_enforcing_is_told_to_listeners_and_leaves_the_number_of_the_state() -> None:
    server = SecurityServer(make_policy())
    heard: list[bool] = []
    server.add_listener(lambda: heard.append(server.enforcing))
    server.enforcing = True
    server.enforcing = False
    server.enforcing = False
    server.enforcing = True
    assert heard == [False, True]
    assert server.seqno == 1


@pytest.mark.parametrize("value", ["off", "0", None, 2, 0.0])
def test_what_is_neither_true_nor_false_switches_nothing(value: Any) -> None:
    server = SecurityServer(make_policy())
    heard: list[int] = []
    server.add_listener(lambda: heard.append(server.seqno))

    def enforce() -> None:
        server.enforcing = value

    for switch in (
        enforce,
        lambda: server.set_booleans({"cats_fast": False, "dogs_eat_all": value}),
        lambda: server.stage_boolean("dogs_eat_all", value),
        lambda: SecurityServer(make_policy(), enforcing=value),
    ):
        with pytest.raises(SelboxError, match="neither True nor False") as caught:
            switch()
        assert code(caught) == "boolean-value"
    assert server.staged_booleans == server.booleans == {"dogs_eat_all": False, "cats_fast": True}
    assert (server.enforcing, heard) == (True, [])


def test_every_rule_about_relabelling_must_hold() -> None:
    policy = make_policy(
        validate_transitions=(
            ValidateTransition(
                FILE, (CompareAttributes(Operand.LOW_2, Comparison.DOMINATES, Operand.LOW_1),), is_mls=True
            ),
            ValidateTransition(
                FILE,
                (CompareNames(Operand.TYPE_3, Comparison.EQUAL, 1 << DOG | 1 << KERNEL, ("dog_t", "kernel_t")),),
                is_mls=False,
            ),
        )
    )
    server = SecurityServer(policy)
    low, high = (server.context_to_sid(f"system_u:object_r:dog_chow_t:{each}") for each in ("s0", "s1"))
    dog, cat = (server.context_to_sid(f"system_u:animal_r:{name}_t:s0") for name in ("dog", "cat"))
    assert server.validate_transition(low, high, dog, FILE)
    assert not server.validate_transition(high, low, dog, FILE)
    assert not server.validate_transition(low, high, cat, FILE)
    assert server.validate_transition(high, low, cat, DIRECTORY)
