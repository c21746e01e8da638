"""``selbox sesearch``: the rules of a policy that match criteria, as SETools' ``sesearch`` finds them."""

from selbox.analysis.criteria import (
    BooleanCriterion,
    ClassCriterion,
    ExtendedPermissionCriterion,
    How,
    NameCriterion,
    PermissionCriterion,
)
from selbox.analysis.rulequery import RuleQuery
from selbox.cli.output import JsonValue
from selbox.cli.searched import WHICH_POLICIES, Searched, add_searched_arguments, searched_policies, shown_notices
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import Diagnostic, SelboxError
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.analysis.foundrule import FoundRule
    from selbox.analysis.identityquery import RangeTransitionQuery, RoleRuleQuery
    from selbox.analysis.table import Table
    from selbox.cli.effectivesearch import EffectiveFound

MANUAL = Manual(
    description=f"""
Shows the rules of a policy that match all criteria. It takes the options of `sesearch` of SETools 4.4, and writes the
same lines; `allow` rules of types, of roles, and transitions of ranges are asked for by their own options.

A type or attribute that is given stands for its types, and matches rules that name an attribute which has one of these;
-ds and -dt match names as they stand in rules. Several classes, permissions or booleans are separated by commas.
Patterns are regular expressions of Python, and match anywhere in a name. An alias stands for its type. What sources
assert (neverallow) is found in sources, which need not keep it.

With --effective it shows not rules but what comes of them: what each type may do to each, after booleans, constraints,
levels and bounds. -s, -t, -c and -p say what is searched, and types that no process can have are no sources. What
depends on users, roles or levels is shown with contexts for which it holds, and --boolean sets booleans.

{WHICH_POLICIES}
""",
    examples=(
        Example("What may the web server write?", "selbox sesearch -A -s httpd_t -c file -p write policy.33"),
        Example(
            "Who may read shadow passwords, and by which rules?", "selbox sesearch -A -t shadow_t -p read policy.33"
        ),
        Example("Everything that a boolean switches:", "selbox sesearch -A -T -b httpd_enable_homedirs policy.33"),
        Example("Who can really write them?", "selbox sesearch --effective -t shadow_t -c file -p write policy.33"),
        Example("What do sources assert, and where?", "selbox sesearch --neverallow --places web.cil"),
        Example("The same question to two policies:", "selbox sesearch -A -s init_t -p execmem old.33 new.33"),
        Example(
            "For a spreadsheet, with the places in the sources:",
            "selbox sesearch -A -s web_t --csv web.cil > rules.csv",
        ),
    ),
)

_RULE_OPTIONS: Final = (
    ("--allow", "allow"),
    ("--allowxperm", "allowxperm"),
    ("--auditallow", "auditallow"),
    ("--auditallowxperm", "auditallowxperm"),
    ("--dontaudit", "dontaudit"),
    ("--dontauditxperm", "dontauditxperm"),
    ("--neverallow", "neverallow"),
    ("--neverallowxperm", "neverallowxperm"),
    ("--type_change", "type_change"),
    ("--type_member", "type_member"),
)


class Matches(NamedTuple):
    """What was found in one policy.

    Attributes:
        policy: its name.
        lines: the rules as text, sorted; those about types, roles and ranges apart.
        rules: the same as values, when they are written as such; empty otherwise.
    """

    policy: str
    lines: tuple[str, ...]
    rules: "tuple[FoundRule, ...]" = ()


class Found(NamedTuple):
    """What was found.

    Attributes:
        matches: by policy.
        notices: warnings about the policies.
    """

    matches: tuple[Matches, ...]
    notices: tuple[Diagnostic, ...]

    @property
    def exit_status(self) -> int:
        """0 also when nothing was found, as of the original."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return the rules, a line each."""
        if len(self.matches) == 1:
            return "\n".join(self.matches[0].lines)
        return "\n".join(f"{each.policy}: {line}" for each in self.matches for line in each.lines)

    def to_json(self) -> JsonValue:
        """Return the rules by policy, as :class:`selbox.analysis.foundrule.FoundRule` names their parts."""
        return [{"policy": each.policy, "rules": [rule._asdict() for rule in each.rules]} for each in self.matches]

    def to_table(self) -> "Table":
        """Return the rules as a table; the first column is the policy where there are several."""
        from selbox.analysis.foundrule import rules_table
        from selbox.analysis.table import Table

        if len(self.matches) == 1:
            return rules_table(self.matches[0].rules)
        tables = [(each.policy, rules_table(each.rules)) for each in self.matches]
        columns = ("policy", *tables[0][1].columns)
        return Table(columns, [(policy, *row) for policy, table in tables for row in table.rows])


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``sesearch``."""
    add = parser.add_argument
    add("-A", action="store_true", dest="all_allow", help="search allow and allowxperm rules")
    for option, word in _RULE_OPTIONS:
        add(option, action="append_const", const=word, dest="kinds", help=f"search {word} rules")
    add(
        "-T",
        "--type_trans",
        "--type_transition",
        action="append_const",
        const="type_transition",
        dest="kinds",
        help="search type_transition rules",
    )
    add("--role_allow", action="append_const", const="allow", dest="role_kinds", help="search allow rules of roles")
    add(
        "--role_trans",
        "--role_transition",
        action="append_const",
        const="role_transition",
        dest="role_kinds",
        help="search role_transition rules",
    )
    add("--range_trans", "--range_transition", action="store_true", help="search range_transition rules")
    add("-s", "--source", metavar="NAME", help="source of the rule: a type, an attribute, or a role")
    add("-t", "--target", metavar="NAME", help="target of the rule: likewise")
    add("-c", "--class", dest="classes", metavar="CLASS", help="object classes")
    add("-p", "--perms", metavar="PERMS", help="permissions; a rule with any of them matches")
    add("-x", "--xperms", metavar="XPERMS", help="extended permissions: hexadecimal numbers and ranges of them")
    add("-D", "--default", metavar="NAME", help="what a transition results in: a type, a role, or a range")
    add("-b", "--bool", dest="booleans", metavar="BOOL", help="booleans in the condition of the rule")
    flags = (
        ("-eb", "booleans_equal", "match rules with exactly these booleans"),
        ("-ep", "perms_equal", "match rules with exactly these permissions"),
        ("-ex", "xperms_equal", "match rules with exactly these extended permissions"),
        ("-Sp", "perms_subset", "match rules that have all of these permissions"),
        ("-ds", "source_direct", "match the source as it stands in the rule"),
        ("-dt", "target_direct", "match the target as it stands in the rule"),
        ("-rs", "source_pattern", "take the source for a regular expression"),
        ("-rt", "target_pattern", "take the target for a regular expression"),
        ("-rc", "class_pattern", "take the class for a regular expression"),
        ("-rd", "default_pattern", "take the default for a regular expression"),
        ("-rb", "boolean_pattern", "take the boolean for a regular expression"),
    )
    for option, name, words in flags:
        add(option, action="store_true", dest=name, help=words)
    add(
        "--effective",
        action="store_true",
        help="search what types may really do, after booleans, constraints, levels and bounds",
    )
    add(
        "--boolean",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="with --effective, set a boolean on or off; may be given more than once",
    )
    add("--places", action="store_true", help="show where rules are written, where that is known")
    add_searched_arguments(parser)


def run(arguments: "Namespace") -> "Found | EffectiveFound":
    """Search."""
    if arguments.effective:
        return _effective(arguments)
    if arguments.boolean:
        advice = "-b searches the rules that a boolean switches"
        raise UsageError.of("usage", "--boolean goes with --effective", help=advice)
    queries = _queries(arguments)
    found = searched_policies(arguments)
    as_values = arguments.json or arguments.csv or arguments.places
    matches = tuple(_search(each, queries, as_values=as_values, places=arguments.places) for each in found)
    return Found(matches, shown_notices(arguments, found))


def _effective(arguments: "Namespace") -> "EffectiveFound":
    """Search what types may really do.

    Raises:
        UsageError: when that is asked together with what is about rules.
    """
    from selbox.analysis.effective import EffectiveAccessQuery
    from selbox.cli.booleanarguments import boolean_values
    from selbox.cli.effectivesearch import search_effective

    about_rules = (
        arguments.kinds
        or arguments.role_kinds
        or arguments.range_trans
        or arguments.default
        or arguments.booleans
        or arguments.xperms
        or arguments.perms_equal
        or arguments.perms_subset
        or arguments.source_direct
        or arguments.target_direct
    )
    if about_rules:
        raise UsageError.of(
            "usage", "--effective is about what is granted, not about rules", help="it takes -s, -t, -c and -p"
        )
    source = _name(arguments.source, arguments.source_pattern)
    target = _name(arguments.target, arguments.target_pattern)
    if source is None and target is None:
        raise UsageError.of("usage", "--effective needs a source or a target", help="give -s or -t")
    permissions = PermissionCriterion(_words(arguments.perms)) if arguments.perms else None
    booleans = boolean_values(arguments.boolean)
    query = EffectiveAccessQuery(source, target, _classes(arguments), permissions, booleans)
    return search_effective(arguments, query)


_Queries = list["RuleQuery | RoleRuleQuery | RangeTransitionQuery"]


def _search(searched: Searched, queries: _Queries, *, as_values: bool, places: bool) -> Matches:
    lines: list[str] = []
    rules: list[FoundRule] = []
    for query in queries:
        if isinstance(query, RuleQuery) and not as_values:
            lines += sorted(query.lines(searched.catalogue))
            continue
        found = sorted(query.results(searched.catalogue), key=lambda each: each.text)
        rules += found
        lines += [f"{each.text}  # {', '.join(each.places)}" if places and each.places else each.text for each in found]
    return Matches(searched.name, tuple(lines), tuple(rules) if as_values else ())


def _queries(arguments: "Namespace") -> _Queries:
    """Return what is asked, in the order in which it is answered.

    Raises:
        UsageError: when nothing is.
    """
    kinds = [*(arguments.kinds or ()), *(("allow", "allowxperm") if arguments.all_allow else ())]
    if not (kinds or arguments.role_kinds or arguments.range_trans):
        raise UsageError.of(
            "usage", "at least one rule type must be specified", help="-A searches allow rules, -T type transitions"
        )
    source = _name(arguments.source, arguments.source_pattern, not arguments.source_direct)
    target = _name(arguments.target, arguments.target_pattern, not arguments.target_direct)
    default = _name(arguments.default, arguments.default_pattern)
    classes = _classes(arguments)
    queries: _Queries = []
    if kinds:
        how: How = "subset" if arguments.perms_subset else "equal" if arguments.perms_equal else "any"
        queries.append(
            RuleQuery(
                tuple(kinds),
                source,
                target,
                classes,
                PermissionCriterion(_words(arguments.perms), how) if arguments.perms else None,
                _numbers(arguments),
                default,
                _booleans(arguments),
            )
        )
    if arguments.role_kinds or arguments.range_trans:
        from selbox.analysis.identityquery import RangeTransitionQuery, RoleRuleQuery

        if arguments.role_kinds:
            queries.append(RoleRuleQuery(tuple(arguments.role_kinds), source, target, classes, default))
        if arguments.range_trans:
            queries.append(RangeTransitionQuery(source, target, classes, arguments.default or None))
    return queries


def _classes(arguments: "Namespace") -> ClassCriterion | None:
    if not arguments.classes:
        return None
    names = (arguments.classes,) if arguments.class_pattern else _words(arguments.classes)
    return ClassCriterion(names, arguments.class_pattern)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _name(text: str | None, is_pattern: bool, indirect: bool = True) -> NameCriterion | None:
    return NameCriterion(text, is_pattern, indirect) if text else None


def _booleans(arguments: "Namespace") -> BooleanCriterion | None:
    if not arguments.booleans:
        return None
    names = (arguments.booleans,) if arguments.boolean_pattern else _words(arguments.booleans)
    return BooleanCriterion(names, arguments.boolean_pattern, "equal" if arguments.booleans_equal else "any")


def _numbers(arguments: "Namespace") -> ExtendedPermissionCriterion | None:
    if not arguments.xperms:
        return None
    ranges: list[tuple[int, int]] = []
    for word in _words(arguments.xperms):
        first, _, last = word.partition("-")
        try:
            ranges.append((int(first, 16), int(last or first, 16)))
        except ValueError:
            message = f"`{word}` is no extended permission"
            raise SelboxError.of("invalid-number", message, help="write 0x5401 or 0x5400-0x54ff") from None
    return ExtendedPermissionCriterion(tuple(ranges), "equal" if arguments.xperms_equal else "any")
