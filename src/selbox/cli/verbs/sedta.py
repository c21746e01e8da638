"""``selbox sedta``: which domains a process can go on to, as SETools' ``sedta`` finds it."""

from selbox.analysis.domaintransitions import DomainTransitions
from selbox.analysis.foundrule import FoundRule, found_rule
from selbox.analysis.ruletext import Texts
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
from selbox.cli.verb import Example, Manual
from selbox.typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from selbox.analysis.catalogue import Catalogue
    from selbox.analysis.domaintransitions import Entrypoint

MANUAL = Manual(
    description=f"""
Shows which domains a process can go on to: by running a program whose type the new domain can be entered through, or by
itself. It takes the options of `sedta` of SETools 4.4, and writes the same lines. With a source alone, what one
transition leads to is shown; with a target, the paths there. With -r all this is followed backwards: from which domains
one gets to the source.

A type that is left out is left out as a domain and as a program. All rules count unless -b says how booleans are set.

{WHICH_POLICY}
""",
    examples=(
        Example("Which domains can the web server go on to?", "selbox sedta -s httpd_t"),
        Example("By which programs, and by which rules?", "selbox sedta -p policy.33 -s httpd_t --full"),
        Example(
            "How does one get from a user's domain to the administrator's?", "selbox sedta -s user_t -t sysadm_t -S"
        ),
        Example("Who can become unconfined at once?", "selbox sedta -s unconfined_t -r"),
        Example("As a picture:", "selbox sedta -s sshd_t -t sysadm_t -A 3 --svg transitions.svg"),
    ),
)

WORDING: Final = Wording(
    "Domain transition path {}:",
    "Step {}: {} -> {}",
    "Transition {}: {} -> {}",
    "{} domain transition path(s) found.",
    "{} domain transition(s) found.",
)
"""What is said of what was found."""


def add_arguments(parser: "ArgumentParser") -> None:
    """Declare the arguments of ``selbox sedta``."""
    add_path_arguments(parser, "transitions")
    parser.add_argument("--limit_trans", dest="limit", type=int, help="the same as -l")


def run(arguments: "Namespace") -> Found:
    """Search."""
    check_path_arguments(arguments)
    searched = searched_policy(arguments)
    catalogue = searched.catalogue
    request = request_of(arguments, catalogue)
    transitions = DomainTransitions(
        catalogue, excluded_types(arguments, catalogue), boolean_values(arguments, catalogue)
    )
    details = _Details(catalogue, transitions)
    found = Found(
        request,
        WORDING,
        catalogue.types,
        request.paths(transitions.graph),
        remembered(details.text) if arguments.full else None,
        details.rules if arguments.full else None,
        (transitions.candidates.types(), transitions.whole_graph.steps()) if arguments.stats else None,
        searched.notices,
    )
    return with_pictures(arguments, found, f"domain transitions of {arguments.source}", details.rules)


class _Details:
    """What is behind each transition.

    Args:
        catalogue: of the policy.
        transitions: of the same.
    """

    def __init__(self, catalogue: "Catalogue", transitions: DomainTransitions) -> None:
        self._catalogue = catalogue
        self._transitions = transitions
        self._texts = Texts(catalogue)

    def text(self, source: int, target: int) -> str:
        """Return the rules of a transition as SETools writes them."""
        found = self._transitions.between(source, target)
        lines = [""]
        if found.transition:
            lines += ["Domain transition rule(s):", *self._lines(found.transition)]
            if found.setexec:
                lines += ["", "Set execution context rule(s):", *self._lines(found.setexec)]
            for each in found.entrypoints:
                lines += self._entrypoint(each)
        if found.dyntransition:
            lines += ["Dynamic transition rule(s):", *self._lines(found.dyntransition)]
            lines += ["", "Set current process context rule(s):", *self._lines(found.setcurrent), ""]
        return "\n".join([*lines, "", ""])

    def rules(self, source: int, target: int) -> list[FoundRule]:
        """Return the rules of a transition."""
        found = self._transitions.between(source, target)
        rows = [*found.transition, *found.setexec]
        for each in found.entrypoints:
            rows += [*each.entrypoint, *each.execute, *each.type_transition]
        rows += [*found.dyntransition, *found.setcurrent]
        return [found_rule(self._catalogue, self._texts, row, self._line(row)) for row in dict.fromkeys(rows)]

    def _entrypoint(self, entrypoint: "Entrypoint") -> list[str]:
        lines = ["", f"Entrypoint {self._catalogue.types[entrypoint.type]}:", "\tDomain entrypoint rule(s):"]
        lines += [f"\t{each}" for each in self._lines(entrypoint.entrypoint)]
        lines += ["", "\tFile execute rule(s):", *(f"\t{each}" for each in self._lines(entrypoint.execute))]
        if entrypoint.type_transition:
            lines += ["", "\tType transition rule(s):"]
            lines += [f"\t{each}" for each in self._lines(entrypoint.type_transition)]
        return [*lines, ""]

    def _lines(self, rows: "Iterable[int]") -> list[str]:
        return sorted(map(self._line, rows))

    def _line(self, row: int) -> str:
        return self._texts.rules(self._catalogue.rules.kind[row], [row])[0]
