"""What is told when a box has ended."""

import os
from dataclasses import dataclass

from selbox.avc.cache import Statistics
from selbox.enforce.recorder import Recorder
from selbox.model.constraint import Constraint
from selbox.server.explanation import DenialKind, DenialReason
from selbox.server.securityserver import SecurityServer


@dataclass(frozen=True, slots=True)
class Denial:
    """A denial, counted.

    Attributes:
        count: how often it was recorded.
        source: context of the subject; target: context of the object; object_class: name of the class.
        permissions: names of what was denied.
        permissive: whether it went on all the same.
        program: name of the program that met it first.
        object: path or name that it was met with first; empty when it has none.
        reasons: for each reason, what policy says or lacks.
    """

    count: int
    source: str
    target: str
    object_class: str
    permissions: tuple[str, ...]
    permissive: bool
    program: str
    object: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunReport:
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
                tuple(
                    _words(server, key.source, key.target, key.object_class, reason) for reason in _reasons(server, key)
                ),
            )
        )
    return RunReport(128 - code if code < 0 else code, tuple(denials), tuple(recorder.intruders), cache)


def _reasons(server: SecurityServer, key: "tuple[int, int, int, int, bool]") -> tuple[DenialReason, ...]:
    source, target, object_class, permissions, _ = key
    return server.explain_denial(source, target, object_class, permissions)


def _words(server: SecurityServer, source: int, target: int, object_class: int, reason: DenialReason) -> str:
    policy = server.policy
    if reason.kind in (DenialKind.NO_RULE, DenialKind.BOOLEAN):
        types = policy.types
        source_type = types[server.context_of(source).type].name
        target_type = types[server.context_of(target).type].name
        names = " ".join(server.permission_names(object_class, reason.permissions))
        rule = f"(allow {source_type} {target_type} ({server.class_name(object_class)} ({names})))"
        return f"no rule {rule}" if reason.kind is DenialKind.NO_RULE else f"a boolean switches {rule} off"
    if reason.kind is DenialKind.CONSTRAINT and reason.constraint is not None:
        return _constraint_words(server, policy.constraints[reason.constraint])
    return reason.kind.value


def _constraint_words(server: SecurityServer, constraint: Constraint) -> str:
    origin = server.policy.origin(constraint.origin)
    name = "mlsconstrain" if constraint.is_mls else "constrain"
    return f"the {name} at {origin.place}" if origin else f"a {name}"
