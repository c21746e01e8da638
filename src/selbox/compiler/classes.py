"""Classes and permissions: their bits, and what a class-permission expression stands for.

Source: ``cil_resolve_classperms`` and ``cil_classperms_to_sepol_class_perms`` of libsepol.
"""

from collections.abc import Mapping
from itertools import chain

from selbox.compiler.errors import StatementError, UnresolvedNameError
from selbox.compiler.namespace import PLAIN_NAME, Place, Symbol
from selbox.compiler.program import Program
from selbox.language.cil import Form
from selbox.typing import Final, NamedTuple

Vectors = tuple[tuple[int, int], ...]
"""Pairs of class id and access vector; a class may stand there several times."""

MAXIMUM_PERMISSIONS = 32
"""Permissions that an access vector has bits for."""

_SLOTS: Final = 256
_MOST_PARTS: Final = 1000
_OPERATORS: Final = frozenset({"and", "or", "xor", "not", "all"})


class ClassLayout(NamedTuple):
    """The permissions of a class or class map.

    Attributes:
        common: name of the common that it takes over, or None.
        permissions: in bit order.
        bits: bit values by name.
        all: every bit.
    """

    common: str | None
    permissions: tuple[str, ...]
    bits: dict[str, int]
    all: int


class Classes:
    """Everything about classes that rules refer to.

    Args:
        program: resolves names.
        numbered: classes by id.
    """

    def __init__(self, program: Program, numbered: list[Symbol]) -> None:
        self._program = program
        self._numbered = numbered
        self._layouts: dict[Symbol, ClassLayout] = {}
        self._commons: dict[Symbol, Symbol] = {}
        self._sets: dict[Symbol, list[tuple[Form, Place]]] = {}
        self._mappings: dict[tuple[Symbol, str], list[tuple[Form, Place]]] = {}
        self._set_vectors: dict[Symbol, Vectors] = {}
        self._mapped: dict[tuple[Symbol, str], Vectors] = {}
        self._active: set[object] = set()
        self._cache: dict[tuple[Symbol, tuple[object, ...]], Vectors] = {}

    def assume_commons(self, commons: Mapping[Symbol, Symbol]) -> None:
        """Take in which common each class has."""
        self._commons.update(commons)

    def collect(self, only_optional: bool) -> None:
        """Take in commons, class permission sets and mappings."""
        self._program.run("classcommon", self._classcommon)
        self._program.run("classpermissionset", self._classpermissionset, only_optional)
        self._program.run("classmapping", self._classmapping, only_optional)

    def check(self, only_optional: bool) -> None:
        """Evaluate every set and mapping, used or not, so that their faults show."""
        for keyword in ("common", "class", "classmap"):
            self._program.run_declared(keyword, self.layout)
        if not only_optional:
            self._program.run_declared("classpermission", self._check_has_set)
            self._program.run_declared("classmap", self._check_has_mappings)
        self._program.run("classpermissionset", self._check_set, only_optional)
        self._program.run("classmapping", self._check_mapping, only_optional)

    def _check_has_set(self, symbol: Symbol) -> None:
        if symbol not in self._sets:
            raise StatementError(
                "cil-empty-set",
                f"class permission set `{symbol.name}` stands for nothing",
                symbol.place,
                symbol.form,
                (1,),
                f"say what it stands for: `(classpermissionset {symbol.name} (CLASS (PERMISSION…)))`",
            )

    def _check_has_mappings(self, symbol: Symbol) -> None:
        for index, name in enumerate(self.layout(symbol).permissions):
            if (symbol, name) not in self._mappings:
                raise StatementError(
                    "cil-empty-set",
                    f"permission `{name}` of class map `{symbol.name}` stands for nothing",
                    symbol.place,
                    symbol.form,
                    (2, index),
                    f"say what it stands for: `(classmapping {symbol.name} {name} (CLASS (PERMISSION…)))`",
                )

    def _check_set(self, form: Form, place: Place) -> None:
        self.vectors(form, place, 2)

    def _check_mapping(self, form: Form, place: Place) -> None:
        self.vectors(form, place, 3)

    def _classcommon(self, form: Form, place: Place) -> None:
        symbol = self._program.resolve("class", form, place, 1)
        common = self._program.resolve("common", form, place, 2)
        if symbol.flavour != "class":
            raise StatementError("cil-wrong-kind", f"`{form[1]}` is a {symbol.flavour}", place, form, (1,))
        if symbol in self._commons:
            raise StatementError("cil-duplicate-common", f"class `{symbol.name}` has a common already", place, form)
        self._commons[symbol] = common

    def _classpermissionset(self, form: Form, place: Place) -> None:
        symbol = self._program.resolve("classpermission", form, place, 1)
        self._sets.setdefault(symbol, []).append((form, place))

    def _classmapping(self, form: Form, place: Place) -> None:
        symbol = self._program.resolve("class", form, place, 1)
        if symbol.flavour != "classmap":
            raise StatementError("cil-wrong-kind", f"`{form[1]}` is a {symbol.flavour}", place, form, (1,))
        permission = form[2]
        assert isinstance(permission, str)  # noqa: S101 - the shape has been checked
        if permission not in self.layout(symbol).bits:
            raise UnresolvedNameError("permission", permission, place, form, (2,), self.layout(symbol).permissions)
        self._mappings.setdefault((symbol, permission), []).append((form, place))

    def layout(self, symbol: Symbol) -> ClassLayout:
        """Return the permissions of a class or class map.

        Raises:
            StatementError: a permission stands there twice, is no name, or there are too many.
        """
        known = self._layouts.get(symbol)
        if known is not None:
            return known
        common = self._commons.get(symbol)
        own = symbol.form[2]
        assert isinstance(own, Form)  # noqa: S101 - the shape has been checked
        if not own and symbol.flavour != "class":
            raise StatementError(
                "cil-syntax", f"a {symbol.flavour} has at least one permission", symbol.place, symbol.form, (2,)
            )
        names: list[str] = list(self.layout(common).permissions) if common else []
        for index, name in enumerate(own):
            if isinstance(name, str) and not PLAIN_NAME.fullmatch(name):
                raise StatementError(
                    "cil-bad-name",
                    f"`{name}` cannot be the name of a permission",
                    symbol.place,
                    symbol.form,
                    (2, index),
                )
            if not isinstance(name, str) or name in _OPERATORS:
                raise StatementError(
                    "cil-syntax", "expected the name of a permission", symbol.place, symbol.form, (2, index)
                )
            if name in names:
                raise StatementError(
                    "cil-duplicate-name",
                    f"permission `{name}` is in {symbol.flavour} `{symbol.name}` already",
                    symbol.place,
                    symbol.form,
                    (2, index),
                )
            names.append(name)
        if len(names) > MAXIMUM_PERMISSIONS and symbol.flavour != "classmap":
            raise StatementError(
                "cil-too-many-permissions",
                f"{symbol.flavour} `{symbol.name}` has {len(names)} permissions; at most {MAXIMUM_PERMISSIONS} fit",
                symbol.place,
                symbol.form,
                (1,),
            )
        layout = ClassLayout(
            common.name if common else None,
            tuple(names),
            {name: 1 << bit for bit, name in enumerate(names)},
            (1 << len(names)) - 1,
        )
        self._layouts[symbol] = layout
        return layout

    def class_ids(self, form: Form, place: Place, *path: int) -> tuple[int, ...]:
        """Return the class that an atom names, or the classes that a class map stands for."""
        symbol = self._program.resolve("class", form, place, *path)
        if symbol.flavour == "class":
            return (symbol.id,)
        found: dict[int, None] = {}
        for permission in self.layout(symbol).permissions:
            found.update((class_id, None) for class_id, _ in self._permission_of_map(symbol, permission))
        return tuple(found)

    def require(self, class_id: int, permission: str, form: Form, place: Place, path: tuple[int, ...]) -> int:
        """Return the bit of a permission of a class.

        Raises:
            StatementError: the class has no such permission.
        """
        symbol = self._numbered[class_id]
        bit = self.layout(symbol).bits.get(permission)
        if bit is None:
            raise StatementError(
                "cil-wrong-kind", f"class `{symbol.name}` has no permission `{permission}`", place, form, path
            )
        return bit

    def vectors(self, form: Form, place: Place, *path: int) -> Vectors:
        """Return the access vectors, by class, that a class-permission expression stands for.

        Args:
            form: the statement.
            place: where it stands.
            *path: indices to ``(class (permission…))`` or to the name of a class permission set.

        Raises:
            UnresolvedNameError: a class, permission or set is not declared.
            StatementError: it is no such expression.
        """
        item: Form | str = form
        for index in path:
            item = item[index]
        if isinstance(item, str):
            return self._set(self._program.resolve("classpermission", form, place, *path))
        if len(item) != 2 or not isinstance(item[1], Form) or not item[1]:
            raise StatementError(
                "cil-syntax", "expected `(CLASS (PERMISSION…))`", place, form, path, "as in `(file (read write))`"
            )
        symbol = self._program.resolve("class", form, place, *path, 0)
        try:
            key = (symbol, tuple(item[1]))
            known = self._cache.get(key)
        except TypeError:  # a nested expression is a list, which has no hash
            return self._class_permissions(symbol, form, place, (*path, 1), item[1])
        if known is None:
            known = self._cache[key] = self._class_permissions(symbol, form, place, (*path, 1), item[1])
        return known

    def _class_permissions(
        self, symbol: Symbol, form: Form, place: Place, path: tuple[int, ...], item: Form
    ) -> Vectors:
        layout = self.layout(symbol)
        bits = _permissions(layout, form, place, path, item)
        if symbol.flavour == "class":
            return ((symbol.id, bits),) if bits else ()
        names = [name for name in item if isinstance(name, str)]
        if len(names) != len(item) or names[0] in _OPERATORS:
            from selbox.binary.kernel.tables import symbol_hash  # only expressions over maps pay for this import

            # What an expression stands for comes in the order of the reference compiler's table of names.
            names = [name for name in layout.permissions if bits & layout.bits[name]]
            names.sort(key=lambda name: (symbol_hash(name.encode()) % _SLOTS, name))
        return _joined([self._permission_of_map(symbol, name) for name in names])

    def _set(self, symbol: Symbol) -> Vectors:
        if not symbol.name:  # an anonymous argument of a call
            return self._anonymous(symbol)
        known = self._set_vectors.get(symbol)
        if known is None:
            parts = self._sets.get(symbol, [])
            known = self._set_vectors[symbol] = self._guarded(symbol, symbol, parts, 2)
        return known

    def _anonymous(self, symbol: Symbol) -> Vectors:
        return self.vectors(symbol.form, symbol.place)

    def _permission_of_map(self, symbol: Symbol, permission: str) -> Vectors:
        key = (symbol, permission)
        known = self._mapped.get(key)
        if known is None:
            known = self._mapped[key] = self._guarded(key, symbol, self._mappings.get(key, []), 3)
        return known

    def _guarded(self, key: object, symbol: Symbol, parts: list[tuple[Form, Place]], at: int) -> Vectors:
        """Unite the parts of a set, and stop at one that holds itself."""
        if key in self._active:
            raise StatementError(
                "cil-cyclic-set", f"{symbol.flavour} `{symbol.name}` holds itself", symbol.place, symbol.form
            )
        if len(self._active) > 100:
            raise StatementError(
                "cil-too-deep", "class permission sets name one another too deep", symbol.place, symbol.form
            )
        self._active.add(key)
        try:
            return _joined([self.vectors(form, place, at) for form, place in parts])
        finally:
            self._active.discard(key)


def _joined(parts: list[Vectors]) -> Vectors:
    """Return what several parts say, one after the other as the compiled policy has them; very many are united."""
    if len(parts) == 1:
        return parts[0]
    if sum(map(len, parts)) <= _MOST_PARTS:
        return tuple(chain.from_iterable(parts))
    united: dict[int, int] = {}
    for class_id, vector in chain.from_iterable(parts):
        united[class_id] = united.get(class_id, 0) | vector
    return tuple(united.items())


def _permissions(layout: ClassLayout, form: Form, place: Place, path: tuple[int, ...], item: Form | str) -> int:
    """Evaluate a permission expression over the bits of one class."""
    if isinstance(item, str):
        bit = layout.bits.get(item)
        if bit is None:
            if item in _OPERATORS:
                raise StatementError("cil-syntax", f"`{item}` must stand first in its parentheses", place, form, path)
            raise UnresolvedNameError("permission", item, place, form, path, layout.permissions)
        return bit
    keyword = item.keyword
    if not item:
        raise StatementError("cil-syntax", "expected a permission, found `()`", place, form, path)
    if keyword not in _OPERATORS:
        bits = 0
        for index, part in enumerate(item):
            bits |= _permissions(layout, form, place, (*path, index), part)
        return bits
    wanted = {"all": 0, "not": 1}.get(keyword, 2)
    if len(item) != wanted + 1:
        raise StatementError("cil-syntax", f"`{keyword}` takes {wanted} operands here", place, form, path)
    if keyword == "all":
        return layout.all
    first = _permissions(layout, form, place, (*path, 1), item[1])
    if keyword == "not":
        return layout.all & ~first
    second = _permissions(layout, form, place, (*path, 2), item[2])
    return {"and": first & second, "or": first | second, "xor": first ^ second}[keyword]
