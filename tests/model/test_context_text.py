import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.policies import make_policy

from selbox.diagnostics import SelboxError
from selbox.model.context import Context
from selbox.model.context_text import format_context, parse_context, parse_range
from selbox.model.mls import Level, LevelRange

POLICY = make_policy()
levels = st.builds(Level, st.integers(0, 1), st.integers(0, 255))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("s0", "s0"),
        ("s0-s0", "s0"),
        ("s0:c3,c2", "s0:c2,c3"),
        ("s0:c0.c1", "s0:c0,c1"),
        ("s0:c0,c1,c2", "s0:c0.c2"),
        ("s0:c2,c2", "s0:c2"),
        ("s0:c0.c2,c4,c5,c7", "s0:c0.c2,c4,c5,c7"),
        ("s0:c5.c7,c0", "s0:c0,c5.c7"),
        ("s0-secret:c1", "s0-s1:c1"),
        ("s0:c1-s0:c1", "s0:c1"),
    ],
)
def test_ranges_have_one_canonical_form(text: str, canonical: str) -> None:
    context = parse_context(POLICY, f"system_u:object_r:kibble_t:{text}")
    assert format_context(POLICY, context) == f"system_u:object_r:dog_chow_t:{canonical}"


@given(st.builds(LevelRange, levels, levels), st.integers(0, 1), st.integers(0, 2), st.integers(0, 7))
def test_canonical_text_reads_back_as_the_same_context(
    level_range: LevelRange, user: int, role: int, type_id: int
) -> None:
    context = Context(user, role, type_id, level_range)
    assert parse_context(POLICY, format_context(POLICY, context)) == context


@pytest.mark.parametrize(
    ("text", "column", "length", "words", "advice"),
    [
        ("", 1, 1, "`user:role:type:range`", ""),
        ("system_u:object_r", 1, 17, "`user:role:type:range`", ""),
        ("sistem_u:object_r:dog_t:s0", 1, 8, "no user `sistem_u`", "did you mean `system_u`?"),
        ("system_u:objekt_r:dog_t:s0", 10, 8, "no role `objekt_r`", "did you mean `object_r`?"),
        ("system_u:object_r:dogg_t:s0", 19, 6, "no type `dogg_t`", "did you mean `dog_t`?"),
        ("system_u:object_r::s0", 19, 1, "the type is missing", ""),
        ("system_u:object_r:animal:s0", 19, 6, "`animal` is a type attribute", "one of its types"),
        ("system_u:object_r:dog_t", 19, 5, "the range is missing", "`system_u:object_r:dog_t:s0`"),
        ("system_u:object_r:dog_t:", 25, 1, "the sensitivity is missing", ""),
        ("system_u:object_r:dog_t:s9", 25, 2, "no sensitivity `s9`", ""),
        ("system_u:object_r:dog_t:s0:", 28, 1, "the category is missing", ""),
        ("system_u:object_r:dog_t:s0:c0,c99", 31, 3, "no category `c99`", ""),
        ("system_u:object_r:dog_t:s0:c0.c99", 31, 3, "no category `c99`", ""),
        ("system_u:object_r:dog_t:s0:c2.c2", 28, 5, "`c2.c2` is no run", "come after"),
        ("system_u:object_r:dog_t:s0:c3.c1", 28, 5, "`c3.c1` is no run", "come after"),
        ("system_u:object_r:dog_t:s0-s0-s0", 28, 5, "no sensitivity `s0-s0`", ""),
        ("system_u:object_r:dog_t:s0 ", 25, 3, "no sensitivity `s0 `", ""),
    ],
)
def test_errors_name_the_part_that_is_wrong(text: str, column: int, length: int, words: str, advice: str) -> None:
    with pytest.raises(SelboxError) as caught:
        parse_context(POLICY, text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "invalid-context"
    assert diagnostic.span is not None
    assert (diagnostic.span.line, diagnostic.span.column, diagnostic.span.length) == (1, column, length)
    assert words in diagnostic.message
    assert advice in diagnostic.help


def test_a_policy_without_mls_takes_and_shows_no_range() -> None:
    policy = make_policy(mls=False, sensitivities=(), categories=())
    context = parse_context(policy, "system_u:object_r:dog_t")
    assert format_context(policy, context) == "system_u:object_r:dog_t"
    with pytest.raises(SelboxError, match="the policy has no MLS"):
        parse_context(policy, "system_u:object_r:dog_t:s0")


def test_a_range_can_be_read_alone() -> None:
    assert parse_range(POLICY, "s0-s1:c1") == LevelRange(Level(0), Level(1, 2))
