"""The check that an attribute has no types."""

from selbox.analysis.checkvalues import Options, fail
from selbox.diagnostics import did_you_mean
from selbox.model.bitset import members
from selbox.typing import ClassVar


class EmptyAttribute:
    """A check of type ``empty_typeattr``.

    Args:
        options: of the check.

    Raises:
        SelboxError: ``invalid-check``.
    """

    OPTIONS: ClassVar[frozenset[str]] = frozenset({"attr", "missing_ok"})

    def __init__(self, options: Options) -> None:
        self._name = options.word("attr")
        if not self._name:
            fail(options.check, "`attr` has to be given")
        self._catalogue = options.catalogue
        found = options.catalogue.type_id(self._name)
        self._types = None if found is None else options.catalogue.attributes.get(found)
        if self._types is None and not options.flag("missing_ok"):
            names = [options.catalogue.types[each] for each in options.catalogue.attributes]
            fail(options.check, f"there is no attribute `{self._name}`", did_you_mean(self._name, names))

    def run(self) -> tuple[list[str], list[str]]:
        """Return the lines of the report, and the types that the attribute has."""
        if self._types is None:
            return [f"    {self._name} does not exist."], []
        names = sorted(self._catalogue.types[each] for each in members(self._types))
        return [f"Member types of {self._name}:", *(f"    * {name}" for name in names)], names
