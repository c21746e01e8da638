"""The first program of each act: starts the broker, then its clients, one after another, and writes down what they say.

Usage: director.py REPORT SCRIPT, two files of JSON. The script has the broker's command and context, each client's, and
what is to be added to the policy before the last one. An empty context leaves a process where its starter is: without
selbox there is nowhere else to go.
"""

import json
import signal
import subprocess
import sys
from functools import partial
from typing import Any

_PATIENCE_SECONDS = 60


def enter_at_exec(context: str) -> None:
    """Ask for the context of the next program that this process runs, as ``runcon`` does."""
    if context:
        with open("/proc/self/attr/exec", "w", encoding="ascii") as attribute:
            attribute.write(context)


def start(part: dict[str, Any]) -> "subprocess.Popen[str]":
    """Start a program of the story in its context."""
    return subprocess.Popen(
        part["command"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=partial(enter_at_exec, part["context"]),
    )


class Journal:
    """What the broker writes, line by line."""

    def __init__(self, broker: "subprocess.Popen[str]") -> None:
        self._lines = broker.stdout
        self.events: list[dict[str, Any]] = []

    def wait_for(self, name: str) -> None:
        """Read up to an event."""
        while self._lines is not None and (line := self._lines.readline()):
            self.events.append(json.loads(line))
            if name in self.events[-1]:
                return
        sys.exit("the broker did not open")

    def finish(self) -> None:
        """Read what is left."""
        if self._lines is not None:
            self.events += map(json.loads, self._lines)


def main(report: str, script: str) -> None:
    """Play one act."""
    with open(script, encoding="utf-8") as stream:
        act = json.load(stream)
    broker = start(act["broker"])
    journal = Journal(broker)
    try:
        journal.wait_for("listening")
        answers = []
        for number, part in enumerate(act["clients"]):
            if act["addition"] and number == len(act["clients"]) - 1:
                with open(act["policy"], "a", encoding="utf-8") as policy:
                    policy.write(act["addition"] + "\n")
                broker.send_signal(signal.SIGHUP)
                journal.wait_for("reloaded")
            said, _ = start(part).communicate(timeout=_PATIENCE_SECONDS)
            answers.append(json.loads(said))
    finally:
        if broker.stdin is not None:
            broker.stdin.close()
        journal.finish()
        broker.wait(_PATIENCE_SECONDS)
    with open(report, "w", encoding="utf-8") as stream:
        json.dump({"answers": answers, "journal": journal.events}, stream)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main(*sys.argv[1:])
