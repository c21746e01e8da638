import pytest

from selbox.audit.eventrecord import (
    EventRecord,
    Login,
    boolean_changed,
    bounded_transition_denied,
    format_event,
    invalid_computed_context,
    invalid_context,
    mode_changed,
    parse_event,
    policy_loaded,
    relabelling_denied,
)
from selbox.audit.fields import Stamp

STAMP = Stamp(1700000000, 7, 45)
HEADER = "msg=audit(1700000000.007:45):"

# The texts are those of the kernel's format strings (6.1), as real logs show them.
EVENTS = [
    (
        mode_changed(STAMP, True, False, Login()),
        (
            f"type=MAC_STATUS {HEADER} enforcing=1 old_enforcing=0 auid=4294967295 ses=4294967295 enabled=1 "
            "old-enabled=1 lsm=selinux res=1"
        ),
    ),
    (
        policy_loaded(STAMP, Login(1000, 3)),
        f"type=MAC_POLICY_LOAD {HEADER} auid=1000 ses=3 lsm=selinux res=1",
    ),
    (
        boolean_changed(STAMP, "httpd_can", True, False, Login(1000, 3)),
        f"type=MAC_CONFIG_CHANGE {HEADER} bool=httpd_can val=1 old_val=0 auid=1000 ses=3",
    ),
    (
        invalid_computed_context(STAMP, "staff_u:staff_r:spc_t:s0", "a:b:c:s0", "d:e:f:s0", "process"),
        (
            f'type=SELINUX_ERR {HEADER} op=security_compute_sid invalid_context="staff_u:staff_r:spc_t:s0" '
            "scontext=a:b:c:s0 tcontext=d:e:f:s0 tclass=process"
        ),
    ),
    (
        invalid_context(STAMP, "setxattr", "no such context"),
        f"type=SELINUX_ERR {HEADER} op=setxattr invalid_context=6E6F207375636820636F6E74657874",
    ),
    (
        bounded_transition_denied(STAMP, "a:b:c:s0", "a:b:d:s0"),
        (
            f"type=SELINUX_ERR {HEADER} op=security_bounded_transition seresult=denied oldcontext=a:b:c:s0 "
            "newcontext=a:b:d:s0"
        ),
    ),
    (
        relabelling_denied(STAMP, "a:b:c:s1", "a:b:c:s0", "a:b:d:s0", "file"),
        (
            f"type=SELINUX_ERR {HEADER} op=security_validate_transition seresult=denied oldcontext=a:b:c:s1 "
            "newcontext=a:b:c:s0 taskcontext=a:b:d:s0 tclass=file"
        ),
    ),
]


@pytest.mark.parametrize(("record", "text"), EVENTS)
def test_as_the_kernel_writes_it_and_back(record: EventRecord, text: str) -> None:
    assert format_event(record) == text
    assert parse_event(text) == record


def test_the_kernels_numbers_are_names() -> None:
    assert parse_event("audit: type=1404 audit(1700000000.007:45): enforcing=0").kind == "MAC_STATUS"
    assert parse_event("type=1399 audit(1700000000.007:45): arch=c000003e").kind == "1399"
