"""Classes with their permissions, as the ends of rules.

Source: ``sepol_av_to_string`` of libsepol's ``util.c``.
"""

from selbox.binary.module import Module
from selbox.diagnostics import SelboxError
from selbox.model.bitset import members


class PermissionTexts:
    """The ends of rules, each worked out once.

    Args:
        module: the module.
        name: what messages call its file.

    Attributes:
        simple: what ``access`` returns, by index, as far as it has been asked for.
        single: likewise, where that is one text.
    """

    __slots__ = ("_file", "_module", "_names", "_types", "simple", "single")

    def __init__(self, module: Module, name: str) -> None:
        self._module = module
        self._file = name
        self.simple: list[list[str] | None] = [None] * len(module.permission_lists)
        self.single = [""] * len(module.permission_lists)
        self._types: list[list[str] | None] = [None] * len(module.permission_lists)
        self._names: dict[int, dict[int, str]] = {}

    def access(self, index: int) -> list[str]:
        """Return the ends of an access vector rule, one for each class: ``(CLASS (PERMISSIONS)))`` and a newline.

        Args:
            index: in ``Module.permission_lists``.

        Raises:
            SelboxError: ``module-no-permissions``.
        """
        known = self.simple[index]
        if known is not None:
            return known
        classes = self._module.tables.classes.names
        texts = [
            f"({classes[value]} ({self.names(value, permissions)})))\n"
            for value, permissions in self._module.permission_lists[index]
        ]
        self.simple[index] = texts
        if len(texts) == 1:
            self.single[index] = texts[0]
        return texts

    def types(self, index: int) -> list[str]:
        """Return the ends of a type rule, one for each class: ``CLASS TYPE)`` and a newline."""
        known = self._types[index]
        if known is None:
            classes, types = self._module.tables.classes.names, self._module.tables.types.names
            known = self._types[index] = [
                f"{classes[value]} {types[given]})\n" for value, given in self._module.permission_lists[index]
            ]
        return known

    def names(self, object_class: int, permissions: int) -> str:
        """Return the names of permissions, spaced, in the order of their numbers; those without a name are left out.

        Raises:
            SelboxError: ``module-no-permissions``, when none has a name.
        """
        by_number = self._names.get(object_class)
        if by_number is None:
            tables = self._module.tables
            found = tables.classes.symbols[tables.classes.names[object_class]]
            common = tables.commons.symbols[found.common].permissions if found.common else {}
            named = [*common.items(), *found.permissions.items()]
            by_number = self._names[object_class] = {
                number - 1: name for name, number in named if number <= found.highest
            }
        text = " ".join([by_number[each] for each in members(permissions) if each in by_number])
        if not text:
            raise SelboxError.of(
                "module-no-permissions",
                f"{self._file}: a rule about class `{self._module.tables.classes.names[object_class]}` names no "
                "permission that the class has",
            )
        return text
