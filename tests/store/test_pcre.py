import pytest

from selbox.diagnostics import SelboxError
from selbox.store.pcre import compile_pattern


@pytest.mark.parametrize(
    ("pattern", "matching", "failing"),
    [
        ("/a[[:alpha:]_]+", "/abc_", "/ab1"),
        ("/a[^[:digit:]]", "/ab", "/a1"),
        ("/a\\Q.*\\E+", "/a.**", "/aXX"),
        ("/(?<n>x)\\1|/y", "/xx", "/x"),
        ("/a{,2}", "/a{,2}", "/aa"),
        ("/[]x]+", "/]x", "/["),
        ("/[^]x]+", "/ab", "/]"),
        ("/[a&&b]", "/&", "/&&"),
        ("/[[a]", "/[", "/b"),
        ("/a.b", "/a\nb", "/ab"),
        ("/a\\hb", "/a\tb", "/a\nb"),
        ("/%{USERID}", "/%{USERID}", "/%"),
        ("/a\\z", "/a", "/a\n"),
        ("/[a-c-]+", "/a-", "/d"),
        ("(?i)/x", "/X", "/y"),
    ],
)
def test_pcre_means_the_same(pattern: str, matching: str, failing: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled.fullmatch(matching)
    assert not compiled.fullmatch(failing)


@pytest.mark.parametrize("pattern", ["/(", "/[", "/a\\", "/[[:nosuch:]]", "/[[:^alpha:]]", "/\\pL", "/**"])
def test_what_cannot_be_translated_is_refused_with_its_pattern(pattern: str) -> None:
    with pytest.raises(SelboxError) as caught:
        compile_pattern(pattern)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "file-context-pattern"
    assert f"`{pattern}`" in diagnostic.message
