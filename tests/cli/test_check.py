import json
from pathlib import Path

import pytest

from selbox.cli.main import main

# Counted by hand: classes, permissions and so on of this text.
POLICY = """
(handleunknown allow) (mls true)
(common shared (read write))
(class file (open)) (classcommon file shared) (class process (transition fork))
(classorder (file process))
(sid kernel) (sidorder (kernel))
(sensitivity s0) (sensitivity s1) (sensitivityorder (s0 s1))
(category c0) (category c1) (category c2) (categoryorder (c0 c1 c2))
(sensitivitycategory s0 (c0)) (sensitivitycategory s1 (c0 c1 c2))
(type a_t) (type b_t) (typealias bee_t) (typealiasactual bee_t b_t)
(typeattribute letters) (typeattributeset letters (a_t b_t))
(typepermissive b_t)
(role r) (roletype r letters) (user u) (userrole u r)
(userlevel u (s0)) (userrange u ((s0) (s1)))
(sidcontext kernel (u r a_t ((s0) (s0))))
(boolean flag true)
(allow a_t b_t (file (read)))
(dontaudit b_t a_t (file (write)))
(typetransition a_t b_t process b_t)
(typetransition a_t b_t file "notes" a_t)
(rangetransition a_t b_t process ((s1) (s1)))
(constrain (file (read)) (eq u1 u2))
(mlsconstrain (file (read write)) (dom l1 l2))
"""


@pytest.fixture
def policy_path(tmp_path: Path) -> str:
    path = tmp_path / "policy.cil"
    path.write_text(POLICY)
    return str(path)


def test_json_counts_what_the_policy_holds(policy_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", policy_path]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["handle_unknown"] == "allow"
    assert result["mls"] is True
    expected = {
        "classes": 2,
        "permissions": 5,
        "types": 2,
        "type_aliases": 1,
        "permissive_types": 1,
        "users": 1,
        "booleans": 1,
        "sensitivities": 2,
        "categories": 3,
        "allow": 1,
        "auditallow": 0,
        "dontaudit": 1,
        "type_transitions": 1,
        "named_type_transitions": 1,
        "range_transitions": 1,
        "constraints": 1,
        "MLS_constraints": 1,
        "initial_SIDs": 1,
    }
    assert {kind: result["counts"][kind] for kind in expected} == expected


def test_text_shows_counts_and_settings(policy_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", policy_path]) == 0
    shown = capsys.readouterr().out
    assert "permissions" in shown
    assert "handle unknown: allow\nMLS: yes\npolicy capabilities: none\n" in shown


def test_a_broken_policy_exits_1_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.cil"
    path.write_text("(type a_t)\n(allow a_t b_t (file (read)))\n")
    assert main(["check", str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{path}:2:" in captured.err
    assert "`b_t`" in captured.err


def test_the_base_policy_alone_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["counts"]["categories"] == 1024


def test_nothing_to_check_is_a_usage_error() -> None:
    assert main(["check", "--no-base"]) == 2
