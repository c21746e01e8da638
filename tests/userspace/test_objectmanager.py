import asyncio
import errno
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest

import selbox
from selbox import ObjectManager, PermissionDenied, SelboxError
from selbox.audit.accesslines import logged_accesses
from selbox.audit.userrecord import UserAvc, UserEvent
from selbox.store.policyfiles import base_sources, load_policy

CLASSES = """
(class db_table (create select insert update relabelto))
(class db_row (select))
(classorder (unordered db_table))
(classorder (unordered db_row))
"""
POLICY = f"""
{CLASSES}
(type clerk_t) (call domain_type (clerk_t))
(type auditor_t) (call domain_type (auditor_t))
(type trainee_t) (call domain_type (trainee_t)) (typepermissive trainee_t)
(type customers_t) (type orders_t) (type archive_t) (type private_t)
(allow clerk_t customers_t (db_table (select insert)))
(allow auditor_t customers_t (db_table (select)))
(auditallow auditor_t customers_t (db_table (select)))
(dontaudit clerk_t customers_t (db_table (relabelto)))
(boolean month_end false)
(booleanif month_end (true (allow clerk_t customers_t (db_table (update)))))
(typetransition clerk_t customers_t db_table orders_t)
(typetransition clerk_t customers_t db_table "archive" archive_t)
(typechange clerk_t customers_t db_table orders_t)
(typemember clerk_t customers_t db_row private_t)
(mlsconstrain (db_table (select)) (dom l1 l2))
(mlsvalidatetrans db_table (or (eq l1 l2) (eq t3 auditor_t)))
"""
CLERK, AUDITOR, TRAINEE = (f"system_u:system_r:{each}_t:s0" for each in ("clerk", "auditor", "trainee"))
CUSTOMERS = "system_u:object_r:customers_t:s0"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "shop.cil"
    path.write_text(POLICY)
    return path


class Log(list[UserAvc | UserEvent]):
    """Takes records."""

    @property
    def accesses(self) -> list[tuple[bool, tuple[str, ...], bool]]:
        return [(each.granted, each.permissions, each.permissive) for each in self if isinstance(each, UserAvc)]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def manager(file: Path, log: Log) -> ObjectManager:
    return ObjectManager(file, audit=log.append)


def code(call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(SelboxError) as caught:
        call(*arguments)
    return caught.value.diagnostics[0].code


# --- Checks -----------------------------------------------------------------------------------------------------------


def test_what_a_rule_grants_goes_on_and_is_not_recorded(manager: ObjectManager, log: Log, file: Path) -> None:
    manager.check_permission(CLERK, CUSTOMERS, "db_table", "select")
    answer = manager.has_permission(CLERK, CUSTOMERS, "db_table", ["select", "insert"])
    assert answer
    assert (answer.denied, answer.permissive) == ((), False)
    line = POLICY[: POLICY.index("(allow clerk_t")].count("\n") + 1
    assert answer.why == (f"(allow clerk_t customers_t (db_table (select insert))) at {file}:{line}:1",)
    assert str(answer) == f"`{CLERK}` may {{ select insert }} db_table `{CUSTOMERS}`: {answer.why[0]}"
    assert log == []


def test_all_that_can_be_said_of_a_result(manager: ObjectManager) -> None:
    told = manager.has_permission(CLERK, CUSTOMERS, "db_table", ("select", "update")).explain()
    assert (told.source, told.target, told.object_class) == (CLERK, CUSTOMERS, "db_table")
    assert told.denied == ("update",)
    assert [each.kind for each in told.reasons] == ["no-rule"]
    assert {each.changes[0].kind for each in told.proposals} >= {"boolean", "rule"}


def test_a_denial_is_a_permission_error_with_its_reason(manager: ObjectManager, log: Log) -> None:
    with pytest.raises(PermissionError) as caught:
        manager.check_permission(CLERK, CUSTOMERS, "db_table", ("select", "create"), {"table": "customers"})
    error = caught.value
    assert isinstance(error, PermissionDenied)
    assert not isinstance(error, SelboxError)
    assert (error.errno, error.strerror) == (errno.EACCES, os.strerror(errno.EACCES))
    assert error.reason == "no rule (allow clerk_t customers_t (db_table (create)))"
    assert error.result.denied == ("create",)
    assert str(error) == f"`{CLERK}` may not {{ create }} db_table `{CUSTOMERS}`: {error.reason}"
    (record,) = log
    assert isinstance(record, UserAvc)
    ((_, _, logged),) = logged_accesses([str(record)], [])  # as `selbox why` reads it
    assert (logged.permissions, logged.scontext, logged.tcontext) == (("create",), CLERK, CUSTOMERS)
    assert record.message == (
        'avc:  denied  { create } for table="customers" '
        f"scontext={CLERK} tcontext={CUSTOMERS} tclass=db_table permissive=0"
    )
    assert record.sender.pid == os.getpid()
    assert record.sender.exe == os.readlink("/proc/self/exe")


def test_a_policy_may_be_a_text(log: Log) -> None:
    manager = ObjectManager.from_cil(POLICY, enforcing=False, audit=log.append)
    manager.check_permission(CLERK, CUSTOMERS, "db_table", "create")
    assert log.accesses == [(False, ("create",), True)]
    with pytest.raises(SelboxError) as caught:
        ObjectManager.from_cil("(type a_t)\n(allow a_t b_t (file (read)))")
    assert caught.value.diagnostics[0].span is not None
    assert caught.value.diagnostics[0].span.place == "<text>:2:12"
    assert "2 | (allow a_t b_t (file (read)))" in caught.value.__notes__[0]


def test_a_constraint_is_named_with_its_expression(manager: ObjectManager) -> None:
    answer = manager.has_permission(CLERK, "system_u:object_r:customers_t:s1", "db_table", "select")
    assert not answer
    assert any("mlsconstrain" in each and "(dom l1 l2)" in each for each in answer.why)


def test_granted_accesses_are_recorded_where_the_policy_says_so(manager: ObjectManager, log: Log) -> None:
    manager.check_permission(AUDITOR, CUSTOMERS, "db_table", "select")
    assert log.accesses == [(True, ("select",), False)]


def test_denials_of_dontaudit_rules_are_not_recorded(manager: ObjectManager, log: Log) -> None:
    assert not manager.has_permission(CLERK, CUSTOMERS, "db_table", "relabelto")
    assert log == []


@pytest.mark.parametrize("how", ["mode", "type"])
def test_permissive_goes_on_and_is_recorded_once(manager: ObjectManager, log: Log, how: str) -> None:
    if how == "mode":
        manager.setenforce(False)
    subject = CLERK if how == "mode" else TRAINEE
    for _ in range(3):
        manager.check_permission(subject, CUSTOMERS, "db_table", "create")
        answer = manager.has_permission(subject, CUSTOMERS, "db_table", "create")
        assert (bool(answer), answer.permissive, answer.denied) == (True, True, ("create",))
        assert "though the policy denies it: no rule (allow" in str(answer)
    assert log.accesses == [(False, ("create",), True)]


@pytest.mark.parametrize("subject", [CLERK, TRAINEE])
def test_a_question_is_no_access(manager: ObjectManager, log: Log, subject: str) -> None:
    answer = manager.has_permission(subject, CUSTOMERS, "db_table", "create", audit=False)
    assert (bool(answer), answer.denied) == (subject == TRAINEE, ("create",))
    assert log == []
    manager.has_permission(subject, CUSTOMERS, "db_table", "create")
    assert len(log) == 1


def test_what_the_callback_raises_stops_the_access(file: Path) -> None:
    def full(_record: object) -> None:
        raise OSError(errno.ENOSPC, "the log is full")

    manager = ObjectManager(file, enforcing=False, audit=full)
    with pytest.raises(OSError, match="the log is full"):
        manager.check_permission(CLERK, CUSTOMERS, "db_table", "create")


def test_sids_stand_for_contexts(manager: ObjectManager) -> None:
    clerk, customers = manager.context_to_sid(CLERK), manager.context_to_sid(CUSTOMERS)
    assert manager.context_to_sid(CLERK) == clerk != customers
    assert manager.sid_to_context(customers) == CUSTOMERS
    manager.check_permission(clerk, customers, "db_table", "select")
    assert not manager.has_permission(clerk, CUSTOMERS, "db_table", "create")
    assert code(manager.check_permission, 99, customers, "db_table", "select") == "unknown-sid"
    assert code(manager.sid_to_context, 0) == "unknown-sid"


def test_everything_about_a_pair(manager: ObjectManager) -> None:
    found = manager.compute_av(AUDITOR, CUSTOMERS, "db_table")
    everything = {"create", "select", "insert", "update", "relabelto"}
    assert tuple(found) == ({"select"}, {"select"}, everything, False)
    assert manager.compute_av(TRAINEE, CUSTOMERS, "db_table").permissive
    assert manager.compute_av(CLERK, CUSTOMERS, "db_table").auditdeny == {"create", "select", "insert", "update"}


def test_what_cannot_be_asked_is_an_error(manager: ObjectManager) -> None:
    ask = manager.has_permission
    assert code(ask, "clerk", CUSTOMERS, "db_table", "select") == "invalid-context"
    assert code(ask, CLERK, CUSTOMERS.replace("customers_t", "customer_t"), "db_table", "select") == "invalid-context"
    assert code(ask, CLERK, CUSTOMERS, "db_table", ()) == "no-permission"
    assert code(ask, CLERK, CUSTOMERS, "db table", "select") == "bad-name"
    assert code(ask, CLERK, CUSTOMERS, "db_table", "select }") == "bad-name"
    assert code(ask, CLERK, CUSTOMERS, 1, "select") == "not-mapped"
    assert code(ask, CLERK, CUSTOMERS, "db_table", 1) == "not-mapped"
    assert code(manager.compute_create, CLERK, CUSTOMERS, "db_tabel") == "unknown-class"
    assert code(ObjectManager, load_policy([]), "x.cil") == "policy-not-alone"


@pytest.mark.parametrize("asked", [None, b"system_u:system_r:clerk_t:s0", 1.5, [CLERK], {}, object()])
def test_what_is_no_label_class_or_permission_is_an_error(manager: ObjectManager, asked: Any) -> None:
    for ask in (manager.has_permission, manager.check_permission):
        assert code(ask, asked, CUSTOMERS, "db_table", "select") == "argument-kind"
        assert code(ask, CLERK, asked, "db_table", "select") == "argument-kind"
        assert code(ask, CLERK, CUSTOMERS, asked, "select") == "argument-kind"
        assert code(ask, CLERK, CUSTOMERS, "db_table", ("select", asked)) == "argument-kind"
    assert code(manager.compute_av, asked, CUSTOMERS, "db_table") == "argument-kind"
    assert code(manager.compute_relabel, CLERK, asked, "db_table") == "argument-kind"
    assert code(manager.compute_member, CLERK, CUSTOMERS, asked) == "argument-kind"
    assert code(manager.validate_transition, CUSTOMERS, CUSTOMERS, asked, "db_table") == "argument-kind"
    for convert in (manager.canonical_context, manager.context_to_sid, manager.sid_to_context):
        assert code(convert, asked) == "argument-kind"
    assert code(manager.initial_context, asked) == "argument-kind"


@pytest.mark.parametrize("asked", [None, b"select", 1.5, [None], [1], ("select", b"drop")])
def test_what_holds_no_names_of_permissions_is_an_error(manager: ObjectManager, asked: Any) -> None:
    assert code(manager.has_permission, CLERK, CUSTOMERS, "db_table", asked) == "argument-kind"


def test_a_name_in_bytes_would_miss_its_transition(manager: ObjectManager) -> None:
    assert code(manager.compute_create, CLERK, CUSTOMERS, "db_table", b"archive") == "argument-kind"
    with pytest.raises(SelboxError, match="a context is text") as caught:
        manager.context_to_sid(cast("str", b"clerk"))
    assert "os.fsdecode" in caught.value.diagnostics[0].help


def test_the_nearest_name_is_told(manager: ObjectManager) -> None:
    answer = manager.has_permission(CLERK, CUSTOMERS, "db_table", "selct")
    assert not answer
    assert answer.why[-1] == "`selct`: did you mean `select`?"
    assert manager.has_permission(CLERK, CUSTOMERS, "db_tabel", "select").why[-1] == (
        "`db_tabel`: did you mean `db_table`?"
    )
    with pytest.raises(SelboxError) as caught:
        manager.has_permission("system_u:system_r:clark_t:s0", CUSTOMERS, "db_table", "select")
    assert caught.value.diagnostics[0].help == "did you mean `clerk_t`?"
    assert "help: did you mean `clerk_t`?" in caught.value.__notes__[0]


@pytest.mark.parametrize(("unknown", "granted"), [("allow", True), ("deny", False)])
def test_unknown_names_follow_the_policy(file: Path, unknown: str, granted: bool) -> None:
    policy = load_policy([str(file)])
    manager = ObjectManager(policy._replace(handle_unknown=type(policy.handle_unknown)(unknown)))
    assert bool(manager.has_permission(CLERK, CUSTOMERS, "db_view", "expand")) is granted
    assert bool(manager.has_permission(CLERK, CUSTOMERS, "db_table", "truncate")) is granted
    assert manager.set_mapping({"db_view": ("expand",), "db_table": ("select", "drop")}) == ("db_view", "db_table.drop")
    assert bool(manager.has_permission(CLERK, CUSTOMERS, 1, 1)) is granted
    assert bool(manager.has_permission(CLERK, CUSTOMERS, 2, 3)) is granted


def test_unknown_names_are_errors_where_the_policy_rejects_them(file: Path) -> None:
    policy = load_policy([str(file)])
    manager = ObjectManager(policy._replace(handle_unknown=type(policy.handle_unknown)("reject")))
    assert code(manager.has_permission, CLERK, CUSTOMERS, "db_view", "expand") == "unknown-class"
    assert code(manager.has_permission, CLERK, CUSTOMERS, "db_table", "drop") == "unknown-permission"
    assert code(manager.set_mapping, {"db_table": ("select", "drop")}) == "unknown-permission"
    assert manager.set_mapping({"db_table": ("select",)}) == ()


def sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - it is our own


def test_results_and_errors_go_from_process_to_process(manager: ObjectManager) -> None:
    answer = manager.has_permission(CLERK, CUSTOMERS, "db_table", "create")
    again = sent(answer)
    assert (bool(again), str(again), again.why, again.subject) == (False, str(answer), answer.why, CLERK)
    assert again.explain() == answer.explain()
    assert str(sent(PermissionDenied(answer))) == str(answer)


# --- Labels -----------------------------------------------------------------------------------------------------------


def test_new_objects_are_labelled_by_type_transitions(manager: ObjectManager) -> None:
    assert manager.compute_create(CLERK, CUSTOMERS, "db_table") == "system_u:object_r:orders_t:s0"
    assert manager.compute_create(CLERK, CUSTOMERS, "db_table", "archive") == "system_u:object_r:archive_t:s0"
    assert manager.compute_create(AUDITOR, CUSTOMERS, "db_table") == CUSTOMERS
    assert manager.compute_relabel(CLERK, CUSTOMERS, "db_table") == "system_u:object_r:orders_t:s0"
    assert manager.compute_member(CLERK, CUSTOMERS, "db_row") == "system_u:object_r:private_t:s0"
    assert manager.compute_create(manager.context_to_sid(CLERK), CUSTOMERS, "db_table").endswith("orders_t:s0")


def test_a_relabelling_may_be_forbidden_whoever_may_relabel(manager: ObjectManager) -> None:
    higher = CUSTOMERS.replace("s0", "s1")
    assert not manager.validate_transition(CUSTOMERS, higher, CLERK, "db_table")
    assert manager.validate_transition(CUSTOMERS, higher, AUDITOR, "db_table")
    assert manager.validate_transition(CUSTOMERS, "system_u:object_r:orders_t:s0", CLERK, "db_table")
    assert manager.validate_transition(CUSTOMERS, higher, manager.context_to_sid(CLERK), "db_row")


def test_contexts_are_told_in_canonical_form(manager: ObjectManager) -> None:
    assert manager.canonical_context("system_u:object_r:customers_t:s0:c2,c1,c0-s0:c0.c3,c5").endswith(
        ":s0:c0.c2-s0:c0.c3,c5"
    )
    assert manager.initial_context("kernel") == "system_u:system_r:kernel_t:s0-s15:c0.c1023"
    assert code(manager.initial_context, "kernal") == "missing-initial-sid"


# --- Classes of its own -----------------------------------------------------------------------------------------------


class Db(IntEnum):
    ROW = 1
    TABLE = 2


class Table(IntFlag):
    SELECT = 1
    INSERT = 4
    UPDATE = 8


MAPPING = {"db_row": ("select",), "db_table": ("select", "", "insert", "update")}


def test_classes_and_permissions_have_the_numbers_of_the_mapping(manager: ObjectManager, log: Log) -> None:
    assert manager.set_mapping(MAPPING) == ()
    manager.check_permission(CLERK, CUSTOMERS, Db.TABLE, Table.SELECT | Table.INSERT)
    assert not manager.has_permission(CLERK, CUSTOMERS, Db.TABLE, Table.SELECT | Table.UPDATE)
    assert not manager.has_permission(CLERK, CUSTOMERS, "db_table", Table.UPDATE)
    assert manager.has_permission(CLERK, CUSTOMERS, Db.TABLE, "insert")
    assert log.accesses == [(False, ("update",), False)] * 2
    assert code(manager.has_permission, CLERK, CUSTOMERS, Db.TABLE, 2) == "not-mapped"
    assert code(manager.has_permission, CLERK, CUSTOMERS, Db.TABLE, 16) == "not-mapped"
    assert code(manager.has_permission, CLERK, CUSTOMERS, Db.TABLE, 0) == "no-permission"
    assert code(manager.has_permission, CLERK, CUSTOMERS, 3, 1) == "not-mapped"
    assert manager.compute_create(CLERK, CUSTOMERS, Db.TABLE).endswith("orders_t:s0")
    assert code(manager.set_mapping, {"db_table": [f"p{each}" for each in range(33)]}) == "too-many-permissions"
    assert manager.has_permission(CLERK, CUSTOMERS, Db.TABLE, Table.SELECT)


def test_the_mapping_outlives_a_policy_with_other_numbers(manager: ObjectManager, tmp_path: Path) -> None:
    manager.set_mapping(MAPPING)
    other = tmp_path / "other.cil"
    turned = CLASSES.replace("create select insert update", "update insert select create")
    other.write_text(POLICY.replace(CLASSES, "(class first (x)) (classorder (unordered first))" + turned))
    manager.load_policy(other)
    assert manager.has_permission(CLERK, CUSTOMERS, Db.TABLE, Table.SELECT | Table.INSERT)
    assert manager.has_permission(CLERK, CUSTOMERS, Db.TABLE, Table.UPDATE).denied == ("update",)


# --- Changes ----------------------------------------------------------------------------------------------------------


def test_booleans_change_answers_and_are_told(manager: ObjectManager, log: Log) -> None:
    told: list[int] = []
    manager.on_policyload(told.append)
    assert not manager.has_permission(CLERK, CUSTOMERS, "db_table", "update")
    manager.set_booleans({"month_end": True})
    (why,) = manager.has_permission(CLERK, CUSTOMERS, "db_table", "update").why
    assert why.startswith("(allow clerk_t customers_t (db_table (update))) if month_end at ")
    assert (manager.booleans["month_end"], told, manager.seqno) == (True, [2], 2)
    assert log[-1].message == "avc:  op=load_policy lsm=selinux seqno=2 res=1"
    assert code(manager.set_booleans, {"month_and": True}) == "unknown-boolean"
    assert told == [2]


def test_changes_of_the_mode_are_told_once(manager: ObjectManager, log: Log) -> None:
    told: list[bool] = []
    manager.on_setenforce(told.append)
    for mode in (True, False, False, True):
        manager.setenforce(mode)
    assert told == [False, True]
    assert manager.enforcing
    assert [each.message[6:38] for each in log] == ["op=setenforce lsm=selinux enforc"] * 2


@pytest.mark.parametrize("value", ["off", "on", "0", "", b"\0", None, 2, -1, 0.0, [], "x" * 10_000])
def test_what_is_no_value_switches_nothing(manager: ObjectManager, log: Log, value: Any) -> None:
    told: list[object] = []
    manager.on_policyload(told.append)
    manager.on_setenforce(told.append)
    assert code(manager.set_booleans, {"month_end": value}) == "boolean-value"
    assert code(manager.setenforce, value) == "boolean-value"
    assert (manager.booleans, manager.enforcing, manager.seqno) == ({"month_end": False}, True, 1)
    assert not manager.has_permission(CLERK, CUSTOMERS, "db_table", "update", audit=False)
    assert (told, log) == ([], [])
    with pytest.raises(SelboxError, match=r"^enforcing is to be ") as caught:
        ObjectManager(manager.policy, enforcing=value)
    assert len(str(caught.value)) < 120


def test_one_and_nought_are_values(manager: ObjectManager, log: Log) -> None:
    told: list[bool] = []
    manager.on_setenforce(told.append)
    one, nought = cast("bool", 1), cast("bool", 0)
    manager.set_booleans({"month_end": one})
    for mode in (one, nought, False):
        manager.setenforce(mode)
    assert (repr(manager.booleans), repr(manager.enforcing), repr(told)) == ("{'month_end': True}", "False", "[False]")
    assert " enforcing=0 " in log[-1].message
    manager.set_booleans({"month_end": nought})
    assert repr(manager.booleans) == "{'month_end': False}"


def test_another_policy_keeps_mode_booleans_and_sids(tmp_path: Path) -> None:
    path = tmp_path / "shop.cil"
    path.write_text(POLICY)
    manager = ObjectManager(path, enforcing=False)
    told: list[int] = []
    manager.on_policyload(told.append)
    clerk, customers = manager.context_to_sid(CLERK), manager.context_to_sid(CUSTOMERS)
    manager.set_booleans({"month_end": True})
    assert not manager.reload_if_changed()
    path.write_text(POLICY.replace("(db_table (select insert))", "(db_table (insert))") + "(boolean fresh true)")
    assert manager.reload_if_changed()
    assert not manager.reload_if_changed()
    assert (manager.seqno, told) == (3, [2, 3])
    assert (manager.enforcing, manager.booleans) == (False, {"month_end": True, "fresh": True})
    manager.setenforce(True)
    assert manager.has_permission(clerk, customers, "db_table", ("insert", "update"))
    assert not manager.has_permission(CLERK, CUSTOMERS, "db_table", "select")


def test_a_label_that_a_policy_does_not_know_is_unlabelled_until_one_knows_it(tmp_path: Path) -> None:
    path = tmp_path / "shop.cil"
    path.write_text(POLICY)
    manager = ObjectManager(path)
    customers = manager.context_to_sid(CUSTOMERS)
    path.write_text(POLICY.replace("customers_t", "clients_t"))
    manager.reload()
    assert manager.sid_to_context(customers) == manager.initial_context("unlabeled")
    assert not manager.has_permission(CLERK, customers, "db_table", "select")
    assert code(manager.has_permission, CLERK, CUSTOMERS, "db_table", "select") == "invalid-context"
    path.write_text(POLICY)
    manager.reload()
    assert manager.sid_to_context(customers) == CUSTOMERS
    assert manager.has_permission(CLERK, customers, "db_table", "select")


def test_a_broken_policy_leaves_the_one_in_force_and_is_complained_of_until_it_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop.cil"
    path.write_text(POLICY)
    manager = ObjectManager(path)
    told: list[int] = []
    manager.on_policyload(told.append)
    path.write_text(POLICY + "(allow nobody_t customers_t (db_table (select)))")
    assert code(manager.reload_if_changed) == "cil-unknown-type"
    with monkeypatch.context() as without_reading:
        without_reading.setattr("selbox.store.policyfiles.load_policy", None)
        with pytest.raises(SelboxError, match=r"shop\.cil:[0-9]+:8: no type `nobody_t`") as caught:
            manager.reload_if_changed()
        assert "(allow nobody_t" in caught.value.__notes__[0]
    assert code(manager.reload) == "cil-unknown-type"
    assert code(manager.load_policy, tmp_path / "none.cil") == "file-unreadable"
    assert code(manager.reload_if_changed) == "cil-unknown-type"
    path.unlink()
    for _ in range(2):
        assert code(manager.reload_if_changed) == "file-unreadable"
    assert manager.has_permission(CLERK, CUSTOMERS, "db_table", "select")
    assert (manager.seqno, told) == (1, [])
    path.write_text(POLICY.replace("(select insert)", "(insert)"))
    assert manager.reload_if_changed()
    assert not manager.reload_if_changed()
    assert not manager.has_permission(CLERK, CUSTOMERS, "db_table", "select")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_that_is_being_written_is_no_empty_policy(tmp_path: Path, content: str) -> None:
    path, local = tmp_path / "shop.cil", tmp_path / "local.cil"
    path.write_text(POLICY)
    local.write_text("; nothing yet\n")
    manager = ObjectManager(path, local)
    path.write_text(content)
    for _ in range(2):
        assert code(manager.reload_if_changed) == "file-empty"
    assert code(manager.reload) == "file-empty"
    assert code(ObjectManager, path) == "file-empty"
    assert manager.has_permission(CLERK, CUSTOMERS, "db_table", "select")
    path.write_text(POLICY)
    assert manager.reload_if_changed()
    assert not manager.reload_if_changed()


def test_a_policy_that_lacks_what_the_mapping_needs_is_wrong_as_well(tmp_path: Path) -> None:
    path = tmp_path / "shop.cil"
    path.write_text(POLICY)
    manager = ObjectManager(path)
    manager.set_mapping({"db_row": ("select",)})
    base = "\n".join(each.text for each in base_sources())
    path.write_text(base.replace("(handleunknown deny)", "(handleunknown reject)"))
    for _ in range(2):
        assert code(manager.reload_if_changed) == "unknown-class"
    assert manager.has_permission(CLERK, CUSTOMERS, "db_table", "select")


def test_what_could_not_be_read_to_the_end_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shop.cil"
    path.write_text(POLICY)
    manager = ObjectManager(path)
    path.write_text(POLICY.replace("(select insert)", "(insert)"))
    with monkeypatch.context() as without_memory:
        without_memory.setattr("selbox.store.policyfiles.load_policy", Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            manager.reload_if_changed()
    assert manager.reload_if_changed()
    assert not manager.has_permission(CLERK, CUSTOMERS, "db_table", "select")


def test_callbacks_may_use_what_calls_them(manager: ObjectManager) -> None:
    answers: list[bool] = []

    def look_again(_seqno: int) -> None:
        answers.append(bool(manager.has_permission(CLERK, CUSTOMERS, "db_table", "update")))
        manager.setenforce(False)

    manager.on_policyload(look_again)
    manager.set_booleans({"month_end": True})
    assert (answers, manager.enforcing) == ([True], False)


# --- Many at once -----------------------------------------------------------------------------------------------------


def test_threads_never_see_half_of_a_policy(file: Path) -> None:
    # Under the one policy a clerk may select and not insert, under the other it is the other way round; classes and
    # permissions have other numbers.
    one = load_policy([str(file)])
    text = POLICY.replace("(select insert))", "(insert))", 1).replace("(create select insert", "(insert create select")
    assert "(allow clerk_t customers_t (db_table (insert)))" in text
    path = file.with_name("other.cil")
    path.write_text("(class early (x)) (classorder (unordered early))" + text)
    other = load_policy([str(path)])
    manager = ObjectManager(one)
    customers = manager.context_to_sid(CUSTOMERS)
    wrong: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            for target in (CUSTOMERS, customers):
                if not manager.has_permission(CLERK, target, "db_table", "insert"):
                    wrong.append("insert was denied")
                if manager.has_permission(CLERK, target, "db_table", "create"):
                    wrong.append("create was granted")

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for each in askers:
        each.start()
    for number in range(30):
        manager.load_policy(other if number % 2 else one)
        manager.set_booleans({"month_end": bool(number % 3)})
    done.set()
    for each in askers:
        each.join()
    assert wrong == []
    assert manager.seqno == 61


def test_tasks_of_an_event_loop_ask_while_a_thread_compiles(tmp_path: Path) -> None:
    path = tmp_path / "shop.cil"
    path.write_text(POLICY)
    manager = ObjectManager(path)

    async def ask() -> int:
        for _ in range(50):
            await asyncio.sleep(0)
            manager.check_permission(CLERK, CUSTOMERS, "db_table", "insert")
            with pytest.raises(PermissionDenied):
                manager.check_permission(CLERK, CUSTOMERS, "db_table", "create")
        return 1

    async def everything() -> int:
        path.write_text(POLICY + "; changed")
        reloading = asyncio.create_task(asyncio.to_thread(manager.reload_if_changed))
        answers = await asyncio.gather(*(ask() for _ in range(10)))
        assert await reloading
        return sum(answers)

    assert asyncio.run(everything()) == 10


# --- What is imported -------------------------------------------------------------------------------------------------


def test_importing_selbox_imports_nothing_more() -> None:
    program = (
        "import sys; before = set(sys.modules); import selbox; "
        "print(sorted(set(sys.modules) - before)); "
        "print(selbox.ObjectManager.__module__, 'selbox.compiler' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(selbox.__file__).parents[1])}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert ended.stdout.splitlines() == ["['selbox']", "selbox.userspace.objectmanager False"]


def test_names_are_there_and_others_are_not() -> None:
    assert set(selbox.__all__) <= set(dir(selbox))
    assert all(getattr(selbox, name) is not None for name in selbox.__all__)
    with pytest.raises(AttributeError, match="no attribute 'ObjectManger'"):
        selbox.ObjectManger  # noqa: B018 # type: ignore[attr-defined]
