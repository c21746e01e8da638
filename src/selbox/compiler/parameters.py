"""Parameters of macros: their kinds, and the tables of names that these belong to.

Source: ``cil_gen_macro`` of libsepol, and the kinds that the CIL reference guide names beyond it.
"""

from selbox.compiler.errors import StatementError
from selbox.compiler.namespace import NAME_TABLES, STRINGS, Place
from selbox.language.cil import Form
from selbox.typing import Final

PARAMETER_TABLES: Final[dict[str, str]] = {
    **{
        kind: NAME_TABLES[kind]
        for kind in (
            "type",
            "typealias",
            "role",
            "user",
            "sensitivity",
            "sensitivityalias",
            "category",
            "categoryalias",
            "categoryset",
            "level",
            "levelrange",
            "class",
            "classmap",
            "classpermission",
            "ipaddr",
            "boolean",
        )
    },
    "bool": "boolean",
    "name": STRINGS,
    "string": STRINGS,
}
ANONYMOUS: Final = frozenset({"categoryset", "level", "levelrange", "classpermission", "ipaddr"})
"""Kinds whose arguments may be written out in the call."""

_NO_BLOCKS: Final = "a block cannot be a parameter: inherit it with `blockinherit`, or give the names in it one by one"


def parameters(form: Form, place: Place) -> list[tuple[str, str]]:
    """Return kind and name of the parameters of a ``macro`` statement.

    Raises:
        StatementError: one of them is not ``(KIND NAME)``.
    """
    listed = form[2]
    assert isinstance(listed, Form)  # noqa: S101 - the shape has been checked
    found: list[tuple[str, str]] = []
    for index, item in enumerate(listed):
        if isinstance(item, Form) and len(item) == 2:
            kind, name = item
            if isinstance(kind, str) and isinstance(name, str) and kind in PARAMETER_TABLES:
                found.append((kind, name))
                continue
        is_block = isinstance(item, Form) and item[:1] == ["block"]
        advice = _NO_BLOCKS if is_block else f"KIND is one of {', '.join(sorted(PARAMETER_TABLES))}"
        raise StatementError("cil-syntax", "expected a parameter `(KIND NAME)`", place, form, (2, index), advice)
    if len({(PARAMETER_TABLES[kind], name) for kind, name in found}) != len(found):
        raise StatementError("cil-duplicate-name", "two parameters share a name", place, form, (2,))
    return found
