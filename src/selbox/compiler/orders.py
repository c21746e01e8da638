"""The orders that number classes, initial SIDs, categories and sensitivities, and the numbers of everything else.

Source: ``__cil_ordered_lists_merge`` of libsepol: what statements may be put together into one order.
"""

from selbox.compiler.errors import StatementError, UnresolvedNameError
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.program import OBJECT_ROLE, Program
from selbox.diagnostics import did_you_mean
from selbox.language.cil import Form
from selbox.typing import Final

_ORDERS: Final = (
    ("classorder", "class"),
    ("sidorder", "sid"),
    ("categoryorder", "category"),
    ("sensitivityorder", "sensitivity"),
)


def number(program: Program) -> dict[str, list[Symbol]]:
    """Give every declaration its id; return them by kind, in the order of their ids.

    Kinds are ``class``, ``sid``, ``category``, ``sensitivity``, ``type`` (types and attributes), ``role``, ``user``
    and ``boolean``.
    """
    numbered = {flavour: _ordered(program, keyword, flavour) for keyword, flavour in _ORDERS}
    numbered["type"] = program.declared("type", "typeattribute")
    roles = program.declared("role")
    numbered["role"] = [role for role in roles if role.name == OBJECT_ROLE]
    numbered["role"] += [role for role in roles if role.name != OBJECT_ROLE]
    numbered["user"] = program.declared("user")
    numbered["boolean"] = program.declared("boolean")
    for symbols in numbered.values():
        for index, symbol in enumerate(symbols):
            symbol.id = index
    return numbered


GENERATED_ATTRIBUTE: Final = "cil_gen_require"
"""The attribute into which translated modules put what they require; no rule of theirs uses it."""


def _ordered(program: Program, keyword: str, flavour: str) -> list[Symbol]:
    lists: list[tuple[list[Symbol], Form, Place]] = []
    unordered: list[Symbol] = []

    def read(form: Form, place: Place) -> None:
        listed = form[1]
        assert isinstance(listed, Form)  # noqa: S101 - the shape has been checked
        loose = keyword == "classorder" and bool(listed) and listed[0] == "unordered"
        symbols: list[Symbol] = []
        for index in range(int(loose), len(listed)):
            try:
                symbol = program.resolve(flavour, form, place, 1, index)
            except UnresolvedNameError as error:
                if flavour != "class":
                    raise
                # The reference compiler leaves no optional block out for this one.
                raise StatementError(
                    "cil-bad-order",
                    f"no class `{error.name}` is declared here",
                    place,
                    form,
                    (1, index),
                    did_you_mean(error.name, (each.name for each in program.symbols.get("class", ()))),
                ) from None
            if symbol.flavour != flavour:
                raise StatementError(
                    "cil-wrong-kind", f"`{listed[index]}` is a {symbol.flavour}", place, form, (1, index)
                )
            symbols.append(symbol)
        if len(set(symbols)) != len(symbols):
            raise StatementError("cil-bad-order", f"a {flavour} stands twice in this order", place, form, (1,))
        if loose:
            unordered.extend(symbols)
        else:
            lists.append((symbols, form, place))

    errors = len(program.diagnostics.errors)
    program.run(keyword, read)
    merged = _merge_all(program, lists)
    failed = len(program.diagnostics.errors) > errors
    present = set(merged)
    merged += [symbol for symbol in dict.fromkeys(unordered) if symbol not in present]
    present = set(merged)
    for symbol in program.declared(flavour):
        if symbol in present:
            continue
        merged.append(symbol)
        if not failed:  # where an order is lost, what it would have ordered is no news
            program.diagnostics.error(
                "cil-not-ordered",
                f"{flavour} `{symbol.name}` stands in no `{keyword}`",
                symbol.place.tree.span(symbol.form, 1),
                f"add it: `({keyword} ({'unordered ' if flavour == 'class' else '… '}{symbol.name}))`",
            )
    return merged


def _merge_all(program: Program, lists: list[tuple[list[Symbol], Form, Place]]) -> list[Symbol]:
    """Merge lists that overlap, each as soon as it fits."""
    merged: list[Symbol] = []
    waiting = lists
    while waiting:
        left = []
        for each in waiting:
            result = _merge(merged, each[0])
            if result is None:
                left.append(each)
            else:
                merged = result
        if len(left) == len(waiting):
            for _, form, place in left:
                program.diagnostics.error(
                    "cil-bad-order",
                    "this order cannot be put together with the others",
                    place.tree.span(form),
                    "orders must share a member and must not contradict one another",
                )
            break
        waiting = left
    return merged


def _merge(old: list[Symbol], new: list[Symbol]) -> list[Symbol] | None:
    """Return both orders as one, or None when they leave it open or contradict each other."""
    if not new or not old:
        return old or list(new)
    position = {symbol: index for index, symbol in enumerate(old)}
    first = next((index for index, symbol in enumerate(new) if symbol in position), None)
    if first is None or (first > 0 and position[new[first]] > 0):
        return None
    start = position[new[first]]
    result = [*new[:first], *old[: start + 1]]
    rest_old = old[start + 1 :]
    rest_new = new[first + 1 :]
    while rest_old and rest_new:
        if rest_old[0] is rest_new[0]:
            result.append(rest_old.pop(0))
            rest_new.pop(0)
        elif rest_old[0] in rest_new:
            result.append(rest_new.pop(0))
        elif rest_new[0] in rest_old:
            result.append(rest_old.pop(0))
        else:
            return None
    result += rest_old + rest_new
    return result if len(set(result)) == len(result) else None
