import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selbox.store.pathpattern import Tail, as_bytes_text, pattern_shape, pattern_suffix


@pytest.mark.parametrize(
    ("pattern", "prefix", "tail"),
    [
        ("/etc/passwd", "/etc/passwd", Tail.NOTHING),
        ("/etc/x\\.conf", "/etc/x.conf", Tail.NOTHING),
        ("/usr(/.*)?", "/usr", Tail.SUBTREE),
        ("/dev/.*", "/dev/", Tail.ANYTHING),
        ("/a/b?", "/a/", Tail.PATTERN),
        ("/a/b\\+*", "/a/b", Tail.PATTERN),
        ("/a/b{2}", "/a/", Tail.PATTERN),
        ("/dev/tty\\d", "/dev/tty", Tail.PATTERN),
        ("/dev/\\d.*", "/dev/", Tail.PATTERN),
        ("/a|/b(/.*)?", "", Tail.PATTERN),
        ("/a(x|y)", "/a", Tail.PATTERN),
        ("/a[|]b", "/a", Tail.PATTERN),
    ],
)
def test_prefix_and_tail(pattern: str, prefix: str, tail: Tail) -> None:
    assert pattern_shape(pattern)[:2] == (prefix, tail)


@pytest.mark.parametrize(
    ("pattern", "is_exact", "stem_length", "length"),
    [
        ("/a/b", True, 4, 4),
        # An escaped character counts one.
        ("/a\\.b", True, 4, 4),
        ("/a\\.b(/.*)?", False, 4, 10),
        ("/a?b", False, 2, 4),
        # secilc takes these for plain characters.
        ("/a]b)c}\\d", True, 8, 8),
        ("/ab\\", True, 4, 4),
    ],
)
def test_figures_are_those_of_secilc(pattern: str, is_exact: bool, stem_length: int, length: int) -> None:
    assert pattern_shape(pattern)[2:] == (is_exact, stem_length, length)


@pytest.mark.parametrize(
    ("pattern", "suffix"),
    [
        ("/usr/.*\\.so", ".so"),
        ("/x/[^/]+/firefox-bin", "/firefox-bin"),
        ("/x/(a|b)", ""),
        ("/x/ab?", ""),
        ("/x/a[bc]d", "d"),
        ("/x/.*\\d", ""),
        ("/x/.*(?i)abc", ""),
        ("/x/.*a|/x/.*b", ""),
        ("/x/%{USERID}", ""),
    ],
)
def test_suffix(pattern: str, suffix: str) -> None:
    assert pattern_suffix(pattern) == suffix


PIECES = st.sampled_from(
    ["/", "a", "b", "ab", ".", ".*", "a?", "b*", "a+", "b{0,1}", "[ab]", "[^/|]", "(a|b)", "(/.*)?"]
)
PIECES |= st.sampled_from(["\\.", "\\+", "\\d", "|", "(a(b|/)?)*", "[]a]"])


@given(st.lists(PIECES, max_size=6), st.text("/ab.+1", max_size=6))
def test_what_matches_begins_with_the_prefix_and_ends_with_the_suffix(pieces: list[str], path: str) -> None:
    pattern = "/" + "".join(pieces)
    shape = pattern_shape(pattern)
    matches = re.fullmatch(pattern, "/" + path, re.DOTALL) is not None
    if matches:
        assert ("/" + path).startswith(shape.prefix)
        assert ("/" + path).endswith(pattern_suffix(pattern))
    rest = ("/" + path).removeprefix(shape.prefix) if ("/" + path).startswith(shape.prefix) else None
    simple = {Tail.NOTHING: rest == "", Tail.ANYTHING: rest is not None}
    simple[Tail.SUBTREE] = rest == "" or (rest or "").startswith("/")
    if shape.tail is not Tail.PATTERN:
        assert matches == simple[shape.tail]


def test_bytes_text() -> None:
    assert as_bytes_text("/a") == "/a"
    assert as_bytes_text("/\u00e9\udcff") == "/\xc3\xa9\xff"
