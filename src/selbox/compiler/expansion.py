"""Expands sources: the stages of :mod:`selbox.compiler.expand` and its neighbours in their order.

Source: the order of passes of ``secilc`` (``cil_resolve_ast``).
"""

from collections.abc import Sequence

from selbox.compiler.blocks import inherit, insert, mark_abstract
from selbox.compiler.calls import call_macros
from selbox.compiler.expand import Expander
from selbox.compiler.namespace import Place
from selbox.compiler.program import Program
from selbox.compiler.tunables import choose_tunables
from selbox.language.cil import Tree


def expand(program: Program, trees: Sequence[Tree], is_whole: bool = True) -> None:
    """Take in all statements of sources, and what blocks, macros and the like bring in.

    Args:
        program: takes them.
        trees: the sources; the path of each statement's place begins with the index of its source.
        is_whole: whether they are a whole policy, which has a role of objects in any case.
    """
    expander = Expander(program)
    for index, tree in enumerate(trees):
        expander.build(tree.forms, 0, Place(program.root, tree, path=(index,)))
    if trees and is_whole:
        expander.declare_object_role(trees[0])
    expander.limit_copies()
    for waiting in (expander.tunable_conditions, expander.insertions, expander.inheritances, expander.calls):
        program.rearranging.update(place.top_level(form.offset) for form, place in waiting)
    choose_tunables(expander)
    insert(expander, "before")
    inherit(expander)
    mark_abstract(expander)
    insert(expander, "after")
    inherit(expander)
    mark_abstract(expander)
    call_macros(expander)
    program.put_in_order()
    program.drop_abstract()
