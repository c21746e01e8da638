"""Reads some statements of a policy again, where an earlier compilation tells what the names of the others mean.

The statements are read by what reads those of a whole policy; only the tables that they look names up in are filled
from a :class:`~selbox.compiler.baseline.Baseline`.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence

from selbox.compiler.attributes import GENERATED
from selbox.compiler.baseline import FOLLOWED, Baseline, RoleTerm, Term
from selbox.compiler.classes import Classes
from selbox.compiler.expansion import expand
from selbox.compiler.identities import Identities
from selbox.compiler.levels import Levels
from selbox.compiler.mentions import names_in
from selbox.compiler.namespace import Place, Symbol, find
from selbox.compiler.optionals import settle_optionals
from selbox.compiler.options import DEFAULTS
from selbox.compiler.orders import GENERATED_ATTRIBUTE
from selbox.compiler.program import OBJECT_ROLE, Program
from selbox.compiler.resolution import Known, Resolution
from selbox.compiler.sets import SetOperator, SetTerm
from selbox.diagnostics import Diagnostics, SelboxError, SourceFile
from selbox.language.cil import Form, RuleRun, Tree, parse
from selbox.language.cil.tree import LineIndex, atoms
from selbox.model.bitset import bitset, members
from selbox.model.mls import Level, LevelRange
from selbox.typing import NamedTuple

Gone = Callable[[int], bool]
"""Tells whether the statement at a place is read again, or is no more."""

_OPERATORS = {each.value: each for each in SetOperator}
_UNIVERSAL = frozenset({SetOperator.NOT.value, SetOperator.ALL.value})


_NAMING_BLOCKS = frozenset({"block", "macro", "call", "in", "blockinherit", "blockabstract"})


class GiveUpError(Exception):
    """Something has changed that only a whole compilation can follow."""


class Passage(NamedTuple):
    """Statements that are read again.

    Attributes:
        place: where they stand among those that are not, as places of earlier statements: before the one there.
        text: whole top-level statements.
    """

    place: int
    text: str


class Names(Known):
    """The names of an earlier compilation, without those that are declared no more, and the new ones among them.

    Args:
        baseline: what the compilation left.
        gone: tells what does not hold any longer.

    Attributes:
        types: names by id; new ones follow those of the baseline.
        flags: for each whether it is an attribute.
        universe_changes: whether types have come or gone.
        again: ids of attributes whose types are worked out anew.
        booleans, role_names, user_names: names by id.
        removed: tables and names of what was declared in statements that are read again or are no more, with what it
            was.
    """

    def __init__(self, baseline: Baseline, gone: Gone) -> None:
        self._baseline = baseline
        self._gone = gone
        names = baseline.names
        self.program = Program(Diagnostics(limit=1 << 30), DEFAULTS)
        self._nowhere = Place(self.program.root, Tree(SourceFile("", ""), [], LineIndex("")))
        self.types = list(names.types)
        self.flags = bytearray(names.attributes)
        self.booleans = [name for name, _, _ in names.booleans]
        self.role_names = [name for name, _ in names.roles]
        self.user_names = [name for name, _ in names.users]
        self.removed: dict[tuple[str, str], object] = {}
        self.universe_changes = False
        self.again: set[int] = set()
        self._new: dict[tuple[str, str], int] = {}
        self._fill_types()
        self._roles = self._declared("role", names.roles)
        if not names.is_object_role_declared:
            del self.program.root.tables["role"][OBJECT_ROLE]
        for name, place in names.role_attributes:
            if gone(place):
                self.removed["role", name] = "roleattribute"
            else:
                self._add("roleattribute", "role", name)
        self._users = self._declared("user", names.users)
        self._fill_booleans()
        self._fill_classes()
        self._sensitivities = self._plain("sensitivity", [name for name, _ in names.sensitivities])
        self._categories = self._plain("category", names.categories)

    def _symbol(self, flavour: str, name: str, number: int = -1) -> Symbol:
        form = Form([flavour, name])
        form.offset = 0
        symbol = Symbol(name, flavour, self._nowhere, form)
        symbol.id = number
        return symbol

    def _add(self, flavour: str, table: str, name: str, number: int = -1) -> Symbol:
        symbol = self._symbol(flavour, name, number)
        self.program.root.tables.setdefault(table, {})[name] = symbol
        return symbol

    def _declared(self, table: str, names: Iterable[tuple[str, int]]) -> list[Symbol]:
        """Take in roles or users, which may be declared no more."""
        self.program.root.tables[table] = {}
        found = []
        for number, (name, place) in enumerate(names):
            if self._gone(place):
                found.append(self._symbol(table, name, number))
                self.removed[table, name] = table
                self._new[table, name] = number
            else:
                found.append(self._add(table, table, name, number))
        return found

    def _plain(self, table: str, names: Iterable[str]) -> list[Symbol]:
        return [self._add(table, table, name, number) for number, name in enumerate(names)]

    def _fill_types(self) -> None:
        names = self._baseline.names
        places = array("Q")
        places.frombytes(names.type_places)
        gone = self._gone
        table = self.program.root.tables.setdefault("type", {})
        self._types: list[Symbol] = []
        for number, (name, flag, place) in enumerate(zip(names.types, names.attributes, places, strict=True)):
            symbol = self._symbol("typeattribute" if flag else "type", name, number)
            self._types.append(symbol)
            if gone(place):
                self.removed["type", name] = symbol.flavour
                self._new["type", name] = number
            else:
                table[name] = symbol
        for name, number, place, actual_place in names.aliases:
            if gone(place) != gone(actual_place):
                raise GiveUpError
            if gone(place):
                self.removed["type", name] = ("typealias", number)
                continue
            symbol = table[name] = self._symbol("typealias", name)
            symbol.actual = self._types[number]

    def _fill_booleans(self) -> None:
        self._booleans = []
        for number, (name, _, place) in enumerate(self._baseline.names.booleans):
            symbol = self._symbol("boolean", name, number)
            self._booleans.append(symbol)
            if self._gone(place):
                self.removed["boolean", name] = "boolean"
                self._new["boolean", name] = number
            else:
                self.program.root.tables.setdefault("boolean", {})[name] = symbol

    def _fill_classes(self) -> None:
        commons: dict[str, Symbol] = {}
        for name, permissions in self._baseline.names.commons.items():
            commons[name] = self._add("common", "common", name)
            commons[name].form.append(Form(permissions))
        self._classes: list[Symbol] = []
        self._commons: dict[Symbol, Symbol] = {}
        for number, (name, common, permissions) in enumerate(self._baseline.names.classes):
            symbol = self._add("class", "class", name, number)
            symbol.form.append(Form(permissions))
            self._classes.append(symbol)
            if common is not None:
                self._commons[symbol] = commons[common]

    def number(self, program: Program) -> dict[str, list[Symbol]]:
        """Give new types, attributes and booleans the ids behind those that there are; one that was there keeps its."""
        for symbol in program.declared("type", "typeattribute"):
            number = self._number("type", symbol, self.types)
            if number == len(self.flags):
                self.flags.append(symbol.flavour == "typeattribute")
                self._types.append(symbol)
            self._types[number] = symbol
            if self.flags[number] != (symbol.flavour == "typeattribute"):
                raise GiveUpError
        for table, names, symbols in (
            ("boolean", self.booleans, self._booleans),
            ("role", self.role_names, self._roles),
            ("user", self.user_names, self._users),
        ):
            for symbol in program.declared(table):
                number = self._number(table, symbol, names)
                symbols[number:] = [symbol, *symbols[number + 1 :]]
        return {
            "class": self._classes,
            "sid": [],
            "category": self._categories,
            "sensitivity": self._sensitivities,
            "type": self._types,
            "role": self._roles,
            "user": self._users,
            "boolean": self._booleans,
        }

    def symbol_of(self, number: int) -> Symbol:
        """Return the type or attribute of an id."""
        return self._types[number]

    def _number(self, table: str, symbol: Symbol, names: list[str]) -> int:
        key = (table, symbol.name)
        if key == ("role", OBJECT_ROLE):
            self._new[key] = 0  # which it has even where it is not declared
        number = self._new.get(key)
        if number is None:
            number = self._new[key] = len(names)
            names.append(symbol.name)
        symbol.id = number
        return number

    def classes(self, classes: Classes) -> None:
        """Tell the commons of classes."""
        classes.assume_commons(self._commons)

    def levels(self, levels: Levels) -> None:
        """Tell the categories of sensitivities."""
        usable = (categories for _, categories in self._baseline.names.sensitivities)
        levels.assume_usable(dict(zip(self._sensitivities, usable, strict=True)))

    def identities(self, identities: Identities) -> None:
        """Tell what attributes hold, and what is known of users."""
        groups = self._baseline.groups
        lost = bitset(
            number
            for (table, name), number in self._new.items()
            if table == "type" and number < len(self._baseline.names.types) and not self._is_declared(name)
        )
        declared = {symbol.id for symbol in self.program.symbols.get("type", ())}
        earlier = bitset_of(number for number, flag in enumerate(self._baseline.names.attributes) if not flag)
        universe = earlier & ~lost | bitset(declared)
        self.universe_changes = universe != earlier
        identities.types.universe = universe
        again = self._again()
        for number, bits in groups.bits.items():
            if number not in again:
                identities.types.assign(self._types[number], bits)
        for number, place, terms in groups.type_sets:
            if number in again and not self._gone(place):
                identities.types.define(self._types[number], [self._term(term) for term in terms])
        for name, place, role_terms in groups.role_sets:
            role = self._role(name)
            held = [found for found in map(self._role_term, role_terms) if found is not None]
            # What names a role attribute that is no more is going to be read again.
            if role is not None and len(held) == len(role_terms) and not self._gone(place):
                identities.roles.define(role, held)
        roles = self.program.root.tables["role"].values()
        identities.roles.universe = 1 | bitset(role.id for role in roles if role.flavour == "role")
        users = self.program.root.tables["user"]
        for name, level, place in groups.user_levels:
            if name in users and not self._gone(place):
                identities.user_levels[users[name].id] = Level(*level)
        for name, (low, high), place in groups.user_ranges:
            if name in users and not self._gone(place):
                identities.user_ranges[users[name].id] = LevelRange(Level(*low), Level(*high))

    def _is_declared(self, name: str) -> bool:
        return name in self.program.root.tables["type"]

    def _term(self, term: Term) -> SetTerm:
        if isinstance(term, str):
            return _OPERATORS[term]
        return bitset(term) if isinstance(term, tuple) else self._types[term]

    def _role_term(self, term: RoleTerm) -> SetTerm | None:
        if isinstance(term, str):
            return _OPERATORS[term]
        return bitset(term) if isinstance(term, tuple) else self._role(term.decode("utf-8", "surrogateescape"))

    def _role(self, name: str) -> Symbol | None:
        return self.program.root.tables["role"].get(name)

    def _holders(self, keyword: str, table: str) -> Iterator[Symbol]:
        """Yield the attributes that statements which are read again put something into."""
        for form, place in self.program.live(keyword):
            symbol = find(place.scope, table, str(form[1]))
            if symbol is not None:
                yield self.program.actual(symbol)

    def _again(self) -> set[int]:
        """Return the ids of attributes whose types are to be worked out anew."""
        baseline = self._baseline
        again = {number for number, place, _ in baseline.groups.type_sets if self._gone(place)}
        again.update(
            symbol.id
            for symbol in self._holders("typeattributeset", "type")
            if symbol.name != GENERATED_ATTRIBUTE and symbol.id >= 0
        )
        if any(number in baseline.groups.asserted and GENERATED in self.types[number] for number in again):
            raise GiveUpError  # what it is made of is asserted too
        holders: dict[int, set[int]] = {}
        for number, _, terms in baseline.groups.type_sets:
            for term in terms:
                if isinstance(term, int):
                    holders.setdefault(term, set()).add(number)
                elif self.universe_changes and isinstance(term, str) and term in _UNIVERSAL:
                    again.add(number)
        pending = list(again)
        while pending:
            for holder in holders.get(pending.pop(), ()):
                if holder not in again:
                    again.add(holder)
                    pending.append(holder)
        self.again = again
        return again

    def roles(self, identities: Identities) -> None:
        """Tell which types go with each role, and which roles with each user, as far as statements stand."""
        for user_name, name, place in self._baseline.groups.user_statements:
            user, held = self.program.root.own("user", user_name), self._role(name)
            if user is not None and held is not None and not self._gone(place):
                known = identities.user_roles.get(user.id, 0)
                identities.user_roles[user.id] = known | identities.roles.bits(held)
        by_role: dict[str, list[int]] = {}
        for name, number, place in self._baseline.groups.role_statements:
            if not self._gone(place):
                by_role.setdefault(name, []).append(number)
        for name, numbers in by_role.items():
            role = self._role(name)
            if role is None:
                continue
            types = bitset_of(each for each in numbers if not self.flags[each])
            for number in numbers:
                if self.flags[number]:
                    types |= identities.types.bits(self._types[number])
            for role_id in members(identities.roles.bits(role)):
                identities.role_types[role_id] = identities.role_types.get(role_id, 0) | types


def bitset_of(ids: Iterable[int]) -> int:
    """Return a set of many ids, quicker than :func:`selbox.model.bitset.bitset`."""
    content = bytearray(1 << 13)
    for each in ids:
        content[each >> 3] |= 1 << (each & 7)
    return int.from_bytes(content, "little")


class Reread(NamedTuple):
    """Statements, read again.

    Attributes:
        names: what all names mean now.
        resolution: the statements, resolved.
        program: they and what they declare.
    """

    names: Names
    resolution: Resolution
    program: Program


def reread(baseline: Baseline, passages: Sequence[Passage], gone: Gone) -> Reread:
    """Read statements again.

    Args:
        baseline: what an earlier compilation left.
        passages: the statements; the first number of the ``path`` of their places is the index of their passage.
        gone: tells which places of the baseline they stand in for.

    Raises:
        GiveUpError: one of them is not followed, wrong, or warned of.
    """
    names = Names(baseline, gone)
    program = names.program
    try:
        trees = [_tree(passage.text) for passage in passages]
        unread = baseline.names.unread
        if unread and not all(unread.isdisjoint(names_in(tree.forms)) for tree in trees):
            raise GiveUpError
        expand(program, trees, is_whole=False)
        if not FOLLOWED.issuperset(flavour for flavour, found in program.symbols.items() if found):
            raise GiveUpError
        if program.rearranging or program.symbols.get("block") or program.symbols.get("macro"):
            _check_block_names(baseline, trees)
        _check(program)
        settle_optionals(program, names)
        _check_optionals(baseline, program)
        if any(keyword not in FOLLOWED and any(program.live(keyword)) for keyword in program.statements):
            raise GiveUpError
        if any(_names_generated(program, keyword) for keyword in program.statements):
            raise GiveUpError
        resolution = Resolution(program, known=names)
    except SelboxError:
        raise GiveUpError from None
    _check(program)
    if resolution.rules.unsaid:
        raise GiveUpError
    return Reread(names, resolution, program)


def _check(program: Program) -> None:
    if program.diagnostics.errors or program.diagnostics.warnings:
        raise GiveUpError


def _check_block_names(baseline: Baseline, trees: Iterable[Tree]) -> None:
    """Give up where blocks and macros, or who names them, meet optional blocks of the same name."""
    for tree in trees:
        pending: list[Form | RuleRun | str] = list(tree.forms)
        while pending:
            form = pending.pop()
            if not isinstance(form, Form):
                continue
            if form.keyword in _NAMING_BLOCKS and not baseline.names.optionals.isdisjoint(names_in(form[1:3])):
                raise GiveUpError
            pending += form


def _check_optionals(baseline: Baseline, program: Program) -> None:
    """Give up where a block is off that might be on if others were that are not read again."""
    for symbol in program.symbols.get("optional", ()):
        content = symbol.content
        is_off = content is not None and content.optional is not None and not content.optional.live
        if is_off and not baseline.dead_declared.isdisjoint(names_in([symbol.form])):
            raise GiveUpError


def _names_generated(program: Program, keyword: str) -> bool:
    """Tell whether a statement of some keyword uses the attribute that only takes what is required."""
    first = 2 if keyword in ("typeattributeset", "roleattributeset") else 1
    return any(GENERATED_ATTRIBUTE in atoms(form[first:]) for form, _ in program.live(keyword))


def _tree(text: str) -> Tree:
    if text[text.rfind("\n") + 1 :].count(";"):
        raise GiveUpError  # a comment might reach into what follows
    return parse(SourceFile("", text))
