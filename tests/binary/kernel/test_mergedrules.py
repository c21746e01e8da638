"""Rules merged in arrays are those merged one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selbox.binary.kernel import mergedrules
from selbox.binary.kernel.mergedrules import MergedRules
from selbox.model.policy import Policy
from selbox.model.rules import ACCESS_KINDS, RuleKind, Rules

_ROWS = st.tuples(
    st.sampled_from(RuleKind),
    st.integers(0, 400),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 0xFFFF_FFFF),
    st.integers(0, 2),
)


@settings(deadline=None)  # numpy is imported once
@given(st.lists(_ROWS, max_size=60), st.integers(0, 0xFFFB))  # numbers of types end at 0xFFFF, one above their ids
def test_rules_in_arrays_are_merged_and_ordered_like_others(
    rows: list[tuple[RuleKind, int, int, int, int, int]], high: int
) -> None:
    rules = Rules()
    for kind, source, target, object_class, data, condition in rows:
        rules.append(kind, source, target + high, object_class, data if kind in ACCESS_KINDS else data % 400, condition)
    policy = Policy((), (), (), (), (), (), (), rules)
    one_by_one = MergedRules(policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mergedrules, "MANY", 0)
        in_arrays = MergedRules(policy)
    assert in_arrays.keys == one_by_one.keys
    assert in_arrays.data == one_by_one.data
    assert in_arrays.branches == one_by_one.branches
