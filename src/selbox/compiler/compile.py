"""From syntax trees to a policy: the passes in their order."""

from collections.abc import Sequence

from selbox.compiler.attributes import settle_attributes
from selbox.compiler.bounds import check_bounds
from selbox.compiler.conditions import unite
from selbox.compiler.deny import TypeSets, apply_denials
from selbox.compiler.emit import emit
from selbox.compiler.errors import with_original_place
from selbox.compiler.expansion import expand
from selbox.compiler.labels import with_labels
from selbox.compiler.levelless import without_levels
from selbox.compiler.neverallow import check_neverallows
from selbox.compiler.optionals import settle_optionals
from selbox.compiler.options import DEFAULTS, CompileOptions
from selbox.compiler.program import Program
from selbox.compiler.resolution import Resolution
from selbox.compiler.transitions import settle_transitions
from selbox.compiler.verify import verify
from selbox.diagnostics import Diagnostic, Diagnostics, SelboxError
from selbox.language.cil import Tree
from selbox.model.policy import Policy


def compile_policy(
    trees: Sequence[Tree], diagnostics: Diagnostics | None = None, options: CompileOptions = DEFAULTS
) -> Policy:
    """Compile a whole policy.

    Args:
        trees: its sources; names of one are known in all.
        diagnostics: takes the warnings, for a caller who wants to show them.
        options: what to do differently.

    Raises:
        SelboxError: with every error of the policy, in the order of the sources.
    """
    return compile_resolved(trees, diagnostics, options)[0]


def compile_resolved(
    trees: Sequence[Tree], diagnostics: Diagnostics | None = None, options: CompileOptions = DEFAULTS
) -> tuple[Policy, Resolution]:
    """Compile as :func:`compile_policy` does; return also what the policy was made from.

    Raises:
        SelboxError: likewise.
    """
    collected = diagnostics if diagnostics is not None else Diagnostics()
    program = Program(collected, options)
    try:
        expand(program, trees)
        _stop_at_errors(program)
        settle_optionals(program)
        resolution = Resolution(program)
        verify(resolution)
        _stop_at_errors(program)
        _deny(resolution)
        conditions = unite(resolution.conditionals, program.conditional_orders)
        policy = with_labels(resolution, emit(resolution, conditions))
        policy = settle_transitions(resolution, policy if policy.mls else without_levels(policy))
        if not options.disable_neverallow:
            check_bounds(resolution, policy)
            check_neverallows(resolution, policy)
        _stop_at_errors(program)
        policy = settle_attributes(resolution, policy, conditions)
        if options.optimize:
            from selbox.compiler.optimize import optimize  # few ask for it

            policy = optimize(policy)
    except SelboxError as error:
        raise SelboxError(*_in_order(error.diagnostics, trees)) from None
    return policy, resolution


def _deny(resolution: Resolution) -> None:
    """Take what is denied out of the access rules."""
    denials = resolution.denials.statements
    if not denials:
        return
    tables = resolution.rules
    sets = TypeSets(resolution.identities, resolution.numbered["type"])
    tables.access.rules, tables.access_rows = apply_denials(denials, tables.access.rules, tables.access_rows, sets)


def _stop_at_errors(program: Program) -> None:
    program.diagnostics.raise_if_errors()


def _in_order(diagnostics: Sequence[Diagnostic], trees: Sequence[Tree]) -> list[Diagnostic]:
    """Return the diagnostics in the order of the sources, each once and with the place that line marks name."""
    order = {tree.source.name: index for index, tree in enumerate(trees)}

    def key(diagnostic: Diagnostic) -> tuple[int, int, int]:
        span = diagnostic.span
        return (order[span.source.name], span.line, span.column) if span else (len(order), 0, 0)

    unique = {(each.code, each.message, key(each), *_places(each)): each for each in diagnostics}
    return sorted(map(with_original_place, unique.values()), key=key)


def _places(diagnostic: Diagnostic) -> list[str]:
    """Return the further places that a message names: they tell messages of the same words apart."""
    return [span.place for _, span in diagnostic.notes if span]
