"""Values of booleans on a command line: ``NAME=on``."""

from collections.abc import Iterable

from selbox.cli.verb import UsageError
from selbox.typing import Final

_VALUES: Final = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


def boolean_values(words: Iterable[str]) -> dict[str, bool]:
    """Return the values that words such as ``NAME=on`` give to booleans.

    Raises:
        UsageError: for a word that gives none.
    """
    return dict(map(_value, words))


def _value(word: str) -> tuple[str, bool]:
    name, _, value = word.partition("=")
    if value.lower() not in _VALUES:
        raise UsageError.of("usage", f"`{word}` does not set a boolean", help="write --boolean NAME=on or NAME=off")
    return name, _VALUES[value.lower()]
