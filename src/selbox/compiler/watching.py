"""Optional blocks that depend on one another: what one declares that goes is missed by others at once.

Without it, each look at all statements would find one block more in a row of blocks that each need the one before.
"""

from collections.abc import Iterator

from selbox.compiler.errors import StatementError, UnresolvedNameError
from selbox.compiler.namespace import NAME_TABLES, CallScope, Optional, Place, Scope, Symbol
from selbox.compiler.program import Handler, Program
from selbox.language.cil import Form
from selbox.typing import ClassVar


class _Looked:
    """A statement in an optional block that has been looked at, and how."""

    __slots__ = ("form", "handler", "place")

    def __init__(self, handler: Handler, form: Form, place: Place) -> None:
        self.handler = handler
        self.form = form
        self.place = place


class WatchedProgram(Program):
    """A program whose optional blocks, when one is switched off, take with them those that need what they declare.

    A statement that has passed is tried again when a name goes that stands in it or in the calls around it. That can
    miss something, as where one statement says what a name of another means: so a look at all statements follows.

    Args:
        program: what it is a view of; both share all there is.

    Attributes:
        tried: how many statements have been tried again.
    """

    watched: ClassVar[bool] = True

    def __init__(self, program: Program) -> None:
        self.__dict__.update(program.__dict__)
        self.tried = 0
        self._looked: list[_Looked] = []
        self._mentions: dict[str, list[_Looked]] = {}
        self._gone: set[Optional] = set()
        self._inner: dict[Optional, list[Optional]] = {}
        for optional in self.optionals:
            if optional.outer is not None:
                self._inner.setdefault(optional.outer, []).append(optional)
        self._declared: dict[Optional, list[Symbol]] = {}
        for symbols in self.symbols.values():
            for symbol in symbols:
                if symbol.place.optional is not None:
                    self._declared.setdefault(symbol.place.optional, []).append(symbol)
        self._others: dict[tuple[Scope, str, str], list[Symbol]] = {}
        for symbol in self.repeated:
            self._others.setdefault(_key(symbol), []).append(symbol)

    def attempt(self, handler: Handler, form: Form, place: Place) -> None:
        """Do as every program does, and follow up what goes with an optional block."""
        super().attempt(handler, form, place)
        optional = place.optional
        if optional is None:
            return
        if optional.enabled:
            self._looked.append(_Looked(handler, form, place))
        else:
            self._follow(optional)

    def _follow(self, optional: Optional) -> None:
        """Try again what may need a block that has been switched off, and what may need the blocks that then go."""
        off = [optional]
        while off:
            names: set[str] = set()
            while off:
                names |= self._take_back(off.pop())
            self._index()
            again = {each: None for name in names for each in self._mentions.get(name, ())}
            for each in again:
                around = each.place.optional
                if around is not None and around.live and not self._passes(each):
                    around.enabled = False
                    off.append(around)

    def _take_back(self, optional: Optional) -> set[str]:
        """Take back what a block declares, and the blocks inside; return the names that mean nothing any more there."""
        names: set[str] = set()
        pending = [optional]
        while pending:
            current = pending.pop()
            if current in self._gone:
                continue
            self._gone.add(current)
            pending += self._inner.get(current, ())
            for symbol in self._declared.get(current, ()):
                take_back(symbol)
                if not self._stands_in(symbol):
                    names.add(symbol.local_name)
        return names

    def _stands_in(self, gone: Symbol) -> bool:
        """Let another declaration of the same have its place, if there is one."""
        for symbol in self._others.get(_key(gone), ()):
            optional = symbol.place.optional
            if optional is not None and not optional.live:
                continue
            gone.place.scope.declaring.tables[NAME_TABLES[gone.flavour]][gone.local_name] = symbol
            symbol.id = gone.id
            self.symbols[gone.flavour].append(symbol)
            if optional is not None:
                self._declared.setdefault(optional, []).append(symbol)
            return True
        return False

    def _passes(self, looked: _Looked) -> bool:
        self.tried += 1
        try:
            looked.handler(looked.form, looked.place)
        except UnresolvedNameError:
            return False
        except StatementError:
            pass
        return True

    def _index(self) -> None:
        """Note the names that stand in the statements that have been looked at since."""
        for looked in self._looked:
            for name in set(_names(looked.form, looked.place)):
                self._mentions.setdefault(name, []).append(looked)
        self._looked.clear()


def _key(symbol: Symbol) -> tuple[Scope, str, str]:
    return symbol.place.scope.declaring, symbol.flavour, symbol.local_name


def take_back(symbol: Symbol) -> None:
    """Forget what a declaration declares, if it does so still."""
    names = symbol.place.scope.declaring.tables[NAME_TABLES[symbol.flavour]]
    if names.get(symbol.local_name) is symbol:
        del names[symbol.local_name]


def _names(form: Form, place: Place) -> Iterator[str]:
    """Yield the names that stand in a statement and in the arguments of the calls that brought it, part by part."""
    pending: list[Form | str] = [form]
    scope: Scope | None = place.scope
    while scope is not None:
        if isinstance(scope, CallScope):
            pending += [argument.value for argument in scope.arguments.values()]
        scope = scope.parent
    while pending:
        item = pending.pop()
        if not isinstance(item, str):
            pending += item
        elif "." in item:
            yield from item.split(".")
        else:
            yield item
