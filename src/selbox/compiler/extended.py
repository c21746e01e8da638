"""Extended rules: which numbers of ``ioctl`` commands and netlink messages are allowed, audited, or forbidden.

Source: ``cil_fill_permissionx``, ``__cil_expr_to_bitmap`` and ``__cil_permx_bitmap_to_sepol_xperms_list`` of libsepol.
"""

from collections.abc import Iterable, Iterator
from functools import cache

from selbox.compiler.classes import Classes
from selbox.compiler.errors import StatementError
from selbox.compiler.integers import integer
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.origins import Origins
from selbox.compiler.program import Program
from selbox.compiler.slots import slot
from selbox.compiler.targets import target_of
from selbox.language.cil import Form
from selbox.model.extended import ExtendedKind, ExtendedRule, ExtendedSpecifier
from selbox.typing import Final, NamedTuple

_RULES: Final = {
    "allowx": ExtendedKind.ALLOW,
    "auditallowx": ExtendedKind.AUDITALLOW,
    "dontauditx": ExtendedKind.DONTAUDIT,
}
KEYWORDS: Final = tuple(_RULES.values())
"""What rules say, in the order in which those of each keyword are read."""

_PERMISSIONS: Final = ("ioctl", "nlmsg")
_GREATEST: Final = 0xFFFF
_ALL: Final = (1 << _GREATEST + 1) - 1
_FUNCTIONS: Final = 256
_WHOLE_DRIVER: Final = (1 << _FUNCTIONS) - 1
_SLOTS: Final = 1024
_OPERANDS: Final = {"all": 0, "not": 1, "and": 2, "or": 2, "xor": 2, "range": 2}


class ExtendedPermissions(NamedTuple):
    """What a ``permissionx`` stands for.

    Attributes:
        permission: ``ioctl`` or ``nlmsg``.
        classes: class ids.
        numbers: bitset over 0 to 65535.
    """

    permission: str
    classes: tuple[int, ...]
    numbers: int


class ExtendedStatement(NamedTuple):
    """An extended rule as it was written, with one class.

    Attributes:
        kind: what it says.
        source: type or attribute id; target: likewise, or a value of :mod:`selbox.compiler.targets`.
        object_class: class id.
        permission: ``ioctl`` or ``nlmsg``.
        numbers: bitset over 0 to 65535.
        branch: number of the conditional branch, or 0.
        origin: as in :class:`selbox.model.rules.Rule`.
    """

    kind: ExtendedKind
    source: int
    target: int
    object_class: int
    permission: str
    numbers: int
    branch: int
    origin: int


class NeverAllowExtended(NamedTuple):
    """A ``neverallowx`` statement, resolved.

    Attributes:
        source: type or attribute.
        target: likewise, or a value of :mod:`selbox.compiler.targets`.
        permissions: what no rule may grant.
        form, place: the statement.
    """

    source: Symbol
    target: Symbol | int
    permissions: ExtendedPermissions
    form: Form
    place: Place


class ExtendedRules:
    """Extended rules and assertions, in the order of the statements.

    Attributes:
        statements: the rules.
        assertions: ``neverallowx`` statements, checked at the end.
    """

    def __init__(self, program: Program, classes: Classes, origins: Origins) -> None:
        self._program = program
        self._classes = classes
        self._origins = origins
        self._named: dict[Symbol, ExtendedPermissions] = {}
        self.statements: list[ExtendedStatement] = []
        self.assertions: list[NeverAllowExtended] = []

    def collect(self, only_optional: bool) -> None:
        """Take in every extended rule; evaluate every ``permissionx``, used or not."""
        self._program.run_declared("permissionx", self._of_symbol)
        for keyword in _RULES:
            self._program.run(keyword, self._rule, only_optional)
        self._program.run("neverallowx", self._neverallowx, only_optional)

    def _rule(self, form: Form, place: Place) -> None:
        kind = _RULES[form.keyword]
        source = self._program.resolve("type", form, place, 1)
        target = target_of(self._program, form, place)
        target_id = target if isinstance(target, int) else target.id
        permissions = self.permissions(form, place, 3)
        origin = self._origins.number(form, place)
        for class_id in permissions.classes:
            self.statements.append(
                ExtendedStatement(
                    kind,
                    source.id,
                    target_id,
                    class_id,
                    permissions.permission,
                    permissions.numbers,
                    place.branch,
                    origin,
                )
            )

    def _neverallowx(self, form: Form, place: Place) -> None:
        source = self._program.resolve("type", form, place, 1)
        target = target_of(self._program, form, place)
        permissions = self.permissions(form, place, 3)
        self.assertions.append(NeverAllowExtended(source, target, permissions, form, place))

    def _of_symbol(self, symbol: Symbol) -> ExtendedPermissions:
        known = self._named.get(symbol)
        if known is None:
            known = self._named[symbol] = self.permissions(symbol.form, symbol.place, 2)
        return known

    def permissions(self, form: Form, place: Place, index: int) -> ExtendedPermissions:
        """Return what ``(ioctl CLASS (NUMBER…))``, or the name of a ``permissionx``, stands for.

        Raises:
            UnresolvedNameError: a name is not declared.
            StatementError: it is no such form, or the class has no such permission.
        """
        item = form[index]
        if isinstance(item, str):
            return self._of_symbol(self._program.resolve("permissionx", form, place, index))
        if len(item) != 3 or item.keyword not in _PERMISSIONS or not isinstance(item[2], Form):
            raise StatementError(
                "cil-syntax",
                "expected `(ioctl CLASS (NUMBER…))` or `(nlmsg CLASS (NUMBER…))`",
                place,
                form,
                (index,),
                "as in `(ioctl file ((range 0x5400 0x54ff)))`",
            )
        classes = self._classes.class_ids(form, place, index, 1)
        for class_id in classes:
            self._classes.require(class_id, item.keyword, form, place, (index, 0))
        return ExtendedPermissions(item.keyword, classes, _numbers(item[2], form, place, (index, 2)))


def _numbers(item: "Form | str", form: Form, place: Place, path: tuple[int, ...]) -> int:
    """Evaluate an expression over numbers; a range that runs backwards holds none."""
    if isinstance(item, str):
        return 1 << integer(form, place, path, "the number of a command or message", True, _GREATEST)
    operands = _OPERANDS.get(item.keyword)
    if operands is None:
        if not item:
            raise StatementError("cil-syntax", "expected numbers, found `()`", place, form, path)
        bits = 0
        for index, part in enumerate(item):
            bits |= _numbers(part, form, place, (*path, index))
        return bits
    if len(item) != operands + 1:
        raise StatementError("cil-syntax", f"`{item.keyword}` takes {operands} operands here", place, form, path)
    if item.keyword == "all":
        return _ALL
    if item.keyword == "range":
        return _range(form, place, path)
    first = _numbers(item[1], form, place, (*path, 1))
    if item.keyword == "not":
        return _ALL & ~first
    second = _numbers(item[2], form, place, (*path, 2))
    return {"and": first & second, "or": first | second, "xor": first ^ second}[item.keyword]


def _range(form: Form, place: Place, path: tuple[int, ...]) -> int:
    noun = "the number of a command or message"
    low, high = (integer(form, place, (*path, index), noun, True, _GREATEST) for index in (1, 2))
    return (1 << high + 1) - (1 << low) if low <= high else 0


_Key = tuple[ExtendedKind, int, int, int, str, int]


def kernel_rules(statements: Iterable[ExtendedStatement]) -> Iterator[ExtendedRule]:
    """Yield extended rules in the kernel's form: numbers of one key united, and split by driver.

    They come in the order of the hash table that the reference compiler unites them in. A rule has the origin of the
    first statement that gave it a number.

    Args:
        statements: with types and attributes as targets, and conditions in place of branches.
    """
    united: dict[_Key, list[ExtendedStatement]] = {}
    for each in statements:
        key = (each.kind, each.source, each.target, each.object_class, each.permission, each.branch)
        united.setdefault(key, []).append(each)
    split = cache(lambda numbers, permission: tuple(split_by_driver(numbers, permission)))
    for key, parts in sorted(united.items(), key=lambda item: _slot(item[0])):
        kind, source, target, object_class, permission, condition = key
        numbers = 0
        for part in parts:
            numbers |= part.numbers
        for specifier, driver, bits in split(numbers, permission):  # few sets, for many pairs of types
            origin = _first_origin(parts, specifier, driver, bits)
            yield ExtendedRule(kind, source, target, object_class, specifier, driver, bits, condition, origin)


def _slot(key: _Key) -> int:
    """Return the place of a rule in the table that the reference compiler unites them in (``avrulex_hash``)."""
    kind, source, target, object_class = key[:4]
    return slot((object_class + 1, target + 1, source + 1, kind), _SLOTS)


def split_by_driver(numbers: int, permission: str) -> Iterator[tuple[ExtendedSpecifier, int, int]]:
    """Yield specifier, driver and bits of the rules that a set of numbers takes; whole drivers come last."""
    whole = 0
    partial = ExtendedSpecifier.IOCTL_FUNCTION if permission == "ioctl" else ExtendedSpecifier.NETLINK_MESSAGE
    for driver in range((numbers.bit_length() + _FUNCTIONS - 1) // _FUNCTIONS):
        functions = numbers >> driver * _FUNCTIONS & _WHOLE_DRIVER
        if functions == _WHOLE_DRIVER and permission == "ioctl":
            whole |= 1 << driver
        elif functions:
            yield partial, driver, functions
    if whole:
        yield ExtendedSpecifier.IOCTL_DRIVER, 0, whole


def _first_origin(parts: list[ExtendedStatement], specifier: ExtendedSpecifier, driver: int, bits: int) -> int:
    if len(parts) > 1:
        if specifier is ExtendedSpecifier.IOCTL_DRIVER:
            driver = (bits & -bits).bit_length() - 1
            bits = _WHOLE_DRIVER
        for part in parts:
            if part.numbers >> driver * _FUNCTIONS & bits:
                return part.origin
    return parts[0].origin
