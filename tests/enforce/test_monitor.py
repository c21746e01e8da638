"""The reference monitor: what it records, and what a look beforehand must not take from it."""

import os

import pytest

from selbox.avc.cache import AccessVectorCache
from selbox.enforce.caller import Caller
from selbox.enforce.monitor import AccessDenied, AccessEvent, ReferenceMonitor
from selbox.enforce.recorder import Recorder
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


def test_records_tell_contexts_that_the_policy_does_not_know_as_they_were() -> None:
    lines: list[str] = []
    monitored = Monitored(enforcing=False)
    recorder = Recorder(monitored.server, lines.append)
    for target in (monitored.server.context_to_sid_force("nobody_u:lost"), monitored.target):
        fields = {"name": "x"}
        recorder.record(AccessEvent(os.getpid(), monitored.source, target, 1, 1, False, True, fields))
    first, second = (line.partition(" tcontext=")[2] for line in lines)
    # As the kernel writes it: the label that counts in its place, and at the end what stood there.
    assert first.startswith("system_u:object_r:unlabeled_t:")
    assert first.endswith(' permissive=1 trawcon="nobody_u:lost"')
    assert "rawcon" not in second
