"""The first program of each world: starts the vault, then those who want its secret, and writes down what they say.

Usage: start.py REPORT MEMORY_KEY QUEUE_KEY SOCKET CONTEXT...; the first context is the vault's, the others are those of
who comes for the secret, one after another. An empty context leaves a process where its starter is: without selbox
there is nowhere else to go.
"""

import json
import os
import signal
import subprocess
import sys
from functools import partial

from labels import file_label

_PATIENCE_SECONDS = 60
_HERE = os.path.dirname(os.path.abspath(__file__))


def enter_at_exec(context: str) -> None:
    """Ask for the context of the next program that this process runs, as ``runcon`` does."""
    if context:
        with open("/proc/self/attr/exec", "w", encoding="ascii") as attribute:
            attribute.write(context)


def start(program: str, context: str, arguments: list[str]) -> "subprocess.Popen[str]":
    """Start a program of the story in a context."""
    return subprocess.Popen(
        [sys.executable, "-S", "-E", "-s", "-B", os.path.join(_HERE, program), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=partial(enter_at_exec, context),
    )


def first_line(process: "subprocess.Popen[str]") -> str:
    """Return the first line that a process writes."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        sys.exit("the vault did not open")
    return line


def main(report: str, memory_key: str, queue_key: str, path: str, vault_context: str, *contexts: str) -> None:
    """Play one world."""
    where = [memory_key, queue_key, path]
    vault = start("vault.py", vault_context, where)
    try:
        kept = json.loads(first_line(vault))
        socket_label = file_label(path)
        visits = []
        for context in contexts:
            said, _ = start("thief.py", context, where).communicate(timeout=_PATIENCE_SECONDS)
            visits.append(json.loads(said))
    finally:
        vault.communicate(timeout=_PATIENCE_SECONDS)
    with open(report, "w", encoding="utf-8") as stream:
        json.dump({"vault": kept, "socket": socket_label, "visits": visits}, stream)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main(*sys.argv[1:])
