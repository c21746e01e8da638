"""``selbox audit2why``: what denied each access of a log, as audit2why says it."""

from selbox.cli.auditinput import WHICH_LOGS, WHICH_POLICY, add_follow_argument, add_input_arguments
from selbox.cli.auditwhy import Whys, explain_log
from selbox.cli.verb import Example, Manual
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description=f"""
Writes each record of a log that tells of an access, and what part of the policy denies it: a rule that is missing, a
boolean that is not set as it would have to be, a constraint, a change of role. The options and the words are those of
`audit2why` of SELinux's policycoreutils. Of a constraint it says besides which comparisons failed, and what would allow
the access; every such proposal has been tried.
{WHICH_LOGS}{WHICH_POLICY}""",
    examples=(
        Example("Why were the accesses of a log denied?", "selbox audit2why -p policy.33 -i audit.log"),
        Example("Those of today, as auditd has them:", "ausearch -m avc -ts today | selbox audit2why"),
        Example("Each as it happens:", "selbox audit2why --follow -i /var/log/audit/audit.log"),
        Example("Those of one domain in the journal:", "journalctl -o json -k | selbox audit2why -t httpd_t"),
    ),
)


_WITHOUT_EFFECT: Final = (
    *("-w", "--why", "-D", "--dontaudit", "-x", "--xperms", "-r", "--requires", "-v", "--verbose", "-e", "--explain"),
    *("-N", "--noreference", "-R", "--reference"),
)
_NAMING: Final = ("-m", "--module", "-M", "--module-package", "-o", "--output", "--interface-info", "--perm-map")
"""audit2why of policycoreutils is audit2allow by another name, and takes its options."""


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox audit2why``."""
    add_input_arguments(parser)
    add_follow_argument(parser)
    add = parser.add_argument
    add(*_WITHOUT_EFFECT, dest="without_effect", action="store_true", help="of audit2allow: without effect here")
    add(*_NAMING, dest="naming_without_effect", metavar="NAME", help="likewise")


def run(arguments: "Namespace") -> Whys:
    """Explain the log."""
    return explain_log(arguments)
