"""How large the text of a module may become.

A rule of a hundred bytes may name a thousand types on either side, which is a million lines. No policy has such rules;
a mangled file may.
"""

from selbox.binary.module import Module
from selbox.diagnostics import SelboxError
from selbox.typing import NoReturn

_LINES = 200_000
_LINES_A_RULE = 64
_CHARACTERS = 16 << 20
_CHARACTERS_AN_ITEM = 4096
_DEEPEST = 1000


class Room:
    """Lines and characters that are left for the text of a module, in proportion to what the module holds.

    Args:
        module: the module.
        name: what messages call its file.
    """

    __slots__ = ("_characters", "_file", "_lines")

    def __init__(self, module: Module, name: str) -> None:
        self._file = name
        rules = sum(len(declaration.rules) for branches in module.blocks for declaration in branches)
        symbols = sum(len(table.symbols) for table in module.tables)
        self._lines = _LINES + _LINES_A_RULE * rules
        self._characters = _CHARACTERS + _CHARACTERS_AN_ITEM * (rules + symbols + len(module.blocks))

    def take(self, lines: int) -> None:
        """Use up room for the lines of a rule.

        Raises:
            SelboxError: ``module-too-large``.
        """
        self._lines -= lines
        if self._lines < 0:
            self._refuse("the sets of types in rules")

    def take_characters(self, characters: int) -> None:
        """Use up room for the text of a declaration.

        Raises:
            SelboxError: ``module-too-large``.
        """
        self._characters -= characters
        if self._characters < 0:
            self._refuse("what its declarations require and add to")

    def _refuse(self, what: str) -> NoReturn:
        raise SelboxError.of(
            "module-too-large",
            f"{self._file}: {what} are so large that the text would be out of all proportion to the module",
            help="use attributes in place of large sets",
        )

    def check_depth(self, depth: int) -> None:
        """Check how many optionals hold one another.

        Raises:
            SelboxError: ``module-too-deep``.
        """
        if depth > _DEEPEST:
            raise SelboxError.of(
                "module-too-deep", f"{self._file}: more than {_DEEPEST} optionals stand inside of one another"
            )
