"""Blocks: what ``in`` adds to them, what inherits them, and which are abstract.

Source: the passes IN, BLKIN and BLKABS of ``secilc`` (``cil_resolve_ast``).
"""

from functools import partial

from selbox.compiler.errors import StatementError, UnresolvedNameError
from selbox.compiler.expand import Expander, Inheritance
from selbox.compiler.inheritance import check_inheritance
from selbox.compiler.namespace import InheritScope, Place, Symbol
from selbox.compiler.tunables import choose_tunables
from selbox.diagnostics import did_you_mean
from selbox.language.cil import Form
from selbox.typing import Final

_EXTENSIBLE: Final = ("block", "macro", "optional")

MAXIMUM_SCOPES = 128
"""How many blocks, inheritances and calls may lie inside one another."""


def insert(expander: Expander, moment: str) -> None:
    """Add the statements of ``in`` forms to the blocks, optionals and macros that they name.

    Args:
        expander: what holds them.
        moment: ``before`` or ``after`` inheritance; forms of the other moment stay where they are.
    """
    # The last is the first, as where one adds to what another one adds, or both to one block, can be seen.
    waiting = [each for each in reversed(expander.insertions) if _moment(each[0]) == moment]
    expander.insertions[:] = [each for each in expander.insertions if _moment(each[0]) != moment]
    progress = True
    while waiting and progress:
        progress = False
        failed = []
        for form, place in waiting:
            try:
                _insert_one(expander, form, place)
                progress = True
            except UnresolvedNameError:
                failed.append((form, place))
            except StatementError as error:
                expander.program.diagnostics.extend(error.diagnostics)
        waiting = failed
        choose_tunables(expander)
    for form, place in waiting:
        expander.program.attempt(partial(_refuse, expander), form, place)


def _refuse(expander: Expander, form: Form, place: Place) -> None:
    """Report an ``in`` form that adds to nothing."""
    try:
        _insert_one(expander, form, place)
    except UnresolvedNameError as error:
        known = (symbol.name for flavour in _EXTENSIBLE for symbol in expander.program.symbols.get(flavour, ()))
        raise StatementError(
            "cil-bad-insertion",
            f"no block, macro or optional block `{error.name}` is declared here",
            place,
            form,
            error.path,
            did_you_mean(error.name, known),
        ) from None


def _moment(form: Form) -> str:
    return "after" if form[1] == "after" and len(form) > 2 and isinstance(form[2], str) else "before"


def _insert_one(expander: Expander, form: Form, place: Place) -> None:
    at = 1
    if len(form) > 2 and isinstance(form[2], str):
        at = 2
        if form[1] not in ("before", "after"):
            raise StatementError("cil-syntax", f"expected `before` or `after`, found `{form[1]}`", place, form, (1,))
    symbol = expander.program.resolve("block", form, place, at)
    _check_unambiguous(expander, symbol, form, place, at)
    container = "in after" if _moment(form) == "after" else "in"
    expander.additions.setdefault(id(symbol.form), []).append((form, at + 1, place.tree))
    content = symbol.content
    expander.program.rearranging.add(symbol.place.top_level(symbol.form.offset))
    if content is not None:
        inserted = content.inside(container, expander.added_path(content), tree=place.tree)
        expander.build(form, at + 1, inserted)
    elif symbol.flavour == "macro":
        expander.check_body(symbol.form, form, at + 1, place.inside("macro", place.path))


def _check_unambiguous(expander: Expander, symbol: Symbol, form: Form, place: Place, at: int) -> None:
    """Refuse to add to an optional block when there is another one of its name."""
    if symbol.flavour != "optional":
        return
    scope = symbol.place.scope.declaring
    for other in expander.program.symbols.get("optional", ()):
        if other is not symbol and other.name == symbol.name and other.place.scope.declaring is scope:
            raise StatementError(
                "cil-ambiguous-name",
                f"there are several optional blocks `{symbol.name}`: it is open which one is meant",
                place,
                form,
                (at,),
                "give each its own name",
                ("another one", other.place, other.form),
            )


def inherit(expander: Expander) -> None:
    """Give every block the statements of the blocks that it inherits, and so on."""
    queue = expander.inheritances
    for form, place in queue:
        expander.program.attempt(partial(_link, expander), form, place)
    check_inheritance(expander)
    while queue:
        waiting = queue[:]
        queue.clear()
        for form, place in waiting:
            expander.program.attempt(partial(_inherit_one, expander), form, place)
        choose_tunables(expander)


def _link(expander: Expander, form: Form, place: Place) -> None:
    """Find the block that a ``blockinherit`` names, before any block has what others hold."""
    expander.linked[id(form)] = None
    block = expander.program.resolve("block", form, place, 1)
    if block.scope is None:
        raise StatementError(
            "cil-not-a-block", f"`{form[1]}` is a {block.flavour}; only blocks can be inherited", place, form, (1,)
        )
    expander.linked[id(form)] = Inheritance(form, place, block)


def _inherit_one(expander: Expander, form: Form, place: Place) -> None:
    if id(form) not in expander.linked:
        _link(expander, form, place)
    link = expander.linked[id(form)]
    if link is None:
        return
    block = link.block
    assert block.scope is not None  # noqa: S101 - else it would not have been linked
    if place.scope.depth > MAXIMUM_SCOPES:
        raise StatementError("cil-too-deep", "blocks inherit too deep", place, form)
    scope = InheritScope(place.scope, block.scope)
    lexical = ("blockinherit in optional",) if place.optional is not None else ()
    if place.scope.declaring.parent is not None:
        lexical = (*lexical, "block")
    path = (*place.path, form.offset)
    inside = Place(scope, block.place.tree, place.optional, place.branch, lexical, path, copied=True)
    expander.walk(expander.content_frames(block.form, 2, inside))


def mark_abstract(expander: Expander) -> None:
    """Mark the blocks that ``blockabstract`` names."""
    for form, place in expander.abstractions:

        def mark(form: Form, place: Place) -> None:
            block = expander.program.resolve("block", form, place, 1)
            if block.scope is None:
                raise StatementError("cil-not-a-block", f"`{form[1]}` is not a block", place, form, (1,))
            block.scope.abstract = True

        expander.program.attempt(mark, form, place)
    expander.abstractions.clear()
