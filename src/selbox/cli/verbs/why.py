"""``selbox why``: why an access is allowed or denied, and what would allow it."""

import sys
from collections.abc import Sequence

from selbox.audit.accesslines import logged_accesses
from selbox.cli.booleanarguments import boolean_values
from selbox.cli.notices import notices
from selbox.cli.output import JsonValue
from selbox.cli.policyarguments import add_policy_arguments, policy_paths
from selbox.cli.progress import Progress
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.cli.whytext import answer_text
from selbox.diagnostics import Diagnostic, Diagnostics
from selbox.explain.answer import Answer
from selbox.explain.describe import answer
from selbox.explain.question import Question, question
from selbox.explain.recorded import recorded_questions
from selbox.server.securityserver import SecurityServer
from selbox.store.inputs import STANDARD_INPUT, read_input, read_standard_input
from selbox.store.policycache import PolicyCache
from selbox.store.policyfiles import load_policy
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Decides about an access as the security server does, and tells why: by which rules it is allowed, with the place where
they were written, or what denies it, with each term of a constraint evaluated on the two contexts; and what would
allow it. Every proposal has been tried: the server has allowed the access with it applied.

SOURCE and TARGET are contexts. Of a short one, such as httpd_t, a user, a role and a level are assumed that go with it,
and the answer says which. TARGET may be self.

Records are read with --record, from standard input, or are given as the only argument: lines of auditd's log, of the
kernel's, or of what ausearch prints. Of equal ones one is answered.

The policy is given by --policy, or the variable SELBOX_POLICY names its files, with colons between them; else it is the
base policy of selbox. Rules of a kernel policy have places where `selbox compile --origins` has written them beside it.
""",
    examples=(
        Example(
            "May a web server read home directories?", "selbox why --policy policy.33 httpd_t user_home_t file read"
        ),
        Example(
            "And when a boolean is on?",
            "selbox why --policy policy.33 --boolean httpd_enable_homedirs=on httpd_t user_home_t file read",
        ),
        Example("Why were the accesses of a log denied?", "selbox why --policy policy.33 --record audit.log"),
        Example("The same of what a program prints:", "ausearch -m avc -ts recent | selbox why --policy policy.33"),
    ),
)

_SYNOPSIS: Final = "write SOURCE TARGET CLASS PERMISSION…, or --record FILE"
_LARGEST_NUMBER: Final = 0xFFFF


class Answers(NamedTuple):
    """The answers.

    Attributes:
        answers: in the order in which they were asked for.
        notices: what could not be asked about, and what was noticed about the policy.
        failed: whether something could not be asked about.
    """

    answers: tuple[Answer, ...]
    notices: tuple[Diagnostic, ...]
    failed: bool

    @property
    def exit_status(self) -> int:
        """0 whether allowed or denied; 1 when a record could not be asked about."""
        return int(self.failed)

    def to_text(self, terminal: Terminal) -> str:
        """Return the answers, an empty line between two."""
        return "\n\n".join(answer_text(each, terminal) for each in self.answers)

    def to_json(self) -> JsonValue:
        """Return a list of answers, as :class:`selbox.explain.answer.Answer` names their parts."""
        return [_plain(each) for each in self.answers]


def _plain(value: object) -> JsonValue:
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        if fields is not None:
            return {name: _plain(each) for name, each in zip(fields, value, strict=True)}
        return [_plain(each) for each in value]
    assert value is None or isinstance(value, bool | int | str)  # noqa: S101 - all that an answer is made of
    return value


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox why``."""
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="context of the subject, or its type")
    parser.add_argument("target", nargs="?", metavar="TARGET", help="context of the object, or its type, or self")
    parser.add_argument("object_class", nargs="?", metavar="CLASS", help="class of the object")
    parser.add_argument("permissions", nargs="*", metavar="PERMISSION", help="permissions of the class; * for all")
    add_policy_arguments(parser)
    parser.add_argument(
        "--origins", metavar="FILE", help="where the rules of a kernel policy were written; POLICY.origins otherwise"
    )
    parser.add_argument(
        "--boolean",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a boolean on or off; may be given more than once",
    )
    parser.add_argument("--record", metavar="FILE", help="explain the audit records in FILE; - is standard input")
    parser.add_argument("--ioctl", metavar="NUMBER", help="the ioctl command, or netlink message, that is asked for")
    parser.add_argument("-v", "--verbose", action="store_true", help="show every warning about the policy")


def run(arguments: "Namespace") -> Answers:
    """Ask, and return the answers."""
    log = _log(arguments)
    booleans = boolean_values(arguments.boolean)
    number = None if arguments.ioctl is None else _number(arguments.ioctl)
    diagnostics = Diagnostics()
    with Progress() as progress:
        progress.stage("reading the policy")
        policy = load_policy(
            policy_paths(arguments),
            base=not arguments.no_base,
            diagnostics=diagnostics,
            cache=PolicyCache.of_user(),
            progress=progress,
            origins=arguments.origins,
        )
    server = SecurityServer(policy)
    server.set_booleans(booleans)
    unasked: list[Diagnostic] = []
    questions: Sequence[Question]
    if log is None:
        words = arguments.source, arguments.target, arguments.object_class
        questions = [question(server, *words, _permissions(arguments.permissions), number)]
    else:
        questions = recorded_questions(server, logged_accesses(log, unasked), unasked)
        if not questions and not unasked:
            unasked.append(Diagnostic("audit-no-records", "there is no record of a decision about access"))
    answers = tuple(answer(server, each) for each in questions)
    shown = notices(diagnostics.warnings, verbose=arguments.verbose)
    return Answers(answers, (*shown, *unasked), bool(unasked))


def _log(arguments: "Namespace") -> list[str] | None:
    """Return the lines of the log that is to be explained; None when a question is written out."""
    words: list[str | None] = [arguments.source, arguments.target, arguments.object_class]
    given = [each for each in words if each is not None]
    if arguments.record is not None:
        if given:
            raise UsageError.of("usage", "--record and a question exclude each other", help=_SYNOPSIS)
        return _read(arguments.record)
    if len(given) == 1 and "avc:" in given[0]:
        return given[0].splitlines()
    if not given and not sys.stdin.isatty():
        return _read(STANDARD_INPUT)
    if not arguments.permissions:
        raise UsageError.of("usage", "the question is not complete", help=_SYNOPSIS)
    return None


def _read(name: str) -> list[str]:
    given = read_standard_input() if name == STANDARD_INPUT else read_input(name)
    return given.content.decode("utf-8", "replace").splitlines()


def _permissions(words: Sequence[str]) -> list[str]:
    """Return names of permissions, also of `{ read write }` and `read,write`."""
    return [name for word in words for name in word.replace(",", " ").split() if name not in ("{", "}")]


def _number(word: str) -> int:
    try:
        number = int(word, 0)
    except ValueError:
        number = -1
    if not 0 <= number <= _LARGEST_NUMBER:
        raise UsageError.of("usage", f"`{word}` is no extended permission", help="they are numbers from 0 to 0xffff")
    return number
