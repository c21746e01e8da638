"""``selbox sediff``: what differs between two policies, as SETools' ``sediff`` finds it."""

from selbox.analysis.differences.compare import KINDS, compare
from selbox.analysis.differences.section import Section
from selbox.analysis.differences.side import Side
from selbox.cli.differencetext import section_markdown, section_text
from selbox.cli.notices import notices
from selbox.cli.output import JsonValue
from selbox.cli.searched import add_common_arguments, whole_policy
from selbox.cli.terminal import Terminal
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import Diagnostic
from selbox.typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from selbox.analysis.differences.grants import GrantDifferences
    from selbox.analysis.table import Cell, Table
    from selbox.cli.granttext import Review
    from selbox.model.policy import Policy

MANUAL = Manual(
    description="""
Shows what differs between two policies: what the second one has added, removed and modified. It takes the options of
`sediff` of SETools 4.4, and writes the same lines; where no kind of component is asked for, all are compared. Rules are
written out for types, so that rules about attributes are the same when they come to the same.

A policy is a kernel policy, CIL or a module package; several sources that make one policy have colons between them, as
in base.cil:web.cil, and are compiled with the base policy of selbox unless they are complete.

--access compares what can be done under them instead: the security servers of both are asked, about processes and
objects with the users and roles that their types usually have, at the lowest level, with booleans as they are at first.
It also tells which transitions there are now, and what of the access that is gained should not be granted without a
thought. --markdown writes the differences for a merge request; with --access, all of them.
""",
    examples=(
        Example("What has changed?", "selbox sediff old.33 new.33"),
        Example("How much of what?", "selbox sediff --stats old.33 new.33"),
        Example("Which booleans and allow rules?", "selbox sediff -b --allow old.33 new.33"),
        Example("What does a change of the sources come to?", "selbox sediff policy.33 web.cil:base.cil"),
        Example("What can be done now that could not?", "selbox sediff --access old.33 new.33"),
        Example("For a merge request:", "selbox sediff --access --markdown old.33 new.33 > differences.md"),
    ),
    exit_statuses=(
        ("0", "the policies do not differ in what was compared"),
        ("1", "they differ"),
        ("2", "they could not be compared, or the command line is wrong"),
    ),
)

_OPTIONS: Final = (
    ("--common", "common", "permissions that classes have in common"),
    ("-c --class", "class", "classes"),
    ("-t --type", "type", "types"),
    ("-a --attribute", "attribute", "type attributes"),
    ("-r --role", "role", "roles"),
    ("-u --user", "user", "users"),
    ("-b --bool", "bool", "booleans"),
    ("--sensitivity", "sensitivity", "sensitivities"),
    ("--category", "category", "categories"),
    ("--level", "level", "which categories go with which sensitivity"),
    ("--allow", "allow", "allow rules"),
    ("--neverallow", "neverallow", "neverallow rules, which compiled policies do not have"),
    ("--auditallow", "auditallow", "auditallow rules"),
    ("--dontaudit", "dontaudit", "dontaudit rules"),
    ("--allowxperm", "allowxperm", "allowxperm rules"),
    ("--neverallowxperm", "neverallowxperm", "neverallowxperm rules, likewise"),
    ("--auditallowxperm", "auditallowxperm", "auditallowxperm rules"),
    ("--dontauditxperm", "dontauditxperm", "dontauditxperm rules"),
    ("-T --type_trans", "type_trans", "type_transition rules"),
    ("--type_change", "type_change", "type_change rules"),
    ("--type_member", "type_member", "type_member rules"),
    ("--role_allow", "role_allow", "allow rules of roles"),
    ("--role_trans", "role_trans", "role_transition rules"),
    ("--range_trans", "range_trans", "range_transition rules"),
    ("--constrain", "constrain", "constraints"),
    ("--mlsconstrain", "mlsconstrain", "constraints of levels"),
    ("--validatetrans", "validatetrans", "constraints of relabelling"),
    ("--mlsvalidatetrans", "mlsvalidatetrans", "constraints of relabelling by level"),
    ("--ibendportcon", "ibendportcon", "labels of Infiniband ports"),
    ("--ibpkeycon", "ibpkeycon", "labels of Infiniband keys"),
    ("--initialsid", "initialsid", "initial SIDs"),
    ("--fs_use", "fs_use", "how file systems are labelled"),
    ("--genfscon", "genfscon", "labels in file systems that keep none"),
    ("--netifcon", "netifcon", "labels of network interfaces"),
    ("--nodecon", "nodecon", "labels of nodes"),
    ("--portcon", "portcon", "labels of ports"),
    ("--default", "default", "whose parts new contexts take"),
    ("--property", "property", "how unknown permissions are handled, levels, and the version"),
    ("--polcap", "polcap", "policy capabilities"),
    ("--typebounds", "typebounds", "which types bound others"),
)
"""Options, the kinds that they ask for, and what these are."""


class Differences(NamedTuple):
    """What differs.

    Attributes:
        left: name of the policy that is compared with.
        right: name of the other.
        sections: the kinds that are shown.
        grants: what can be done under one of them alone, with the right policy, where this is wanted.
        notices: warnings about the policies.
        only_counts: whether the text has counts alone.
        as_markdown: whether the text is Markdown.
    """

    left: str
    right: str
    sections: tuple[Section, ...]
    grants: "tuple[GrantDifferences, Policy] | None"
    notices: tuple[Diagnostic, ...]
    only_counts: bool
    as_markdown: bool

    @property
    def exit_status(self) -> int:
        """1 when there is a difference."""
        return int(any(self.sections) or bool(self.grants and self.grants[0]))

    def to_text(self, terminal: Terminal) -> str:  # noqa: ARG002 - every result is asked so
        """Return the differences as SETools writes them, or as Markdown."""
        return "".join(self.text_pieces()).removesuffix("\n")

    def text_pieces(self) -> "Iterator[str]":
        """Yield the text: rules that differ may be millions."""
        if self.as_markdown:
            yield "\n".join(self._markdown()).rstrip("\n") + "\n"
            return
        for each in self.sections:
            yield from section_text(each, only_counts=self.only_counts)
        if self.grants is not None:
            from selbox.cli.granttext import grants_text

            yield from (f"{line}\n" for line in grants_text(self.grants[0], self._review()))

    def _review(self) -> "Review":
        from selbox.analysis.perils import Perils
        from selbox.cli.granttext import Review

        assert self.grants is not None  # noqa: S101 - whoever asks has looked
        return Review(self.grants[0], Perils(self.grants[1]))

    def _markdown(self) -> list[str]:
        lines = [f"## Policy differences: `{self.left}` to `{self.right}`", ""]
        if not self.exit_status:
            lines += ["The policies do not differ.", ""]
        if self.grants is not None:
            from selbox.cli.granttext import grants_markdown

            lines += grants_markdown(self.grants[0], self._review())
        return lines + [line for each in self.sections for line in section_markdown(each)]

    def to_json(self) -> JsonValue:
        """Return the sections, as :class:`selbox.analysis.differences.section.Section` names their parts.

        What can be done is as :class:`selbox.analysis.differences.grants.GrantDifferences` names its parts.
        """
        return {
            "left": self.left,
            "right": self.right,
            "differs": bool(self.exit_status),
            "access": None if self.grants is None else _plain_grants(self.grants[0]),
            "sections": [
                {
                    "kind": each.kind,
                    "added": list(each.added),
                    "removed": list(each.removed),
                    "modified": [
                        {
                            "name": change.name,
                            "parts": [
                                {"name": part.name, "added": part.added, "removed": part.removed}
                                for part in change.parts
                            ],
                        }
                        for change in each.modified
                    ],
                }
                for each in self.sections
            ],
        }

    def to_table(self) -> "Table":
        """Return a row for each component, and for each part of one that is modified."""
        from selbox.analysis.table import Table

        rows: list[tuple[Cell, ...]] = []
        for each in self.sections:
            rows += [(each.kind, "added", name, None, None, None) for name in each.added]
            rows += [(each.kind, "removed", name, None, None, None) for name in each.removed]
            for change in each.modified:
                rows += [
                    (each.kind, "modified", change.name, part.name or None, part.added, part.removed)
                    for part in change.parts
                ]
        return Table(("kind", "change", "name", "part", "added", "removed"), rows)


def _plain_grants(found: "GrantDifferences") -> JsonValue:
    plain: dict[str, JsonValue] = {**found._asdict()}
    for name in ("gained", "lost"):
        plain[name] = [each._asdict() for each in getattr(found, name)]
    return plain


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox sediff``."""
    parser.add_argument("left", metavar="POLICY1", help="policy to compare with")
    parser.add_argument("right", metavar="POLICY2", help="policy whose differences are shown")
    parser.add_argument("--stats", action="store_true", help="show how many differences there are alone")
    parser.add_argument("--markdown", action="store_true", help="write Markdown, for a merge request")
    parser.add_argument(
        "--access",
        action="store_true",
        help="compare what can be done, after booleans, constraints, levels and bounds, and tell what to look at",
    )
    for words, kind, what in _OPTIONS:
        parser.add_argument(*words.split(), action="append_const", const=(kind,), dest="kinds", help=f"compare {what}")
    parser.add_argument(
        "-A",
        action="append_const",
        const=("allow", "allowxperm"),
        dest="kinds",
        help="compare allow and allowxperm rules",
    )
    add_common_arguments(parser)


def run(arguments: "Namespace") -> Differences:
    """Compare."""
    if arguments.csv and arguments.access:
        raise UsageError.of("usage", "--access is no table", help="--json has all of it")
    left, right = (whole_policy(each, base=not arguments.no_base) for each in (arguments.left, arguments.right))
    wanted = {kind for kinds in arguments.kinds or () for kind in kinds}
    sides = Side(left.policy, left.catalogue), Side(right.policy, right.catalogue)
    is_access_alone = arguments.access and not wanted and not arguments.markdown
    sections = () if is_access_alone else compare(*sides, wanted or KINDS)
    # SETools shows a kind that is asked for also where nothing differs.
    shown = tuple(each for each in sections if wanted or each)
    grants = None
    if arguments.access:
        from selbox.analysis.differences.grants import grant_differences

        grants = grant_differences(*sides), right.policy
    return Differences(
        arguments.left,
        arguments.right,
        shown,
        grants,
        tuple(notices((*left.notices, *right.notices), verbose=arguments.verbose)),
        arguments.stats,
        arguments.markdown,
    )
