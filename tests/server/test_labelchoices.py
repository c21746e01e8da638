import pytest

from selbox.compiler.compile import compile_policy
from selbox.diagnostics import SourceFile
from selbox.language.cil import parse
from selbox.model.policy import Policy
from selbox.server.labelchoices import LabelChoices
from selbox.server.state import PolicyState

POLICY = """
(handleunknown deny) (class file (read write)) (class port (bind)) (classorder (file port))
(sid kernel) (sidorder (kernel)) (sidcontext kernel (u r web_t ((s0) (s0))))
(sensitivity s0) (sensitivityorder (s0))
(role r) (role object_r) (user u) (userrole u r) (userlevel u (s0)) (userrange u ((s0) (s0))) (roletype r web_t)
(boolean more false)
(type web_t) (type web_page_t) (type web_log_t) (type other_t) (type far_t) (type proc_t) (type wanted_t) (type late_t)
(type bare_t) (genfscon sysfs / (u object_r bare_t ((s0) (s0))))
(typeattribute file_type) (typeattribute stored) (typeattribute device)
(typeattributeset file_type (web_page_t web_log_t other_t wanted_t proc_t late_t))
(typeattributeset stored (web_page_t wanted_t)) (typeattributeset device (far_t))
(genfscon proc / (u object_r proc_t ((s0) (s0))))
(allow web_t file_type (file (read)))
(allow web_t far_t (file (read))) (allow web_t self (file (read)))
(allow other_t stored (file (read))) (allow other_t device (file (read))) ; or they would not be kept
(allow web_t other_t (file (write))) (allow web_t web_log_t (file (write)))
(booleanif more (true (allow web_t late_t (file (write)))))
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return compile_policy([parse(SourceFile("p.cil", POLICY))])


def choices(policy: Policy, permission: str, target: str = "wanted_t", **booleans: bool) -> list[str]:
    state = PolicyState.first(policy)
    state = state.with_values([booleans.get(each.name, each.default) for each in policy.booleans])
    types = policy.type_ids["web_t"], policy.type_ids[target]
    vector = policy.classes[0].vector((permission,))
    found = LabelChoices(policy, state.entries).choices(*types, 0, vector, state.active)
    return [policy.types[each].name for each in found]


def test_types_come_in_the_order_of_their_likeness(policy: Policy) -> None:
    # names that begin as the subject's come first, and of them what shares both attributes; no device, process or /proc
    assert choices(policy, "read") == ["web_page_t", "web_log_t", "late_t", "other_t"]


def test_only_rules_that_hold_count(policy: Policy) -> None:
    assert choices(policy, "write") == ["web_log_t", "other_t"]
    assert choices(policy, "write", more=True) == ["web_log_t", "late_t", "other_t"]


def test_an_object_with_a_label_that_the_kernel_gives_gets_no_label_of_processes(policy: Policy) -> None:
    assert set(choices(policy, "read", "bare_t")) == {
        *("far_t", "late_t", "other_t", "proc_t", "wanted_t", "web_log_t", "web_page_t")
    }
