#!/usr/bin/env python3
"""Plays the story of a message broker whose queues carry labels, and whose clients the kernel vouches for.

The broker is an object manager of its own: its policy declares a class of queues, and the broker asks it before a
client makes a queue, puts a message in or takes one out. Broker and clients are real processes. Where the machine does
not let selbox supervise processes, the same scenes are decided without them, and the first line says so. The exit
status is 0 only if every verdict is as expected.
"""

import signal
import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from programme import draw_programme
from rich.console import Console
from theatre import TheatreError, decide, play

from selbox import SelboxError
from selbox.diagnostics import render
from selbox.enforce.launch import missing_support

PLAYED = "Played with real processes, each in a security context of its own."


def main(words: Sequence[str]) -> int:
    """Play, draw, and return 0 if every verdict is as expected."""
    ArgumentParser(prog="play.py", description="Play the story of the message broker.").parse_args(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))  # leave by way of cleaning up
    try:
        missing = missing_support()
        how = f"Decided without processes: they cannot be supervised here: {missing}." if missing else PLAYED
        outcomes = decide() if missing else play()
    except SelboxError as error:
        print("\n".join(map(render, error.diagnostics)), file=sys.stderr)
        return 1
    except (OSError, TheatreError) as error:
        print(f"play.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    Console(highlight=False).print(draw_programme(outcomes, how))
    return 0 if all(each.is_expected for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
