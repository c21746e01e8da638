import json
from pathlib import Path

import pytest
from tests.analysis.denialpolicy import record
from tests.cli.logs import Verbs
from tests.cli.peers import needs
from tests.oracles.modules import package, requires_module_programs

from selbox.binary.package import read_package
from selbox.cli.main import main
from selbox.compiler.text.module import module_to_cil
from selbox.store import referencepolicy

APART = """\

#============= no rule helps ==============

#!!!! This avc is a constraint violation.  You would need to modify the attributes of either the source or target \
types to allow this access.
#Constraint rule:

#	mlsconstrain file { read write } (l1 dom l2 -Fail-) ; Constraint DENIED

#	Possible cause is the source level (s0) and target level (s0:c1) are different.

#	Each of these would allow it:
"""


@pytest.fixture
def verbs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Verbs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return Verbs(tmp_path, capsys)


def test_rules_stand_under_their_sources_and_what_none_helps_with_apart(verbs: Verbs) -> None:
    out, err = verbs.run("audit2allow")
    begin, _, end = out.partition(APART)
    assert begin == (
        "\n\n#============= web_t ==============\n\n"
        "#!!!! This avc can be allowed using the boolean 'web_homes'\nallow web_t home_t:file read;\n\n"
        "#!!!! This avc is allowed in the current policy\nallow web_t web_content_t:file read;\n"
        "allow web_t web_log_t:file { ioctl write };\n"
        "#============= ROLES ==============\nrole web_r types x_t;\n"
    )
    assert "#\t\tlabel the object web_u:object_r:web_content_t:s0\n" in end
    assert end.endswith("# allow web_t web_content_t:file read;\n")
    assert "gone_t" in err


def test_the_same_in_cil_with_numbers(verbs: Verbs) -> None:
    out, _ = verbs.run("audit2allow", "--cil", "-x")
    assert [line for line in out.splitlines() if line.startswith("(")] == [
        "(allow web_t home_t (file (read)))",
        "(allow web_t web_content_t (file (read)))",
        "(allow web_t web_log_t (file (ioctl write)))",
        "(allowx web_t web_log_t (ioctl file (0x5401)))",
        "(roletype web_r x_t)",
    ]
    assert all(not line or line[0] in ";(" for line in out.splitlines())


def test_a_module_says_what_it_requires(verbs: Verbs) -> None:
    out, _ = verbs.run("audit2allow", "-m", "local", "-x", "-D")
    assert out.startswith(
        "\nmodule local 1.0;\n\nrequire {\n\ttype home_t;\n\ttype web_content_t;\n\ttype web_log_t;\n\ttype web_t;\n"
        "\ttype x_t;\n\tclass file { ioctl read write };\n\trole web_r;\n}\n\n"
    )
    assert "dontauditxperm web_t web_log_t:file ioctl 0x5401;\n" in out


def test_a_module_and_its_package_are_written(verbs: Verbs, tmp_path: Path) -> None:
    out, _ = verbs.run("audit2allow", "-M", "local")
    assert out == (
        "******************** IMPORTANT ***********************\n"
        "To make this policy package active, execute:\n\nsemodule -i local.pp\n\n"
    )
    assert "allow web_t home_t:file read;\n" in (tmp_path / "local.te").read_text()
    package = read_package((tmp_path / "local.pp").read_bytes(), "local.pp")
    assert (package.module.name, package.module.version) == ("local", "1.0")
    assert "(allow web_t home_t (file (read)))\n" in module_to_cil(package, "local.pp")


def test_a_module_in_cil_is_its_own_package(verbs: Verbs, tmp_path: Path) -> None:
    out, _ = verbs.run("audit2allow", "--cil", "-M", "local")
    assert "semodule -i local.cil" in out
    assert "(allow web_t home_t (file (read)))\n" in (tmp_path / "local.cil").read_text()
    assert not {"local.te", "local.pp"} & {each.name for each in tmp_path.iterdir()}


def test_where_no_rule_helps_there_is_no_package(verbs: Verbs, tmp_path: Path) -> None:
    lines = verbs.log.read_text().splitlines()
    verbs.log.write_text("".join(f"{each}\n" for each in lines if "s0:c1" in each))
    out, _ = verbs.run("audit2allow", "-M", "local")
    assert out.startswith("No rule allows what the log says was denied")
    assert "# allow web_t web_content_t:file read;\n" in (tmp_path / "local.te").read_text()
    assert not (tmp_path / "local.pp").exists()


@pytest.mark.oracle
@requires_module_programs
@pytest.mark.parametrize("options", [(), ("-x",), ("-D", "-x"), ("-v",), ("-e",)], ids=" ".join)
def test_the_package_is_the_one_that_checkmodule_makes_of_the_source(
    verbs: Verbs, tmp_path: Path, options: tuple[str, ...]
) -> None:
    verbs.run("audit2allow", "-M", "local", *options)
    theirs = package((tmp_path / "local.te").read_text(), "-M", "-m", name="local")
    assert (tmp_path / "local.pp").read_bytes() == theirs


def test_rules_are_appended_to_a_file(verbs: Verbs, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("before\n")
    assert verbs.run("audit2allow", "-o", "rules")[0] == ""
    text = (tmp_path / "rules").read_text()
    assert text.startswith("before\n\n\n#====")
    assert text.endswith("# allow web_t web_content_t:file read;\n")


def test_records_are_shown_with_the_rules(verbs: Verbs) -> None:
    out, _ = verbs.run("audit2allow", "-v")
    assert '# src="web_t" tgt="home_t" class="file", perms="read"\n# comm="httpd" exe="" path=""\n#!!!! ' in out
    out, _ = verbs.run("audit2allow", "-e")
    assert (
        "# audit(1700000001.123:1):\n"
        '#  scontext="web_u:web_r:web_t:s0" tcontext="web_u:object_r:home_t:s0"\n#  class="file" perms="read"\n'
    ) in out


def test_advice_stands_with_the_rule_unless_it_is_not_wanted(verbs: Verbs) -> None:
    verbs.log.write_text(record("home_t", "open", "read", "write", about='path="/srv/www/x"') + "\n")
    out, _ = verbs.run("audit2allow")
    assert "#!!!! /srv/www/x should have the label web_content_t by its path, which does not allow this either\n" in out
    assert "#\trestorecon -v /srv/www/x\n" in out
    out, _ = verbs.run("audit2allow", "--no-advice")
    assert "restorecon" not in out


def test_file_contexts_may_be_given(verbs: Verbs, tmp_path: Path) -> None:
    (tmp_path / "fc").write_text("/data(/.*)? web_u:object_r:web_content_t:s0\n")
    verbs.log.write_text(record("web_log_t", "read", about='path="/data/x"') + "\n")
    out, _ = verbs.run("audit2allow", "--file-contexts", "fc")
    assert "#!!!! /data/x should have the label web_content_t by its path, which allows this\n" in out


def test_what_an_assertion_forbids_is_told_with_its_place(verbs: Verbs) -> None:
    verbs.policy.write_text(verbs.policy.read_text() + "(neverallow web_t web_log_t (file (write)))\n")
    out, _ = verbs.run("audit2allow")
    assert f"#!!!! the neverallow at {verbs.policy}:" in out
    assert " forbids this: allow web_t web_log_t (file (write))\nallow web_t web_log_t" in out


def test_a_number_that_no_rule_allows_gets_its_rule(verbs: Verbs) -> None:
    verbs.policy.write_text(
        verbs.policy.read_text()
        + "(allow web_t web_log_t (file (ioctl))) (allowx web_t web_log_t (ioctl file (0x5400)))\n"
    )
    verbs.log.write_text(record("web_log_t", "ioctl", about="ioctlcmd=0x5401") + "\n")
    out, _ = verbs.run("audit2allow")
    assert out.endswith("allow web_t web_log_t:file ioctl;\nallowxperm web_t web_log_t:file ioctl 0x5401;\n")
    out, _ = verbs.run("audit2allow", "-w")
    assert "extended rules are about this access, and none allows 0x5401" in out


def test_json_has_the_rules_in_both_languages(verbs: Verbs) -> None:
    result = json.loads(verbs.run("audit2allow", "--json", "-x")[0])["result"]
    assert [each["cause"] for each in result["rules"]] == ["boolean", "constraint", "allowed", "rule"]
    rule = result["rules"][-1]
    assert rule["language"] == [
        "allow web_t web_log_t:file { ioctl write };",
        "allowxperm web_t web_log_t:file ioctl 0x5401;",
    ]
    assert rule["cil"] == [
        "(allow web_t web_log_t (file (ioctl write)))",
        "(allowx web_t web_log_t (ioctl file (0x5401)))",
    ]
    assert (rule["numbers"], rule["times"]) == ([0x5401], 2)
    assert result["role_types"] == [{"role": "web_r", "types": ["x_t"]}]


@pytest.mark.parametrize(
    "words", [("-m", "1x"), ("-m", ""), ("-M", "a b"), ("-M", "x", "-o", "y"), ("-M", "x", "-m", "y")]
)
def test_wrong_names_and_contradictions_are_refused(words: tuple[str, ...]) -> None:
    assert main(["audit2allow", *words]) == 2


def test_the_same_log_gives_the_same_text(verbs: Verbs) -> None:
    first = verbs.run("audit2allow", "-m", "x", "-e")
    assert verbs.run("audit2allow", "-m", "x", "-e") == first


def test_a_log_that_calls_for_nothing_makes_no_files(verbs: Verbs) -> None:
    verbs.log.write_text("nothing\n")
    for words in ((), ("-M", "local"), ("-o", "rules")):
        out, err = verbs.run("audit2allow", *words)
        assert (out, "warning[audit-no-records]" in err) == ("", True)
    assert not {"local.te", "local.pp", "rules"} & {each.name for each in Path().iterdir()}


def test_summaries_of_setroubleshoot_are_told_of_where_there_is_nothing_else(verbs: Verbs) -> None:
    summary = (
        "Nov 22 05:53:54 web setroubleshoot: SELinux is preventing httpd from read access on the file x. "
        "For complete SELinux messages run: sealert -l 9f0ff4d4-9c52-4a2b-8c0b-0e2f6a2b9d6c\n"
    )
    verbs.log.write_text(summary * 3)
    _, err = verbs.run("audit2allow")
    assert "no record of a decision about access; 3 summaries of setroubleshoot stand for some" in err
    assert "`sealert -l`" in err
    verbs.log.write_text(summary + record("home_t", "read") + "\n")
    assert "setroubleshoot" not in verbs.run("audit2allow")[1]


INTERFACES = """\
[InterfaceVector homes_read $1:source ]
$1,home_t,file,getattr,read
[InterfaceVector logs_everything $1:source ]
$1,web_log_t,file,ioctl,open,read,write
$1,a_t,dir,search,write
$1,b_t,dir,search,write
$1,c_t,dir,search,write
$1,d_t,dir,search,write
$1,e_t,dir,search,write
$1,f_t,dir,search,write
$1,g_t,dir,search,write
"""
MAP = "1\nclass file 5\n  read r 10\n  write w 10\n  ioctl n 1\n  open n 1\n  getattr r 7\n"


@pytest.fixture
def interfaces(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "info").write_text(INTERFACES)
    (tmp_path / "map").write_text(MAP)
    return ("-R", "--interface-info", "info", "--perm-map", "map")


def test_interfaces_are_called_where_one_gives_what_was_denied(verbs: Verbs, interfaces: tuple[str, ...]) -> None:
    out, _ = verbs.run("audit2allow", *interfaces, "-m", "local")
    begin, _, _ = out.partition(APART)
    assert begin == (
        "\npolicy_module(local, 1.0)\n\nrequire {\n\ttype web_content_t;\n\ttype web_t;\n\ttype x_t;\n"
        "\tclass file read;\n\trole web_r;\n}\n\n"
        "#============= web_t ==============\n\n"
        "#!!!! This avc is allowed in the current policy\nallow web_t web_content_t:file read;\n\n"
        "#!!!! This avc can be allowed using the boolean 'web_homes'\nhomes_read(web_t)\n\n"
        "#!!!! Before this is granted: the interface logs_everything gives far more; "
        "the rule alone is written without -R\n"
        "logs_everything(web_t)\n"
        "#============= ROLES ==============\nrole web_r types x_t;\n"
    )


def test_with_records_all_interfaces_that_fit_are_shown(verbs: Verbs, interfaces: tuple[str, ...]) -> None:
    out, _ = verbs.run("audit2allow", *interfaces, "-v")
    assert (
        '# comm="httpd" exe="" path=""\n# Interface options:\n#   homes_read(web_t) # [7]\n'
        "#!!!! This avc can be allowed using the boolean 'web_homes'\nhomes_read(web_t)\n"
    ) in out
    result = json.loads(verbs.run("audit2allow", *interfaces, "--json")[0])["result"]
    assert result["rules"][0]["interfaces"] == [{"call": "homes_read(web_t)", "distance": 7}]
    assert result["rules"][1]["interfaces"] == [], "no interface helps against a constraint"


def test_rules_stay_that_interfaces_cannot_say(verbs: Verbs, interfaces: tuple[str, ...]) -> None:
    out, _ = verbs.run("audit2allow", *interfaces, "-x")
    assert "allow web_t web_log_t:file { ioctl write };\nallowxperm web_t web_log_t:file ioctl 0x5401;\n" in out
    assert "homes_read(web_t)" in out
    out, _ = verbs.run("audit2allow", *interfaces, "-D")
    assert "dontaudit web_t home_t:file read;\n" in out
    assert "homes_read" not in out
    assert verbs.run("audit2allow", *interfaces, "-N") == verbs.run("audit2allow")


def test_without_interface_information_it_is_told_how_it_is_made(
    verbs: Verbs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referencepolicy, "_DIRECTORY", "/none")
    assert main(["audit2allow", "-R", "-i", str(verbs.log)]) == 1
    err = capsys.readouterr().err
    assert "error[interface-info-missing]: there is no `/none/interface_info`" in err
    assert "sepolgen-ifgen" in err
    assert main(["audit2allow", "-R", "--cil", "-i", str(verbs.log)]) == 2


@needs("make")
def test_a_package_with_interfaces_is_built_with_the_headers_of_the_policy(
    verbs: Verbs, interfaces: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referencepolicy, "_PLACES", str(tmp_path / "headers"))
    monkeypatch.setattr(referencepolicy, "_CONFIGURATION", "/none")
    _, err = verbs.run("audit2allow", *interfaces, "-M", "local", status=1)
    assert "error[policy-headers-missing]" in err
    assert not (tmp_path / "local.te").exists()
    (tmp_path / "headers").mkdir()
    makefile = tmp_path / "headers" / "Makefile"
    makefile.write_text("%.pp: %.te\n\tgrep -c homes_read $< > $@\n")
    out, _ = verbs.run("audit2allow", *interfaces, "-M", "local")
    assert out.endswith("semodule -i local.pp\n\n")
    assert (tmp_path / "local.pp").read_text() == "1\n"
    makefile.write_text("%.mod: %.te\n\techo no such interface && false\n%.pp: %.mod\n\ttouch $@\n")
    (tmp_path / "local.pp").unlink()
    _, err = verbs.run("audit2allow", *interfaces, "-M", "local", status=1)
    assert "error[module-build-failed]" in err
    assert "no such interface\n" in err


def test_what_is_left_out_of_a_log_is_told(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    _, err = verbs.run("audit2allow")
    assert "kinds" not in err
    monkeypatch.setattr("selbox.analysis.deniedrules.MOST_KNOWN", 1)
    _, err = verbs.run("audit2allow")
    assert "records passed over: they are of more than" in err
