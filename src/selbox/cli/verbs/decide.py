"""``selbox decide``: many questions to a policy, answered as the kernel's selinuxfs answers them."""

import os
import select
import sys
from collections.abc import Iterator

from selbox.cli.output import JsonValue
from selbox.cli.policyarguments import VARIABLE, add_policy_arguments, policy_paths
from selbox.cli.progress import Progress
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import SelboxError, SourceFile, Span
from selbox.server.questions import QUESTIONS, Questions
from selbox.store.policycache import PolicyCache
from selbox.store.policyfiles import load_policy
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MALFORMED_QUESTION = "malformed-question"
"""Code of the error that a line has too few columns, or too many."""

_BATCH_BYTES: Final = 1 << 20
"""Bytes of questions that are answered together at most."""
_A_LOT: Final = 1 << 15
"""Bytes that nobody writes who waits for an answer to each question."""

_MOMENT: Final = 0.01
"""Seconds in which a program that writes without waiting fills a pipe again."""

_LONGEST_LINE: Final = 1 << 20
"""Bytes of a question: far more than the kernel takes, which is a page."""

_STANDARD_INPUT: Final = "<standard input>"

MANUAL = Manual(
    description="""
Reads questions from standard input, one a line, and writes each with the policy's answer after it, in columns that are
separated by tabs. The questions are those that the kernel answers in the files of /sys/fs/selinux, and so are the
answers.

access: source context, target context and class; the answer is allowed, decided, auditallow and auditdeny, which are
access vectors in hexadecimal digits, the number of the policy's state, and flags (1: the source's type is permissive).

create, relabel, member: source context, target context and class, in create perhaps the new object's name; the answer
is the context that the object gets. In a name, a blank is written + or %20, and + itself %2b, as the kernel takes it.

context: a context; the answer is the same in canonical form.

The answer is ERR:EINVAL where a context is not valid or the policy has no such class, and ERR:EACCES where the computed
context is not valid. With --permissive, the kernel lets such a context pass, and so does selbox. A class may be given
by its number. Empty lines are left out. A line with too few columns or too many ends the program; those before it are
answered. Answers come as soon as their questions do, also through pipes.
""",
    examples=(
        Example(
            "What may init do to a file?",
            "printf 'system_u:system_r:init_t:s0\\tsystem_u:object_r:etc_t:s0\\tfile\\n' | "
            "selbox decide access --policy policy.33",
        ),
        Example("The labels of a million new files:", "selbox decide create --policy policy.33 < questions > answers"),
    ),
)


class Answered(NamedTuple):
    """What was answered.

    Attributes:
        answers: the columns of each answer, when a program asked for JSON; else they have been written already.
    """

    answers: tuple[tuple[str, ...], ...]

    @property
    def exit_status(self) -> int:
        """0: also questions whose answer is an error are answered."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return nothing: the answers have been written as they came."""
        return ""

    def to_json(self) -> JsonValue:
        """Return ``answers``, a list of columns for each."""
        return {"answers": self.answers}


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox decide``."""
    parser.add_argument(
        "question", choices=QUESTIONS, metavar="QUESTION", help="what is asked: " + ", ".join(QUESTIONS)
    )
    add_policy_arguments(parser)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--enforcing", action="store_true", help="refuse computed contexts that are not valid (default)")
    mode.add_argument("--permissive", action="store_true", help="let them pass")


def run(arguments: "Namespace") -> Answered:
    """Answer all questions."""
    paths = policy_paths(arguments)
    if not paths:
        raise UsageError.of("usage", "there is no policy to ask", help=f"name it with --policy, or in {VARIABLE}")
    with Progress() as progress:
        policy = load_policy(paths, base=not arguments.no_base, cache=PolicyCache.of_user(), progress=progress)
    questions = Questions(policy, arguments.question, enforcing=not arguments.permissive)
    answers: list[tuple[str, ...]] = []
    for batch in _answered(questions):
        if arguments.json:
            answers += (tuple(each.split("\t")) for each in batch)
        elif batch:
            text = "\n".join([*batch, ""])
            sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
            sys.stdout.buffer.flush()
    return Answered(tuple(answers))


def _answered(questions: Questions) -> Iterator[list[str]]:
    """Yield the answers to all questions, batch by batch.

    Raises:
        SelboxError: ``malformed-question``, after the answers to those before it.
    """
    number = 1
    for lines in _batches(sys.stdin.fileno()):
        good = questions.well_formed(lines)
        yield questions.answer(lines[:good])
        if good < len(lines):
            line, place = lines[good], number + good
            columns = line.count("\t") + 1
            words = f"line {place} has {columns} column{'s' if columns > 1 else ''}, which is no question"
            raise _malformed(place, line, words, f"its columns, separated by tabs, are {questions.columns}")
        number += len(lines)


def _malformed(number: int, line: str, words: str, advice: str) -> SelboxError:
    source = SourceFile(_STANDARD_INPUT, "\n" * (number - 1) + line)
    return SelboxError.of(MALFORMED_QUESTION, words, Span(source, number, 1, max(1, len(line))), advice)


def _batches(descriptor: int) -> Iterator[list[str]]:
    """Yield whole lines, as many as there are: of a pipe what is in it, of a file some thousands at once."""
    rest = b""
    while True:
        content = _available(descriptor)
        text, newline, rest = (rest + content).rpartition(b"\n")
        if not content:
            text, rest = rest, b""
        elif not newline:
            if len(rest) > _LONGEST_LINE:
                words = f"a line is longer than {_LONGEST_LINE} bytes, which no question is"
                raise SelboxError.of(MALFORMED_QUESTION, words)
            continue
        lines = text.decode("utf-8", "surrogateescape").split("\n") if text else []
        yield [line.removesuffix("\r") for line in lines] if b"\r" in text else lines
        if not content:
            return


def _available(descriptor: int) -> bytes:
    """Read what there is, waiting for the first byte only, and a moment where a lot comes; nothing at the end."""
    parts = [os.read(descriptor, _BATCH_BYTES)]
    size = len(parts[0])
    while parts[-1] and size < _BATCH_BYTES:
        moment = _MOMENT if size >= _A_LOT else 0
        if not select.select((descriptor,), (), (), moment)[0]:
            break
        parts.append(os.read(descriptor, _BATCH_BYTES - size))
        size += len(parts[-1])
    return b"".join(parts)
