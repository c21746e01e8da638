"""Numbers written in statements: ports, keys, addresses of devices.

Source: ``cil_fill_integer`` and ``cil_fill_integer64`` of libsepol, which read as C's ``strtoul`` does.
"""

import re

from selbox.compiler.errors import StatementError
from selbox.compiler.namespace import Place
from selbox.language.cil import Form
from selbox.typing import Final

BITS_32: Final = (1 << 32) - 1
BITS_64: Final = (1 << 64) - 1

_DECIMAL: Final = re.compile(r"\+?[0-9]+", re.ASCII)
_ANY_BASE: Final = re.compile(r"\+?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)", re.ASCII)
_HYPHENATED: Final = re.compile(r"[0-9a-fA-FxX]+-[0-9a-fA-FxX]+", re.ASCII)
_MAXIMUM_DIGITS: Final = 30


def integer(form: Form, place: Place, path: tuple[int, ...], noun: str, based: bool, limit: int = BITS_32) -> int:
    """Return the number that an atom of a statement is.

    Args:
        form: the statement.
        place: where it stands.
        path: indices from the form to the atom.
        noun: what the number is, for the message.
        based: whether ``0x`` and a leading ``0`` make it hexadecimal and octal.
        limit: greatest number that there is room for.

    Raises:
        StatementError: it is no number, or too great.
    """
    item: Form | str = form
    for index in path:
        item = item[index]
    pattern = _ANY_BASE if based else _DECIMAL
    expected = f"expected {noun} ({'decimal, 0x… or octal 0…' if based else 'decimal'})"
    if isinstance(item, str) and pattern.fullmatch(item):
        digits = item.lstrip("+")
        if len(item) <= _MAXIMUM_DIGITS:
            value = parse_integer(digits) if based else int(digits)
            if value <= limit:
                return value
        expected += f" of at most {limit}"
    raise StatementError("cil-bad-number", expected, place, form, path)


def parse_integer(digits: str) -> int:
    """Return the number that digits with or without a base's prefix stand for, as C writes them."""
    if digits[:2] in ("0x", "0X"):
        return int(digits, 16)
    return int(digits, 8) if digits[0] == "0" else int(digits)


def integer_range(
    form: Form, place: Place, index: int, noun: str, based: bool, limit: int = BITS_32
) -> tuple[int, int]:
    """Return both ends of ``LOW`` or ``(LOW HIGH)``; ends that are turned round are let through with a warning.

    Raises:
        StatementError: it is neither, or a number is none.
    """
    item = form[index]
    if isinstance(item, str):
        if _HYPHENATED.fullmatch(item):
            advice = f"a range is written `({item.replace('-', ' ')})`"
            raise StatementError("cil-bad-number", f"expected {noun} or `(LOW HIGH)`", place, form, (index,), advice)
        value = integer(form, place, (index,), noun, based, limit)
        return value, value
    if len(item) != 2:
        raise StatementError("cil-syntax", f"expected {noun} or `(LOW HIGH)`", place, form, (index,))
    low = integer(form, place, (index, 0), noun, based, limit)
    return low, integer(form, place, (index, 1), noun, based, limit)
