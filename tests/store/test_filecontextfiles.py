import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from stat import S_IFREG

import pytest

from selbox.compiler.compile import compile_policy
from selbox.compiler.text.filecontexts import file_contexts_text
from selbox.diagnostics import Diagnostics, SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.language.filecontexts import FileContextLine, parse_file_contexts
from selbox.model.context_text import format_context
from selbox.model.policy import Policy
from selbox.store.filecontextfiles import check_file_contexts, with_file_contexts
from selbox.store.filecontexts import FileContexts
from selbox.store.policyfiles import labelled_policy

POLICY = """
(class file (read)) (classorder (file)) (sid kernel) (sidorder (kernel)) (mls true)
(sensitivity s0) (sensitivityorder (s0)) (category c0) (categoryorder (c0)) (sensitivitycategory s0 (c0))
(type a_t) (type b_t) (role object_r) (role r) (roletype r a_t) (user u) (userrole u r)
(userlevel u (s0)) (userrange u ((s0) (s0 (c0)))) (sidcontext kernel (u r a_t ((s0) (s0))))
"""


def policy(more: str = "") -> Policy:
    return compile_policy([parse(SourceFile("policy.cil", POLICY + more))])


def lines(text: str) -> Sequence[FileContextLine]:
    return parse_file_contexts(SourceFile("fc", text))


def test_a_policy_s_own_contexts_written_and_read_again_are_the_same() -> None:
    given = policy(
        '(filecon "/a(/.*)?" any (u object_r b_t ((s0) (s0))))'
        '(filecon "/a/b" dir (u r a_t ((s0) (s0))))'
        '(filecon "/c" char ())'
    )
    again = with_file_contexts(given._replace(file_contexts=()), lines(file_contexts_text(given)))
    assert {each[:3] for each in again.file_contexts} == {each[:3] for each in given.file_contexts}


def test_what_is_added_keeps_its_place() -> None:
    given = policy('(filecon "/a" any (u r a_t ((s0) (s0))))')
    both = with_file_contexts(given, lines("\n/b u:r:a_t:s0\n"))
    assert [each.pattern for each in both.file_contexts] == ["/a", "/b"]
    place = both.origin(both.file_contexts[1].origin)
    assert place is not None
    assert place.place == "fc:2:1"
    entry = FileContexts(both.file_contexts, both.origins).lookup("/b", S_IFREG)
    assert entry is both.file_contexts[1]


def test_every_line_with_a_wrong_context_is_told() -> None:
    with pytest.raises(SelboxError) as caught:
        with_file_contexts(policy(), lines("/a u:r:c_t:s0\n/b u:r:c_t:s0\n/c u:r:b_t:s0\n/d <<none>>\n"))
    assert [(each.code, each.span and each.span.place) for each in caught.value.diagnostics] == [
        ("invalid-context", "fc:1:4"),
        ("invalid-context", "fc:2:4"),
        ("invalid-context", "fc:3:4"),
    ]
    messages = [each.message for each in caught.value.diagnostics]
    assert "the policy has no type `c_t`" in messages[0]
    assert "role `r` may not take type `b_t`" in messages[2]


BESIDE = {
    "": "/a(/.*)? u:r:a_t:s0\n/b(/.*)? u:object_r:b_t:s0\n/c u:object_r:a_t:s0\n/x/y u:object_r:b_t:s0:c0\n"
    "/ u:r:a_t:s0:c0\n",
    ".homedirs": "/h/i u:r:a_t:s0:c0\n",
    ".local": "/o u:object_r:b_t:s0\n",
    ".subs": "/m /q\n/t /c\n",
    ".subs_dist": "# c /b\n/q /a\n/q/r /b extra words\n /l /x\n/top /\nnothing\n\n/s /t\n/m /b\n",
}
PATHS = "/a /q /q/z /q/r /q/r/z /qq /l/y /top /top/c /top/a/b /s /t /m /m/k /m/r /h/i /topc /o /nothing"


def looked_up(directory: Path) -> list[str]:
    found = labelled_policy(policy(), str(directory / "fc"))
    contexts = FileContexts.of(found)
    entries = [contexts.lookup(path, S_IFREG) for path in PATHS.split()]
    return [format_context(found, each.context) if each and each.context else "" for each in entries]


def write_files(directory: Path) -> None:
    for ending, text in BESIDE.items():
        (directory / f"fc{ending}").write_text(text)


def test_files_beside_file_contexts_belong_to_them(tmp_path: Path) -> None:
    write_files(tmp_path)
    labels = dict(zip(PATHS.split(), looked_up(tmp_path), strict=True))
    assert labels["/q/z"] == labels["/a"] == labels["/m/k"] == "u:r:a_t:s0"
    assert labels["/q/r/z"] == labels["/m/r"] == labels["/o"] == "u:object_r:b_t:s0"
    assert labels["/top/c"] == labels["/t"] == "u:object_r:a_t:s0"
    assert labels["/h/i"] == "u:r:a_t:s0:c0"
    assert labels["/qq"] == labels["/topc"] == labels["/s"] == ""


@pytest.mark.oracle
@pytest.mark.skipif(shutil.which("selabel_lookup") is None, reason="no selabel_lookup (Debian: selinux-utils)")
def test_they_are_read_as_by_libselinux(tmp_path: Path) -> None:
    write_files(tmp_path)
    answers = []
    for path in PATHS.split():
        command = ["selabel_lookup", "-b", "file", "-f", str(tmp_path / "fc"), "-k", path, "-t", "f"]
        last = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().split("\n")[-1]
        answers.append(last.removeprefix("Default context: ") if last.startswith("Default") else "")
    assert looked_up(tmp_path) == answers


def check(directory: Path) -> None:
    found = Diagnostics()
    check_file_contexts(labelled_policy(policy(), str(directory / "fc"), found), found)


def faults(directory: Path, text: str) -> list[str]:
    (directory / "fc").write_text(text)
    with pytest.raises(SelboxError) as caught:
        check(directory)
    return [each.code for each in caught.value.diagnostics]


def test_wrong_words_and_wrong_contexts_are_told_together(tmp_path: Path) -> None:
    codes = faults(tmp_path, "/a u:r:c_t:s0\n/b\n/c u:r:a_t:s0\n/c u:object_r:b_t:s0\n/d( u:r:a_t:s0\n")
    every = ["file-context-conflict", "file-context-pattern", "file-context-syntax", "invalid-context"]
    assert sorted(codes) == every


def test_broken_patterns_and_contradictions_are_found_by_a_check(tmp_path: Path) -> None:
    same = "/x u:r:a_t:s0\n/x u:r:a_t:s0\n/y -d u:r:a_t:s0\n/y -- u:object_r:b_t:s0\n/z <<none>>\n"
    (tmp_path / "fc").write_text(same)
    check(tmp_path)
    assert faults(tmp_path, f"{same}/y u:object_r:b_t:s0\n/z u:r:a_t:s0\n/q/[a-(.*)? u:r:a_t:s0\n") == [
        "file-context-pattern",
        "file-context-conflict",
        "file-context-conflict",
    ]


def test_a_line_may_say_of_one_home_what_a_template_does_not(tmp_path: Path) -> None:
    # As `setfiles -c` has it, which looks for contradictions before it reads the templates written out beside.
    (tmp_path / "fc").write_text("HOME_DIR/x u:object_r:b_t:s0\n/root/x u:object_r:a_t:s0\n")
    check(tmp_path)


def test_home_directories_are_labelled_where_no_file_beside_says_how(tmp_path: Path) -> None:
    (tmp_path / "fc").write_text("HOME_DIR/x u:object_r:b_t:s0\n")

    def label() -> object:
        found = labelled_policy(policy(), str(tmp_path / "fc"))
        return FileContexts.of(found).lookup("/home/cat/x", S_IFREG)

    assert label() is not None
    (tmp_path / "fc.homedirs").write_text("")
    assert label() is None
