"""Accesses found by columns are those found one at a time, by the policy's own readers."""

from hypothesis import given
from hypothesis import strategies as st
from tests.explain.policies import make_policy

from selbox.audit.accesslines import LoggedAccess
from selbox.explain.loggedaccesses import LoggedAccesses, UnknownName
from selbox.server.contexttexts import ContextTexts
from selbox.server.evaluation import Access

POLICY = make_policy()
CONTEXTS = (
    *("web_u:web_r:web_t:s0", "web_u:object_r:page_t:s0", "web_u:object_r:page_t:s0:c1", "web_u:shell_r:shell_t:s0"),
    *("web_u:web_r:gone_t:s0", "web_u:web_r:web_t", "web_u:web_r:page_t:s0:c1-s0", "", "x" * 2000),
)
NAMES = ("read", "write", "append", "search", "transition", "ioctl", "red", "")
CLASSES = ("file", "dir", "process", "fire", "")
logged = st.builds(
    LoggedAccess,
    st.booleans(),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(tuple),
    st.sampled_from(CONTEXTS),
    st.sampled_from(CONTEXTS),
    st.sampled_from(CLASSES),
    st.sampled_from([None, 0x1201]),
)


def alone(each: LoggedAccess) -> Access | UnknownName:
    """Find one access, looking everything up anew; what is not known first in a record is told."""
    read = ContextTexts(POLICY).read
    source, target = read(each.scontext), read(each.tcontext)
    if source is None or target is None:
        return UnknownName("invalid-context", each.tcontext if source is not None else each.scontext)
    number = POLICY.class_ids.get(each.tclass)
    if number is None:
        return UnknownName("unknown-class", each.tclass)
    known = POLICY.classes[number]
    for name in each.permissions:
        if name not in known.permissions:
            return UnknownName("unknown-permission", f"{each.tclass} {name}")
    return Access(source, target, number, known.vector(each.permissions), each.number)


@given(st.lists(st.lists(logged, max_size=8), max_size=3))
def test_by_columns_as_one_at_a_time(batches: list[list[LoggedAccess]]) -> None:
    accesses = LoggedAccesses(POLICY)
    for batch in batches:
        assert accesses.find(batch) == [alone(each) for each in batch]
