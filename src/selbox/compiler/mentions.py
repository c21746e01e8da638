"""Where names stand in texts and in forms."""

from collections.abc import Iterable, Iterator

from selbox.language.cil import Form, RuleRun
from selbox.language.cil.tree import atoms


def mentions(text: str, name: str) -> Iterator[int]:
    """Yield the offsets at which a name stands in a text, by itself or between dots.

    Args:
        text: a source.
        name: what is looked for.
    """
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if not (_goes_on(text[at - 1 : at] if at else "") or _goes_on(text[end : end + 1])):
            yield at
        at = text.find(name, end)


def names_in(forms: Iterable[Form | RuleRun | str]) -> dict[str, None]:
    """Return the atoms that stand in forms, and the parts of those that have dots, each once."""
    names = dict.fromkeys(atoms(forms))
    for dotted in [name for name in names if "." in name]:
        names.update(dict.fromkeys(dotted.split(".")))
    return names


def _goes_on(character: str) -> bool:
    """Tell whether a name may go on with a character."""
    return character.isalnum() or character in ("_", "-")
