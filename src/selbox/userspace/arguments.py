"""What a program may ask with: anything else is refused by an error that says so, and nothing is granted."""

from collections.abc import Iterable

from selbox.diagnostics import SelboxError
from selbox.typing import Final

_BYTES: Final = (bytes, bytearray, memoryview)


def check_label(label: object) -> None:
    """Refuse what is no context and no SID.

    Raises:
        SelboxError: code ``argument-kind``.
    """
    if not isinstance(label, str | int):
        raise _wrong_kind(label, "a context is text, or the SID that was given for it")


def check_name(name: object, what: str) -> None:
    """Refuse what is no text.

    Args:
        name: what was given.
        what: what it is to be a name of, for the message.

    Raises:
        SelboxError: code ``argument-kind``.
    """
    if not isinstance(name, str):
        raise _wrong_kind(name, f"the name of {what} is text")


def check_class(object_class: object) -> None:
    """Refuse what is neither the name of a class nor a number.

    Raises:
        SelboxError: code ``argument-kind``.
    """
    if not isinstance(object_class, str | int):
        raise _wrong_kind(object_class, "a class is a name, or its number in the mapping")


def permission_names(permissions: object) -> tuple[str, ...]:
    """Return the names that somebody gave in whatever holds several.

    Raises:
        SelboxError: code ``argument-kind``, when it holds none or something else.
    """
    if isinstance(permissions, _BYTES) or not isinstance(permissions, Iterable):
        raise _wrong_kind(permissions, "permissions are a name, several names, or an access vector of the mapping")
    names = tuple(permissions)
    for name in names:
        check_name(name, "a permission")
    return names


def _wrong_kind(value: object, wanted: str) -> SelboxError:
    advice = "`os.fsdecode` makes text of bytes that the kernel gives" if isinstance(value, _BYTES) else ""
    return SelboxError.of("argument-kind", f"{wanted}, and this is `{type(value).__name__}`", help=advice)
