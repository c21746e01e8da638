import pytest
from tests.analysis.denialpolicy import SOURCE, record

from selbox.analysis.deniedrules import DeniedRules
from selbox.audit.accesslines import logged_accesses
from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.explain.loggedcauses import LoggedCauses
from selbox.language.cil import parse
from selbox.server.causes import CauseKind
from selbox.server.securityserver import SecurityServer


def collected(*lines: str, examples: int = 1) -> DeniedRules:
    server = SecurityServer(compile_policy([parse(SourceFile("p.cil", SOURCE))]))
    found = list(logged_accesses(lines, []))
    rules = DeniedRules(examples)
    rules.add(found, LoggedCauses(server).find([each.access for each in found]))
    return rules


def test_accesses_of_one_source_target_class_and_cause_are_one_rule() -> None:
    rules = collected(
        record("web_log_t", "write"),
        record("web_log_t", "ioctl", about="ioctlcmd=0x5402"),
        record("web_log_t", "ioctl", "write", about="ioctlcmd=0x5401"),
        record("home_t", "read"),
        record("home_t", "read"),
        record("home_t", "write"),
        record("web_t", "execmem", tclass="process"),
    ).rules()
    assert [(each.target, each.kind, each.permissions, each.numbers, each.times) for each in rules] == [
        ("home_t", CauseKind.BOOLEAN, ("read",), (), 2),
        ("home_t", CauseKind.RULE, ("write",), (), 1),
        ("self", CauseKind.RULE, ("execmem",), (), 1),
        ("web_log_t", CauseKind.RULE, ("ioctl", "write"), (0x5401, 0x5402), 3),
    ]


def test_what_was_granted_or_is_unknown_calls_for_no_rule() -> None:
    rules = collected(record("home_t", "write", verdict="granted"), record("gone_t", "write"), record("home_t", "fly"))
    assert rules.rules() == []


def test_the_first_lines_are_kept() -> None:
    rules = collected(*(record("home_t", "write", number=each) for each in range(5)), examples=3)
    (rule,) = rules.rules()
    assert [each.line for each in rule.examples] == [1, 2, 3]


def test_a_log_that_calls_for_rules_without_end_takes_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selbox.analysis.deniedrules.MOST_KNOWN", 2)
    rules = collected(*(record(each, "write") for each in ("home_t", "web_log_t", "program_t", "default_t", "home_t")))
    assert [each.target for each in rules.rules()] == ["home_t", "web_log_t"]
    assert rules.others == 2
