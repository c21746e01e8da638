"""``selbox test``: hold a policy against what is expected of it."""

from selbox.analysis.coverage import Coverage, FileCoverage
from selbox.analysis.expectations import Examiner, Outcome
from selbox.cli.notices import warning_values
from selbox.cli.output import JsonValue
from selbox.cli.outputs import STANDARD_OUTPUT, Output, file_or_standard_output, write_outputs
from selbox.cli.policyarguments import VARIABLE, add_policy_arguments, policy_paths
from selbox.cli.progress import Progress
from selbox.cli.terminal import BOLD, DIM, GREEN, RED, YELLOW, Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import Diagnostic, Diagnostics
from selbox.language.expectations import parse_expectations
from selbox.store.inputs import each_of, read_expectations
from selbox.store.policyfiles import BASE_PREFIX, load_policy
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description=f"""
Reads files of expectations, a line each, and asks the policy whether it meets them. What it does not meet is shown with
the reason: the rule that is missing, the constraint that forbids, or the rule that grants what should be denied.

    allow SOURCE TARGET:CLASS PERMISSIONS       all of it is granted
    deny SOURCE TARGET:CLASS PERMISSIONS        none of it is
    only SOURCE TARGET:CLASS PERMISSIONS        none of it is, to any other type
    boolean NAME allows SOURCE TARGET:CLASS PERMISSIONS
                                                granted while it is on, denied while it is off
    transition SOURCE PROGRAM -> DOMAIN         a program that is run goes there, and may
    create SOURCE TARGET:CLASS ["NAME"] -> TYPE the label of a new object
    relabel SOURCE TARGET:CLASS -> TYPE         the label that an object should be given
    member SOURCE TARGET:CLASS -> TYPE          the label of a polyinstantiated object
    valid CONTEXT, invalid CONTEXT              whether a context may be
    [booleans NAME=on NAME=off]                 what follows is asked with these values
    [booleans any]                              what follows holds whatever the values are

SOURCE and TARGET are types, attributes (all their types) or contexts, one or several in braces; `-NAME` in braces
takes some out, and `self` is the source. PERMISSIONS is one, several in braces, or * for all of the class;
ioctl(0x5401) and ioctl(0x5400-0x54ff) are extended ones. A line may end in a comment, after #.

The policy is compiled with the base policy of selbox, as in `selbox run`, unless it is complete by itself. Where no
--policy is given, the variable {VARIABLE} names files, with colons between them; without it the base policy is tested.
""",
    examples=(
        Example("Test a policy:", "selbox test --policy web.cil web.expect"),
        Example("Test a kernel policy:", "selbox test --policy policy.33 *.expect"),
        Example(
            "Leave reports for a continuous integration:",
            "selbox test --policy web.cil --junit junit.xml --sarif selbox.sarif web.expect",
        ),
        Example("See which rules no expectation touches:", "selbox test --policy web.cil --coverage web.expect"),
    ),
    exit_statuses=(("1", "an expectation is not met, or an error"),),
)


class TestResult(NamedTuple):
    """What came of all expectations.

    Attributes:
        outcomes: in the order of the files.
        coverage: by source of the policy; None when it was not asked for.
        warnings: of the compilation.
        outputs: paths of the reports.
        verbose: whether what passed is shown, too.
    """

    outcomes: tuple[Outcome, ...]
    coverage: tuple[FileCoverage, ...] | None
    warnings: tuple[Diagnostic, ...]
    outputs: tuple[str, ...]
    verbose: bool

    @property
    def failed(self) -> int:
        """How many are not met."""
        return sum(bool(each.reasons) for each in self.outcomes)

    @property
    def exit_status(self) -> int:
        """0 when all are met."""
        return 1 if self.failed else 0

    def to_text(self, terminal: Terminal) -> str:
        """Return what failed, with reasons, the coverage, and how many passed."""
        if STANDARD_OUTPUT in self.outputs:
            return ""
        lines: list[str] = []
        for each in self.outcomes:
            place = each.expectation.span.place
            if each.reasons:
                lines.append(f"{terminal.paint('failed', RED)} {place}: {each.expectation.text}")
                lines += [f"    {reason}" for reason in each.reasons]
            elif self.verbose:
                lines.append(f"{terminal.paint('passed', GREEN)} {place}: {each.expectation.text}")
        for file in self.coverage or ():
            lines += _coverage_lines(file, terminal)
        passed = len(self.outcomes) - self.failed
        words = f"{passed} of {len(self.outcomes)} expectations are met"
        return "\n".join([*lines, terminal.paint(words, BOLD, RED if self.failed else GREEN)])

    def to_json(self) -> JsonValue:
        """Return every outcome, the coverage, and the counts."""
        coverage: JsonValue = None
        if self.coverage is not None:
            coverage = [
                {
                    "file": file.file,
                    "rules": file.rules,
                    "untouched": [{"place": each.origin.place, "rule": each.text} for each in file.untouched],
                }
                for file in self.coverage
            ]
        return {
            "passed": len(self.outcomes) - self.failed,
            "failed": self.failed,
            "expectations": [
                {
                    "file": each.expectation.span.source.name,
                    "line": each.expectation.span.line,
                    "expectation": each.expectation.text,
                    "passed": not each.reasons,
                    "reasons": each.reasons,
                }
                for each in self.outcomes
            ],
            "coverage": coverage,
            "warnings": warning_values(self.warnings),
        }


def _coverage_lines(file: FileCoverage, terminal: Terminal) -> list[str]:
    touched = file.rules - len(file.untouched)
    lines = [f"{file.file}: {touched} of {file.rules} rules are touched"]
    word = terminal.paint("untouched", YELLOW)
    return lines + [f"    {word} {each.origin.place}: {terminal.paint(each.text, DIM)}" for each in file.untouched]


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox test``."""
    add = parser.add_argument
    add_policy_arguments(parser)
    add("--coverage", action="store_true", help="show which rules of the policy's source no expectation touched")
    add("--junit", metavar="FILE", help="write the outcomes to FILE, as JUnit's XML; - is standard output")
    add("--sarif", metavar="FILE", help="write what failed to FILE, as SARIF; - is standard output")
    add("-v", "--verbose", action="store_true", help="show what passed, too")
    add("files", nargs="+", metavar="FILE", help="expectations")


def run(arguments: "Namespace") -> TestResult:
    """Load the policy, and hold the expectations against it."""
    paths = policy_paths(arguments)
    if arguments.no_base and not paths:
        raise UsageError.of("usage", "there is no policy to test", help="name a file, or leave out --no-base")
    targets = [file_or_standard_output(each) for each in (arguments.junit, arguments.sarif) if each is not None]
    if targets.count(STANDARD_OUTPUT) + bool(arguments.json) > 1 or (arguments.json and STANDARD_OUTPUT in targets):
        raise UsageError.of("usage", "standard output can take one thing only", help="name a file")
    diagnostics = Diagnostics()
    with Progress() as progress:
        expectations = [
            each
            for file in each_of(lambda path: parse_expectations(read_expectations(path)), arguments.files)
            for each in file
        ]
        progress.stage("reading the policy")
        policy = load_policy(paths, base=not arguments.no_base, diagnostics=diagnostics, progress=progress)
        progress.stage("asking the policy")
        coverage = Coverage(policy) if arguments.coverage else None
        outcomes = tuple(Examiner(policy, coverage).examine(expectations))
        _write_reports(arguments, outcomes)
    files = None
    if coverage is not None:
        files = tuple(each for each in coverage.files() if not each.file.startswith(BASE_PREFIX))
    return TestResult(outcomes, files, tuple(diagnostics.warnings), tuple(targets), arguments.verbose)


def _write_reports(arguments: "Namespace", outcomes: tuple[Outcome, ...]) -> None:
    if arguments.junit is None and arguments.sarif is None:
        return
    from selbox.cli.testreports import junit, sarif  # those who want none do not pay for it

    reports = ((arguments.junit, junit), (arguments.sarif, sarif))
    write_outputs(
        [Output(file_or_standard_output(path), report(outcomes)) for path, report in reports if path is not None]
    )
