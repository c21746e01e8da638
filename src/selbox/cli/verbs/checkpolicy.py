"""``selbox checkpolicy``: a kernel policy read, and written in one form or another, as ``checkpolicy -b`` does."""

from collections.abc import Iterator

from selbox.binary.formats import Format
from selbox.binary.kernel import NEWEST_VERSION, OLDEST_VERSION
from selbox.cli.compilerarguments import handle_unknown, policy_version
from selbox.cli.output import JsonValue
from selbox.cli.outputs import STANDARD_OUTPUT, Output, file_or_standard_output, write_outputs
from selbox.cli.progress import Progress
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.cli.written import Written
from selbox.diagnostics import Diagnostics, SelboxError
from selbox.model.policy import Policy
from selbox.store.inputs import read_input
from selbox.store.policyfiles import kernel_policy
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DEFAULT_VERSION: Final = 33
"""The version that checkpolicy of SELinux 3.4 writes."""

DEFAULT_INPUT: Final = "policy"

NOT_YET_CODE: Final = "not-yet"

MANUAL = Manual(
    description="""
Reads a kernel policy, checks it, and writes it to the file given with -o: as CIL with -C, in the policy language with
-F, and without either as a kernel policy again, in the version given with -c. Without -o the policy is only read. It
takes the arguments of `checkpolicy` of SELinux 3.4 and ends as it ends. As there, a policy with levels needs -M, and
one without must not have it.

Not yet: compiling the policy language, for which the original is called without -b; and its debugging menu, -d.
""",
    examples=(
        Example("Look into a policy:", "selbox checkpolicy -bM -C -o - policy.33 | less"),
        Example("The same in the policy language:", "selbox checkpolicy -bM -F -o policy.conf policy.33"),
        Example("For an older kernel:", "selbox checkpolicy -bM -c 30 -o policy.30 policy.33"),
        Example("Only see whether a policy without levels is sound:", "selbox checkpolicy -b policy.33"),
    ),
    exit_statuses=(
        ("0", "success"),
        ("1", "the policy or the command line is wrong, a file cannot be read or written, or --help was asked for"),
    ),
)


class Versions(NamedTuple):
    """The answer to ``-V``."""

    version: int

    @property
    def exit_status(self) -> int:
        """Always 0."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return the version that is written, and those that can be."""
        return f"{self.version} (compatibility range {NEWEST_VERSION}-{OLDEST_VERSION})"

    def to_json(self) -> JsonValue:
        """Return the version that is written, and those that can be."""
        return {"version": self.version, "newest": NEWEST_VERSION, "oldest": OLDEST_VERSION}


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``checkpolicy``."""
    add = parser.add_argument
    add("-b", "--binary", action="store_true", help="read a kernel policy")
    add("-F", "--conf", action="store_true", help="write the policy language")
    add("-C", "--cil", action="store_true", help="write CIL")
    add("-d", "--debug", action="store_true", help="not yet")
    add(
        "-U",
        "--handle-unknown",
        type=handle_unknown,
        metavar="{deny,allow,reject}",
        help="has no effect on a kernel policy, which says itself what becomes of unknown classes and permissions",
    )
    add("-M", "--mls", action="store_true", help="the policy has levels")
    add("-c", type=policy_version, metavar="VERSION", dest="version", help="version of the format (default: 33)")
    add("-o", "--output", metavar="FILE", help="write to FILE; - is standard output")
    add("-S", "--sort", action="store_true", help="sort the contexts of ports, nodes and so on, as secilc does")
    add("-t", "--target", metavar="{selinux,xen}", help="has no effect on a kernel policy, which says itself")
    add("-O", "--optimize", action="store_true", help="leave redundant rules out")
    add("-E", "--werror", action="store_true", help="take warnings as errors")
    add("-V", "--version", action="store_true", dest="show_version", help="show the versions that can be written")
    add("file", nargs="?", metavar="FILE", help="the policy (default: policy)")


def run(arguments: "Namespace") -> Written | Versions:
    """Read, and write what is asked for."""
    _check_target(arguments.target)
    if arguments.show_version:
        return Versions(arguments.version or DEFAULT_VERSION)
    _check_possible(arguments)
    diagnostics = Diagnostics()
    with Progress() as progress:
        source = arguments.file or DEFAULT_INPUT
        progress.stage(f"reading {source}")
        policy = kernel_policy(read_input(source).expect(Format.KERNEL_POLICY), diagnostics)
        _check_levels(policy, expected=arguments.mls)
        if arguments.cil and arguments.output is None:
            raise SelboxError.of(
                "usage", "no file to write CIL to was given", help="name it with -o; - is standard output"
            )
        output = None
        if arguments.output is not None:
            progress.stage("writing")
            output = file_or_standard_output(arguments.output)
            content = _content(policy, arguments, diagnostics)
            _check_warnings(diagnostics, arguments)
            write_outputs([Output(output, content)])
        _check_warnings(diagnostics, arguments)
    return Written({"source": source, "output": output}, tuple(diagnostics.warnings))


def _check_target(word: str | None) -> None:
    if word is not None and word.lower() not in ("selinux", "xen"):
        raise UsageError.of("usage", f"`{word}` is neither `selinux` nor `xen`")


def _check_possible(arguments: "Namespace") -> None:
    """Refuse what cannot be done together, or not yet.

    Raises:
        SelboxError: when there is such a thing.
    """
    if not arguments.binary:
        if arguments.conf:
            raise UsageError.of("usage", "-F writes what was read with -b only", help="add -b")
        raise SelboxError.of(
            NOT_YET_CODE,
            "compiling the policy language is not there yet: selbox checkpolicy reads kernel policies only",
            help="add -b for a kernel policy; `selbox compile` compiles CIL and module packages",
        )
    if arguments.debug:
        raise SelboxError.of(NOT_YET_CODE, "the debugging menu of -d is not there yet")
    if arguments.cil and arguments.conf:
        raise UsageError.of("usage", "-C and -F cannot both be written", help="leave one of them out")
    if arguments.json and arguments.output is not None and file_or_standard_output(arguments.output) == STANDARD_OUTPUT:
        raise UsageError.of("usage", "standard output can take one thing only", help="name a file, or leave out --json")


def _check_levels(policy: Policy, *, expected: bool) -> None:
    if policy.mls and not expected:
        raise SelboxError.of("usage", "the policy has levels, and -M was not given", help="add -M")
    if expected and not policy.mls:
        raise SelboxError.of("usage", "the policy has no levels, and -M was given", help="leave out -M")


def _check_warnings(diagnostics: Diagnostics, arguments: "Namespace") -> None:
    if arguments.werror and diagnostics.warnings:
        raise SelboxError(*diagnostics.warnings)


def _content(policy: Policy, arguments: "Namespace", diagnostics: Diagnostics) -> bytes | Iterator[bytes]:
    if arguments.optimize:
        from selbox.compiler.optimize import optimize

        policy = optimize(policy)
    if arguments.cil:
        from selbox.compiler.text.cil import cil_parts

        return (part.encode(errors="surrogateescape") for part in cil_parts(policy))
    if arguments.conf:
        from selbox.compiler.text.policylanguage import language_parts

        return (part.encode(errors="surrogateescape") for part in language_parts(policy))
    from selbox.binary.kernel import write_policy

    if arguments.sort:
        from selbox.compiler.sortedlabels import sorted_labels

        policy = sorted_labels(policy)
    return write_policy(policy, arguments.version, diagnostics)
