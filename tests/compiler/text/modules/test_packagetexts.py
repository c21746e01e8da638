"""The texts of a package as CIL."""

import pytest

from selbox.compiler.text.modules.packagetexts import (
    file_context_statements,
    login_statements,
    prefix_statements,
)
from selbox.diagnostics import SelboxError


def file_contexts(text: str) -> str:
    out: list[str] = []
    file_context_statements(text, "p.pp", out)
    return "".join(out)


def logins(text: str) -> str:
    out: list[str] = []
    login_statements(text, "p.pp", out)
    return "".join(out)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/x -- u:r:t:s0", '(filecon "/x" file (u r t ((s0) (s0))))\n'),
        ("  /x(/.*)?\t-d  u:r:t:s0-s1:c0.c2,c4", '(filecon "/x(/.*)?" dir (u r t ((s0) (s1((range c0 c2) c4 )))))\n'),
        ("/x u:r:t", '(filecon "/x" any (u r t (systemlow systemlow)))\n'),
        ("/x -l <<none>>", '(filecon "/x" symlink ())\n'),
        ("# only words\n\n   \n", ""),
        ("/x u:r:t\0/y u:r:t\n", '(filecon "/x" any (u r t (systemlow systemlow)))\n'),
    ],
)
def test_file_contexts(text: str, expected: str) -> None:
    assert file_contexts(text) == expected


def test_logins() -> None:
    assert logins("__default__:user_u:s0-s0:c0\nroot:root_u\n") == (
        "(selinuxuserdefault user_u ((s0) (s0(c0 ))))\n(selinuxuser root root_u (systemlow systemlow))\n"
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("\n /x", "p.pp (file contexts):2:2"),
        ("/x -z u:r:t\n", "one of -- -d"),
        ("/x u:r\n", "USER:ROLE:TYPE"),
    ],
)
def test_lines_that_cannot_be_read_are_shown(text: str, place: str) -> None:
    with pytest.raises(SelboxError) as caught:
        file_contexts(text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "package-line"
    assert diagnostic.span is not None
    assert place in f"{diagnostic.span.place} {diagnostic.message}"


@pytest.mark.parametrize("text", ["user u prefix p", "user u p;", "usr u prefix p;", "user u prefix p; "])
def test_prefixes_have_one_form(text: str) -> None:
    with pytest.raises(SelboxError) as caught:
        prefix_statements(text, "p.pp", [])
    assert caught.value.diagnostics[0].code == "package-line"
