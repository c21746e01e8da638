#!/usr/bin/env python3
"""Plays the SELinux Coloring Book: every pet is a process, every bowl a file, and the policy is coloring-book.cil.

Where the machine lets selbox supervise processes, each scene runs ``cat BOWL`` in the pet's context. Where it does not,
the same scenes are decided without processes, and the first line says so. The exit status is 0 only if every verdict is
the book's.
"""

import os
import re
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from drawing import WIDTH, draw_book, picture
from rich.console import Console
from scenes import FOODS, SCENES, Food, Outcome, Scene

from selbox.cli.errors import write_diagnostics
from selbox.cli.terminal import Terminal
from selbox.diagnostics import SelboxError
from selbox.enforce.run import RunOptions, run_box
from selbox.model.policy import Policy
from selbox.server.reasontext import denial_texts
from selbox.server.securityserver import SecurityServer
from selbox.store.policyfiles import load_policy

POLICY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "coloring-book.cil")
PLAYED = "Played with real processes: every pet is `cat`, run in its own security context."

_READ_LABELS = "import os, sys\nfor path in sys.argv[1:]: print(os.getxattr(path, 'security.selinux').decode())"


class Kitchen:
    """A directory with a file for every bowl.

    Args:
        directory: where the bowls are put.
        policy: what the pets live by.
    """

    def __init__(self, directory: str, policy: Policy) -> None:
        self._policy = policy
        self._paths = {food: os.path.join(directory, food.file) for food in FOODS}
        for food, path in self._paths.items():
            with open(path, "w", encoding="utf-8") as bowl:
                bowl.write(f"\n{_contents(food)}\n")
        self._given_labels = tuple(f"{path}={food.context}" for food, path in self._paths.items())
        self._labels = self._seen_labels()

    def play(self, scene: Scene) -> Outcome:
        """Let a pet try its food: run ``cat`` in the pet's context, and see what it could read."""
        command = ("cat", "/proc/self/attr/current", self._paths[scene.food])
        with captured_output() as output:
            report = run_box(self._policy, self._options(command, scene.pet.context))
        pet_label = re.split(r"[\0\n]", output[0], maxsplit=1)[0]
        because = dict.fromkeys(reason for denial in report.denials for reason in denial.reasons)
        return Outcome(scene, _contents(scene.food) in output[0], pet_label, self._labels[scene.food], tuple(because))

    def _seen_labels(self) -> dict[Food, str]:
        """Ask from inside a box which labels the bowls have."""
        command = (sys.executable, "-I", "-S", "-c", _READ_LABELS, *self._paths.values())
        with captured_output() as output:
            run_box(self._policy, self._options(command, None))
        return dict(zip(self._paths, output[0].replace("\0", "").split(), strict=True))

    def _options(self, command: tuple[str, ...], context: str | None) -> RunOptions:
        return RunOptions(command, context=context, labels=self._given_labels)


def _contents(food: Food) -> str:
    return f"A bowl of {food.name}."


@contextmanager
def captured_output() -> Iterator[list[str]]:
    """Take what is written to standard output and standard error; at the end it is the only item of the list."""
    sys.stdout.flush()
    output: list[str] = []
    reading, writing = os.pipe()
    saved = os.dup(1), os.dup(2)
    os.dup2(writing, 1)
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield output
    finally:
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for each in saved:
            os.close(each)
        with os.fdopen(reading, encoding="utf-8", errors="replace") as stream:
            output.append(stream.read())


def decide(scene: Scene, server: SecurityServer) -> Outcome:
    """Decide a scene without a process: may a process with the pet's label open and read a file with the food's?"""
    source, target = server.context_to_sid(scene.pet.context), server.context_to_sid(scene.food.context)
    asked = server.vector("file", ("open", "read"))
    because = denial_texts(server, source, target, asked.object_class, asked.vector)
    return Outcome(scene, not because, server.sid_to_context(source), server.sid_to_context(target), because)


def play_book(policy: Policy) -> tuple[str, list[Outcome]]:
    """Play every scene; return how, and what came of each."""
    with tempfile.TemporaryDirectory(prefix="kitchen-") as directory:
        try:
            kitchen = Kitchen(directory, policy)
            return PLAYED, [kitchen.play(scene) for scene in SCENES]
        except SelboxError as error:
            if error.diagnostics[0].code != "enforcement-unavailable":
                raise
            how = f"Decided without processes: {error.diagnostics[0].message}."
    server = SecurityServer(policy)
    return how, [decide(scene, server) for scene in SCENES]


def main(words: Sequence[str]) -> int:
    """Play, draw, and return 0 if every verdict is the book's."""
    parser = ArgumentParser(prog="play.py", description="Play the SELinux Coloring Book.")
    parser.add_argument("--picture", metavar="FILE.svg", help="draw the book into a file as well")
    arguments = parser.parse_args(words)
    try:
        how, outcomes = play_book(load_policy([POLICY]))
        console = Console(highlight=False)
        width = min(console.width, WIDTH)
        console.print(draw_book(outcomes, how, width), width=width)
        if arguments.picture:
            with open(arguments.picture, "w", encoding="utf-8") as stream:
                stream.write(picture(draw_book(outcomes, how, WIDTH), "selbox"))
    except SelboxError as error:
        write_diagnostics(error.diagnostics, sys.stderr, Terminal.of(sys.stderr, os.environ))
        return 1
    except OSError as error:
        print(f"play.py: {error}", file=sys.stderr)
        return 1
    return 0 if all(each.is_by_the_book for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
