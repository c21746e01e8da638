"""``selbox check``: compile a policy and say what it holds."""

from collections.abc import Sequence

from selbox.cli.errors import diagnostic_text
from selbox.cli.notices import warning_values
from selbox.cli.output import JsonValue
from selbox.cli.progress import Progress
from selbox.cli.terminal import BOLD, Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import Diagnostic, Diagnostics
from selbox.model.policy import Policy
from selbox.model.rules import RuleKind
from selbox.store.policyfiles import labelled_policy, load_policy
from selbox.typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description="""
Compiles CIL and module packages together with the base policy of selbox and counts what comes out: classes, types,
rules and so on, attributes and blocks written out as the kernel would hold them. Every error that can be found is
shown, with its place; neverallow rules are checked.

A file that declares its own classes or initial SIDs, as Debian's policy does, is complete: it is compiled without the
base. A kernel policy, alone, is read and counted as it is.
""",
    examples=(
        Example("Check a policy that is written on the base policy:", "selbox check my.cil"),
        Example("Look at the base policy alone:", "selbox check"),
        Example(
            "Check file contexts, too, as `setfiles -c` does:", "selbox check policy.33 --file-contexts file_contexts"
        ),
        Example("Check a complete policy of several files:", "selbox check --no-base base.cil apps.cil"),
    ),
)


class Count(NamedTuple):
    """How many of one kind a policy holds."""

    kind: str
    number: int


class PolicyContents(NamedTuple):
    """What a policy holds.

    Attributes:
        handle_unknown: ``deny``, ``allow`` or ``reject``.
        mls: whether contexts have a range.
        policy_capabilities: names, sorted.
        counts: in the order in which they are shown.
        warnings: what the compiler noticed.
    """

    handle_unknown: str
    mls: bool
    policy_capabilities: tuple[str, ...]
    counts: tuple[Count, ...]
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def exit_status(self) -> int:
        """0: what could not be compiled has no contents."""
        return 0

    def to_text(self, terminal: Terminal) -> str:
        """Return the warnings, two columns of counts, and a line for each setting."""
        width = max(len(each.kind) for each in self.counts)
        digits = max(len(str(each.number)) for each in self.counts)
        lines = [diagnostic_text(each, terminal) for each in self.warnings]
        lines += [f"{each.kind:<{width}}  {each.number:>{digits}}" for each in self.counts]
        settings = (
            ("handle unknown", self.handle_unknown),
            ("MLS", "yes" if self.mls else "no"),
            ("policy capabilities", " ".join(self.policy_capabilities) or "none"),
        )
        return "\n".join(lines + [f"{terminal.paint(name, BOLD)}: {value}" for name, value in settings])

    def to_json(self) -> JsonValue:
        """Return the settings, and ``counts`` as an object whose names have ``_`` for spaces."""
        return {
            "handle_unknown": self.handle_unknown,
            "mls": self.mls,
            "policy_capabilities": self.policy_capabilities,
            "counts": {each.kind.replace(" ", "_"): each.number for each in self.counts},
            "warnings": warning_values(self.warnings),
        }


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox check``."""
    parser.add_argument(
        "policy", nargs="*", metavar="POLICY", help="CIL and module packages, taken together; or one kernel policy"
    )
    parser.add_argument(
        "--file-contexts",
        metavar="FILE",
        help="check file contexts too, line by line: whether the policy has their contexts, whether their patterns can "
        "be read, and whether two of them contradict each other",
    )
    parser.add_argument("--no-base", action="store_true", help="leave the base policy out")


def run(arguments: "Namespace") -> PolicyContents:
    """Compile the policy and count."""
    if arguments.no_base and not arguments.policy:
        raise UsageError.of("usage", "there is no policy to check", help="name a file, or leave out --no-base")
    diagnostics = Diagnostics()
    with Progress() as progress:
        progress.stage("reading")
        policy = load_policy(arguments.policy, base=not arguments.no_base, diagnostics=diagnostics, progress=progress)
        if arguments.file_contexts is not None:
            from selbox.store.filecontextfiles import check_file_contexts

            progress.stage("reading the file contexts")
            found = Diagnostics()
            check_file_contexts(labelled_policy(policy, arguments.file_contexts, found), found)
    return contents(policy, diagnostics.warnings)


def contents(policy: Policy, warnings: Sequence[Diagnostic] = ()) -> PolicyContents:
    """Count what a policy holds."""
    rows_of = dict.fromkeys(RuleKind, 0)
    for kind in policy.rules.kind:
        rows_of[RuleKind(kind)] += 1
    attributes = sum(each.is_attribute for each in policy.types)
    counts = (
        ("classes", len(policy.classes)),
        ("permissions", sum(len(each.permissions) for each in policy.classes)),
        ("types", len(policy.types) - attributes),
        ("type attributes", attributes),
        ("type aliases", sum(len(each.aliases) for each in policy.types)),
        ("permissive types", sum(each.permissive for each in policy.types)),
        ("type bounds", sum(each.bounds is not None for each in policy.types)),
        ("roles", len(policy.roles)),
        ("users", len(policy.users)),
        ("booleans", len(policy.booleans)),
        ("conditional expressions", len(policy.conditionals)),
        ("sensitivities", len(policy.sensitivities)),
        ("categories", len(policy.categories)),
        ("allow", rows_of[RuleKind.ALLOW]),
        ("auditallow", rows_of[RuleKind.AUDITALLOW]),
        ("dontaudit", rows_of[RuleKind.DONTAUDIT]),
        ("type transitions", rows_of[RuleKind.TYPE_TRANSITION]),
        ("named type transitions", len(policy.named_transitions)),
        ("type changes", rows_of[RuleKind.TYPE_CHANGE]),
        ("type members", rows_of[RuleKind.TYPE_MEMBER]),
        ("range transitions", len(policy.range_transitions)),
        ("role allows", len(policy.role_allows)),
        ("role transitions", len(policy.role_transitions)),
        ("constraints", sum(not each.is_mls for each in policy.constraints)),
        ("MLS constraints", sum(each.is_mls for each in policy.constraints)),
        ("validate transitions", len(policy.validate_transitions)),
        ("initial SIDs", len(policy.initial_sids)),
        ("file contexts", len(policy.file_contexts)),
        ("genfs contexts", len(policy.genfs_contexts)),
        ("file system uses", len(policy.filesystem_uses)),
        ("port contexts", len(policy.port_contexts)),
        ("node contexts", len(policy.node_contexts)),
        ("interface contexts", len(policy.interface_contexts)),
    )
    return PolicyContents(
        policy.handle_unknown.value,
        policy.mls,
        tuple(sorted(policy.policy_capabilities)),
        tuple(Count(*each) for each in counts),
        tuple(warnings),
    )
