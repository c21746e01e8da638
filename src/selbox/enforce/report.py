"""What is told when a box has ended."""

import os
from typing import NamedTuple

from selbox.avc.cache import Statistics
from selbox.enforce.recorder import Recorder
from selbox.server.reasontext import denial_texts
from selbox.server.securityserver import SecurityServer


class Denial(NamedTuple):
    """A denial, counted.

    Attributes:
        times: how often it was recorded.
        source: context of the subject; target: context of the object; object_class: name of the class.
        permissions: names of what was denied.
        permissive: whether it went on all the same.
        program: name of the program that met it first.
        object: path or name that it was met with first; empty when it has none.
        reasons: for each reason, what policy says or lacks.
    """

    times: int
    source: str
    target: str
    object_class: str
    permissions: tuple[str, ...]
    permissive: bool
    program: str
    object: str
    reasons: tuple[str, ...]


class RunReport(NamedTuple):
    """The end of a box.

    Attributes:
        exit_status: what a shell would see: the program's own, or 128 and the signal that ended it.
        denials: most frequent first.
        intruders: programs killed because another file ran than the one that was decided about.
        cache: what the access vector cache did.
    """

    exit_status: int
    denials: tuple[Denial, ...]
    intruders: tuple[str, ...]
    cache: Statistics


def make_report(recorder: Recorder, server: SecurityServer, wait_status: int, cache: Statistics) -> RunReport:
    """Sum up a box from its records."""
    code = os.waitstatus_to_exitcode(wait_status)
    denials = []
    for key, count in sorted(recorder.denials.items(), key=lambda each: -each[1]):
        program, example = recorder.examples[key]
        denials.append(
            Denial(
                count,
                server.sid_to_context(key.source),
                server.sid_to_context(key.target),
                server.class_name(key.object_class),
                server.permission_names(key.object_class, key.permissions),
                key.permissive,
                program,
                example,
                denial_texts(server, key.source, key.target, key.object_class, key.permissions),
            )
        )
    return RunReport(128 - code if code < 0 else code, tuple(denials), tuple(recorder.intruders), cache)
