"""``selbox seinfo``: what a policy holds, as SETools' ``seinfo`` tells it."""

from collections.abc import Iterable, Iterator, Mapping

from selbox.cli.output import JsonValue
from selbox.cli.searched import (
    WHICH_POLICIES,
    add_searched_arguments,
    searched_policies,
    shown_notices,
    whole_policies,
)
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import Diagnostic, SelboxError, Severity, did_you_mean
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from selbox.analysis.components import Component, NumbersCriterion
    from selbox.analysis.table import Table
    from selbox.model.policy import Policy

MANUAL = Manual(
    description=f"""
Tells how many there are of everything in a policy; or lists components of some kinds, each with its statement where -x
is given. It takes the options of `seinfo` of SETools 4.7, and writes the same lines. An option for components may be
followed by a name, which has to be matched as a whole; a policy stands last then.

{WHICH_POLICIES}
""",
    examples=(
        Example("What is in this policy?", "selbox seinfo policy.33"),
        Example("Which types are domains?", "selbox seinfo -a domain -x policy.33"),
        Example("Which attributes has a type?", "selbox seinfo -t httpd_t -x policy.33"),
        Example("Which types has a port?", "selbox seinfo --portcon 8080 policy.33"),
        Example("The same for a program:", "selbox seinfo --portcon --json policy.33"),
    ),
)

_OPTIONS: Final = (
    (("-a", "--attribute"), "attribute", "ATTR", "type attributes"),
    (("-b", "--bool"), "bool", "BOOL", "booleans"),
    (("-c", "--class"), "class", "CLASS", "object classes"),
    (("-r", "--role"), "role", "ROLE", "roles"),
    (("-t", "--type"), "type", "TYPE", "types"),
    (("-u", "--user"), "user", "USER", "users"),
    (("--category",), "category", "CAT", "categories"),
    (("--common",), "common", "COMMON", "common permission sets"),
    (("--constrain",), "constrain", "CLASS", "constraints"),
    (("--default",), "default", "CLASS", "default_* rules"),
    (("--fs_use",), "fs_use", "FS_TYPE", "fs_use statements"),
    (("--genfscon",), "genfscon", "FS_TYPE", "genfscon statements"),
    (("--ibpkeycon",), "ibpkeycon", "PKEY[-PKEY]", "labels of Infiniband keys"),
    (("--ibendportcon",), "ibendportcon", "NAME", "labels of Infiniband end ports"),
    (("--initialsid",), "initialsid", "NAME", "initial SIDs"),
    (("--netifcon",), "netifcon", "DEVICE", "netifcon statements"),
    (("--nodecon",), "nodecon", "ADDR", "nodecon statements"),
    (("--permissive",), "permissive", "TYPE", "permissive types"),
    (("--polcap",), "polcap", "NAME", "policy capabilities"),
    (("--portcon",), "portcon", "PORTNUM[-PORTNUM]", "portcon statements"),
    (("--role_types",), "role_types", "TYPE", "roles that go with a type"),
    (("--sensitivity",), "sensitivity", "SENS", "sensitivities"),
    (("--typebounds",), "typebounds", "BOUND_TYPE", "typebounds statements"),
    (("--validatetrans",), "validatetrans", "CLASS", "validatetrans statements"),
)
_NAMED: Final = {
    "attribute": ("unknown-type", "attribute"),
    "bool": ("unknown-boolean", "boolean"),
    "role": ("unknown-role", "role"),
    "role_types": ("unknown-type", "type"),
    "type": ("unknown-type", "type"),
    "user": ("unknown-user", "user"),
}
_XEN: Final = ("ioportcon", "iomemcon", "pcidevicecon", "pirqcon", "devicetreecon")

_EVERYWHERE: Final = (
    ("Classes", "classes", "Permissions", "permissions"),
    ("Sensitivities", "sensitivities", "Categories", "categories"),
    ("Types", "types", "Attributes", "attributes"),
    ("Users", "users", "Roles", "roles"),
    ("Booleans", "booleans", "Cond. Expr.", "conditionals"),
    ("Allow", "allow", "Neverallow", "neverallow"),
    ("Auditallow", "auditallow", "Dontaudit", "dontaudit"),
    ("Type_trans", "type_transition", "Type_change", "type_change"),
    ("Type_member", "type_member", "Range_trans", "range_transition"),
    ("Role allow", "role_allow", "Role_trans", "role_transition"),
    ("Constraints", "constrain", "Validatetrans", "validatetrans"),
    ("MLS Constrain", "mlsconstrain", "MLS Val. Tran", "mlsvalidatetrans"),
    ("Permissives", "permissives", "Polcap", "polcap"),
    ("Defaults", "defaults", "Typebounds", "typebounds"),
)
_FOR_TARGET: Final = {
    "selinux": (
        ("Allowxperm", "allowxperm", "Neverallowxperm", "neverallowxperm"),
        ("Auditallowxperm", "auditallowxperm", "Dontauditxperm", "dontauditxperm"),
        ("Ibendportcon", "ibendportcon", "Ibpkeycon", "ibpkeycon"),
        ("Initial SIDs", "initialsid", "Fs_use", "fs_use"),
        ("Genfscon", "genfscon", "Portcon", "portcon"),
        ("Netifcon", "netifcon", "Nodecon", "nodecon"),
    ),
    "xen": (
        ("Initial SIDs", "initialsid", "Devicetreecon", "devicetreecon"),
        ("Iomemcon", "iomemcon", "Ioportcon", "ioportcon"),
        ("Pcidevicecon", "pcidevicecon", "Pirqcon", "pirqcon"),
    ),
}
_SMALLEST: Final = {"portcon": 1, "ibpkeycon": 1}
_LARGEST: Final = 0xFFFF


class Listed(NamedTuple):
    """Components of one kind.

    Attributes:
        kind: the option's name.
        title: what the list is called.
        components: sorted.
    """

    kind: str
    title: str
    components: "tuple[Component, ...]"


class Told(NamedTuple):
    """What is told about one policy.

    Attributes:
        policy: its name.
        facts: how many there are of everything; None when that is not asked.
        lists: of the kinds that are asked for.
    """

    policy: str
    facts: dict[str, int | str] | None
    lists: tuple[Listed, ...] = ()


class Information(NamedTuple):
    """What is told.

    Attributes:
        policies: each of them.
        expanded: whether statements are shown.
        flat: whether neither counts nor indentation are.
        notices: warnings about the policies.
    """

    policies: tuple[Told, ...]
    expanded: bool
    flat: bool
    notices: tuple[Diagnostic, ...]

    @property
    def exit_status(self) -> int:
        """0 also when nothing was found, as of the original."""
        return 0

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return everything as the original writes it."""
        lines: list[str] = []
        for each in self.policies:
            own = self._lines(each)
            if len(self.policies) > 1 and each.facts is None:
                own = [f"{each.policy}: {line}" if line else line for text in own for line in text.split("\n")]
            lines += own
        return "\n".join(lines)

    def _lines(self, told: Told) -> list[str]:
        lines = _statistics(told.policy, told.facts) if told.facts is not None and not self.flat else []
        for each in told.lists:
            if not self.flat:
                lines += ["", f"{each.title}: {len(each.components)}"]
            indent = "" if self.flat else "   "
            lines += [f"{indent}{one.statement if self.expanded else one.text}" for one in each.components]
        return lines

    def to_json(self) -> JsonValue:
        """Return by policy the facts, and the components of each kind."""
        return [
            {
                "policy": each.policy,
                "facts": each.facts,
                "components": {
                    listed.kind: [
                        {"name": one.name, "statement": one.statement, "place": one.place or None}
                        for one in listed.components
                    ]
                    for listed in each.lists
                },
            }
            for each in self.policies
        ]

    def to_table(self) -> "Table":
        """Return a row for each fact or component."""
        from selbox.analysis.table import Table

        if any(each.lists for each in self.policies):
            return Table(
                ("policy", "kind", "name", "statement", "place"),
                [
                    (each.policy, listed.kind, one.name, one.statement, one.place or None)
                    for each in self.policies
                    for listed in each.lists
                    for one in listed.components
                ],
            )
        return Table(
            ("policy", "fact", "value"),
            [(each.policy, name, value) for each in self.policies for name, value in (each.facts or {}).items()],
        )


def _statistics(policy: str, facts: dict[str, int | str]) -> list[str]:
    version = facts["version"] or "none"
    lines = [
        f"Statistics for policy file: {policy}",
        f"Policy Version:             {version} (MLS {facts['mls']})",
        f"Target Policy:              {facts['target']}",
        f"Handle unknown classes:     {facts['handle_unknown']}",
    ]
    for left, left_fact, right, right_fact in (*_EVERYWHERE, *_FOR_TARGET[str(facts["target"])]):
        lines.append(f"  {left + ':':17}{facts[left_fact]:7}    {right + ':':17}{facts[right_fact]:7}")
    return lines


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``seinfo``."""
    add = parser.add_argument
    add("-x", "--expand", action="store_true", help="show the statements of components")
    add("--flat", action="store_true", help="write neither counts nor indentation")
    for flags, kind, metavar, words in _OPTIONS:
        count = None if kind == "role_types" else "?"
        const = None if kind == "role_types" else True
        add(*flags, dest=f"list_{kind}", nargs=count, const=const, metavar=metavar, help=f"list {words}")
    for kind in _XEN:
        add(f"--{kind}", dest=f"list_{kind}", action="store_true", help=f"list {kind} statements of a policy for Xen")
    add("--all", action="store_true", help="tell everything")
    add_searched_arguments(parser)


def run(arguments: "Namespace") -> Information:
    """Look."""
    asked = _asked(arguments)
    if not asked and not arguments.all:
        found = searched_policies(arguments)
        told = tuple(Told(each.name, dict(each.catalogue.facts)) for each in found)
        return Information(told, arguments.expand, arguments.flat, shown_notices(arguments, found))
    wholes = whole_policies(arguments)
    from selbox.analysis.components import KINDS, KINDS_BY_REQUEST, XEN_KINDS, ComponentQuery
    from selbox.model.policy import Target

    policies = []
    strangers: list[Diagnostic] = []
    for each in wholes:
        kinds = {**KINDS, **(XEN_KINDS if each.policy.target is Target.XEN else {})}
        kinds.update({name: kind for name, kind in KINDS_BY_REQUEST.items() if name in asked})
        lists = [
            Listed(name, kind.title, tuple(ComponentQuery(name, asked.get(name)).results(each.policy)))
            for name, kind in kinds.items()
            if name in asked or arguments.all
        ]
        facts = dict(each.catalogue.facts) if arguments.all or not lists else None
        policies.append(Told(each.name, facts, tuple(lists)))
        strangers += _strangers(each.policy, asked, lists)
    notices = (*shown_notices(arguments, wholes), *strangers)
    return Information(tuple(policies), arguments.expand, arguments.flat, notices)


def _strangers(
    policy: "Policy", asked: "Mapping[str, str | NumbersCriterion | None]", lists: Iterable[Listed]
) -> Iterator[Diagnostic]:
    """Yield warnings about names that a policy does not have: an empty list does not tell a slip of the pen."""
    from selbox.analysis.components import ComponentQuery

    for listed in lists:
        name = asked.get(listed.kind)
        if listed.components or listed.kind not in _NAMED or not isinstance(name, str):
            continue
        code, noun = _NAMED[listed.kind]
        names = {one.name for one in ComponentQuery("type" if noun == "type" else listed.kind).results(policy)}
        if name in names or (noun == "type" and name in policy.type_ids):
            continue
        advice = did_you_mean(name, names)
        words = f"the policy has no {noun} `{name}`"
        yield Diagnostic(code, words, help=advice, severity=Severity.WARNING)


def _asked(arguments: "Namespace") -> "dict[str, str | NumbersCriterion | None]":
    """Return what is asked of which kinds."""
    asked: dict[str, str | NumbersCriterion | None] = {}
    for _, kind, _, _ in _OPTIONS:
        value = getattr(arguments, f"list_{kind}")
        if value is not None and value != "":
            wanted = None if value is True else str(value)
            asked[kind] = _numbers(kind, wanted) if wanted is not None and kind in _SMALLEST else wanted
    asked.update({kind: None for kind in _XEN if getattr(arguments, f"list_{kind}")})
    return asked


def _numbers(kind: str, word: str) -> "NumbersCriterion":
    """Read a number or a range.

    Raises:
        UsageError: when it is none.
        SelboxError: ``invalid-number``, when there can be no such number.
    """
    from selbox.analysis.components import NumbersCriterion

    base, noun, example = (10, "port", "22 or 6000-6020") if kind == "portcon" else (16, "key", "0x22 or 0x6000-0x6020")
    first, _, last = word.partition("-")
    try:
        low, high = int(first, base), int(last or first, base)
    except ValueError:
        raise UsageError.of("usage", f"`{word}` is no {noun} or range", help=f"write {example}") from None
    if not _SMALLEST[kind] <= low <= high <= _LARGEST:
        words = f"there is no {noun} `{word}`: they are numbers up to {_LARGEST:#x}, the smaller one first in a range"
        raise SelboxError.of("invalid-number", words)
    return NumbersCriterion(low, high)
