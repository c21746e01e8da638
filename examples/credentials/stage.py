"""Plays the story with real processes, or decides it without any where the machine refuses to supervise processes."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from channels import Keys
from story import (
    DIRECTORY_CONTEXT,
    SCENES,
    VAULT_CONTEXT,
    WORLDS,
    Guest,
    Outcome,
    Scene,
    World,
    verdict_on,
)

from selbox.audit.avcrecord import parse_record
from selbox.audit.summary import SummaryRow
from selbox.enforce.run import RunOptions, run_box
from selbox.model.policy import Policy
from selbox.server.reasontext import denial_texts
from selbox.server.securityserver import SecurityServer

_HERE = os.path.dirname(os.path.abspath(__file__))
_SOFTWARE_CONTEXT = "system_u:object_r:software_t:s0"
_LABELLED_BY_THE_BASE_POLICY = ("/", "/usr", "/usr/local")
_PATIENCE_SECONDS = 120


class StageError(Exception):
    """A world could not be played to its end."""


def play(policy: Policy) -> list[Outcome]:
    """Play every world with real processes.

    Raises:
        StageError: when a program of the story fails.
        SelboxError: when a box cannot be started.
    """
    return [outcome for world in WORLDS for outcome in _play_world(policy, world)]


def _play_world(policy: Policy, world: World) -> list[Outcome]:
    keys = Keys.fresh()
    with tempfile.TemporaryDirectory(prefix="vault-") as directory:
        os.chmod(directory, 0o711)  # noqa: S103 - anyone may come as far as the socket
        try:
            return _play_in(directory, keys, policy, world)
        finally:
            keys.remove()


def _play_in(directory: str, keys: Keys, policy: Policy, world: World) -> list[Outcome]:
    report, audit = os.path.join(directory, "report"), os.path.join(directory, "audit")
    contexts = [VAULT_CONTEXT, *(guest.context for guest, _ in world.visits)]
    if world.enforcing is None:
        contexts = ["" for _ in contexts]
    where = (str(keys.memory), str(keys.queue), os.path.join(directory, "socket"))
    command = (sys.executable, "-S", "-E", "-s", "-B", os.path.join(_HERE, "start.py"), report, *where, *contexts)
    denials: tuple[SummaryRow, ...] = ()
    if world.enforcing is None:
        status = subprocess.run(command, timeout=_PATIENCE_SECONDS, check=False).returncode
    else:
        options = RunOptions(command, enforcing=world.enforcing, audit=audit, labels=_given_labels(directory))
        box = run_box(policy, options)
        status, denials = box.exit_status, box.denials
    if status:
        raise StageError(f"{world.title}: the story broke off with exit status {status}")
    with open(report, encoding="utf-8") as stream:
        told = json.load(stream)
    return [
        _outcome(scene, told, visit, denials, _lines(audit))
        for visit, (guest, _) in zip(told["visits"], world.visits, strict=True)
        for scene in _scenes(world, guest)
    ]


def _scenes(world: World, guest: Guest) -> list[Scene]:
    return [each for each in SCENES if each.world == world and each.guest == guest]


def _outcome(
    scene: Scene, told: dict[str, Any], visit: dict[str, Any], denials: tuple[SummaryRow, ...], lines: list[str]
) -> Outcome:
    """Put together what the guest, the vault and selbox tell about a scene."""
    result = visit["tried"][scene.channel.name]
    records = tuple(line for line in lines if _is_about(line, scene))
    because = dict.fromkeys(
        reason
        for row in denials
        if row.scontext == scene.guest.context and row.tclass in scene.channel.classes
        for reason in row.reasons
    )
    in_box = scene.world.enforcing is not None
    object_label = told["vault"]["label"] if scene.channel.target == "vault" else told["socket"]
    return Outcome(
        scene,
        verdict_on(result.get("took") == told["vault"]["secret"], len(records)),
        visit["label"] if in_box else "",
        object_label if in_box else "",
        tuple(because),
        records,
        result.get("error", ""),
    )


def _is_about(line: str, scene: Scene) -> bool:
    record = parse_record(line)
    return not record.granted and record.scontext == scene.guest.context and record.tclass in scene.channel.classes


def _lines(audit: str) -> list[str]:
    """Return the records of accesses in an audit file, if there is one."""
    if not os.path.exists(audit):
        return []
    with open(audit, encoding="utf-8", errors="surrogateescape") as stream:
        return [line.rstrip("\n") for line in stream if line.startswith("type=AVC ")]


def _given_labels(directory: str) -> tuple[str, ...]:
    """Label what the base policy cannot know: this Python, these programs, and the vault's directory."""
    places = {os.path.realpath(each) for each in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    software = places.difference(_LABELLED_BY_THE_BASE_POLICY) | {_HERE}
    return (*(f"{path}={_SOFTWARE_CONTEXT}" for path in sorted(software)), f"{directory}={DIRECTORY_CONTEXT}")


def decide(policy: Policy) -> list[Outcome]:
    """Decide every scene by asking the security server what a box would ask."""
    server = SecurityServer(policy)
    vault = server.context_to_sid(VAULT_CONTEXT)
    directory = server.context_to_sid(DIRECTORY_CONTEXT)
    targets = {
        "vault": vault,
        "message": server.compute_create(vault, vault, server.vector("msg", ()).object_class),
        "socket": server.compute_create(vault, directory, server.vector("sock_file", ()).object_class),
    }
    return [_decide(scene, server, targets) for scene in SCENES]


def _decide(scene: Scene, server: SecurityServer, targets: dict[str, int]) -> Outcome:
    if scene.world.enforcing is None:
        return Outcome(scene, verdict_on(True, 0), "", "")
    source = server.context_to_sid(scene.guest.context)
    because: list[str] = []
    for check in scene.channel.checks:
        asked = server.vector(check.object_class, check.permissions)
        because += denial_texts(server, source, targets[check.target], asked.object_class, asked.vector)
    return Outcome(
        scene,
        verdict_on(not (because and scene.world.enforcing), len(because)),
        scene.guest.context,
        server.sid_to_context(targets[scene.channel.target]),
        tuple(because),
    )
