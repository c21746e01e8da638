"""Plays the story with real processes, or decides it without any where the machine refuses to supervise processes."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any

from acts import ACTS, ADDITION, BROKER, DENIED_TEXT, UNKNOWN_TEXT, Act, Outcome, Scene, Verdict, verdict_on
from queues import QueueError, Queues

import selbox
from selbox import ObjectManager, PermissionDenied
from selbox.audit.userrecord import UserAvc, UserEvent, parse_user_avc
from selbox.enforce.run import RunOptions, run_box
from selbox.store.policyfiles import load_policy

POLICY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "broker.cil")
_HERE = os.path.dirname(os.path.abspath(__file__))
_LIBRARY = os.path.dirname(os.path.dirname(os.path.abspath(selbox.__file__)))
_SOFTWARE_CONTEXT = "system_u:object_r:software_t:s0"
_DIRECTORY_CONTEXT = "system_u:object_r:tmp_t:s0"
_LABELLED_BY_THE_BASE_POLICY = ("/", "/usr", "/usr/local")
_PATIENCE_SECONDS = 120


class TheatreError(Exception):
    """An act could not be played to its end."""


def play() -> list[Outcome]:
    """Play every act with real processes.

    Raises:
        TheatreError: when a program of the story fails.
        SelboxError: when a box cannot be started.
    """
    return [outcome for act in ACTS for outcome in _play_act(act)]


def _play_act(act: Act) -> list[Outcome]:
    with tempfile.TemporaryDirectory(prefix="broker-") as directory:
        os.chmod(directory, 0o711)  # noqa: S103 - anyone may come as far as the socket
        policy = os.path.join(directory, "policy.cil")
        shutil.copyfile(POLICY, policy)
        report, script = os.path.join(directory, "report"), os.path.join(directory, "script")
        with open(script, "w", encoding="utf-8") as stream:
            json.dump(_script(act, directory, policy), stream)
        status = _run(act, directory, policy, (_program("director.py"), report, script))
        if status:
            raise TheatreError(f"{act.title}: the story broke off with exit status {status}")
        with open(report, encoding="utf-8") as stream:
            return _outcomes(act, json.load(stream))


def _run(act: Act, directory: str, policy: str, words: tuple[str, ...]) -> int:
    command = (sys.executable, "-s", "-B", *words)
    if not act.in_box:
        return subprocess.run(command, timeout=_PATIENCE_SECONDS, check=False, env=_environment()).returncode
    os.environ.update(_environment())  # the box's programs have the environment of who starts it
    options = RunOptions(command, labels=_given_labels(directory, policy))
    return run_box(load_policy([policy]), options).exit_status


def _program(name: str) -> str:
    return os.path.join(_HERE, name)


def _environment() -> dict[str, str]:
    """Return an environment in which programs find the selbox that plays."""
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys([_LIBRARY, *filter(None, others)]))}


def _script(act: Act, directory: str, policy: str) -> dict[str, Any]:
    python = [sys.executable, "-s", "-B"]
    path = os.path.join(directory, "socket")
    return {
        "policy": policy,
        "addition": ADDITION if act.in_box else "",
        "broker": {"context": BROKER if act.in_box else "", "command": [*python, _program("broker.py"), path, policy]},
        "clients": [
            {
                "context": each.context if act.in_box else "",
                "command": [*python, _program("brokerclient.py"), path, json.dumps(each.wish)],
            }
            for each in act.scenes
        ],
    }


def _outcomes(act: Act, told: dict[str, Any]) -> list[Outcome]:
    """Put together what the clients were told and what the broker wrote into its journal."""
    denials = iter(_denials(told["journal"]))
    outcomes = []
    for scene, answer in zip(act.scenes, told["answers"], strict=True):
        verdict = verdict_on(answer, scene)
        record, because = next(denials) if verdict is Verdict.DENIED else ("", ())
        outcomes.append(_outcome(scene, answer, because, record))
    return outcomes


def _outcome(scene: Scene, answer: dict[str, str], because: tuple[str, ...], record: str) -> Outcome:
    found = verdict_on(answer, scene), answer.get("you", ""), answer.get("label", "")
    return Outcome(scene, *found, because, record, answer.get("error", ""))


def _denials(journal: list[dict[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return message and reasons of each denial; in the journal a record comes before its reason."""
    records = [parse_user_avc(each["record"]).message for each in journal if "type=USER_AVC" in each.get("record", "")]
    reasons = [(each["denied"],) for each in journal if "denied" in each]
    return list(zip(records, reasons, strict=True))


def _given_labels(directory: str, policy: str) -> tuple[str, ...]:
    """Label what the base policy cannot know: this Python, these programs, selbox, and the broker's directory."""
    places = {os.path.realpath(each) for each in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    software = places.difference(_LABELLED_BY_THE_BASE_POLICY) | {_HERE, _LIBRARY}
    given = (*(f"{path}={_SOFTWARE_CONTEXT}" for path in sorted(software)), f"{directory}={_DIRECTORY_CONTEXT}")
    return (*given, f"{policy}={_SOFTWARE_CONTEXT}")


def decide() -> list[Outcome]:
    """Play every act in this one process: contexts are told, and nobody vouches for them."""
    return [outcome for act in ACTS for outcome in _decide_act(act)]


def _decide_act(act: Act) -> list[Outcome]:
    if not act.in_box:
        return [Outcome(each, Verdict.UNKNOWN, error=UNKNOWN_TEXT) for each in act.scenes]
    log: list[str] = []

    def audit(record: UserAvc | UserEvent) -> None:
        log.append(record.message)

    manager = ObjectManager(POLICY, audit=audit)
    queues = Queues(manager, BROKER)
    outcomes = []
    with tempfile.TemporaryDirectory() as directory:
        for scene in act.scenes:
            if scene is act.scenes[-1]:
                changed = os.path.join(directory, "policy.cil")
                shutil.copyfile(POLICY, changed)
                with open(changed, "a", encoding="utf-8") as stream:
                    stream.write(ADDITION)
                manager.load_policy(changed)
            log.clear()
            outcomes.append(_decide(scene, queues, log))
    return outcomes


def _decide(scene: Scene, queues: Queues, log: list[str]) -> Outcome:
    wish, answer = scene.wish, {"you": scene.context}
    because: tuple[str, ...] = ()
    try:
        if wish["do"] == "create":
            answer["label"] = queues.create(scene.context, wish["queue"])
        elif wish["do"] == "publish":
            answer["label"] = queues.publish(scene.context, wish["queue"], wish["message"])
        else:
            answer["label"], answer["message"] = queues.consume(scene.context, wish["queue"])
    except PermissionDenied as denied:
        answer["error"], because = DENIED_TEXT, denied.result.why
    except QueueError as error:
        answer["error"] = str(error)
    return _outcome(scene, answer, because, log[-1] if because and log else "")
