import pytest
from tests.analysis.denialpolicy import SOURCE, record

from selbox.analysis.advice import Advice, Advisor
from selbox.analysis.deniedrules import DeniedRules
from selbox.audit.accesslines import AccessLine, logged_accesses
from selbox.audit.events import EventFacts
from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.explain.answer import BooleanValue
from selbox.explain.loggedcauses import LoggedCauses
from selbox.language.cil import parse
from selbox.server.securityserver import SecurityServer


@pytest.fixture(scope="module")
def server() -> SecurityServer:
    return SecurityServer(compile_policy([parse(SourceFile("p.cil", SOURCE))]))


def file_label(path: str, object_class: str) -> str | None:
    assert object_class in ("file", "dir")
    return "web_u:object_r:web_content_t:s0" if path.startswith("/srv/www/") else None


def facts(line: AccessLine) -> EventFacts:
    return EventFacts(path="/srv/www/joined") if "joined" in line.text else EventFacts()


def advice(server: SecurityServer, line: str) -> list[Advice]:
    (found,) = logged_accesses([line], [])
    rules = DeniedRules()
    rules.add([found], LoggedCauses(server).find([found.access]))
    (rule,) = rules.rules()
    advisor = Advisor(server, file_label, facts)
    advisor.look_over([rule])
    return advisor.of(rule)


def kinds(found: list[Advice]) -> list[str]:
    return [each.kind for each in found]


def test_a_wrong_label_is_known_by_the_path(server: SecurityServer) -> None:
    first, *_ = advice(server, record("home_t", "read", about='path="/srv/www/a b"'))
    assert first == Advice(
        "label",
        "'/srv/www/a b' should have the label web_content_t by its path, which allows this",
        ("restorecon -v '/srv/www/a b'",),
    )
    first, *_ = advice(server, record("home_t", "write", about='path="/srv/www/x"'))
    assert first.text == "/srv/www/x should have the label web_content_t by its path, which does not allow this either"


def test_the_path_may_stand_in_another_record_of_the_event(server: SecurityServer) -> None:
    first, *_ = advice(server, record("home_t", "read", about='name="joined"'))
    assert first.commands == ("restorecon -v /srv/www/joined",)


def test_a_label_that_is_right_is_left_alone(server: SecurityServer) -> None:
    assert advice(server, record("web_content_t", "write", about='path="/srv/www/x"')) == []
    assert advice(server, record("home_t", "write", about='path="/home/x"')) == []


def test_a_label_that_says_little_may_be_another(server: SecurityServer) -> None:
    first, *others = advice(server, record("default_t", "read", tclass="dir", about='path="/data"'))
    assert (
        first.text
        == "default_t says little about what an object is; with the label web_content_t this would be allowed"
    )
    assert first.commands == ("semanage fcontext -a -t web_content_t '/data(/.*)?'", "restorecon -Rv /data")
    assert kinds(others) == ["peril"]


def test_an_object_without_a_label_should_get_that_of_its_path() -> None:
    policy = compile_policy([parse(SourceFile("p.cil", SOURCE + "(type unlabeled_t)"))])
    first, *_ = advice(SecurityServer(policy), record("unlabeled_t", "read", about='path="/data/x"'))
    assert first == Advice("label", "unlabeled_t stands for objects without a valid label", ("restorecon -Rv /data/x",))


def test_what_is_to_be_written_may_have_a_sibling() -> None:
    more = "(type web_sys_page_t) (type web_sys_rw_page_t) (allow web_t web_sys_rw_page_t (file (write)))"
    policy = compile_policy([parse(SourceFile("p.cil", SOURCE + more))])
    first, *_ = advice(SecurityServer(policy), record("web_sys_page_t", "write", about='path="/data/x"'))
    assert first.text == (
        "web_sys_page_t is not meant to be written here; with the label web_sys_rw_page_t this would be allowed"
    )


def test_a_sibling_may_need_a_boolean() -> None:
    more = (
        "(type web_sys_page_t) (type web_sys_rw_page_t) (boolean scripts false) "
        "(booleanif scripts (true (allow web_t web_sys_rw_page_t (file (write)))))"
    )
    policy = compile_policy([parse(SourceFile("p.cil", SOURCE + more))])
    first, *_ = advice(SecurityServer(policy), record("web_sys_page_t", "write", about='path="/data/x"'))
    assert first.text.endswith("with the label web_sys_rw_page_t and scripts=1 this would be allowed")
    assert first.commands[-1] == "setsebool -P scripts=1"


def test_booleans_that_only_help_together_are_told() -> None:
    more = (
        "(type net_t) (boolean homes false) (boolean net false) (boolean off true) "
        "(booleanif (and homes net) (true (allow web_t net_t (file (append)))))"
        "(booleanif (and homes (not off)) (true (allow web_t net_t (file (append)))))"
    )
    policy = compile_policy([parse(SourceFile("p.cil", SOURCE + more))])
    found = advice(SecurityServer(policy), record("net_t", "append"))
    assert [each.commands for each in found if each.kind == "boolean"] == [
        ("setsebool -P homes=1 net=1",),
        ("setsebool -P homes=1 off=0",),
    ]


def test_booleans_that_allow_little_come_first() -> None:
    more = (
        "(type net_t) (boolean every false) (boolean one false) (typeattribute group) "
        "(typeattributeset group (net_t home_t)) (booleanif every (true (allow web_t group (file (append))))) "
        "(booleanif one (true (allow web_t net_t (file (append)))))"
    )
    advisor = Advisor(SecurityServer(compile_policy([parse(SourceFile("p.cil", SOURCE + more))])))
    given = (BooleanValue("every", True), BooleanValue("one", True))
    assert advisor.narrowest(given) == given[::-1]
    assert advisor.narrowest(given[:1]) == given[:1]


def test_nothing_is_relabelled_to_what_no_file_context_describes() -> None:
    (found,) = logged_accesses([record("home_t", "read", about='path="/elsewhere"')], [])
    server = SecurityServer(compile_policy([parse(SourceFile("p.cil", SOURCE))]))
    rules = DeniedRules()
    rules.add([found], LoggedCauses(server).find([found.access]))
    (rule,) = rules.rules()
    assert "label" not in kinds(Advisor(server, lambda *_: "web_u:object_r:default_t:s0").of(rule))


@pytest.mark.parametrize(
    ("path", "label"), [("/data/x", "web_sys_content_t"), ("/run/x", "web_runtime_t"), ("/etc/x", None)]
)
def test_a_label_is_for_the_place_where_the_object_lies(path: str, label: str | None) -> None:
    types = ("web_sys_content_t", "web_runtime_t", "web_secrets_t", "web_tmp_t")
    more = "".join(f"(type {each}) (allow web_t {each} (file (append)))" for each in types)
    policy = compile_policy(
        [parse(SourceFile("p.cil", SOURCE.replace("web_log_t (file (append open))", "web_log_t (file (open))") + more))]
    )
    found = advice(SecurityServer(policy), record("default_t", "append", about=f'path="{path}"'))
    named = [each.commands[0].split()[4] for each in found if each.kind == "label"]
    assert named == ([label] if label else [])


def test_a_port_may_have_another_label(server: SecurityServer) -> None:
    (found,) = advice(server, record("any_port_t", "name_bind", tclass="tcp_socket", about="src=8080"))
    assert found == Advice(
        "port",
        "tcp port 8080 is any_port_t; with the label web_port_t this would be allowed",
        ("semanage port -a -t web_port_t -p tcp 8080",),
    )


def test_a_port_that_is_somebodys_keeps_its_label(server: SecurityServer) -> None:
    assert advice(server, record("narrow_port_t", "name_bind", tclass="tcp_socket", about="src=90")) == []


def test_a_port_that_the_system_labels_otherwise_is_told_of(server: SecurityServer) -> None:
    first, *_ = advice(server, record("any_port_t", "name_bind", tclass="tcp_socket", about="src=80"))
    assert first.text == "the policy labels tcp port 80 web_port_t; this system had it labelled otherwise"


@pytest.mark.parametrize("about", ["src=99999999", "src=", "dest=80"])
def test_a_port_that_is_none_is_left_alone(server: SecurityServer, about: str) -> None:
    assert advice(server, record("any_port_t", "name_bind", tclass="tcp_socket", about=about)) == []


def test_a_constraint_that_would_forbid_it_all_the_same_is_told_of(server: SecurityServer) -> None:
    (found,) = advice(server, record("web_log_t", "write", level="s0:c1"))
    assert found.kind == "constraint"
    first, constraint, *needed = found.text.split("\n\t")
    assert first == "even with this rule { write } would be denied"
    assert constraint == "mlsconstrain file { read write } (l1 dom l2 -Fail-) ;"
    assert any("label the object web_u:object_r:web_log_t:s0" in each for each in needed)


def test_what_a_constraint_forbids_has_what_would_be_needed(server: SecurityServer) -> None:
    (found,) = advice(server, record("web_content_t", "read", level="s0:c1"))
    assert found.text.startswith("no rule helps\n\tmlsconstrain file")
    assert "needed: label the object web_u:object_r:web_content_t:s0" in found.text


def test_a_program_without_a_domain_should_get_one(server: SecurityServer) -> None:
    (found,) = advice(server, record("home_t", "write", source="initrc_t", about='exe="/opt/x" name="y"'))
    assert found.text.startswith("the program /opt/x runs as initrc_t, ")


def test_perils_come_last(server: SecurityServer) -> None:
    (found,) = advice(server, record("web_t", "execmem", tclass="process"))
    assert (found.kind, found.text.split()[0]) == ("peril", "execmem")


def test_what_is_allowed_needs_no_advice(server: SecurityServer) -> None:
    assert advice(server, record("web_content_t", "read", about='path="/etc/x"')) == []


def test_names_cannot_move_the_cursor(server: SecurityServer) -> None:
    path = b"/srv/www/\x1b[2J".hex().upper()
    first, *_ = advice(server, record("home_t", "read", about=f"path={path}"))
    assert first.commands == ("restorecon -v '/srv/www/\\x1b[2J'",)
