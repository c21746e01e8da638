"""The policy between its passes: every statement that counts, with the place that its names are looked up from."""

from collections.abc import Callable, Iterable, Iterator

from selbox.compiler.errors import StatementError, UnresolvedNameError
from selbox.compiler.namespace import NAME_TABLES, Argument, Optional, Place, Scope, Symbol, find
from selbox.compiler.options import CompileOptions
from selbox.compiler.runs import Run, in_order
from selbox.diagnostics import Diagnostics, did_you_mean
from selbox.language.cil import Form, RuleRun
from selbox.typing import ClassVar, Final, cast

Statement = tuple[Form, Place]
Handler = Callable[[Form, Place], None]

NO_MEANING: Final = "cil-alias-without-meaning"
_ALIASES: Final = frozenset({"typealias", "sensitivityalias", "categoryalias"})
_TABLES = frozenset(NAME_TABLES.values())
_FLAVOUR_WORDS = {"block": "block or macro", "classpermission": "class permission set", "levelrange": "level range"}


class Program:
    """Statements and names after expansion.

    Attributes:
        diagnostics: where every pass reports.
        options: what was asked for.
        root: the scope of names that stand in no block.
        statements: by keyword, or what :data:`JOINED` has in its place; no run is empty. Rules and constraints are in
            the order of the expanded policy, others in the order that they were met.
        symbols: declarations by keyword.
        conditionals: each ``booleanif`` with its place; its number is its index.
        repeated: declarations of what is declared already, where that is allowed.
        conditional_orders: where a reader of the expanded policy would meet each of them.
        optionals: every optional block.
        arguments: what calls give to macros.
        rearranging: top-level statements that have an effect elsewhere than where they stand, by ``in``, calls and the
            like, or take such an effect: number of the source and offset of each.
        watched: whether :meth:`attempt` has to be called for each statement, although one like it has passed.
    """

    watched: ClassVar[bool] = False

    def __init__(self, diagnostics: Diagnostics, options: CompileOptions) -> None:
        self.diagnostics = diagnostics
        self.options = options
        self.root = Scope(None)
        self.root.qualified = options.qualified_names
        self.repeated: list[Symbol] = []
        self.statements: dict[str, list[Run]] = {}
        self.symbols: dict[str, list[Symbol]] = {}
        self.conditionals: list[Statement] = []
        self.conditional_orders: list[tuple[int, ...]] = []
        self.optionals: list[Optional] = []
        self.arguments: list[Argument] = []
        self.rearranging: set[tuple[int, int]] = set()

    def declared(self, *flavours: str) -> list[Symbol]:
        """Return the declarations of some keywords in the order of the expanded policy."""
        found = [symbol for flavour in flavours for symbol in self.symbols.get(flavour, ())]
        found.sort(key=lambda symbol: symbol.order)
        return found

    def resolve(self, table: str, form: Form, place: Place, *path: int) -> Symbol:
        """Return the declaration that an atom of a statement names; aliases are followed.

        Args:
            table: the table of names, a value of :data:`NAME_TABLES`.
            form: the statement.
            place: where it stands.
            *path: indices that lead from the form to the atom.

        Raises:
            UnresolvedNameError: nothing of that name is in reach.
            StatementError: a form stands where a name should, or an alias that stands for nothing.
        """
        item: Form | str = form
        for index in path:
            item = item[index]
        if type(item) is not str:
            raise StatementError("cil-syntax", f"expected the name of a {word(table)}, found a form", place, form, path)
        symbol = find(place.scope, table, item)
        if symbol is None:
            raise UnresolvedNameError(table, item, place, form, path)
        if symbol.actual is not None:
            symbol = self.actual(symbol)
        if symbol.flavour in _ALIASES:
            raise StatementError(NO_MEANING, f"alias `{item}` stands for nothing", place, form, path)
        return symbol

    def actual(self, symbol: Symbol) -> Symbol:
        """Follow an alias to what it stands for."""
        passed = 0
        while symbol.actual is not None and passed <= 64:
            symbol = symbol.actual
            passed += 1
        return symbol

    @property
    def rules(self) -> list[tuple[Place, RuleRun]]:
        """The access rules."""
        return cast(list[tuple[Place, RuleRun]], self.statements.get(ACCESS, []))

    def put_in_order(self) -> None:
        """Sort the statements whose order tells as a reader of the expanded policy would meet them."""
        if self.rearranging:  # all others were met in that order
            for keyword in _ORDERED & self.statements.keys():
                self.statements[keyword] = in_order(self.statements[keyword])

    def run(self, keyword: str, handler: Handler, only_optional: bool = False) -> None:
        """Hand every statement of a keyword to a handler; report what fails, or switch off its optional block.

        Args:
            keyword: the statements' first word.
            handler: called with form and place.
            only_optional: leave out statements that stand in no optional block.
        """
        self.run_each(self.statements.get(keyword, ()), handler, only_optional)

    def live(self, keyword: str) -> Iterator[Statement]:
        """Yield every statement of a keyword that is in no optional block that is off."""
        for place, forms in self.statements.get(keyword, ()):
            if place.optional is None or place.optional.live:
                for form in forms:
                    yield form, place

    def run_each(self, runs: Iterable[Run], handler: Handler, only_optional: bool = False) -> None:
        """Hand some statements to a handler, as :meth:`run` does."""
        for place, forms in runs:
            optional = place.optional
            if only_optional if optional is None else not optional.live:
                continue
            for form in forms:
                self.attempt(handler, form, place)
                # What fails switches off the block that it stands in; whoever watches, those around it as well.
                if optional is not None and not (optional.live if self.watched else optional.enabled):
                    break

    def run_declared(self, flavour: str, handler: Callable[[Symbol], object]) -> None:
        """Hand every declaration of a keyword to a handler, with :meth:`attempt`'s care.

        Args:
            flavour: the declaring keyword.
            handler: called with the symbol; what it returns is not looked at.
        """
        for symbol in self.declared(flavour):

            def handle(form: Form, place: Place, symbol: Symbol = symbol) -> None:  # noqa: ARG001 - the symbol holds both
                handler(symbol)

            self.attempt(handle, symbol.form, symbol.place)

    def attempt(self, handler: Handler, form: Form, place: Place) -> None:
        """Call a handler for one statement; report what fails, or switch off the optional block around it."""
        try:
            handler(form, place)
        except UnresolvedNameError as error:
            if place.optional is not None:
                place.optional.enabled = False
            else:
                self.report_unresolved(error)
        except StatementError as error:
            self.diagnostics.extend(error.diagnostics)

    def drop_abstract(self) -> None:
        """Forget what stands in abstract blocks; only heirs have it."""
        if not any(symbol.scope is not None and symbol.scope.abstract for symbol in self.symbols.get("block", ())):
            return
        root = self.root
        dead: dict[Scope, bool] = {}

        def lives(place: Place) -> bool:
            known = dead.get(place.scope)
            if known is None:
                known = dead[place.scope] = place.scope.within_abstract
            return not known

        for keyword, runs in self.statements.items():
            self.statements[keyword] = [each for each in runs if each[0].scope is root or lives(each[0])]
        for flavour, symbols in self.symbols.items():
            gone = [each for each in symbols if each.place.scope is not root and not lives(each.place)]
            if gone:
                for symbol in gone:
                    if NAME_TABLES[flavour] != "block":
                        symbol.place.scope.declaring.tables[NAME_TABLES[flavour]].clear()
                symbols[:] = [symbol for symbol in symbols if lives(symbol.place)]

    def report_unresolved(self, error: UnresolvedNameError) -> None:
        """Report a name that nothing declares."""
        known = set(error.known)
        scope: Scope | None = error.place.scope
        while scope is not None and error.table in _TABLES:
            known.update(scope.declaring.tables.get(error.table, ()))
            scope = scope.parent
        for flavour, table in NAME_TABLES.items():
            if table == error.table:
                known.update(symbol.name for symbol in self.symbols.get(flavour, ()))
        self.diagnostics.error(
            f"cil-unknown-{error.table}",
            f"no {word(error.table)} `{error.name}` is declared here",
            error.place.tree.span(error.form, *error.path),
            self._meant(error, known) if len(self.diagnostics.errors) < _GUESSES else "",
        )

    def _meant(self, error: UnresolvedNameError, known: set[str]) -> str:
        """Return the help for a name that nothing declares: what it is instead, or one that is like it."""
        if error.name in known:  # every policy has `object_r`, but CIL may not name it undeclared
            return f"declare it: `({error.table} {error.name})`"
        if ":" in error.name:
            return _in_parentheses(error.name)
        scope: Scope | None = error.place.scope
        while scope is not None:
            for table, names in scope.declaring.tables.items():
                if error.name in names:
                    if (error.table, table) == ("level", "sensitivity"):
                        return f"a level without a name is written in parentheses: `({error.name})`"
                    return f"`{error.name}` is something else here: {word(table)}"
            scope = scope.parent
        return did_you_mean(error.name, sorted(known))


_GUESSES: Final = 10
"""Errors for which a name is looked for that was meant: among very many names that takes long."""

ACCESS: Final = "access"
"""The key of access rules among the statements of a program."""

JOINED: Final = {
    "allow": ACCESS,
    "auditallow": ACCESS,
    "dontaudit": ACCESS,
    "typechange": "typetransition",
    "typemember": "typetransition",
    "mlsconstrain": "constrain",
    "mlsvalidatetrans": "validatetrans",
}
"""Keywords whose statements share one list: the order in which they stand among each other can be seen."""

_ORDERED: Final = frozenset(
    {ACCESS, "typetransition", "rangetransition", "roleallow", "roletransition", "neverallow"}
    | {"allowx", "auditallowx", "dontauditx", "constrain", "validatetrans"}
)
"""What has its place among the statements and is written, or reported, in the order of the expanded policy."""

OBJECT_ROLE: Final = "object_r"
"""The role of objects; always role 0, declared or not."""


def _in_parentheses(text: str) -> str:
    """Return the help for what stands with colons, as other languages have it: a context, or a type and a class."""
    first, second, *others = text.split(":", 3)
    if others:
        return f"a context is written `({first} {second} {others[0]} ((LOW) (HIGH)))`"
    return f"a type and a class are written `{first} ({second} (PERMISSION…))`"


def word(table: str) -> str:
    """Return what a message calls the things of a table of names."""
    return _FLAVOUR_WORDS.get(table, table)
