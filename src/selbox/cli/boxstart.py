"""What `selbox run` and `selbox shell` share: how a box is started, and what is told when it has ended."""

import gc
import os
from contextlib import suppress

from selbox.cli.booleanarguments import boolean_values
from selbox.cli.output import JsonValue
from selbox.cli.policyarguments import add_policy_arguments
from selbox.cli.terminal import BOLD, RED, Terminal
from selbox.cli.verb import UsageError
from selbox.enforce.report import RunReport
from selbox.enforce.run import RunOptions, run_box
from selbox.enforce.shortfalls import shortfalls
from selbox.store.policycache import PolicyCache
from selbox.store.policyfiles import load_policy
from selbox.store.selinuxroot import SelinuxRoot, root_of_policy, selinux_root
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from selbox.model.policy import Policy

_MOST_KINDS: Final = 20
"""Kinds of denials that are summed up for people."""


class RunResult(NamedTuple):
    """A box that has ended.

    Attributes:
        report: what came of it.
        quiet: whether denials are not summed up.
        audit: where the records are; None where they were not kept.
        policy: files of the policy.
    """

    report: RunReport
    quiet: bool
    audit: str | None = None
    policy: "Sequence[str]" = ()

    @property
    def exit_status(self) -> int:
        """The program's."""
        return self.report.exit_status

    def to_text(self, terminal: Terminal) -> str:
        """Return the summary; empty when nothing was denied."""
        report = self.report
        lines: list[str] = [
            terminal.paint(f"selbox: {each} was killed: another program ran than the policy decided about", RED)
            for each in report.intruders
        ]
        lines += [terminal.paint(f"selbox: {each}", RED) for each in report.hindrances]
        lines += [
            terminal.paint(f"selbox: a fault of selbox itself, please report it: {words}, {times} x", RED)
            for words, times in report.faults
        ]
        if report.denials and not self.quiet:
            total = sum(each.times for each in report.denials)
            kinds = len(report.denials)
            words = f"selbox: {total} denial{'s' * (total != 1)}" + (f" of {kinds} kinds" if kinds > 1 else "")
            lines.append(terminal.paint(words, BOLD))
            from selbox.cli.denialtext import denial_lines

            for each in report.denials[:_MOST_KINDS]:
                first, *rest = denial_lines(each._asdict(), terminal)
                lines += [f"{each.times:>5} x {first}", *rest]
            if kinds > _MOST_KINDS:
                lines.append(f"      and {kinds - _MOST_KINDS} kinds more")
            lines.append(f"selbox: {_records(self.audit, self.policy)}")
        if report.hidden and not self.quiet and (report.denials or report.exit_status):
            lines.append(f"selbox: {_hidden(report.hidden)}")
        return "\n".join(lines)

    def to_json(self) -> JsonValue:
        """Return the report."""
        return {
            "exit_status": self.report.exit_status,
            "denials": [each._asdict() for each in self.report.denials],
            "hidden": self.report.hidden,
            "intruders": self.report.intruders,
            "hindrances": self.report.hindrances,
            "faults": dict(self.report.faults),
            "avc": self.report.cache._asdict(),
        }


class PreparedBox(NamedTuple):
    """A box that can be started.

    Attributes:
        policy: its policy; options: how it runs; paths: files of the policy.
    """

    policy: "Policy"
    options: RunOptions
    paths: tuple[str, ...]


def add_box_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments that start a box."""
    add_policy_arguments(parser)
    parser.add_argument(
        "--file-contexts",
        metavar="FILE",
        help="further contexts of files, as file_contexts(5) has them; a kernel policy has none of its own. What "
        "stands beside FILE belongs to it: FILE.homedirs, FILE.local, FILE.subs and FILE.subs_dist",
    )
    parser.add_argument(
        "--disable-neverallow",
        action="store_true",
        help="do not check neverallow rules and bounds, as semodule does not with `expand-check = 0`",
    )
    parser.add_argument(
        "--disable-dontaudit",
        action="store_true",
        help="leave dontaudit rules out, so that all denials are recorded, as `semodule -DB` has it on a host",
    )
    parser.add_argument(
        "--selinux-root",
        metavar="DIR",
        help="what programs find at /etc/selinux: a directory such as it, or such as /etc/selinux/default. Its kernel "
        "policy and its file_contexts are taken, where --policy and --file-contexts name no others",
    )
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--context", metavar="CONTEXT", help="context of the first program")
    start.add_argument(
        "--domain", metavar="TYPE", help="type of the first program; user, role and level are the initial SID kernel's"
    )
    start.add_argument(
        "--from",
        dest="starter",
        metavar="CONTEXT",
        help="context that starts the first program, which takes the transition that the policy has for it",
    )
    start.add_argument(
        "--as-init",
        action="store_true",
        help="start the first program as init starts a service, from init's domain",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--enforcing", action="store_true", help="enforce denials (the default)")
    mode.add_argument("--permissive", action="store_true", help="record what would be denied, and let it go on")
    parser.add_argument(
        "--boolean",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a boolean on or off before anything runs; may be given more than once",
    )
    parser.add_argument("--audit", metavar="FILE", help="append audit records to FILE; - is standard error")
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="PATH=CONTEXT",
        help="label PATH and all below it for this box; may be given more than once",
    )
    parser.add_argument(
        "--label-store", metavar="FILE", help="keep the labels of new and relabelled files in FILE for later boxes"
    )
    parser.add_argument(
        "--name", default="", metavar="NAME", help="name of the box, for `selbox ps` and `selbox inspect`"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show denials, as they come or at the end")


def prepared_box(arguments: "Namespace", command: tuple[str, ...]) -> PreparedBox:
    """Return a box that is to run a command, by the arguments of :func:`add_box_arguments`.

    Raises:
        SelboxError: with all that is wrong with them.
    """
    root, paths = None, arguments.policy or []
    if arguments.selinux_root is not None:
        root = selinux_root(arguments.selinux_root)
        paths = paths or ([] if root.policy is None else [root.policy])
    if arguments.no_base and not paths:
        raise UsageError.of("usage", "there is no policy", help="name a file with --policy, or leave out --no-base")
    if arguments.name:
        from selbox.cli.boxes import check_new_name

        check_new_name(arguments.name)
    file_contexts = arguments.file_contexts or (root.file_contexts if root is not None else None)
    policy = load_policy(
        paths,
        base=not arguments.no_base,
        cache=PolicyCache.of_user(),
        file_contexts=file_contexts,
        unchecked=arguments.disable_neverallow,
    )
    if arguments.disable_dontaudit:
        policy = policy.without_dontaudit()
    # What is here now stays to the end: no collection, nor the interpreter's own end, need look at it again.
    gc.freeze()
    gc.enable()
    options = RunOptions(
        command=command,
        context=arguments.context,
        domain=arguments.domain,
        starter=arguments.starter,
        as_init=arguments.as_init,
        enforcing=not arguments.permissive,
        booleans=boolean_values(arguments.boolean) if arguments.boolean else {},
        audit=arguments.audit,
        labels=tuple(arguments.label),
        label_store=arguments.label_store,
        name=arguments.name,
        selinux_root=root or _beside(paths),
    )
    return PreparedBox(policy, options, tuple(paths))


def ran(box: PreparedBox, arguments: "Namespace") -> RunResult:
    """Run a box to its end, say beforehand what it lacks, and show denials as they come to a person who watches."""
    live, options = None, box.options
    if not arguments.quiet:
        for each in shortfalls():
            with suppress(OSError):
                os.write(2, f"selbox: {each}\n".encode())
    if not arguments.quiet and not arguments.json and options.audit != "-" and is_watched():
        from selbox.cli.livedenials import LiveDenials

        live = LiveDenials()
        options = options._replace(watcher=live.take)
    try:
        return RunResult(run_box(box.policy, options), arguments.quiet, options.audit, box.paths)
    finally:
        if live is not None:
            live.close()


def is_watched() -> bool:
    """Tell whether a person sees what goes to standard error."""
    return os.isatty(2)


def _records(audit: str | None, policy: "Sequence[str]") -> str:
    """Say where the records are."""
    if audit is None:
        return "the records were not kept; `--audit FILE` keeps them"
    if audit == "-":
        return "the records are above"
    from shlex import quote

    words = ["selbox", "denials", *(word for path in policy for word in ("-p", path)), "-i", audit]
    return f"the records are in {quote(audit)}; to see what would mend them: {' '.join(map(quote, words))}"


def _hidden(times: int) -> str:
    """Say that not everything that was denied is shown."""
    what = (
        "1 denial is not shown, since a dontaudit rule hides it"
        if times == 1
        else (f"{times} denials are not shown, since dontaudit rules hide them")
    )
    return f"{what}; `--disable-dontaudit` records them all"


def _beside(paths: "Sequence[str]") -> SelinuxRoot | None:
    """Return the directory that the one kernel policy lies in; None where there is none such."""
    return root_of_policy(paths[0]) if len(paths) == 1 else None
