"""The reference monitor: what it records, and what a look beforehand must not take from it."""

import os

import pytest

from selbox.avc.cache import AccessVectorCache
from selbox.enforce.caller import Caller
from selbox.enforce.monitor import AccessDenied, AccessEvent, ReferenceMonitor
from selbox.enforce.tasks import TaskState
from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import load_policy

DOMAIN = "system_u:system_r:kernel_t:s0"
ALTERING = ("unix_write", "read", "write")


class Monitored:
    """A monitor, what it recorded, and a caller in kernel_t."""

    def __init__(self, enforcing: bool) -> None:
        self.server = SecurityServer(load_policy([]), enforcing=enforcing)
        self.events: list[AccessEvent] = []
        self.monitor = ReferenceMonitor(self.server, AccessVectorCache(self.server), self.events.append)
        self.source = self.server.context_to_sid(DOMAIN)
        # kernel_t may do all to IPC objects of every type; at the file label's SID no domain may enter a process.
        self.target = self.server.initial_sid("file")
        self.caller = Caller(0, os.getpid(), TaskState(sid=self.source, previous=self.source))

    def check(self) -> None:
        self.monitor.check(self.caller, self.target, "process", ("transition",), dict)

    def would_go_on(self) -> bool:
        return self.monitor.would_go_on(self.source, self.target, "process", ("transition",))


def test_permissive_records_after_a_look_beforehand() -> None:
    monitored = Monitored(enforcing=False)
    assert monitored.would_go_on()
    assert not monitored.events
    monitored.check()
    assert [(each.permissive, each.granted) for each in monitored.events] == [(True, False)]
    assert monitored.would_go_on()
    monitored.check()
    assert len(monitored.events) == 1, "once, until the cache is emptied"


def test_enforcing_refuses_as_the_look_beforehand_says() -> None:
    monitored = Monitored(enforcing=True)
    assert not monitored.would_go_on()
    assert not monitored.events
    with pytest.raises(AccessDenied):
        monitored.check()
    assert len(monitored.events) == 1
    assert monitored.monitor.would_go_on(monitored.source, monitored.target, "sem", ALTERING)
