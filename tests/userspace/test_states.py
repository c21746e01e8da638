"""Whatever changes in whatever order, an answer is that of the policy, the booleans and the mode in force."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selbox import ObjectManager
from selbox.audit.userrecord import UserAvc, UserEvent
from selbox.diagnostics import Diagnostics, SourceFile
from selbox.model.policy import Policy
from selbox.store.policyfiles import compile_sources

CLERK, GUEST = "system_u:system_r:clerk_t:s0", "system_u:system_r:guest_t:s0"
TABLE = "system_u:object_r:table_t:s0"
COMMON = """
(type clerk_t) (call domain_type (clerk_t))
(type table_t)
(boolean lunch {lunch})
"""
TEXTS = (
    COMMON.format(lunch="false")
    + """
(class db (get put drop)) (classorder (unordered db))
(type guest_t) (call domain_type (guest_t))
(booleanif lunch (false (allow clerk_t table_t (db (get)))) (true (allow guest_t table_t (db (get)))))
(allow clerk_t table_t (db (put)))
""",
    COMMON.format(lunch="true")
    + """
(class before (x)) (classorder (unordered before))
(class db (drop put get)) (classorder (unordered db))
(booleanif lunch (true (allow clerk_t table_t (db (get drop)))))
""",
)

Granted = Callable[[bool], set[tuple[str, str]]]
GRANTED: tuple[Granted, Granted] = (
    lambda lunch: {(CLERK, "put"), (GUEST if lunch else CLERK, "get")},
    lambda lunch: {(CLERK, "get"), (CLERK, "drop")} if lunch else set(),
)
"""What each policy grants, by the value of its boolean: read off the texts."""


@pytest.fixture(scope="module")
def policies() -> tuple[Policy, ...]:
    return tuple(compile_sources([SourceFile("p", text)], base=True, diagnostics=Diagnostics()) for text in TEXTS)


CHANGES = st.one_of(
    st.tuples(st.just("load"), st.integers(0, 1)),
    st.tuples(st.just("lunch"), st.booleans()),
    st.tuples(st.just("enforce"), st.booleans()),
    st.tuples(st.just("ask"), st.sampled_from([(s, p) for s in (CLERK, GUEST) for p in ("get", "put", "drop")])),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGES, max_size=25), st.booleans())
def test_answers_follow_the_state(policies: tuple[Policy, ...], changes: list[tuple[str, Any]], sids: bool) -> None:
    recorded: list[UserAvc] = []

    def audit(record: UserAvc | UserEvent) -> None:
        if isinstance(record, UserAvc):
            recorded.append(record)

    manager = ObjectManager(policies[0], audit=audit)
    labels = {each: manager.context_to_sid(each) if sids else each for each in (CLERK, GUEST, TABLE)}
    number, lunch, enforcing, seqno = 0, False, True, 1
    told: set[tuple[str, str]] = set()
    for kind, value in changes:
        if kind == "load":
            number = int(value)
            manager.load_policy(policies[number])
        elif kind == "lunch":
            lunch = bool(value)
            manager.set_booleans({"lunch": lunch})
        elif kind == "enforce":
            if enforcing is not value:
                told.clear()
            enforcing = bool(value)
            manager.setenforce(enforcing)
        else:
            subject, permission = question = value
            if subject == GUEST and number == 1 and not sids:
                continue  # the other policy knows no guests
            granted = question in GRANTED[number](lunch)
            del recorded[:]
            answer = manager.has_permission(labels[subject], labels[TABLE], "db", permission)
            assert bool(answer) is (granted or not enforcing)
            assert answer.denied == (() if granted else (permission,))
            assert answer.why
            expected = [] if granted or question in told else [not enforcing]
            assert [each.permissive for each in recorded] == expected
            if not granted and not enforcing:
                told.add(question)  # permissive, a denial is recorded once
        if kind in ("load", "lunch"):
            seqno += 1
            told.clear()
        assert (manager.seqno, manager.enforcing, manager.booleans) == (seqno, enforcing, {"lunch": lunch})
