"""Chooses the branches of ``tunableif``: what a policy's build decides and its run cannot change."""

from selbox.compiler.expand import Expander
from selbox.compiler.logic import LogicOperator, read_logic
from selbox.compiler.namespace import Place
from selbox.compiler.program import Program
from selbox.compiler.statements import branches
from selbox.language.cil import Form


def choose_tunables(expander: Expander) -> None:
    """Take in the branch that holds of every ``tunableif`` that waits, and of those inside."""
    program = expander.program
    queue = expander.tunable_conditions
    while queue:
        waiting = queue[:]
        queue.clear()
        for form, place in waiting:

            def choose(form: Form, place: Place) -> None:
                value = _evaluate(program, form, place)
                for branch, truth in branches(form, place):
                    inside = place.inside("tunableif", expander.chosen_path(form, place))
                    if truth == value:
                        expander.build(branch, 1, inside)
                    else:
                        expander.check(branch, 1, inside)

            program.attempt(choose, form, place)


def _evaluate(program: Program, form: Form, place: Place) -> bool:
    stack: list[bool] = []
    for term in read_logic(form, 1, place):
        if isinstance(term, tuple):
            symbol = program.resolve("tunable", form, place, *term)
            stack.append(symbol.form[2] == "true")
            continue
        last = stack.pop()
        if term is LogicOperator.NOT:
            stack.append(not last)
        elif term is LogicOperator.AND:
            stack.append(stack.pop() and last)
        elif term is LogicOperator.OR:
            stack.append(stack.pop() or last)
        else:
            stack.append((stack.pop() is last) is (term is LogicOperator.EQUAL))
    return stack[-1]
