"""``selbox sesearch``: what it has beyond SETools' lines, which other tests compare."""

import csv
import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.oracles.commandlines import EVERYTHING, everything

from selbox.cli.main import main


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SELBOX_POLICY", raising=False)
    path = everything(tmp_path)
    capsys.readouterr()
    return path


def test_json_has_the_rules_of_each_policy(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sesearch", "--auditallow", "-T", "-c", "process,file", "--json", str(policy)]) == 0
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["selbox"], envelope["verb"]) == (1, "sesearch")
    (result,) = envelope["result"]
    assert result["policy"] == str(policy)
    rule = result["rules"][0]
    assert rule["text"] == "auditallow httpd_t shadow_t:file open; [ can_shadow ]:False"
    assert (rule["branch"], rule["permissions"], rule["places"]) == (False, ["open"], [])
    assert {each["kind"] for each in result["rules"]} == {"auditallow", "type_transition"}


def test_csv_has_a_row_for_each_rule(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sesearch", "--allowxperm", "--range_trans", "--csv", str(policy)]) == 0
    rows = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert rows[1]["numbers"] == "0x5401-0x5405 0x5410"
    assert rows[-1]["default"] == "s0 - s2:c2.c4"


def test_several_policies_are_searched_at_once(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.33"
    other.write_bytes(policy.read_bytes())
    words = ["sesearch", "--role_allow", "-s", "web_r"]
    assert main([*words, str(policy), str(other), str(EVERYTHING)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{each}: allow web_r system_r;" for each in (policy, other, EVERYTHING)
    ]
    main([*words, "--csv", str(policy), str(other)])
    assert [row["policy"] for row in csv.DictReader(StringIO(capsys.readouterr().out))] == [str(policy), str(other)]


def test_places_are_shown_where_they_are_known(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sesearch", "--dontaudit", "-c", "dir", "--places"]
    main([*words, str(EVERYTHING)])
    line = EVERYTHING.read_text().splitlines().index("(dontaudit domain unused_t (dir (search add_name)))") + 1
    expected = "dontaudit domain unused_t:dir { add_name search };"
    assert capsys.readouterr().out == f"{expected}  # {EVERYTHING}:{line}:1\n"
    main([*words, str(policy)])
    assert capsys.readouterr().out == f"{expected}\n"


def test_a_binary_with_its_places_is_searched_with_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "policy.33"
    main(["compile", "--no-base", "--origins", str(EVERYTHING), "-o", str(path)])
    capsys.readouterr()
    main(["sesearch", "-A", "-s", "httpd_child_t", "-ds", "--places", str(path)])
    out = capsys.readouterr().out
    assert out.startswith("allow httpd_child_t etc_t:file getattr;  # ")
    assert "everything.cil:" in out


def test_the_second_search_does_not_read_the_policy_again(
    policy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["sesearch", "-A", str(policy)])
    first = capsys.readouterr().out
    monkeypatch.setattr("selbox.store.policyfiles.kernel_policy", None)
    main(["sesearch", "-A", str(policy)])
    assert capsys.readouterr().out == first


def test_a_kept_catalogue_that_is_broken_is_made_anew(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["sesearch", "-A", str(policy)])
    first = capsys.readouterr().out
    (entry,) = (tmp_path / "cache" / "selbox" / "catalogues").iterdir()
    content = bytearray(entry.read_bytes())
    content[-1] ^= 1
    entry.write_bytes(content)
    entry.chmod(0o600)
    main(["sesearch", "-A", str(policy)])
    assert capsys.readouterr().out == first


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy with an assertion that it breaks, and a warning."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "own.cil"
    path.write_text(
        "(type a_t)\n(allow a_t a_t (process (fork)))\n(neverallow a_t self (process (fork)))\n"
        + 2 * '(filecon "/a" file (system_u object_r a_t ((s0) (s0))))\n'
    )
    return path


def searched(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    main(["sesearch", "-A", "--neverallow", "-s", "a_t", "-c", "process", "--places", str(path)])
    return capsys.readouterr()


def test_the_second_search_of_sources_does_not_compile_them_again(
    sources: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = searched(sources, capsys)
    assert f"allow a_t a_t:process fork;  # {sources}:2:1\n" in first[0]
    assert f"neverallow a_t self:process fork;  # {sources}:3:1\n" in first[0]
    assert f"{sources}:5:1" in first[1]
    with monkeypatch.context() as patched:
        patched.setattr("selbox.cli.searchedsources.compiled", None)
        assert searched(sources, capsys) == first
    sources.write_text(sources.read_text().replace("(allow", "\n(allow"))
    assert f"allow a_t a_t:process fork;  # {sources}:3:1\n" in searched(sources, capsys)[0]


@pytest.mark.parametrize("place", [-1, -5, -13, -40, 2000])
def test_what_is_kept_of_sources_and_broken_is_made_anew(
    sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: int
) -> None:
    first = searched(sources, capsys)
    (entry,) = (tmp_path / "cache" / "selbox" / "catalogues").iterdir()
    content = bytearray(entry.read_bytes())
    content[place] ^= 1
    entry.write_bytes(content)
    entry.chmod(0o600)
    assert searched(sources, capsys) == first


def test_effective_access_is_shown_as_text_json_and_csv(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sesearch", "--effective", "-t", "shadow_t", "-c", "file", "-p", "read", "-s", "web_domain"]
    main([*words, str(policy)])
    assert capsys.readouterr().out == ""
    words += ["--boolean", "can_shadow=on"]
    main([*words, str(policy)])
    assert capsys.readouterr().out == "allow httpd_t shadow_t:file read;\n"
    main([*words, "--json", str(policy)])
    (result,) = json.loads(capsys.readouterr().out)["result"]
    assert [each["always"] for each in result["effective"]] == [["read"]]
    main([*words, "--csv", str(policy), str(EVERYTHING)])
    rows = list(csv.DictReader(StringIO(capsys.readouterr().out)))
    assert [(row["policy"], row["permissions"]) for row in rows] == [(str(policy), "read"), (str(EVERYTHING), "read")]


@pytest.mark.parametrize(
    "words",
    [
        ["--effective"],
        ["--effective", "-A", "-T", "-s", "httpd_t"],
        ["--effective", "-s", "httpd_t", "-b", "can_shadow"],
        ["--effective", "-s", "httpd_t", "--boolean", "can_shadow"],
        ["-A", "--boolean", "can_shadow=on"],
        ["-A", "--json", "--csv"],
    ],
)
def test_what_does_not_go_together_is_wrong_usage(words: list[str], policy: Path) -> None:
    assert main(["sesearch", *words, str(policy)]) == 2


def test_errors_name_the_nearest_name_and_the_place_in_a_pattern(
    policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sesearch", "-A", "-s", "htpd_t", str(policy)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "did you mean `httpd_t`?" in captured.err
    assert main(["sesearch", "-A", "-t", "a[b", "-rt", str(policy)]) == 1
    assert "target:1:2" in capsys.readouterr().err


def test_without_a_policy_the_systems_is_searched(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("selbox.cli.searched._LOADED", str(tmp_path / "none"))
    monkeypatch.setattr("selbox.cli.searched._CONFIGURATION", str(tmp_path / "config"))
    monkeypatch.setattr("selbox.cli.searched._INSTALLED", f"{tmp_path}/{{}}/policy")
    assert main(["sesearch", "--role_allow"]) == 1
    assert "no policy is given" in capsys.readouterr().err
    (tmp_path / "config").write_text("# the policy\nSELINUXTYPE=mine\n")
    (tmp_path / "mine" / "policy").mkdir(parents=True)
    (tmp_path / "mine" / "policy" / "policy.33").write_bytes(policy.read_bytes())
    (tmp_path / "mine" / "policy" / "policy.9").write_text("an older one")
    assert main(["sesearch", "--role_allow"]) == 0
    assert capsys.readouterr().out == "allow system_r web_r;\nallow web_r system_r;\n"
    monkeypatch.setenv("SELBOX_POLICY", str(tmp_path / "gone.33"))
    assert main(["sesearch", "--role_allow"]) == 1


OPTIONS = [
    *("-A", "-T", "--role_allow", "--range_trans", "--neverallow", "--effective", "--json", "--csv", "--places", "-v"),
    *("-s", "-t", "-c", "-p", "-x", "-D", "-b", "--boolean", "--xperms="),
    *("-eb", "-ep", "-ex", "-Sp", "-ds", "-dt", "-rs", "-rt", "-rc", "-rd", "-rb"),
]
VALUES = st.sampled_from(
    [
        *("", ",", "-", "--", "=", "a{3}", "httpd_t", "domain"),
        *("s0-s1", "s0:c0.c4", "0x1-0x2-3", "0x0-0xffff", "-0x1", "can_tmp=on"),
    ]
) | st.text(max_size=8).filter(lambda each: "\0" not in each)


@given(words=st.lists(st.sampled_from(OPTIONS) | VALUES, max_size=7))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_command_line_is_answered_or_refused(words: list[str], policy: Path) -> None:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as errors:
        status = main(["sesearch", "-A", *words, str(policy)])
    assert status in (0, 1, 2)
    assert bool(status) == errors.getvalue().startswith("error")


@given(place=st.integers(0, 1 << 16), value=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mangled_policy_is_searched_or_refused_with_the_byte(
    place: int, value: int, cut: bool, policy: Path
) -> None:
    content = bytearray(policy.read_bytes())
    place %= len(content)
    content[place] = value
    mangled = policy.parent / "mangled"
    mangled.write_bytes(content[:place] if cut else content)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as errors:
        status = main(["sesearch", "-A", "--auditallow", "-T", "--range_trans", "--role_trans", str(mangled)])
    assert status in (0, 1)
    assert status == 0 or "byte" in errors.getvalue() or "file-wrong-format" in errors.getvalue() or place < 64
