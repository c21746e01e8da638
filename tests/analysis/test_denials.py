from tests.analysis.denialpolicy import SOURCE, record

from selbox.analysis.denials import Denial, Denials, Named
from selbox.audit.accesslines import AccessLine, logged_accesses
from selbox.audit.events import EventFacts
from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.explain.loggedcauses import LoggedCauses
from selbox.language.cil import parse
from selbox.server.causes import CauseKind
from selbox.server.securityserver import SecurityServer


def facts(line: AccessLine) -> EventFacts:
    return EventFacts("/srv/x", "/usr/sbin/httpd") if "joined" in line.text else EventFacts()


def grouped(*lines: str) -> list[Denial]:
    server = SecurityServer(compile_policy([parse(SourceFile("p.cil", SOURCE))]))
    found = list(logged_accesses(lines, []))
    denials = Denials(facts)
    denials.add(found, LoggedCauses(server).find([each.access for each in found]))
    return denials.denials()


def test_a_cause_is_told_of_once_with_all_that_it_did() -> None:
    first, second = grouped(
        record("home_t", "write", number=3),
        record("home_t", "read", number=4, about='name="a"'),
        record("home_t", "open", "read", number=5, about='name="b"').replace("permissive=0", "permissive=1"),
        record("home_t", "read", number=9, about='name="a"'),
    )
    assert (first.cause, first.permissions, first.times, first.permissive) == (
        CauseKind.BOOLEAN,
        ("open", "read"),
        3,
        1,
    )
    assert (first.first, first.last, first.line) == (1700000004.123, 1700000009.123, 2)
    assert first.programs == (Named("httpd", 3),)
    assert first.objects == (Named("a", 2), Named("b", 1))
    assert [each.name for each in first.booleans] == ["web_homes"]
    assert (second.cause, second.permissions, second.target) == (CauseKind.RULE, ("write",), "home_t")


def test_names_are_completed_from_other_records() -> None:
    (found,) = grouped(
        record("home_t", "write", about='name="joined"'), record("home_t", "write", about='name="joined"')
    )
    assert found.objects == (Named("/srv/x", 2),)
    assert found.programs == (Named("/usr/sbin/httpd", 2),)


def test_what_the_policy_does_not_know_is_a_cause_of_its_own() -> None:
    (found,) = grouped(record("gone_t", "write"), record("gone_t", "read"))
    assert (found.cause, found.unknown, found.times) == (None, "web_u:object_r:gone_t:s0", 2)


def test_objects_are_called_what_they_are() -> None:
    ports, message, capability = grouped(
        record("any_port_t", "name_bind", tclass="tcp_socket", about="src=8080"),
        record("web_t", "send_msg", tclass="dbus", about="msgtype=method_call interface=org.x member=Get dest=:1.7"),
        record("web_t", "dac_override", tclass="capability", about="capability=1 "),
    )
    assert [each.objects[0].name for each in (ports, message, capability)] == ["port 8080", "org.x.Get", "capability 1"]


def test_many_names_are_cut_short() -> None:
    (found,) = grouped(*(record("home_t", "write", about=f'name="f{each:04}"') for each in range(700)))
    assert (found.times, len(found.objects)) == (700, 5)
    assert [each.name for each in found.objects] == ["f0000", "f0001", "f0002", "f0003", "f0004"]


def test_what_was_granted_is_no_denial() -> None:
    assert grouped(record("home_t", "write", verdict="granted")) == []
