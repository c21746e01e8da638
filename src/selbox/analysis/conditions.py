"""Which conditional rules of a catalogue hold under given values of the booleans."""

from collections.abc import Sequence

from selbox.analysis.catalogue import Catalogue
from selbox.model.conditional import BooleanOperator, Conditional
from selbox.server.conditionals import evaluate_conditional


def active_conditions(catalogue: Catalogue, values: Sequence[bool]) -> tuple[bool, ...]:
    """Tell for each value of the rules' ``condition`` column whether such rules hold.

    Args:
        catalogue: of the policy.
        values: of the booleans, by id.

    Returns:
        What :func:`selbox.server.conditionals.active_conditions` does.
    """
    result = [True]
    for terms in catalogue.conditions:
        expression = tuple(BooleanOperator(each) if isinstance(each, str) else each for each in terms)
        holds = evaluate_conditional(Conditional(expression), values)
        result += (holds, not holds)
    return tuple(result)
