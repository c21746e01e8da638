"""What may be said to something that is on or off: a boolean of the policy, or enforcing."""

from selbox.diagnostics import SelboxError
from selbox.typing import Final

VALUE_CODE: Final = "boolean-value"
"""Code of the error that something is to be set to what is no value."""


def switched(value: object, what: str) -> bool:
    """Return a value as True or False.

    Texts have no value here: every one but the empty one is true for Python, ``off`` and ``0`` among them.

    Args:
        value: True, False, 1 or 0.
        what: what is to have it, for the message.

    Raises:
        SelboxError: code ``boolean-value``, for anything else.
    """
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    words = f"{what} is to be {_shown(value)}, which is neither True nor False"
    raise SelboxError.of(VALUE_CODE, words, help="True or 1 is on, False or 0 is off")


def _shown(value: object) -> str:
    """Return a value for a message, of which nobody can know what it is or how long."""
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:40] + '…'}"
