"""Arguments that say how a policy is compiled and written, read as ``secilc`` and ``checkpolicy`` read them."""

import re
from argparse import ArgumentTypeError

from selbox.binary.kernel import NEWEST_VERSION, OLDEST_VERSION
from selbox.model.policy import HandleUnknown, Target
from selbox.typing import Final

_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


def policy_version(word: str) -> int:
    """Return a version of the kernel's policy format that can be written.

    Raises:
        ArgumentTypeError: for anything else.
    """
    version = whole_number(word)
    if not OLDEST_VERSION <= version <= NEWEST_VERSION:
        raise ArgumentTypeError(f"policy versions from {OLDEST_VERSION} to {NEWEST_VERSION} can be written, not {word}")
    return version


def whole_number(word: str) -> int:
    """Return a number from 0.

    Raises:
        ArgumentTypeError: for anything else.
    """
    if not re.fullmatch(r"\d{1,9}", word, re.ASCII):
        raise ArgumentTypeError(f"`{word}` is not a whole number")
    return int(word)


def truth(word: str) -> bool:
    """Return what ``true``, ``false``, ``1`` or ``0`` says, in capitals or not.

    Raises:
        ArgumentTypeError: for anything else.
    """
    try:
        return _TRUTHS[word.lower()]
    except KeyError:
        raise ArgumentTypeError(f"`{word}` is neither `true` nor `false`") from None


def handle_unknown(word: str) -> HandleUnknown:
    """Return what ``deny``, ``allow`` or ``reject`` says, in capitals or not.

    Raises:
        ArgumentTypeError: for anything else.
    """
    try:
        return HandleUnknown(word.lower())
    except ValueError:
        raise ArgumentTypeError(f"`{word}` is none of `deny`, `allow` and `reject`") from None


def target(word: str) -> Target:
    """Return what ``selinux`` or ``xen`` says.

    Raises:
        ArgumentTypeError: for anything else.
    """
    try:
        return Target(word)
    except ValueError:
        raise ArgumentTypeError(f"`{word}` is neither `selinux` nor `xen`") from None
