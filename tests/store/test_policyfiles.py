import os
from pathlib import Path

import pytest

from selbox.diagnostics import SelboxError, SourceFile
from selbox.language.cil import parse
from selbox.store import policyfiles
from selbox.store.policyfiles import is_complete, load_policy

COMPLETE = """
(handleunknown deny)
(class file (read write)) (class process (fork))
(classorder (file process))
(sid kernel) (sidorder (kernel))
(sensitivity s0) (sensitivityorder (s0))
(type a_t) (role r) (roletype r a_t) (user u) (userrole u r)
(userlevel u (s0)) (userrange u ((s0) (s0)))
(sidcontext kernel (u r a_t ((s0) (s0))))
(allow a_t a_t (file (read)))
"""


def test_a_complete_policy_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "complete.cil"
    path.write_text(COMPLETE)
    policy = load_policy([str(path)])
    assert [each.name for each in policy.classes] == ["file", "process"]


def test_an_ordinary_policy_is_taken_with_the_base(tmp_path: Path) -> None:
    path = tmp_path / "mine.cil"
    path.write_text("(type mine_t)")
    policy = load_policy([str(path)])
    assert "mine_t" in policy.type_ids
    assert {"file", "process", "shm"} <= set(policy.class_ids)
    assert policy.initial_sids[0].name == "kernel"


def test_classes_of_its_own_come_after_those_of_the_base(tmp_path: Path) -> None:
    path = tmp_path / "mine.cil"
    path.write_text("(class db_table (select insert))\n(classorder (unordered db_table))")
    policy = load_policy([str(path)])
    assert policy.classes[-1] == policy.classes[policy.class_ids["db_table"]]
    assert policy.classes[-1].permissions == ("select", "insert")
    assert "file" in policy.class_ids


def test_without_base_nothing_is_added(tmp_path: Path) -> None:
    path = tmp_path / "mine.cil"
    path.write_text("(allow a_t b_t (file (read)))")
    with pytest.raises(SelboxError):
        load_policy([str(path)], base=False)


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("(sid kernel)", True),
        ("(classorder (file))", True),
        ("(class db (get))\n(classorder (unordered db))", False),
        ("(classorder (unordered db)) (classorder (file))", True),
        ("(classorder)", True),
        ("(type a)\n(block b (type c))", False),
        ("(sidcontext kernel (u r t ((s0) (s0))))", False),
        ("; (sid kernel)", False),
        ("(sid mine)", False),
    ],
)
def test_completeness_is_what_the_file_declares(text: str, complete: bool) -> None:
    assert is_complete(parse(SourceFile("x.cil", text))) is complete


def test_every_unreadable_file_is_named_with_help(tmp_path: Path) -> None:
    (tmp_path / "policy.cil").write_text("(type a_t)")
    with pytest.raises(SelboxError) as caught:
        load_policy([str(tmp_path / "polcy.cil"), str(tmp_path), str(tmp_path / "none" / "x.cil")])
    first, second, third = caught.value.diagnostics
    assert {each.code for each in caught.value.diagnostics} == {"file-unreadable"}
    assert "No such file or directory" in first.message
    assert first.help == "did you mean `policy.cil`?"
    assert "Is a directory" in second.message
    assert second.help == f"name the files in it: {tmp_path}/*.cil"
    assert third.help == f"there is no directory `{tmp_path}/none` that could be read"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_read_permission_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.cil"
    path.write_text("(type a_t)")
    path.chmod(0)
    with pytest.raises(SelboxError, match="Permission denied"):
        load_policy([str(path)])


def test_the_text_may_hold_any_bytes_but_0(tmp_path: Path) -> None:
    path = tmp_path / "latin.cil"
    path.write_bytes(COMPLETE.encode() + b"; \xe9t\xe9\n")
    assert load_policy([str(path)]).class_ids
    path.write_bytes(b"\x7fELF\x02\x01\x01\0\0")
    with pytest.raises(SelboxError, match="is binary, not CIL text"):
        load_policy([str(path)])


def test_syntax_errors_of_all_files_are_shown(tmp_path: Path) -> None:
    for name in ("one.cil", "two.cil"):
        (tmp_path / name).write_text("(type a_t\n")
    with pytest.raises(SelboxError) as caught:
        load_policy([str(tmp_path / "one.cil"), str(tmp_path / "two.cil")])
    spans = [each.span for each in caught.value.diagnostics]
    assert [os.path.basename(span.source.name) for span in spans if span] == ["one.cil", "two.cil"]


def test_windows_line_ends_do_not_shift_columns(tmp_path: Path) -> None:
    path = tmp_path / "dos.cil"
    path.write_bytes(COMPLETE.replace("\n", "\r\n").encode())
    assert load_policy([str(path)]).class_ids == {"file": 0, "process": 1}


def test_the_base_policy_ships_with_the_package() -> None:
    sources = policyfiles.base_sources()
    assert sources
    assert all(source.name.startswith("<base>/") for source in sources)
