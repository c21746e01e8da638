"""Expands a policy: walks blocks and optionals, declares names, and sorts the statements by keyword.

What needs names of elsewhere waits in queues that the next stages empty: conditional text
(:mod:`selbox.compiler.tunables`), ``in`` and inheritance (:mod:`selbox.compiler.blocks`), calls
(:mod:`selbox.compiler.calls`), in the order of :mod:`selbox.compiler.expansion`.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from selbox.compiler.errors import StatementError
from selbox.compiler.namespace import LAST, LATER, NAME_TABLES, PLAIN_NAME, Optional, Place, Scope, Symbol
from selbox.compiler.parameters import parameters
from selbox.compiler.program import ACCESS, JOINED, OBJECT_ROLE, Program, Statement
from selbox.compiler.statements import REFUSED, branches, check_declared_once, check_statement, stray
from selbox.diagnostics import SelboxError
from selbox.language.cil import Form, RuleColumns, RuleRun, Tree
from selbox.language.cil.statements import VALID_SHAPES, Shapes
from selbox.typing import Final, NamedTuple, NoReturn

Body = Sequence[Form | RuleRun | str]
"""Statements, or a form that holds some."""

Frame = tuple[Iterator[tuple[int, Form | RuleRun | str]], Place, Body]
Action = Callable[[Form, Place], list[Frame]]

LEAST_COPIES: Final = 100_000
"""Statements that calls and inheritance may always bring in."""

MOST_GROWTH: Final = 20
"""How many times the statements of the sources they may bring in, if that is more."""

LONGEST_NAME: Final = 2047
"""Characters of the longest name."""

_QUALIFIED_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_REPEATABLE: Final = frozenset({"type", "typeattribute", "role"})
_LOGIC: Final = frozenset({"and", "or", "xor", "not"})
_RESERVED: Final[dict[str, frozenset[str]]] = {
    "type": _LOGIC | {"all", "self"},
    "role": _LOGIC | {"all"},
    "user": _LOGIC | {"all"},
    "boolean": _LOGIC | {"eq", "neq"},
    "tunable": _LOGIC | {"eq", "neq"},
    "category": _LOGIC | {"all", "range"},
    "permissionx": _LOGIC | {"all", "range"},
}
"""Words that mean something else where names of a table stand. Source: ``cil_is_reserved_name`` of libsepol."""


class Inheritance(NamedTuple):
    """A ``blockinherit`` where it was written, and the block that it names."""

    form: Form
    place: Place
    block: Symbol


class Expander:
    """Builds a :class:`Program` from trees.

    Attributes:
        program: what is built.
        tunable_conditions, insertions, inheritances, abstractions, calls: statements that wait for their stage.
        additions: what ``in`` adds to a block, optional or macro, by the identity of its form.
        linked: every ``blockinherit`` by the identity of its form; None for one that means nothing. A copy of it
            inherits the same block.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.tunable_conditions: list[Statement] = []
        self.insertions: list[Statement] = []
        self.inheritances: list[Statement] = []
        self.abstractions: list[Statement] = []
        self.calls: list[Statement] = []
        self.additions: dict[int, list[tuple[Form, int, Tree]]] = {}
        self.linked: dict[int, Inheritance | None] = {}
        self.counter = 0
        self._walked = 0
        self._limit: float = math.inf
        self._plain: dict[tuple[str, ...], dict[str, Shapes]] = {}
        self._actions = dict.fromkeys(NAME_TABLES, self._declare) | {
            "block": self._block,
            "optional": self._optional,
            "macro": self._macro,
            "booleanif": self._booleanif,
            "tunableif": self._wait_in(self.tunable_conditions),
            "in": self._wait_in(self.insertions),
            "blockinherit": self._wait_in(self.inheritances),
            "call": self._wait_in(self.calls),
            "blockabstract": self._blockabstract,
        }
        if program.options.preserve_tunables:
            self._actions |= {"tunable": self._tunable, "tunableif": self._booleanif}
        if program.options.qualified_names:
            self._actions |= dict.fromkeys(("block", "blockinherit", "blockabstract", "in"), self._refused)

    def build(self, form: Body, start: int, place: Place) -> None:
        """Take in the statements of a form from an index on.

        Args:
            form: a block, macro or the like, or the forms of a tree.
            start: index of its first statement.
            place: where they stand.
        """
        self._walked += len(form) - start
        self.walk([_frame(form, start, place)])

    def check(self, form: Form, start: int, place: Place) -> None:
        """Check the outer form of statements that are not taken in; arguments as in :meth:`build`."""
        for index, item in enumerate(form[start:], start):
            try:
                if isinstance(item, str):
                    raise stray(index, place, form)
                check_statement(item, place)
            except StatementError as error:
                self.program.diagnostics.extend(error.diagnostics)

    def declare_object_role(self, tree: Tree) -> None:
        """Give a policy that does not declare ``object_r`` the role all the same; statements cannot name it.

        Source: ``roles_init`` of libsepol.
        """
        if self.program.root.own(NAME_TABLES["role"], OBJECT_ROLE) is None:
            form = Form(["role", OBJECT_ROLE])
            form.offset = 0
            role = Symbol(OBJECT_ROLE, "role", Place(self.program.root, tree), form)
            self.program.symbols.setdefault("role", []).append(role)

    def limit_copies(self) -> None:
        """Stop from here on at statements that blocks and calls multiply without end; call it when all is read."""
        self._limit = self._walked + max(LEAST_COPIES, MOST_GROWTH * self._walked)

    def expect(self, count: int, form: Form, place: Place) -> None:
        """Stop before something is taken in that is too large.

        Args:
            count: how many statements it is.
            form: what brings it in.
            place: where that stands.

        Raises:
            SelboxError: blocks and calls would bring in more statements than any policy has use for.
        """
        if self._walked + count > self._limit:
            self.stop("cil-too-large", "blocks and calls multiply statements without end here", place, form)

    def stop(self, code: str, message: str, place: Place, form: Form, advice: str = "") -> NoReturn:
        """Report an error after which it makes no sense to go on.

        Raises:
            SelboxError: always, with the errors before it.
        """
        error = StatementError(code, message, place, form, (), advice)
        raise SelboxError(*self.program.diagnostics.errors, *error.diagnostics)

    def walk(self, frames: list[Frame]) -> None:
        """Take in the statements of frames, in order."""
        stack = frames[::-1]
        while stack:
            inner = self._walk_on(stack[-1])
            if inner:
                stack.extend(reversed(inner))
            else:
                stack.pop()

    def _walk_on(self, frame: Frame) -> list[Frame]:
        """Take in the statements of a frame up to one that has some inside; return these, or nothing at the end."""
        statements, place, parent = frame
        plain = self._plain_statements(place.lexical)
        runs: dict[str, list[Form]] = {}
        inner: list[Frame] = []
        for index, statement in statements:
            if type(statement) is RuleRun:  # nothing that may hold one refuses access rules
                self._walked += statement.stop - statement.start - 1
                if ACCESS in runs:
                    self._add(ACCESS, runs.pop(ACCESS), place)
                self._add(ACCESS, statement, place)
                continue
            if type(statement) is Form and statement and type(statement[0]) is str:
                keyword = statement[0]
                shapes = plain.get(keyword)
                if shapes is not None and tuple(map(type, statement)) in shapes:
                    known = runs.get(keyword)
                    if known is None:
                        _keep(statement, keyword, runs)
                    else:
                        known.append(statement)
                    continue
            inner = self._take(index, statement, place, parent, runs)
            if inner:
                break
        self._store(runs, place)
        return inner

    def _store(self, runs: dict[str, list[Form]], place: Place) -> None:
        for key, forms in runs.items():
            self._add(key, forms, place)
        runs.clear()

    def _add(self, key: str, forms: Sequence[Form], place: Place) -> None:
        if key == ACCESS and type(forms) is not RuleRun:
            forms = RuleRun(RuleColumns.of(forms), 0, len(forms))
        self.program.statements.setdefault(key, []).append((place, forms))

    def _plain_statements(self, lexical: tuple[str, ...]) -> dict[str, Shapes]:
        """Return, for statements that are only kept, what :meth:`_take` would find out about each.

        Args:
            lexical: as in :class:`Place`.

        Returns:
            The outer forms that it may have, by keyword of what may stand there.
        """
        found = self._plain.get(lexical)
        if found is None:
            refused = frozenset().union(*(REFUSED[container] for container in lexical))
            found = self._plain[lexical] = {
                keyword: shapes
                for keyword, shapes in VALID_SHAPES.items()
                if keyword not in self._actions and keyword not in refused
            }
        return found

    def added_path(self, place: Place) -> tuple[int, ...]:
        """Return a place in the order behind everything that stands at a place so far."""
        self.counter += 1
        return (*place.path, LAST + self.counter)

    def chosen_path(self, form: Form, place: Place) -> tuple[int, ...]:
        """Return a place in the order for what a ``tunableif`` brings in.

        It is behind what holds the ``tunableif``, and all that others there have brought in. The last number tells the
        statement there that brings it in; the one before it is its own alone.
        """
        self.counter += 1
        around, offset = place.path, form.offset
        if len(around) > 1 and LATER <= around[-2] < LAST:  # it was brought in itself
            around, offset = around[:-2], around[-1]
        return (*around, LATER + self.counter, offset)

    def content_frames(self, form: Form, start: int, place: Place, weight: int = 1) -> list[Frame]:
        """Return what to walk for a block, optional or macro: its own statements and what ``in`` added to it.

        Args:
            form: the block, optional or macro.
            start: index of its first statement.
            place: where its statements stand.
            weight: how many statements each of them counts for.
        """
        additions = self.additions.get(id(form), ())
        count = len(form) - start
        if additions:
            count += sum(len(added) - added_start for added, added_start, _ in additions)
        self.expect(weight * count, form, place)
        self._walked += weight * count
        frames = [_frame(form, start, place)]
        for added, added_start, tree in additions:
            frames.append(_frame(added, added_start, place.inside("in", self.added_path(place), tree=tree)))
        return frames

    def _take(
        self,
        index: int,
        statement: Form | RuleRun | str,
        place: Place,
        parent: Body,
        runs: dict[str, list[Form]],
    ) -> list[Frame]:
        """Take in one statement; return what to walk before the next one."""
        try:
            if not isinstance(statement, Form):
                raise stray(index, place, parent)
            keyword = check_statement(statement, place)
            action = self._actions.get(keyword)
            if action is not None:
                return action(statement, place)
            _keep(statement, keyword, runs)
        except StatementError as error:
            self.program.diagnostics.extend(error.diagnostics)
        return []

    def declare(self, form: Form, place: Place, flavour: str = "") -> Symbol:
        """Enter a declaration into the tables of the block around it.

        Args:
            form: the declaration.
            place: its surroundings.
            flavour: what it declares, if not what its keyword says.

        Raises:
            StatementError: the name is not one, or is taken.
        """
        flavour = flavour or form.keyword
        name = form[1]
        assert isinstance(name, str)  # noqa: S101 - the shape has been checked
        options = self.program.options
        pattern = _QUALIFIED_NAME if options.qualified_names else PLAIN_NAME
        table = NAME_TABLES[flavour]
        if name in _RESERVED.get(table, ()) or len(name) > LONGEST_NAME or not pattern.fullmatch(name):
            raise StatementError(
                "cil-bad-name",
                f"`{name}` cannot be the name of a {flavour}",
                place,
                form,
                (1,),
                f"a name begins with a letter, goes on with letters, digits, `_` or `-`, is no keyword and has at most "
                f"{LONGEST_NAME} characters",
            )
        scope = place.scope.declaring
        names = scope.tables.setdefault(table, {})
        earlier = names.get(name)
        symbol = Symbol(scope.prefix + name, flavour, place, form, (*place.path, form.offset))
        same = earlier is not None and earlier.flavour == flavour
        if earlier is not None and same and options.multiple_declarations and flavour in _REPEATABLE:
            self.program.repeated.append(symbol)
            return earlier
        if same and flavour == "policycap":
            self.program.diagnostics.warning(
                "cil-repeated-policycap",
                f"policy capability `{name}` is on already",
                place.tree.span(form, 1),
                "remove one of them: older versions of `secilc` refuse it",
            )
            self.program.repeated.append(symbol)
            return symbol
        if earlier is not None and not (same and flavour == "optional"):
            advice = "remove one of them, or give it another name"
            if same and flavour in _REPEATABLE:
                advice += "; --multiple-declarations (-m of secilc) takes them as one"
            raise StatementError(
                "cil-duplicate-name",
                f"{flavour} `{scope.prefix}{name}` is declared a second time",
                place,
                form,
                (1,),
                advice,
                (f"the earlier declaration, as {earlier.flavour}", earlier.place, earlier.form),
            )
        names.setdefault(name, symbol)
        self.program.symbols.setdefault(flavour, []).append(symbol)
        return symbol

    def _declare(self, form: Form, place: Place) -> list[Frame]:
        self.declare(form, place)
        return []

    def _block(self, form: Form, place: Place) -> list[Frame]:
        earlier = self._earlier("block", form, place)
        path = (*place.path, form.offset)
        if earlier is not None and earlier.scope is not None:
            # The heir has a block of this name: what is inherited joins it.
            joined = Scope(place.scope, earlier)
            joined.declaring = earlier.scope.declaring
            joined.tables = earlier.scope.tables
            return self.content_frames(form, 2, place.inside("block", path, joined))
        symbol = self.declare(form, place)
        symbol.content = place.inside("block", path, Scope(place.scope, symbol))
        return self.content_frames(form, 2, symbol.content)

    def _optional(self, form: Form, place: Place) -> list[Frame]:
        symbol = self.declare(form, place)
        content = place.inside("optional", (*place.path, form.offset))
        content.optional = Optional(place.optional)
        self.program.optionals.append(content.optional)
        symbol.content = content
        return self.content_frames(form, 2, content)

    def _macro(self, form: Form, place: Place) -> list[Frame]:
        if self._earlier("macro", form, place) is None:  # the heir's own macro stands
            self.declare(form, place)
            parameters(form, place)
            self.check_body(form, form, 3, place.inside("macro", place.path))
        return []

    @staticmethod
    def _earlier(flavour: str, form: Form, place: Place) -> Symbol | None:
        """Return what an inherited declaration meets in the heir."""
        name = form[1]
        assert isinstance(name, str)  # noqa: S101 - the shape has been checked
        earlier = place.scope.declaring.own("block", name) if place.copied else None
        return earlier if earlier is not None and earlier.flavour == flavour else None

    def check_body(self, macro: Form, form: Form, start: int, place: Place) -> None:
        """Check the outer form of a macro's statements, whether or not it is ever called.

        Args:
            macro: its declaration.
            form: what holds the statements: that, or an ``in`` that adds to it.
            start: index of the first statement there.
            place: where the statements stand.
        """
        pending = [(form, start)]
        parameters = macro[2]
        assert isinstance(parameters, Form)  # noqa: S101 - the shape has been checked
        declared: set[tuple[str, object]] = set()
        for each in parameters:
            if isinstance(each, Form) and each.keyword in NAME_TABLES and isinstance(each[-1], str):
                declared.add((NAME_TABLES[each.keyword], each[-1]))
        while pending:
            body, first = pending.pop()
            for index, item in enumerate(body[first:], first):
                try:
                    if isinstance(item, str):
                        raise stray(index, place, body)
                    keyword = check_statement(item, place)
                    check_declared_once(item, place, declared)
                except StatementError as error:
                    self.program.diagnostics.extend(error.diagnostics)
                    continue
                if keyword == "optional":
                    pending.append((item, 2))
                elif keyword in ("booleanif", "tunableif"):
                    pending += [(branch, 1) for branch in item[2:] if isinstance(branch, Form)]

    def _tunable(self, form: Form, place: Place) -> list[Frame]:
        """Declare a tunable that is kept, as a boolean."""
        self.declare(form, place, "boolean")
        return []

    @staticmethod
    def _refused(form: Form, place: Place) -> list[Frame]:
        raise StatementError(
            "cil-misplaced",
            f"`{form.keyword}` has no meaning where dots are plain characters of names",
            place,
            form,
            (0,),
        )

    def _booleanif(self, form: Form, place: Place) -> list[Frame]:
        if place.branch:
            raise StatementError(
                "cil-misplaced", f"a `{form.keyword}` that is kept may not stand in a conditional", place, form, (0,)
            )
        number = len(self.program.conditionals)
        self.program.conditionals.append((form, place))
        self.program.conditional_orders.append((*place.path, form.offset))
        frames: list[Frame] = []
        for branch, truth in branches(form, place):
            path = (*place.path, form.offset, 0 if truth else 1)
            inside = place.inside("booleanif", path, branch=2 * number + (1 if truth else 2))
            self._walked += len(branch) - 1
            frames.append(_frame(branch, 1, inside))
        return frames

    def _blockabstract(self, form: Form, place: Place) -> list[Frame]:
        if not place.copied:  # what inherits a block has those inside for itself: secilc does not mark them
            self.abstractions.append((form, place))
        return []

    @staticmethod
    def _wait_in(queue: list[Statement]) -> Action:
        def wait(form: Form, place: Place) -> list[Frame]:
            queue.append((form, place))
            return []

        return wait


def _keep(statement: Form, keyword: str, runs: dict[str, list[Form]]) -> None:
    runs.setdefault(JOINED.get(keyword, keyword), []).append(statement)


def _frame(form: Body, start: int, place: Place) -> Frame:
    return enumerate(islice(form, start, None), start), place, form
