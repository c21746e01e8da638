"""Calls of macros: the macro's statements take their place where the call stands.

Source: the passes CALL1 and CALL2 of ``secilc`` and the CIL reference guide's order of look-ups in macros.
"""

from functools import partial

from selbox.compiler.errors import StatementError, UnresolvedNameError
from selbox.compiler.expand import Expander
from selbox.compiler.namespace import NAME_TABLES, STRINGS, Argument, CallScope, Place, Scope, Symbol, find
from selbox.compiler.parameters import ANONYMOUS, PARAMETER_TABLES, parameters
from selbox.compiler.program import Program
from selbox.compiler.tunables import choose_tunables
from selbox.language.cil import Form
from selbox.typing import Final

_ENDLESS: Final = 1 << 40
"""Statements that are more than any policy may have."""

DEEPEST: Final = 1000
"""How many blocks and calls may lie inside one another."""

_SHALLOW: Final = 128
"""Scopes up to which statements count once: a name is looked up in one scope after the other."""

_STEEP: Final = 16
"""Scopes beyond, after which a statement counts once more."""


def call_macros(expander: Expander) -> None:
    """Expand every call, and the calls inside what they bring."""
    queue = expander.calls
    sizes = _Sizes(expander.program)
    while queue:
        waiting = queue[:]
        queue.clear()
        for form, place in waiting:
            if not place.scope.within_abstract:
                expander.program.attempt(partial(_call, expander, sizes), form, place)
        choose_tunables(expander)


def _call(expander: Expander, sizes: "_Sizes", form: Form, place: Place) -> None:
    macro = expander.program.resolve("block", form, place, 1)
    if macro.flavour != "macro":
        raise StatementError(
            "cil-not-a-macro", f"`{form[1]}` is a {macro.flavour}; only macros can be called", place, form, (1,)
        )
    _check_recursion(place, form, macro)
    weight = 1 + max(0, place.scope.search_depth - _SHALLOW) // _STEEP
    expander.expect(weight * sizes.of(macro), form, place)
    arguments = _arguments(form, place, macro)
    expander.program.arguments += arguments.values()
    scope = CallScope(place.scope, macro, arguments, _declared(macro.form))
    lexical = ("booleanif",) if place.branch else ()
    inside = Place(scope, macro.place.tree, place.optional, place.branch, lexical, (*place.path, form.offset))
    expander.walk(expander.content_frames(macro.form, 3, inside, weight))


def check_arguments(program: Program) -> None:
    """Check that what calls give to macros is declared, whether or not the macros use it."""
    for argument in program.arguments:
        optional = argument.place.optional
        if argument.table != STRINGS and (optional is None or optional.live):
            program.attempt(partial(_check_argument, argument), argument.form, argument.place)


def _check_argument(argument: Argument, form: Form, place: Place) -> None:
    if isinstance(argument.value, str) and argument.symbol() is None:
        raise UnresolvedNameError(argument.table, argument.value, place, form, argument.path)


class _Sizes:
    """How many statements calls bring in, with those of the calls inside, as far as it can be seen beforehand.

    Args:
        program: resolves the names of macros.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._sizes: dict[int, int] = {}

    def of(self, macro: Symbol) -> int:
        """Return the number for a macro, or :data:`_ENDLESS` if it is more."""
        pending = [macro]
        called: dict[int, tuple[int, list[Symbol]]] = {}
        while pending:
            current = id(pending[-1].form)
            if current not in self._sizes and current not in called:
                called[current] = self._body(pending[-1])
                # Those that are called already lead here: what calls itself is found when it is called.
                pending += [each for each in called[current][1] if id(each.form) not in called]
                continue
            pending.pop()
            if current not in self._sizes:
                size, macros = called[current]
                size += sum(self._sizes.get(id(each.form), 0) for each in macros)
                self._sizes[current] = min(size, _ENDLESS)
        return self._sizes[id(macro.form)]

    def _body(self, macro: Symbol) -> tuple[int, list[Symbol]]:
        """Return how many statements a macro has, and the macro of each call that stands there for certain."""
        count = 0
        macros: list[Symbol] = []
        pending = [(macro.form, 3)]
        while pending:
            body, start = pending.pop()
            count += len(body) - start
            for item in body[start:]:
                if not isinstance(item, Form) or len(item) < 2:
                    continue
                if item.keyword == "call" and isinstance(item[1], str):
                    found = find(macro.place.scope, "block", item[1])
                    if found is not None and found.flavour == "macro":
                        macros.append(found)
                elif item.keyword == "optional":
                    pending.append((item, 2))
                elif item.keyword == "booleanif":
                    pending += [(branch, 1) for branch in item[2:] if isinstance(branch, Form)]
        return count, macros


def _check_recursion(place: Place, form: Form, macro: Symbol) -> None:
    scope: Scope | None = place.scope
    if place.scope.depth > DEEPEST:
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
