#!/usr/bin/env python3
"""Plays the story of a secret that ordinary permissions give to everyone, and policy to none but a friend.

A vault offers a secret in System V shared memory, in a message queue and over a unix socket, each with mode 0666. A
thief comes for it without selbox, with selbox permissive, and with selbox enforcing, where a friend comes as well. All
are real processes. Where the machine does not let selbox supervise processes, the same scenes are decided without them,
and the first line says so. The exit status is 0 only if every verdict is as expected.
"""

import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from ledger import draw_ledger
from rich.console import Console
from stage import StageError, decide, play

from selbox.cli.errors import write_diagnostics
from selbox.cli.terminal import Terminal
from selbox.diagnostics import SelboxError
from selbox.enforce.launch import missing_support
from selbox.store.policyfiles import load_policy

POLICY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "credentials.cil")
PLAYED = "Played with real processes, each in a security context of its own."


def main(words: Sequence[str]) -> int:
    """Play, draw, and return 0 if every verdict is as expected."""
    ArgumentParser(prog="play.py", description="Play the story of the vault and the thief.").parse_args(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))  # leave by way of cleaning up
    try:
        policy = load_policy([POLICY])
        missing = missing_support()
        how = f"Decided without processes: they cannot be supervised here: {missing}." if missing else PLAYED
        outcomes = decide(policy) if missing else play(policy)
    except SelboxError as error:
        write_diagnostics(error.diagnostics, sys.stderr, Terminal.of(sys.stderr, os.environ))
        return 1
    except (OSError, StageError) as error:
        print(f"play.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    Console(highlight=False).print(draw_ledger(outcomes, how))
    return 0 if all(each.is_expected for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
