"""``selbox audit2allow``: the rules that a log calls for, and what would serve better."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from selbox.analysis.advice import FORBIDDEN, Advice, Advisor
from selbox.analysis.deniedrules import DeniedRule, DeniedRules
from selbox.analysis.requirements import number_permission
from selbox.audit.accesslines import AccessLine
from selbox.audit.events import CompanionLine, Events
from selbox.audit.logreader import EventLine, Found
from selbox.cli.audit2allowtext import RuleStyle, Written, number_line, rule_line, rules_text
from selbox.cli.audit2whytext import MOST_PROPOSED, constraint_lines
from selbox.cli.auditinput import (
    WHICH_LOGS,
    WHICH_POLICY,
    Log,
    add_file_contexts_argument,
    add_input_arguments,
    file_contexts,
    load_server,
)
from selbox.cli.auditwhy import Whys, explain_log
from selbox.cli.output import JsonValue
from selbox.cli.policyarguments import policy_paths
from selbox.cli.progress import Progress
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import Diagnostic
from selbox.explain.forbidden import ForbiddenAccesses
from selbox.explain.loggedcauses import LoggedCauses
from selbox.server.causes import CauseKind
from selbox.server.securityserver import SecurityServer
from selbox.store.assertions import violations
from selbox.store.filelabels import FileLabels
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.cli.interfaces import Interfaces

MANUAL = Manual(
    description=f"""
Writes the rules that would allow what a log says was denied, one for each source, target and class. The options, the
order and the comments are those of `audit2allow` of SELinux's policycoreutils.

Comments say besides when something serves better than a rule: the label that a file's path gives it, a boolean, the
label of a port; and what should be thought about before it is granted, such as dac_override, memory that is written and
executed, files that other domains execute, and constraints that would forbid the access all the same.

With --reference, interfaces of the policy are called where one gives what was denied; of several, the one that gives
least besides. What they give is read from a file that `sepolgen-ifgen` makes of the policy's headers: the one that
--interface-info names, or /var/lib/sepolgen/interface_info.

What a constraint forbids no rule allows: such denials stand apart, at the end, with the comparisons that failed and
what would allow the access; every such proposal has been tried.
{WHICH_LOGS}{WHICH_POLICY}""",
    examples=(
        Example("Which rules does a log call for?", "selbox audit2allow -p policy.33 -i audit.log"),
        Example("As a module that can be installed:", "selbox audit2allow -M local -i audit.log"),
        Example("With calls of the policy's interfaces:", "selbox audit2allow -R -i audit.log"),
        Example("In CIL, for one domain:", "ausearch -m avc | selbox audit2allow --cil -t httpd_t"),
    ),
)

_MOST_INTERFACES: Final = 20
"""Interfaces that are told of for one rule, the nearest, where all is told that is known."""

_MOST_ROLES: Final = 1 << 10
"""Roles, and types of one, that contexts which could not be computed are told of."""

_MODULE_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


class Allowed(NamedTuple):
    """What the log calls for.

    Attributes:
        written: rules, and what is known about them.
        style: how they are written.
        notices: what was passed over.
        lines: how many lines the log had.
        broken: how many of them told of an access and could not be read.
        saved: files that the rules were written to.
        installing: how these become active, in words.
    """

    written: Written
    style: RuleStyle
    notices: tuple[Diagnostic, ...]
    lines: int
    broken: int
    saved: tuple[str, ...] = ()
    installing: str = ""

    @property
    def exit_status(self) -> int:
        """0, as audit2allow ends also when there was nothing to allow."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return the rules as text; where they were written to files, what to do with these."""
        if self.written.is_empty:
            return ""
        if not self.saved:
            return rules_text(self.written, self.style)
        return self.installing

    def to_json(self) -> JsonValue:
        """Return the rules, in both languages, and the roles' types."""
        return {
            "rules": [self._rule(each) for each in self.written.rules],
            "role_types": [{"role": role, "types": types} for role, types in self.written.role_types],
            "lines": self.lines,
            "broken": self.broken,
            "saved": self.saved,
        }

    def _rule(self, rule: DeniedRule) -> JsonValue:
        styles = (self.style._replace(cil=each) for each in (False, True))
        forms = (rule_line, number_line) if number_permission(rule) else (rule_line,)
        language, cil = ([form(rule, each) for form in forms] for each in styles)
        interfaces = self.written.interfaces(rule)[:_MOST_INTERFACES]
        return {
            "source": rule.source,
            "target": rule.target,
            "object_class": rule.object_class,
            "permissions": rule.permissions,
            "numbers": rule.numbers,
            "cause": rule.kind.name.lower() if rule.kind is not None else None,
            "times": rule.times,
            "language": language,
            "cil": cil,
            "interfaces": [{"call": str(each.call), "distance": each.distance} for each in interfaces],
            "remarks": list(self.written.remarks(rule)),
            "advice": [each._asdict() for each in self.written.advice(rule)],
        }


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox audit2allow``."""
    add_input_arguments(parser)
    parser.add_argument("-w", "--why", action="store_true", help="say what denied each access, as audit2why does")
    parser.add_argument("-D", "--dontaudit", action="store_true", help="write dontaudit rules, which hide the denials")
    parser.add_argument("-x", "--xperms", action="store_true", help="write extended rules too, about ioctl numbers")
    parser.add_argument("-r", "--requires", action="store_true", help="say what a module with the rules would require")
    parser.add_argument("-m", "--module", metavar="NAME", help="write the source of a module; implies --requires")
    parser.add_argument(
        "-M",
        "--module-package",
        metavar="NAME",
        help="write a module to NAME.te and its package to NAME.pp; with --cil to NAME.cil",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="append the rules to FILE")
    parser.add_argument(
        "-N", "--noreference", action="store_true", help="write rules, no calls of interfaces; the default"
    )
    parser.add_argument("-R", "--reference", action="store_true", help="call interfaces of the policy where one fits")
    parser.add_argument("--interface-info", metavar="FILE", help="what the interfaces give, as sepolgen-ifgen says")
    parser.add_argument("--perm-map", metavar="FILE", help="a permission map, which tells which interface is nearest")
    parser.add_argument("--cil", action="store_true", help="write CIL instead of the policy language")
    add_file_contexts_argument(parser)
    parser.add_argument(
        "--no-advice", action="store_true", help="leave out warnings, and what serves better than a rule"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say of each rule whose access called for it")
    parser.add_argument("-e", "--explain", action="store_true", help="show the records that called for each rule")


def run(arguments: "Namespace") -> Allowed | Whys:
    """Read the log, and find the rules."""
    if arguments.why:
        return explain_log(arguments)
    style = _style(arguments)
    interfaces = _interfaces(arguments, style)
    log, events = Log(arguments, companions=not arguments.no_advice), Events()
    with Progress() as progress:
        server = load_server(arguments, progress)
        rules = DeniedRules(20 if style.explanation > 1 else 1)
        role_types = _read(log.found(progress), server, log, events, rules)
        found_rules = rules.rules()
    labels = FileLabels(server.policy, file_contexts(arguments))
    advice: defaultdict[int, list[Advice]] = defaultdict(list)
    if not arguments.no_advice:
        advisor = Advisor(server, labels.label, events.facts)
        advisor.look_over(found_rules)
        told = ((id(each), advisor.of(each)) for each in found_rules)
        advice.update((place, pieces) for place, pieces in told if pieces)
        granting = [each for each in found_rules if each.kind not in FORBIDDEN]
        for rule, forbidden in _violations(policy_paths(arguments), granting, base=not arguments.no_base):
            advice[id(rule)].append(forbidden)
        if interfaces is not None:
            for rule in granting:
                advice[id(rule)] += interfaces.advice(rule)
    written = Written(
        found_rules, role_types, _remarks, lambda rule: advice.get(id(rule), ()), _Forbidding(server).lines
    )
    if interfaces is not None:
        written = written._replace(interfaces=interfaces.of)
    notices = (*log.notices(rules.others), *labels.faults)
    allowed = Allowed(written, style, notices, log.reader.lines, log.reader.broken)
    return allowed if written.is_empty else _saved(allowed, arguments, mls=server.policy.mls)


def _interfaces(arguments: "Namespace", style: RuleStyle) -> "Interfaces | None":
    if not style.reference:
        return None
    from selbox.cli.interfaces import Interfaces

    return Interfaces(arguments.interface_info, arguments.perm_map, style)


def _saved(allowed: Allowed, arguments: "Namespace", *, mls: bool) -> Allowed:
    """Write what is to go to files."""
    written, style = allowed.written, allowed.style
    if arguments.module_package is not None:
        from selbox.cli.modulefiles import write_module_files

        saved, installing = write_module_files(written, style, mls=mls)
        return allowed._replace(saved=saved, installing=installing)
    if arguments.output is not None:
        with open(arguments.output, "ab") as stream:
            stream.write(f"{rules_text(written, style)}\n".encode("utf-8", "surrogateescape"))
        return allowed._replace(saved=(arguments.output,))
    return allowed


def _read(
    batches: Iterable[Sequence[Found]], server: SecurityServer, log: Log, events: Events, rules: DeniedRules
) -> list[tuple[str, tuple[str, ...]]]:
    """Collect the rules that a log calls for, and return the roles with the types that they lack."""
    causes = LoggedCauses(server)
    roles: dict[str, set[str]] = {}
    for batch in batches:
        lines = [each for each in batch if isinstance(each, AccessLine)]
        found = causes.find([each.access for each in lines])
        log.note(found)
        for line in rules.add(lines, found):
            events.want(line)
        events.add(each for each in batch if isinstance(each, CompanionLine))
        _add_roles(roles, (each for each in batch if isinstance(each, EventLine)))
    return [(role, tuple(sorted(roles[role]))) for role in sorted(roles)]


def _violations(
    paths: Sequence[str], rules: Sequence[DeniedRule], *, base: bool
) -> Iterator[tuple[DeniedRule, Advice]]:
    """Yield rules that assertions of a policy's sources forbid, with words on that."""
    style = RuleStyle(cil=True)
    lines = (rule_line(each, style) for each in rules)
    for each in violations(paths, lines, base=base):
        text = f"the neverallow at {each.place} forbids this: {each.rule}"
        yield rules[each.line - 1], Advice("assertion", text)


def _style(arguments: "Namespace") -> RuleStyle:
    package, named = arguments.module_package, arguments.module
    if package is not None and (named is not None or arguments.output is not None):
        other = "--module" if named is not None else "--output"
        raise UsageError.of("usage", f"--module-package and {other} exclude each other")
    module = named or package or ""
    if (named is not None or package is not None) and not _MODULE_NAME.fullmatch(module):
        raise UsageError.of(
            "usage",
            f"`{module}` is no name of a module",
            help="begin with a letter; use letters, digits, `_`, `-`, `.`",
        )
    reference = arguments.reference and not arguments.noreference
    if reference and arguments.cil:
        raise UsageError.of("usage", "--reference and --cil exclude each other: CIL has no interfaces")
    return RuleStyle(
        cil=arguments.cil,
        dontaudit=arguments.dontaudit,
        numbers=arguments.xperms,
        requires=arguments.requires or bool(module) or reference,
        module=module,
        explanation=2 if arguments.explain else int(arguments.verbose),
        reference=reference,
    )


def _add_roles(roles: dict[str, set[str]], events: Iterable[EventLine]) -> None:
    """Add the roles that lack a type, as contexts say which could not be computed."""
    for each in events:
        context = (each.field("invalid_context") or "").split(":", 3)
        if each.field("op") == "security_compute_sid" and len(context) > 2:
            types = roles.setdefault(context[1], set()) if len(roles) < _MOST_ROLES else roles.get(context[1])
            if types is not None and len(types) < _MOST_ROLES:
                types.add(context[2])


def _remarks(rule: DeniedRule) -> list[str]:
    """Return what audit2allow says of a rule."""
    match rule.kind:
        case CauseKind.RULE:
            return []
        case CauseKind.ALLOWED | CauseKind.EXTENDED:
            remarks = ["This avc is allowed in the current policy"]
            if rule.numbers:
                remarks.append("This av rule may have been overridden by an extended permission av rule")
            return remarks
        case CauseKind.DONTAUDIT:
            return ["This avc has a dontaudit rule in the current policy"]
        case CauseKind.BOOLEAN:
            names = [name for name, _ in rule.cause.booleans]
            if len(names) == 1:
                return [f"This avc can be allowed using the boolean '{names[0]}'"]
            return [f"This avc can be allowed using one of the these booleans:\n#     {', '.join(names)}"]
    return []


class _Forbidding:
    """Tells what forbids the accesses that no rule helps with."""

    def __init__(self, server: SecurityServer) -> None:
        self._accesses = ForbiddenAccesses(server)
        self._asked = 0

    def lines(self, rule: DeniedRule) -> list[str]:
        """Return it as comments."""
        access = rule.cause.access
        if access is None:
            return []
        self._asked += 1
        return constraint_lines(self._accesses.tell(access, propose=self._asked <= MOST_PROPOSED))
