"""Calls of macros: the macro's statements take their place where the call stands.

Source: the passes CALL1 and CALL2 of ``secilc`` and the CIL reference guide's order of look-ups in macros.
"""

from functools import partial

from selbox.compiler.blocks import MAXIMUM_SCOPES
from selbox.compiler.errors import StatementError
from selbox.compiler.expand import Expander
from selbox.compiler.namespace import NAME_TABLES, Argument, CallScope, Place, Scope, Symbol
from selbox.compiler.parameters import ANONYMOUS, PARAMETER_TABLES, parameters
from selbox.compiler.tunables import choose_tunables
from selbox.language.cil import Form


def call_macros(expander: Expander) -> None:
    """Expand every call, and the calls inside what they bring."""
    queue = expander.calls
    while queue:
        waiting = queue[:]
        queue.clear()
        for index, form, place in waiting:
            if not place.scope.within_abstract:
                expander.program.attempt(partial(_call, expander, index), form, place)
        choose_tunables(expander)


def _call(expander: Expander, index: int, form: Form, place: Place) -> None:
    macro = expander.program.resolve("block", form, place, 1)
    if macro.flavour != "macro":
        raise StatementError(
            "cil-not-a-macro", f"`{form[1]}` is a {macro.flavour}; only macros can be called", place, form, (1,)
        )
    _check_recursion(place, form, macro)
    scope = CallScope(place.scope, macro, _arguments(form, place, macro), _declared(macro.form))
    lexical = ("booleanif",) if place.branch else ()
    inside = Place(scope, macro.place.tree, place.optional, place.branch, lexical, (*place.path, index))
    expander.walk(expander.content_frames(macro.form, 3, inside))


def _check_recursion(place: Place, form: Form, macro: Symbol) -> None:
    scope: Scope | None = place.scope
    if place.scope.depth > MAXIMUM_SCOPES:
        raise StatementError("cil-too-deep", "calls nest too deep", place, form)
    while scope is not None:
        if isinstance(scope, CallScope) and scope.macro.form is macro.form:
            raise StatementError(
                "cil-recursive-call",
                f"macro `{macro.name}` would call itself without end",
                place,
                form,
                (1,),
                "break the circle of calls",
                ("the macro", macro.place, macro.form),
            )
        scope = scope.parent


def _arguments(form: Form, place: Place, macro: Symbol) -> dict[tuple[str, str], Argument]:
    """Pair the parameters of a macro with what a call gives."""
    listed = parameters(macro.form, macro.place)
    given = form[2] if len(form) > 2 else Form()
    assert isinstance(given, Form)  # noqa: S101 - the shape has been checked
    if len(given) != len(listed):
        raise StatementError(
            "cil-wrong-arguments",
            f"macro `{macro.name}` takes {len(listed)} arguments, found {len(given)}",
            place,
            form,
            (2,) if len(form) > 2 else (),
            "",
            ("the macro", macro.place, macro.form),
        )
    arguments: dict[tuple[str, str], Argument] = {}
    for index, ((kind, name), value) in enumerate(zip(listed, given, strict=True)):
        if not isinstance(value, str) and kind not in ANONYMOUS:
            raise StatementError(
                "cil-wrong-arguments", f"parameter `{name}` takes the name of a {kind}", place, form, (2, index)
            )
        table = PARAMETER_TABLES[kind]
        arguments[table, name] = Argument(table, kind, value, place, form, (2, index))
    return arguments


def _declared(form: Form) -> set[tuple[str, str]]:
    """Return table and name of all that a macro's statements declare."""
    names: set[tuple[str, str]] = set()
    pending = [(form, 3)]
    while pending:
        body, start = pending.pop()
        for item in body[start:]:
            if not isinstance(item, Form) or len(item) < 2:
                continue
            keyword, name = item.keyword, item[1]
            if keyword in NAME_TABLES and isinstance(name, str):
                names.add((NAME_TABLES[keyword], name))
            if keyword == "optional":
                pending.append((item, 2))
            elif keyword == "tunableif":
                pending += [(branch, 1) for branch in item[2:] if isinstance(branch, Form)]
    return names
