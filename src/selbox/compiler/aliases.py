"""Aliases of types, sensitivities and categories."""

from functools import partial

from selbox.compiler.errors import StatementError, UnresolvedNameError
from selbox.compiler.namespace import Place, Symbol, find
from selbox.compiler.program import NO_MEANING, Program
from selbox.language.cil import Form

ALIASED = ("type", "sensitivity", "category")


def connect_aliases(program: Program) -> None:
    """Tie every alias to what it stands for; report those that stand for nothing, two things or themselves."""
    for flavour in ALIASED:
        for symbol in program.symbols.get(f"{flavour}alias", ()):
            symbol.actual = None
        program.run(f"{flavour}aliasactual", partial(_connect, flavour))
        settled: set[Symbol] = set()
        for symbol in program.declared(f"{flavour}alias"):
            program.attempt(partial(_settle, symbol, settled), symbol.form, symbol.place)


def _connect(flavour: str, form: Form, place: Place) -> None:
    found: list[Symbol] = []
    for index in (1, 2):
        name = form[index]
        assert isinstance(name, str)  # noqa: S101 - the shape has been checked
        symbol = find(place.scope, flavour, name)
        if symbol is None:
            raise UnresolvedNameError(flavour, name, place, form, (index,))
        found.append(symbol)
    alias, actual = found
    if alias.flavour != f"{flavour}alias":
        raise StatementError("cil-wrong-kind", f"`{alias.name}` is a {alias.flavour}, no alias", place, form, (1,))
    if actual.flavour not in (flavour, f"{flavour}alias"):
        raise StatementError("cil-wrong-kind", f"`{actual.name}` is a {actual.flavour}", place, form, (2,))
    if alias.actual is not None:
        raise StatementError("cil-duplicate-alias", f"alias `{alias.name}` has a meaning already", place, form, (1,))
    alias.actual = actual


def _settle(symbol: Symbol, settled: set[Symbol], form: Form, place: Place) -> None:
    """Let an alias, and every one on the way from it, stand for the end of the way.

    Args:
        symbol: the alias.
        settled: the aliases that need not be followed any more.
        form: its declaration.
        place: where that stands.
    """
    way: dict[Symbol, None] = {}
    end = symbol
    while end.actual is not None and end not in settled:
        if end in way:
            for each in way:
                each.actual = None
            raise StatementError("cil-cyclic-alias", f"alias `{symbol.name}` stands for itself", place, form, (1,))
        way[end] = None
        end = end.actual
    actual = end.actual or end
    for each in way:
        each.actual = actual
    settled.update(way)
    if actual.flavour.endswith("alias"):
        raise StatementError(
            NO_MEANING,
            f"alias `{symbol.name}` stands for nothing",
            place,
            form,
            (1,),
            f"say what it stands for: `({symbol.flavour}actual {symbol.name} …)`",
        )
