"""Types, roles and users: who may be what, in which range, and who bounds whom."""

from collections.abc import Iterable, Iterator

from selbox.compiler.errors import StatementError
from selbox.compiler.levels import Levels
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.orders import GENERATED_ATTRIBUTE
from selbox.compiler.program import Program, Statement
from selbox.compiler.runs import Run
from selbox.compiler.sets import SetTable, SetTerm
from selbox.compiler.settings import choose
from selbox.language.cil import Form
from selbox.model.bitset import members
from selbox.model.mls import Level, LevelRange
from selbox.model.symbols import Login
from selbox.typing import Final

DEFAULT_LOGIN: Final = "__default__"
"""The name under which everyone logs in who has no login of their own."""

SetStatement = tuple[Symbol, tuple[SetTerm, ...], Form, Place]
"""An attribute, what a statement puts into it, and the statement."""


class Identities:
    """What statements say about types, roles and users, by their symbols or ids.

    Attributes:
        types, roles, users: the sets over each.
        permissive: ids of permissive types.
        expand: by the id of an attribute whether it is written out in rules (``expandtypeattribute``).
        neveraudit: ids of types whose accesses are never recorded.
        prefixes: what stands for the role in labels of home directories, by user id.
        logins: who gets which user; ``__default__`` last.
        bounds: bounding id by bounded id, for ``type``, ``role`` and ``user``.
        role_types: bitset of types by role id.
        user_roles: bitset of roles by user id.
        user_levels, user_ranges: by user id.
        type_sets, role_sets: statements that say what attributes hold, each with its expression; requirements are none.
        role_statements: ``roletype`` statements, resolved.
        user_role_statements: ``userrole`` statements, resolved.
        permissive_statements: ``typepermissive`` statements with the ids of their types.
        aliases: names of aliases by the symbol that they stand for.
    """

    def __init__(self, program: Program, numbered: dict[str, list[Symbol]], levels: Levels) -> None:
        self._program = program
        self._levels = levels
        self._numbered = numbered
        universe = sum(1 << each.id for each in numbered["type"] if each.flavour == "type")
        self.types = SetTable(program, "type", "type", universe)
        self.roles = SetTable(program, "role", "role", (1 << len(numbered["role"])) - 1)
        self.users = SetTable(program, "user", "user", (1 << len(numbered["user"])) - 1)
        self.permissive: set[int] = set()
        self.neveraudit: set[int] = set()
        self.expand: dict[int, bool] = {}
        self.prefixes: dict[int, str] = {}
        self.logins: list[Login] = []
        self.bounds: dict[str, dict[int, int]] = {"type": {}, "role": {}, "user": {}}
        self.role_types: dict[int, int] = {}
        self.user_roles: dict[int, int] = {}
        self.user_levels: dict[int, Level] = {}
        self.user_ranges: dict[int, LevelRange] = {}
        self._bound: dict[str, dict[int, Statement]] = {table: {} for table in self.bounds}
        self.type_sets: list[SetStatement] = []
        self.role_sets: list[SetStatement] = []
        self.role_statements: list[tuple[Symbol, Symbol, Form, Place]] = []
        self.permissive_statements: list[tuple[int, Form, Place]] = []
        self.user_role_statements: list[tuple[Symbol, Symbol, Form, Place]] = []

    def collect(self, only_optional: bool) -> None:
        """Take in every statement about types, roles and users."""
        run = self._program.run
        self._program.run_each(self._set_statements(only_optional), self._typeattributeset, only_optional)
        run("roleattributeset", self._roleattributeset, only_optional)
        run("userattributeset", self._userattributeset, only_optional)
        run("expandtypeattribute", self._expandtypeattribute, only_optional)
        run("typepermissive", self._typepermissive, only_optional)
        run("typeneveraudit", self._typeneveraudit, only_optional)
        run("roletype", self._roletype, only_optional)
        run("userrole", self._userrole, only_optional)
        run("userlevel", self._userlevel, only_optional)
        run("userrange", self._userrange, only_optional)
        for table in self.bounds:
            run(f"{table}bounds", self._bounds, only_optional)
        run("userprefix", self._userprefix, only_optional)
        run("selinuxuser", self._selinuxuser, only_optional)
        run("selinuxuserdefault", self._selinuxuserdefault, only_optional)

    def connect(self) -> None:
        """Work out, once every set is known, which types a role and which roles a user may take; check bounds."""
        for table in self.bounds:
            self._check_bounds(table)
        for role, held, _, _ in self.role_statements:
            bits = self.types.bits(held)
            for role_id in members(self.roles.bits(role)):
                self.role_types[role_id] = self.role_types.get(role_id, 0) | bits
        for user, held, _, _ in self.user_role_statements:
            bits = self.roles.bits(held)
            for user_id in members(self.users.bits(user)):
                self.user_roles[user_id] = self.user_roles.get(user_id, 0) | bits

    def type_bounds(self) -> Iterator[tuple[int, int, Form, Place]]:
        """Yield the ids of bounded types and of those that bound them, and the statements that say so."""
        for child, parent in self.bounds["type"].items():
            yield child, parent, *self._bound["type"][child]

    def types_of(self, number: int) -> int:
        """Return the types that the id of a type or attribute stands for."""
        return self.types.bits(self._numbered["type"][number])

    def single(self, flavour: str, form: Form, place: Place, *path: int) -> Symbol:
        """Return the type, role or user that an atom names, and refuse sets of them.

        Raises:
            UnresolvedNameError: it is not declared.
            StatementError: it names an attribute.
        """
        symbol = self._program.resolve(flavour, form, place, *path)
        if symbol.flavour != flavour:
            raise StatementError(
                "cil-attribute-not-allowed",
                f"`{symbol.name}` is a {symbol.flavour}; expected one {flavour}",
                place,
                form,
                path,
            )
        return symbol

    def _attribute(self, table: str, form: Form, place: Place, path: tuple[int, ...] = (1,)) -> Symbol:
        symbol = self._program.resolve(table, form, place, *path)
        if symbol.flavour != f"{table}attribute":
            raise StatementError(
                "cil-not-an-attribute",
                f"`{symbol.name}` is a {symbol.flavour}, not a {table}attribute",
                place,
                form,
                path,
                "",
                ("its declaration", symbol.place, symbol.form),
            )
        return symbol

    def _set_statements(self, only_optional: bool) -> Iterator[Run]:
        """Yield the statements of type attributes but for those that require a type that is there.

        Translated modules require every type that they name: these are most of all such statements. They are put
        together here, for a rule that uses the attribute all the same.
        """
        runs: Iterable[Run] = self._program.statements.get("typeattributeset", ())
        if only_optional:  # nobody looks at those outside, nor at what sets hold
            runs = [run for run in runs if run[0].optional is not None]
        root = self._program.root
        names = root.tables.get("type", {})
        generated = names.get(GENERATED_ATTRIBUTE)
        if generated is None or generated.flavour != "typeattribute":
            yield from runs
            return
        found: set[str] = set()
        for place, forms in runs:
            if place.scope is not root:
                yield place, forms
                continue
            others: list[Form] = []
            required: list[str] = []
            for form in forms:
                name = form[2]
                if form[1] == GENERATED_ATTRIBUTE and type(name) is str and name in names:
                    required.append(name)
                else:
                    others.append(form)
            if others:
                yield place, others
            if place.optional is None or place.optional.live:
                found.update(required)
        for name in found:
            symbol = self._program.actual(names[name])
            self.types.define(generated, [1 << symbol.id if symbol.flavour == "type" else symbol])

    def _typeattributeset(self, form: Form, place: Place) -> None:
        symbol = self._attribute("type", form, place)
        terms = self.types.read(form, place, 2)
        self.type_sets.append((symbol, tuple(terms), form, place))
        self.types.define(symbol, terms)

    def _roleattributeset(self, form: Form, place: Place) -> None:
        symbol = self._attribute("role", form, place)
        terms = self.roles.read(form, place, 2)
        self.role_sets.append((symbol, tuple(terms), form, place))
        self.roles.define(symbol, terms)

    def _userattributeset(self, form: Form, place: Place) -> None:
        symbol = self._attribute("user", form, place)
        self.users.define(symbol, self.users.read(form, place, 2))

    def _expandtypeattribute(self, form: Form, place: Place) -> None:
        expand = choose(form, place, 2, {"true": True, "false": False})
        named = form[1]
        if not named:
            raise StatementError("cil-syntax", "expected the name of an attribute, found `()`", place, form, (1,))
        for path in [(1,)] if isinstance(named, str) else [(1, index) for index in range(len(named))]:
            symbol = self._attribute("type", form, place, path)
            if self.expand.setdefault(symbol.id, expand) is not expand:
                self.expand[symbol.id] = False
                self._program.diagnostics.warning(
                    "cil-conflicting-expansion",
                    f"`{symbol.name}` is both to be expanded and not: it is not",
                    place.tree.span(form, *path),
                )

    def _typepermissive(self, form: Form, place: Place) -> None:
        type_id = self.single("type", form, place, 1).id
        self.permissive.add(type_id)
        self.permissive_statements.append((type_id, form, place))

    def _typeneveraudit(self, form: Form, place: Place) -> None:
        self.neveraudit.add(self.single("type", form, place, 1).id)

    def _roletype(self, form: Form, place: Place) -> None:
        resolve = self._program.resolve
        self.role_statements.append((resolve("role", form, place, 1), resolve("type", form, place, 2), form, place))

    def _userrole(self, form: Form, place: Place) -> None:
        resolve = self._program.resolve
        user, role = resolve("user", form, place, 1), resolve("role", form, place, 2)
        self.user_role_statements.append((user, role, form, place))

    def _userlevel(self, form: Form, place: Place) -> None:
        user = self.single("user", form, place, 1)
        self.user_levels[user.id] = self._levels.default_level(form, place, 2)

    def _userrange(self, form: Form, place: Place) -> None:
        user = self.single("user", form, place, 1)
        self.user_ranges[user.id] = self._levels.level_range(form, place, 2)

    def _bounds(self, form: Form, place: Place) -> None:
        table = form.keyword.removesuffix("bounds")
        parent = self.single(table, form, place, 1)
        child = self.single(table, form, place, 2)
        if child.id in self.bounds[table]:
            raise StatementError("cil-bounds", f"`{child.name}` is bounded already", place, form, (2,))
        self.bounds[table][child.id] = parent.id
        self._bound[table][child.id] = (form, place)

    def _check_bounds(self, table: str) -> None:
        """Report those that bound themselves, each circle once."""
        bounds = self.bounds[table]
        followed: set[int] = set()
        for bounded in bounds:
            way: set[int] = set()
            at: int | None = bounded
            while at is not None and at not in followed:
                followed.add(at)
                way.add(at)
                at = bounds.get(at)
            if at in way:
                form, place = self._bound[table][at]
                error = StatementError("cil-bounds", f"`{form[2]}` would bound itself", place, form, (2,))
                self._program.diagnostics.extend(error.diagnostics)

    def _userprefix(self, form: Form, place: Place) -> None:
        prefix = form[2]
        assert isinstance(prefix, str)  # noqa: S101 - the shape has been checked
        self.prefixes[self.single("user", form, place, 1).id] = prefix

    def _selinuxuser(self, form: Form, place: Place) -> None:
        name = form[1]
        assert isinstance(name, str)  # noqa: S101 - the shape has been checked
        user = self.single("user", form, place, 2)
        # Each stands in front of the ones before it, as in the list that the reference compiler writes.
        self.logins.insert(0, Login(name, user.id, self._levels.loose_range(form, place, 3)))

    def _selinuxuserdefault(self, form: Form, place: Place) -> None:
        if self.logins and self.logins[-1].name == DEFAULT_LOGIN:
            raise StatementError(
                "cil-duplicate-setting", "`selinuxuserdefault` stands here a second time", place, form, (0,)
            )
        user = self.single("user", form, place, 1)
        self.logins.append(Login(DEFAULT_LOGIN, user.id, self._levels.loose_range(form, place, 2)))
