import shutil
import subprocess
from pathlib import Path

import pytest

from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.language.cil.linemarks import mark_faults, written_at

MARKED = """(a)
;;* lmx 5 system/domain.te
(b)

(c)
;;* lme
(d)
;;* lms 7 "net work.te"
(e)
(f)
;;* lmx 90 macros
(g)
;;* lme
(h)
;;* lme
(i)
"""


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ("(a)", ""),
        ("(b)", "system/domain.te:5"),
        ("(c)", "system/domain.te:5"),
        ("(d)", ""),
        ("(e)", "net work.te:7"),
        ("(f)", "net work.te:8"),
        ("(g)", "macros:90"),
        ("(h)", "net work.te:11"),
        ("(i)", ""),
    ],
)
def test_marks_tell_where_a_line_was_written(form: str, place: str) -> None:
    assert mark_faults(MARKED) == []
    assert written_at(MARKED, MARKED[: MARKED.index(form)].count("\n") + 1) == place


@pytest.mark.parametrize(
    ("text", "place"),
    [  # as secilc 3.4 and 3.11 tell where an `allow` in the place of (x) stands
        (";;* lms 5 o\n(a)\n;;* lms 10 i\n(b)\n(c)\n;;* lme\n(x)\n;;* lme\n", "o:10"),
        (";;* lms 5 o\n(a)\n;;* lmx 10 i\n(b)\n(c)\n;;* lme\n(x)\n;;* lme\n", "o:8"),
        (";;* lmx 5 o\n(a)\n;;* lms 10 i\n(b)\n;;* lme\n(x)\n;;* lme\n", "o:5"),
        (";;* lmx 5 o\n;;* lms 20 j\n(b)\n(x)\n;;* lme\n;;* lme\n", "j:21"),
        (";;* lms 5 o\n;;* lmx 1 i\n(a)\n;;* lme\n(b)\n;;* lmx 2 j\n(c)\n;;* lme\n(x)\n;;* lme\n", "o:10"),
        (";;* lms 5 o\n;;* lmx 9 i\n(a)\n;;* lms 7 j\n(b)\n;;* lme\n(c)\n;;* lme\n(x)\n;;* lme\n", "o:7"),
        (";;* lms 5 o\n;;* lms 9 i\n;;* lmx 7 j\n(a)\n(b)\n;;* lme\n;;* lme\n(x)\n;;* lme\n", "o:9"),
    ],
)
def test_what_follows_an_inner_region_counts_its_lines_too(text: str, place: str) -> None:
    assert mark_faults(text) == []
    assert written_at(text, text[: text.index("(x)")].count("\n") + 1) == place


FAULTY = {
    "not a mark": ";;* a heading\n(type a)\n",
    "no number": ";;* lmx foo.te\n(type a)\n;;* lme\n",
    "more on its line": ";;* lmx 1 foo.te bar\n(type a)\n;;* lme\n",
    "end without beginning": "(type a)\n;;* lme\n",
    "never ended": ";;* lmx 1 foo.te\n(type a)\n",
    "never ended, and no line ends": "(type a)\n;;* lms 1 foo.te",
}
SOUND = {
    "indented, and so a comment": " ;;* a heading\n(type a)\n",
    "two semicolons": ";; * a heading\n(type a)\n",
    "blanks": ';;*   lmx\t1   "a b.te"  \n(type a)\n;;*lme\n',
    "other line ends": ";;* lmx 1 foo.te\r\n(type a)\r\n;;* lme\r\n",
    "inside a statement": "(block b\n;;* lms 1 foo.te\n(type a)\n;;* lme\n)\n",
}


@pytest.mark.parametrize("text", FAULTY.values(), ids=FAULTY)
def test_what_begins_like_a_mark_and_is_none_is_refused(text: str) -> None:
    with pytest.raises(SelboxError) as caught:
        parse(SourceFile("x.cil", text))
    (error,) = caught.value.diagnostics
    assert error.code == "cil-line-mark"
    assert error.span is not None
    assert text.split("\n")[error.span.line - 1].startswith(";;*")


def test_numbers_of_lines_have_32_bits() -> None:
    assert mark_faults(";;* lmx 4294967295 x\n;;* lme\n") == []
    assert mark_faults(";;* lmx 4294967296 x\n;;* lme\n") != []


def test_faulty_marks_are_reported_with_other_faults() -> None:
    with pytest.raises(SelboxError) as caught:
        parse(SourceFile("x.cil", ";;* b\n(type a))\n"))
    assert [each.code for each in caught.value.diagnostics] == ["cil-unbalanced", "cil-line-mark"]


@pytest.mark.oracle
@pytest.mark.skipif(shutil.which("secilc") is None, reason="secilc is not installed")
@pytest.mark.parametrize("text", [*FAULTY.values(), *SOUND.values()], ids=[*FAULTY, *SOUND])
def test_secilc_takes_and_refuses_the_same_marks(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.cil"
    path.write_text(text, newline="")
    words = subprocess.run(["secilc", path], capture_output=True, text=True, cwd=tmp_path).stderr.lower()
    assert bool(mark_faults(text)) is ("failure adding" in words)
