"""Names: what is declared where, and which declaration a name means.

Source: the order of look-ups of ``secilc`` (``cil_resolve_name`` of libsepol).
"""

import re

from selbox.language.cil import Form, Tree
from selbox.typing import Final

NAME_TABLES: Final[dict[str, str]] = {
    "type": "type",
    "typealias": "type",
    "typeattribute": "type",
    "role": "role",
    "roleattribute": "role",
    "user": "user",
    "userattribute": "user",
    "class": "class",
    "classmap": "class",
    "common": "common",
    "classpermission": "classpermission",
    "boolean": "boolean",
    "tunable": "tunable",
    "sensitivity": "sensitivity",
    "sensitivityalias": "sensitivity",
    "category": "category",
    "categoryalias": "category",
    "categoryset": "category",
    "sid": "sid",
    "context": "context",
    "level": "level",
    "levelrange": "levelrange",
    "ipaddr": "ipaddr",
    "policycap": "policycap",
    "permissionx": "permissionx",
    "block": "block",
    "macro": "block",
    "optional": "block",
}
"""The table that a declaration's name goes into; names of one table must differ."""

PLAIN_NAME: Final = re.compile(r"[A-Za-z][\w-]*", re.ASCII)

STRINGS: Final = "string"
"""The table of macro parameters that stand for plain text; nothing is declared in it."""


LATER: Final = 1 << 32
"""Added to a number, in a path, to sort what a ``tunableif`` brings in behind what a block holds itself."""

LAST: Final = 2 * LATER
"""Likewise, to sort what ``in`` adds to a block behind that."""

_MOST_VISIBLE: Final = 64
"""Parameters of calls inside of one another that are looked up at once; each call knows all of them."""


class Optional:
    """An optional block; what fails to resolve inside switches it off.

    Attributes:
        outer: the optional block around it.
        enabled: False once switched off.
    """

    __slots__ = ("enabled", "outer")

    def __init__(self, outer: "Optional | None") -> None:
        self.outer = outer
        self.enabled = True

    @property
    def live(self) -> bool:
        """Whether it and every one around it is on."""
        optional: Optional | None = self
        while optional is not None:
            if not optional.enabled:
                return False
            optional = optional.outer
        return True


class Symbol:
    """One declaration.

    Attributes:
        name: its name with the blocks that it stands in: ``block.type``; empty for an anonymous argument of a call.
        flavour: the keyword that declared it.
        place: where it stands.
        form: the declaring form; for an anonymous argument, the argument itself.
        order: where a reader of the expanded policy would meet it; symbols sort by it.
        id: number among those of its kind, once given; -1 before.
        actual: for an alias, what it stands for.
        content: for a block or optional, where the statements inside of it stand.
    """

    __slots__ = ("actual", "content", "flavour", "form", "id", "name", "order", "place")

    def __init__(self, name: str, flavour: str, place: "Place", form: Form, order: tuple[int, ...] = ()) -> None:
        self.name = name
        self.flavour = flavour
        self.place = place
        self.form = form
        self.order = order
        self.id = -1
        self.actual: Symbol | None = None
        self.content: Place | None = None

    @property
    def local_name(self) -> str:
        """Its name without the blocks that it stands in."""
        name = self.form[1]
        assert isinstance(name, str)  # noqa: S101 - the shape of declarations has been checked
        return name

    @property
    def scope(self) -> "Scope | None":
        """The scope of a block's names."""
        return self.content.scope if self.content is not None and self.flavour == "block" else None


class Scope:
    """Where names are looked up: the root, a block, or what a call or an inheritance brings in.

    Attributes:
        parent: the scope around it; None for the root.
        root: the outermost scope.
        declaring: the root or block whose tables take what is declared here.
        prefix: what full names of declarations here begin with.
        tables: declarations by table and name; only the root and blocks have them.
        symbol: the block's own declaration.
        abstract: whether it is an abstract block.
        depth: how many scopes are around it.
        visible: for calls inside of one another, of macros that stand in no block: table and name of all their
            parameters, if these are few; None for others.
        beyond: where a name is looked for that is none of these.
        qualified: of the root: whether dots are plain characters of names.
    """

    __slots__ = (
        *("abstract", "beyond", "declaring", "depth", "parent", "prefix", "qualified", "root", "symbol", "tables"),
        "visible",
    )

    def __init__(self, parent: "Scope | None", symbol: Symbol | None = None) -> None:
        self.parent = parent
        self.symbol = symbol
        self.abstract = False
        self.qualified = False
        self.depth: int = parent.depth + 1 if parent else 0
        self.visible: frozenset[tuple[str, str]] | None = None
        self.beyond = parent
        self.declaring = self
        self.root: Scope = parent.root if parent else self
        self.prefix = f"{symbol.name}." if symbol else ""
        self.tables: dict[str, dict[str, Symbol]] = {}

    def own(self, table: str, name: str) -> Symbol | None:
        """Return what is declared in this very scope under a name."""
        names = self.tables.get(table)
        return names.get(name) if names else None

    def in_parents(self, table: str, name: str) -> "Symbol | Argument | None":
        """Look in this scope and those around it, but not in the root; an argument is not looked up itself."""
        scope: Scope | None = self
        while scope is not None and scope.parent is not None:
            if scope.visible is not None and (table, name) not in scope.visible:
                scope = scope.beyond
                continue
            found, scope = scope.step(table, name)
            if found is not None:
                return found
        return None

    def step(self, table: str, name: str) -> "tuple[Symbol | Argument | None, Scope | None]":
        """Look in this scope alone; return what was found and where to go on."""
        return self.own(table, name), self.parent

    @property
    def search_depth(self) -> int:
        """How many scopes are around it that a name is looked for in, one after the other."""
        if self.visible is None or self.beyond is None:
            return self.depth
        return self.beyond.depth + 1

    @property
    def within_abstract(self) -> bool:
        """Whether it is, or is inside, an abstract block."""
        scope: Scope | None = self
        while scope is not None:
            if scope.abstract:
                return True
            scope = scope.parent
        return False


class Argument:
    """An argument of a call, looked up where the call stands when it is first used.

    Attributes:
        given: the argument that it is known to pass on; itself at first.
        table: the table of names that its parameter belongs to.
        value: a name, or an anonymous form.
        form: the form that it stands in, and ``path`` from there: for messages.
        place: where the call stands.
    """

    __slots__ = ("flavour", "form", "given", "path", "place", "table", "value")

    def __init__(
        self, table: str, flavour: str, value: "Form | str", place: "Place", form: Form, path: tuple[int, ...]
    ) -> None:
        self.table = table
        self.flavour = flavour
        self.value = value
        self.place = place
        self.form = form
        self.path = path
        self.given: Argument = self

    def symbol(self) -> Symbol | None:
        """Return what it names, or None when nothing of that name is declared."""
        # What it names may be an argument of another call, and so on: a loop, for there may be many.
        found: Symbol | Argument | None = self
        while isinstance(found, Argument):
            found = found.passed_on()
            found = found.written() or _found_at(found.place.scope, found.table, str(found.value))
        return found

    def passed_on(self) -> "Argument":
        """Follow what calls pass on of their own arguments to its beginning; nothing that is declared changes that."""
        passed: list[Argument] = []
        at = self
        while True:
            if at.given is not at:
                further: Argument | None = at.given
            else:
                scope = at.place.scope
                further = scope.own_argument(at.table, at.value) if isinstance(scope, CallScope) else None
            if further is None or at.written() is not None:
                break
            passed.append(at)
            at = further
        for each in passed:
            each.given = at
        return at

    def written(self) -> Symbol | None:
        """Return what is written out instead of being named; None for a name."""
        if not isinstance(self.value, str):
            return Symbol("", self.flavour, self.place, self.value)
        if self.table == "ipaddr" and (":" in self.value or self.value[:1].isdigit()):
            written = Form([self.value])
            written.offset = self.form.offset
            return Symbol("", self.flavour, self.place, written)
        return None


class InheritScope(Scope):
    """The scope of a block's statements inside a block that inherits it."""

    __slots__ = ("original",)

    def __init__(self, parent: Scope, original: Scope) -> None:
        super().__init__(parent)
        self.declaring = parent.declaring
        self.prefix = parent.prefix
        self.original = original

    def step(self, table: str, name: str) -> tuple[Symbol | Argument | None, Scope | None]:
        """Look around the heir first, then around the block that is inherited."""
        assert self.parent is not None  # noqa: S101 - a scope of this kind always has one
        found = self.parent.in_parents(table, name)
        if found is None and self.original.parent is not None:
            found = self.original.parent.in_parents(table, name)
        return found, None


class CallScope(Scope):
    """The scope of a macro's statements where it is called."""

    __slots__ = ("arguments", "declared", "macro")

    def __init__(
        self, parent: Scope, macro: Symbol, arguments: dict[tuple[str, str], Argument], declared: set[tuple[str, str]]
    ) -> None:
        super().__init__(parent)
        self.declaring = parent.declaring
        self.prefix = parent.prefix
        self.macro = macro
        self.arguments = arguments
        self.declared = declared
        self._look_beyond()

    def _look_beyond(self) -> None:
        """Note what names the calls around this one give, and where others are to be looked for."""
        parent = self.parent
        assert parent is not None  # noqa: S101 - a scope of this kind always has one
        if self.macro.place.scope.parent is not None:
            return
        around = parent.visible if isinstance(parent, CallScope) else frozenset()
        if around is None:
            return
        visible = around if around.issuperset(self.arguments) else around.union(self.arguments)
        if len(visible) <= _MOST_VISIBLE:
            self.visible = visible
            self.beyond = parent.beyond if isinstance(parent, CallScope) else parent

    def own_argument(self, table: str, name: "Form | str") -> Argument | None:
        """Return the argument that a name stands for here, whatever is declared elsewhere."""
        if not isinstance(name, str) or "." in name or (table, name) in self.declared:
            return None
        return self.arguments.get((table, name))

    def step(self, table: str, name: str) -> tuple[Symbol | Argument | None, Scope | None]:
        """Look among what the macro declares (which is in the caller's scope by now), its parameters, its own place."""
        if (table, name) in self.declared:
            return None, self.parent
        argument = self.arguments.get((table, name))
        if argument is not None:
            return argument, None
        return self.macro.place.scope.in_parents(table, name), self.parent


class Place:
    """Where statements stand: what surrounds a run of them.

    Attributes:
        scope: where their names are looked up.
        tree: the source that they were written in.
        optional: the innermost optional block around them.
        branch: number of the conditional branch that they are in, as in the ``condition`` column of rules; 0 for none.
        lexical: keywords of the enclosing forms that restrict what may stand here.
        path: place in the order in which a reader of the expanded policy would meet them: the number of the source, and
            the offsets of the statements that they stand in, or were brought in by, from the outermost on.
        copied: whether inheritance brought them here.
    """

    __slots__ = ("branch", "copied", "lexical", "optional", "path", "scope", "tree")

    def __init__(
        self,
        scope: Scope,
        tree: Tree,
        optional: Optional | None = None,
        branch: int = 0,
        lexical: tuple[str, ...] = (),
        path: tuple[int, ...] = (),
        copied: bool = False,
    ) -> None:
        self.copied = copied
        self.scope = scope
        self.tree = tree
        self.optional = optional
        self.branch = branch
        self.lexical = lexical
        self.path = path

    def inside(
        self,
        container: str,
        path: tuple[int, ...],
        scope: Scope | None = None,
        tree: Tree | None = None,
        branch: int | None = None,
    ) -> "Place":
        """Return the place of what stands inside of a form that stands here.

        Args:
            container: keyword of that form.
            path: its place in the order.
            scope: where names are looked up inside, if not as here.
            tree: the source, if not this one.
            branch: the conditional branch, if not this one.
        """
        return Place(
            scope or self.scope,
            tree or self.tree,
            self.optional,
            self.branch if branch is None else branch,
            self.lexical if container in self.lexical else (*self.lexical, container),
            path,
            self.copied,
        )

    def top_level(self, offset: int) -> tuple[int, int]:
        """Return the top-level statement that a statement here is, or stands in, or that brought it here.

        Args:
            offset: of the statement.

        Returns:
            The number of its source, and its offset.
        """
        if len(self.path) == 1:
            return self.path[0], offset
        return self.path[0], self.path[1] if self.path[1] < LATER else self.path[2]


def find(scope: Scope, table: str, name: str) -> Symbol | None:
    """Return what a name means in a scope.

    Args:
        scope: where the name is used.
        table: the table of names, a value of :data:`NAME_TABLES`.
        name: plain, dotted (``block.name``) or from the root (``.name``).
    """
    if scope.parent is None and "." not in name:  # most names are looked up so
        names = scope.tables.get(table)
        return names.get(name) if names else None
    found = _found_at(scope, table, name)
    return found.symbol() if isinstance(found, Argument) else found


def _found_at(scope: Scope, table: str, name: str) -> Symbol | Argument | None:
    """Return what a name means in a scope; an argument of a call is not looked up itself."""
    if "." in name and not scope.root.qualified:
        return _find_dotted(scope, table, name)
    if scope.parent is None:
        names = scope.tables.get(table)
        return names.get(name) if names else None
    return scope.in_parents(table, name) or scope.root.own(table, name)


def _find_dotted(scope: Scope, table: str, name: str) -> Symbol | None:
    *blocks, last = [part for part in name.split(".") if part] or [""]
    at: Scope | None = scope.root
    if not name.startswith(".") and blocks:
        first = find(scope, "block", blocks.pop(0))
        at = first.scope if first else None
    for block in blocks:
        inner = at.own("block", block) if at else None
        at = inner.scope if inner else None
    return at.own(table, last) if at else None
