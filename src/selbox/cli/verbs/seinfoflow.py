"""``selbox seinfoflow``: how information gets from one type to others, as SETools' ``seinfoflow`` finds it."""

from selbox.analysis.foundrule import FoundRule, found_rule
from selbox.analysis.informationflow import DEFAULT_WEIGHT, InformationFlow
from selbox.analysis.ruletext import RULE_KINDS, Texts
from selbox.cli.pathsearch import (
    Found,
    Wording,
    add_path_arguments,
    boolean_values,
    check_path_arguments,
    excluded_types,
    remembered,
    request_of,
    with_pictures,
)
from selbox.cli.searched import WHICH_POLICY, searched_policy
from selbox.cli.verb import Example, Manual, UsageError
from selbox.diagnostics import Diagnostic
from selbox.language.permissionmap import WEIGHTS
from selbox.store.permissionmaps import read_permission_map
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

MANUAL = Manual(
    description=f"""
Shows how information can get from one type to another: written by one process, read by the next, step by step. It takes
the options of `seinfoflow` of SETools 4.4, and writes the same lines. With a source alone, what one step leads to is
shown; -r shows where one step leads to it from.

Which permission lets information flow, which way and how much, is in a permission map. That of selbox is used unless
-m names another; it is in the format of SETools, whose own can be used. A step weighs 1 to 10, as the heaviest
permission of its rules does; steps below the least weight are not followed.

All rules count unless -b says how booleans are set. SETools weighs a step by all its rules then, and follows it where
any of them is on; with --exact, only those that are on are weighed.

{WHICH_POLICY}
""",
    examples=(
        Example("How does what is in shadow get to the web server?", "selbox seinfoflow -s shadow_t -t httpd_t -S"),
        Example(
            "And not by what everything can reach?",
            "selbox seinfoflow -p policy.33 -s shadow_t -t httpd_t -A 3 init_t kernel_t",
        ),
        Example("Who can learn what is in a file at once, with the rules?", "selbox seinfoflow -s shadow_t --full"),
        Example(
            "As a picture, with booleans as they are set:",
            "selbox seinfoflow -s httpd_t -t user_home_t -S -b default --svg flow.svg",
        ),
    ),
)

_WORDING: Final = Wording(
    "Flow {}:",
    "  Step {}: {} -> {}",
    "Flow {}: {} -> {}",
    "{} information flow(s) found.",
    "{} information flow(s) found.",
)


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox seinfoflow``."""
    add_path_arguments(parser, "flows")
    parser.add_argument("--limit_flows", dest="limit", type=int, help="the same as -l")
    parser.add_argument("--exact", action="store_true", help="with -b, let rules that are off add no weight either")
    parser.add_argument("-m", "--map", metavar="FILE", help="permission map; selbox's own otherwise")
    parser.add_argument(
        "-w",
        "--min_weight",
        type=int,
        default=DEFAULT_WEIGHT,
        metavar="WEIGHT",
        help=f"least weight of steps that are followed, 1 to 10; {DEFAULT_WEIGHT} otherwise",
    )


def run(arguments: "Namespace") -> Found:
    """Search."""
    check_path_arguments(arguments)
    if arguments.min_weight not in WEIGHTS:
        raise UsageError.of("usage", f"weights are {WEIGHTS[0]} to {WEIGHTS[-1]}, and not {arguments.min_weight}")
    permissions = read_permission_map(arguments.map)
    searched = searched_policy(arguments)
    catalogue = searched.catalogue
    request = request_of(arguments, catalogue)
    flows = InformationFlow(
        catalogue,
        permissions,
        arguments.min_weight,
        excluded_types(arguments, catalogue),
        boolean_values(arguments, catalogue),
        exact=arguments.exact,
    )
    texts = Texts(catalogue)

    def lines(source: int, target: int) -> list[tuple[str, int]]:
        rows = flows.rules(source, target)
        return sorted(zip(texts.rules(RULE_KINDS["allow"], rows), rows, strict=True))

    def detail(source: int, target: int) -> str:
        return "".join(f"    {text}\n" for text, _ in lines(source, target)) + "\n"

    def rules(source: int, target: int) -> list[FoundRule]:
        return [found_rule(catalogue, texts, row, text) for text, row in dict.fromkeys(lines(source, target))]

    found = Found(
        request,
        _WORDING,
        catalogue.types,
        request.paths(flows.graph),
        remembered(detail) if arguments.full else None,
        rules if arguments.full else None,
        (flows.whole_graph.types(), flows.whole_graph.steps()) if arguments.stats else None,
        (*searched.notices, *(_unmapped(flows) if arguments.verbose else ())),
    )
    return with_pictures(arguments, found, f"information flow of {arguments.source}", rules)


def _unmapped(flows: InformationFlow) -> list[Diagnostic]:
    names = [f"{object_class}:{permission}" for object_class, permission in flows.unmapped()]
    if not names:
        return []
    words = f"the permission map does not say what flows by {', '.join(names)}"
    return [Diagnostic("permission-unmapped", words, help="nothing, as far as this search goes")]
