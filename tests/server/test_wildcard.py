import re

from hypothesis import example, given
from hypothesis import strategies as st

from selbox.server.wildcard import matches_wildcard


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
@example("*", "")
@example("", "")
@example("a*b?", "aabbb")
def test_as_a_regular_expression_would(pattern: str, text: str) -> None:
    expression = "".join({"*": ".*", "?": "."}.get(character, character) for character in pattern)
    assert matches_wildcard(pattern, text) == bool(re.fullmatch(expression, text))


def test_many_stars_take_no_time() -> None:
    assert not matches_wildcard("*a" * 200 + "b", "a" * 2000)
