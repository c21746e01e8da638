"""``selbox sechecker``: a policy held against a configuration of checks, as SETools' ``sechecker`` does."""

from datetime import UTC, datetime

from selbox.analysis.checks import Check, read_checks
from selbox.cli.output import JsonValue
from selbox.cli.outputs import Output, file_or_standard_output, write_outputs
from selbox.cli.searched import WHICH_POLICIES, add_searched_arguments, searched_policies, shown_notices
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, StatusError
from selbox.diagnostics import Diagnostic, SelboxError
from selbox.store.inputs import read_input
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.analysis.table import Table

_EXIT_CONFIGURATION: Final = 2
_SEPARATOR: Final = "-" * 57 + "\n"
_NAME_WIDTH: Final = 39

MANUAL = Manual(
    description=f"""
Runs the checks that CONFIG describes on a policy, and reports. Each section of CONFIG, which is in the INI form, is a
check; its check_type is assert_te (which rules about types there may be, and must be), assert_rbac (the same of
roles), empty_typeattr (an attribute without types), ro_execs (what can be executed cannot be written), or ro_kmods
(what can be loaded into the kernel cannot be written). The options of each are those of `sechecker` of SETools 4.7, and
so is the report.

{WHICH_POLICIES}
""",
    examples=(
        Example("Check a policy:", "selbox sechecker checks.ini policy.33"),
        Example("Leave the report in a file:", "selbox sechecker -o report.txt checks.ini policy.33"),
    ),
    exit_statuses=(
        ("0", "all checks have passed"),
        ("1", "a check has failed"),
        ("2", "the configuration or the command line is wrong"),
        ("3", "a policy is wrong, or a file cannot be read or written"),
    ),
)


class Checked(NamedTuple):
    """One check, run.

    Attributes:
        check: the check.
        status: ``passed``, ``failed`` or ``disabled``.
        lines: its report.
        failures: what failed.
    """

    check: Check
    status: str
    lines: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


class Report(NamedTuple):
    """What came of the checks of one policy.

    Attributes:
        configuration: path of the configuration.
        policy: the policy's name.
        checked: the checks.
        started, ended: when, in the form of ISO 8601, UTC.
    """

    configuration: str
    policy: str
    checked: tuple[Checked, ...]
    started: str
    ended: str

    @property
    def failures(self) -> int:
        """How much failed."""
        return sum(len(each.failures) for each in self.checked)

    @property
    def text(self) -> str:
        """The report as SETools writes it."""
        about = [f"Policy check configuration: {self.configuration}", f"Policy being checked: {self.policy}"]
        lines = [_SEPARATOR, *about, f"Start time: {self.started}", ""]
        summary = []
        for name, description, disabled, status, own, count in (
            (each.check.name, each.check.description, each.check.disabled, each.status, each.lines, len(each.failures))
            for each in self.checked
        ):
            lines += [_SEPARATOR, f"Check name: {name}", ""]
            lines += [f"Description: {description}", ""] if description else []
            if status == "disabled":
                lines += [f"Check DISABLED.  Reason: {disabled}", ""]
                outcome = f"DISABLED ({disabled})"
            else:
                lines += [*own, "", f"Check {status.upper()}", ""]
                outcome = f"FAILED ({count} failures)" if count else "PASSED"
            summary.append(f"{name:<{_NAME_WIDTH}} {outcome}")
        lines += [_SEPARATOR, "Result Summary:", "", *summary, "", f"{self.failures} failure(s) found.", "", *about]
        return "\n".join([*lines, f"End time: {self.ended}"])


class Reports(NamedTuple):
    """What came of the checks of all policies.

    Attributes:
        reports: by policy.
        output: where they were written; None for standard output.
        notices: warnings about the policies.
    """

    reports: tuple[Report, ...]
    output: str | None
    notices: tuple[Diagnostic, ...]

    @property
    def exit_status(self) -> int:
        """0 when all have passed."""
        return int(any(each.failures for each in self.reports))

    @property
    def text(self) -> str:
        """All reports."""
        return "\n".join(each.text for each in self.reports)

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return the reports, or nothing when they are in a file."""
        return "" if self.output is not None else self.text

    def to_json(self) -> JsonValue:
        """Return by policy every check with what failed."""
        return [
            {
                "policy": each.policy,
                "failures": each.failures,
                "checks": [
                    {
                        "name": one.check.name,
                        "description": one.check.description or None,
                        "status": one.status,
                        "reason": one.check.disabled or None,
                        "failures": one.failures,
                    }
                    for one in each.checked
                ],
            }
            for each in self.reports
        ]

    def to_table(self) -> "Table":
        """Return a row for each failure, and one for each check without any."""
        from selbox.analysis.table import Table

        return Table(
            ("policy", "check", "status", "failure"),
            [
                (each.policy, one.check.name, one.status, failure)
                for each in self.reports
                for one in each.checked
                for failure in one.failures or (None,)
            ],
        )


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``sechecker``."""
    parser.add_argument("config", metavar="CONFIG", help="the checks")
    parser.add_argument("-o", "--output_file", metavar="FILE", help="write the report to FILE")
    add_searched_arguments(parser)


def run(arguments: "Namespace") -> Reports:
    """Run the checks."""
    found = searched_policies(arguments)
    try:
        text = read_input(arguments.config).text("a configuration of checks", marked=True).text
        runs = [(each, read_checks(text, arguments.config, each.catalogue)) for each in found]
    except SelboxError as error:
        raise StatusError(*error.diagnostics, exit_status=_EXIT_CONFIGURATION) from None
    reports = []
    for searched, checks in runs:
        started = _now()
        checked = tuple(map(_run, checks))
        reports.append(Report(arguments.config, searched.name, checked, started, _now()))
    result = Reports(tuple(reports), arguments.output_file, shown_notices(arguments, found))
    if arguments.output_file is not None:
        path = file_or_standard_output(arguments.output_file)
        write_outputs([Output(path, f"{result.text}\n".encode(errors="surrogateescape"))])
    return result


def _run(check: Check) -> Checked:
    if check.disabled:
        return Checked(check, "disabled")
    lines, failures = check.run()
    return Checked(check, "failed" if failures else "passed", lines, failures)


def _now() -> str:
    return str(datetime.now(UTC))
