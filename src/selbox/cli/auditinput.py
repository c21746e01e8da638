"""The options of the commands that read logs, and the logs that they name."""

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import selbox
from selbox.analysis.deniedrules import MOST_KNOWN
from selbox.audit.accesslines import AccessLine, broken_access
from selbox.audit.events import CompanionLine
from selbox.audit.logreader import RELOAD_WORDS, RELOADS, EventLine, Found, LogReader
from selbox.audit.summary import printable
from selbox.cli.policyarguments import policy_paths
from selbox.cli.progress import Progress
from selbox.cli.verb import UsageError
from selbox.diagnostics import Diagnostic, SelboxError, Severity
from selbox.explain.loggedaccesses import UnknownName
from selbox.explain.loggedcauses import LoggedCause
from selbox.server.securityserver import SecurityServer
from selbox.store.inputs import STANDARD_INPUT
from selbox.store.logfiles import audit_logs, blocks, follow
from selbox.store.policycache import PolicyCache
from selbox.store.policyfiles import load_policy
from selbox.store.systempolicy import system_file_contexts, system_policy
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_STAMP: Final = re.compile(r"audit\((\d{1,18})\.")
_SUMMARY: Final = "sealert -l "
"""What the lines say that setroubleshoot writes into the system's log in place of records."""
_SHOWN_NAMES: Final = 10
_MOST_NAMES: Final = 1 << 12
"""Names that the policy does not know of which the records are counted."""
_MEGABYTE: Final = 1 << 20

WHICH_LOGS: Final = """
The log is read from standard input, or from a file with -i, which may be compressed; with -a it is auditd's log with
its older files. Lines are taken in any dress: of auditd's log, of what ausearch prints (-i or not), of the kernel's
log, of the journal as text or as JSON, of Android's logcat, and of setroubleshoot's reports; and from userspace object
managers such as systemd and D-Bus (USER_AVC). Other lines are passed over; those that break off are counted and shown.
"""
"""A paragraph for manuals."""

WHICH_POLICY: Final = """
The policy is given by -p: a kernel policy, CIL or module packages. Where none is given, the variable SELBOX_POLICY
names files, with colons between them; else it is the policy that the system has (/sys/fs/selinux/policy, or the one
that /etc/selinux/config names), and where there is none, the base policy of selbox.
"""
"""A paragraph for manuals."""


def add_input_arguments(parser: "ArgumentParser") -> None:
    """Declare the options that name a log and a policy, as audit2allow has them."""
    parser.add_argument("-a", "--all", action="store_true", help="read auditd's log, the older files first")
    parser.add_argument("-b", "--boot", action="store_true", help="the same, since the system was started")
    parser.add_argument("-d", "--dmesg", action="store_true", help="read the kernel's log, from dmesg")
    parser.add_argument("-i", "--input", metavar="FILE", help="read FILE; - is standard input, as without an option")
    parser.add_argument("-l", "--lastreload", action="store_true", help="only what follows the last load of a policy")
    parser.add_argument("-t", "--type", metavar="REGEX", help="only accesses whose source or target type begins so")
    parser.add_argument(
        "-p", "--policy", action="append", metavar="POLICY", help="the policy; may be given more than once for sources"
    )
    parser.add_argument("--no-base", action="store_true", help="leave the base policy out, where sources are given")
    parser.add_argument("--debug", action="store_true", help="has no effect")
    parser.add_argument(
        "--version", action="version", version=f"selbox {selbox.__version__}", help="show the version of selbox"
    )


def add_follow_argument(parser: "ArgumentParser") -> None:
    """Declare the option to go on with a log that grows."""
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on when the log's end is reached, as it grows and is rotated"
    )


def add_file_contexts_argument(parser: "ArgumentParser") -> None:
    """Declare the option that names file contexts."""
    parser.add_argument(
        "--file-contexts",
        action="append",
        metavar="FILE",
        help="how files should be labelled, beside what the policy says; the system's for the system's own policy",
    )


def file_contexts(arguments: "Namespace") -> list[str]:
    """Return the files that say how files should be labelled: the system's only for the system's own policy."""
    if arguments.file_contexts:
        return list(arguments.file_contexts)
    return [] if policy_paths(arguments) else system_file_contexts()


def load_server(arguments: "Namespace", progress: Progress) -> SecurityServer:
    """Return a server of the policy that is given, or of the system's.

    Raises:
        SelboxError: with everything that is wrong with it.
    """
    progress.stage("reading the policy")
    paths = policy_paths(arguments) or system_policy()
    cache = PolicyCache.of_user()
    policy = load_policy(paths, base=not arguments.no_base, cache=cache, progress=progress, empty=False)
    return SecurityServer(policy)


class Log:
    """The log that a command line names.

    Args:
        arguments: from :func:`add_input_arguments`.
        companions: whether other records of events are wanted too.

    Attributes:
        reader: counts what has been read.

    Raises:
        UsageError: when the options contradict one another.
    """

    def __init__(self, arguments: "Namespace", *, companions: bool = False) -> None:
        named = [option for option in ("all", "boot", "dmesg", "input") if getattr(arguments, option)]
        self._follows = getattr(arguments, "follow", False)
        if self._follows and (named != ["input"] or arguments.input == STANDARD_INPUT or arguments.lastreload):
            raise UsageError.of("usage", "--follow takes a file with -i FILE, and no --lastreload")
        if len(named) > 1 and named != ["all", "boot"]:
            raise UsageError.of("usage", f"--{named[0]} and --{named[1]} exclude each other")
        self._arguments = arguments
        self._types = _expression(arguments.type)
        self._summaries = 0
        self._unknown: Counter[UnknownName] = Counter()
        self.reader = LogReader(companions=companions)

    def found(self, progress: Progress) -> Iterator[Sequence[Found]]:
        """Yield what the log tells of, block by block."""
        arguments = self._arguments
        if arguments.lastreload and not (arguments.boot or arguments.dmesg) and all(map(os.path.isfile, self._paths())):
            batches = self._since_line(_last_reload(self._paths()), progress)
        else:
            batches = self._since_boot() if arguments.boot else self._read(progress)
            if arguments.lastreload:
                batches = _since_reload(batches)
        yield from (self._chosen(each) for each in batches) if self._types else batches

    def note(self, causes: Iterable[LoggedCause]) -> None:
        """Count the accesses that could not be asked about."""
        for each in causes:
            unknown = each.unknown
            if unknown is not None and (unknown in self._unknown or len(self._unknown) < _MOST_NAMES):
                self._unknown[unknown] += 1

    def notices(self, left_out: int = 0) -> tuple[Diagnostic, ...]:
        """Return what was passed over, for the person who gave the log.

        Args:
            left_out: records of more kinds than are kept.
        """
        reader = self.reader
        found = [broken_access(*each)._replace(severity=Severity.WARNING) for each in reader.shown]
        if reader.broken > len(reader.shown):
            more = f"{reader.broken - len(reader.shown)} more lines tell of an access and could not be read"
            found.append(Diagnostic("audit-fields", more, severity=Severity.WARNING))
        for (code, word), times in self._unknown.most_common(_SHOWN_NAMES):
            records = f"{times} record{'s' if times > 1 else ''}"
            what = {"invalid-context": "context", "unknown-class": "class"}.get(code, "permission")
            words = f"{records} passed over: the policy has no {what} `{printable(word)}`"
            found.append(Diagnostic(code, words, severity=Severity.WARNING))
        others = len(self._unknown) - _SHOWN_NAMES
        if others > 0:
            count = f"more than {others}" if len(self._unknown) >= _MOST_NAMES else f"{others} more"
            words = f"records with {count} contexts, classes and permissions that the policy lacks passed over"
            found.append(Diagnostic("more-warnings", words, severity=Severity.WARNING))
        if left_out:
            words = f"{left_out} records passed over: they are of more than {MOST_KNOWN} kinds"
            advice = "-t takes the records of some types only"
            found.append(Diagnostic("more-warnings", words, help=advice, severity=Severity.WARNING))
        if not reader.accesses and not reader.broken:
            words, advice = "there is no record of a decision about access", ""
            if self._summaries:
                words += f"; {self._summaries} summaries of setroubleshoot stand for some, and name no contexts"
                advice = "`sealert -l` with the number that ends such a line shows the records"
            found.append(Diagnostic("audit-no-records", words, help=advice, severity=Severity.WARNING))
        return tuple(found)

    def _read(self, progress: Progress) -> Iterator[Sequence[Found]]:
        arguments = self._arguments
        if arguments.dmesg:
            yield self.reader.read(_kernel_log())
            return
        for path in self._paths():
            for block in follow(path) if self._follows else blocks(path):
                self._summaries += block.text.count(_SUMMARY)
                yield self.reader.read(block.text)
                progress.stage(f"reading {path}: {block.place // _MEGABYTE} MiB, {self.reader.accesses} accesses")

    def _paths(self) -> list[str]:
        arguments = self._arguments
        return audit_logs() if arguments.all or arguments.boot else [arguments.input or STANDARD_INPUT]

    def _since_line(self, number: int, progress: Progress) -> Iterator[Sequence[Found]]:
        for batch in self._read(progress):
            if batch and batch[-1].line > number:
                yield batch if batch[0].line > number else [each for each in batch if each.line > number]

    def _since_boot(self) -> Iterator[Sequence[Found]]:
        started = _boot_time()
        with Progress() as progress:
            for batch in self._read(progress):
                yield [each for each in batch if _time(each.text) >= started]

    def _chosen(self, batch: Sequence[Found]) -> Sequence[Found]:
        assert self._types is not None  # noqa: S101 - the caller has looked
        matches = self._types.match
        return [
            each
            for each in batch
            if isinstance(each, CompanionLine) or any(matches(type_) for type_ in _types_of(each))
        ]


def _types_of(found: AccessLine | EventLine) -> list[str]:
    if isinstance(found, AccessLine):
        contexts: list[str | None] = [found.access.scontext, found.access.tcontext]
    else:
        contexts = [found.field(name) for name in ("invalid_context", "scontext", "tcontext")]
    parts = (each.split(":", 3) for each in contexts if each)
    return [each[2] for each in parts if len(each) > 2]


def _last_reload(paths: Iterable[str]) -> int:
    """Return the number of the last line that tells of a load of the policy, or 0, all logs counted on."""
    found, reader = 0, LogReader()
    for path in paths:
        for block in blocks(path):
            if any(each in block.text for each in RELOAD_WORDS):
                events = (each for each in reader.read(block.text) if isinstance(each, EventLine))
                found = max((each.line for each in events if each.kind in RELOADS), default=found)
            else:
                reader.lines += block.text.count("\n") + (not block.text.endswith("\n"))
    return found


def _since_reload(batches: Iterable[Sequence[Found]]) -> Iterator[Sequence[Found]]:
    kept: list[Found] = []
    for batch in batches:
        for place in range(len(batch) - 1, -1, -1):
            each = batch[place]
            if isinstance(each, EventLine) and each.kind in RELOADS:
                kept.clear()
                kept += batch[place + 1 :]
                break
        else:
            kept += batch
    yield kept


def _expression(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError.of("usage", f"`{text}` is no regular expression: {error}") from None


def _time(line: str) -> int:
    found = _STAMP.search(line)
    return int(found[1]) if found else 0


def _boot_time() -> int:
    with open("/proc/stat", encoding="ascii") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("btime "))


def _kernel_log() -> str:
    try:
        done = subprocess.run(["dmesg"], capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"})
    except OSError as error:
        raise SelboxError.of("system-call-failed", f"cannot run dmesg: {error.strerror}") from None
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace").strip() or f"it ended with status {done.returncode}"
        raise SelboxError.of("system-call-failed", f"dmesg cannot read the kernel's log: {words}")
    return done.stdout.decode("utf-8", "surrogateescape")
