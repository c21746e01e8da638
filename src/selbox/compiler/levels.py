"""Multi-level security: categories of sensitivities, levels and level ranges.

Source: ``cil_resolve_level``, ``cil_verify_cat_in_cats`` and ``__cil_verify_levelrange_sensitivity`` of libsepol.
"""

from collections.abc import Mapping

from selbox.compiler.errors import StatementError
from selbox.compiler.namespace import Place, Symbol
from selbox.compiler.program import Program
from selbox.compiler.sets import SetTable
from selbox.language.cil import Form
from selbox.model.bitset import members
from selbox.model.mls import Level, LevelRange


class Levels:
    """Everything about levels that other statements refer to.

    Args:
        program: resolves names.
        categories: sensitivities' and levels' sets of categories.
        verify: whether to check that sensitivities may use their levels' categories.
    """

    def __init__(self, program: Program, categories: list[Symbol], verify: bool) -> None:
        self._program = program
        self._verify = verify
        self._categories = categories
        self.sets = SetTable(program, "category", "category", (1 << len(categories)) - 1)
        self._usable: dict[Symbol, int] = {}
        self._levels: dict[tuple[Symbol, bool], Level] = {}
        self._ranges: dict[Symbol, LevelRange] = {}

    def assume_usable(self, usable: Mapping[Symbol, int]) -> None:
        """Take in which categories levels of each sensitivity may hold."""
        self._usable.update(usable)

    def collect(self, only_optional: bool) -> None:
        """Take in category sets, categories of sensitivities, and every named level and range."""
        program = self._program
        program.run_declared("categoryset", self._categoryset)
        program.run("sensitivitycategory", self._sensitivitycategory, only_optional)
        program.run_declared("level", self._check_named_level)
        program.run_declared("levelrange", lambda symbol: self.level_range(symbol.form, symbol.place, 2))

    def _categoryset(self, symbol: Symbol) -> None:
        self.sets.define(symbol, self.sets.read(symbol.form, symbol.place, 2))

    def _check_named_level(self, symbol: Symbol) -> None:
        """Read a level whether or not it is used; only a use asks whether its sensitivity may hold its categories."""
        self._unverified_level(symbol.form, symbol.place, 2)

    def _unverified_level(self, form: Form, place: Place, *path: int) -> Level:
        verify, self._verify = self._verify, False
        try:
            return self.level(form, place, *path)
        finally:
            self._verify = verify

    def default_level(self, form: Form, place: Place, *path: int) -> Level:
        """Return the level of a ``userlevel`` statement; categories that its sensitivity may not use are warned about.

        ``secilc`` takes them there, and nowhere else.

        Raises:
            UnresolvedNameError: a name is not declared.
            StatementError: it is no level.
        """
        found = self._unverified_level(form, place, *path)
        try:
            self.level(form, place, *path)
        except StatementError as error:
            told = error.diagnostics[0]
            self._program.diagnostics.warning(told.code, told.message, told.span, told.help)
        return found

    def usable_categories(self, symbol: Symbol) -> int:
        """Return the bitset of categories that levels of a sensitivity may hold."""
        return self._usable.get(symbol, 0)

    def _sensitivitycategory(self, form: Form, place: Place) -> None:
        symbol = self._program.resolve("sensitivity", form, place, 1)
        bits = self.sets.evaluate(self.sets.read(form, place, 2))
        self._usable[symbol] = self._usable.get(symbol, 0) | bits

    def level(self, form: Form, place: Place, *path: int) -> Level:
        """Return the level that an atom names or a form is.

        Args:
            form: the statement.
            place: where it stands.
            *path: indices from it to the level.

        Raises:
            UnresolvedNameError: a name is not declared.
            StatementError: it is no level, or its sensitivity may not use a category.
        """
        item = _item(form, path)
        if isinstance(item, str):
            symbol = self._program.resolve("level", form, place, *path)
            if not symbol.name:
                return self.level(symbol.form, symbol.place)
            known = self._levels.get((symbol, self._verify))
            if known is None:
                known = self._levels[symbol, self._verify] = self.level(symbol.form, symbol.place, 2)
            return known
        if not 1 <= len(item) <= 2:
            raise StatementError(
                "cil-syntax", "expected a level `(SENSITIVITY (CATEGORY…))`", place, form, path, "as in `(s0 (c0 c1))`"
            )
        sensitivity = self._program.resolve("sensitivity", form, place, *path, 0)
        categories = 0
        if len(item) == 2:
            categories = self._level_categories(form, place, path)
        if self._verify and categories & ~self.usable_categories(sensitivity):
            unusable = next(members(categories & ~self.usable_categories(sensitivity)))
            name = self._categories[unusable].name
            raise StatementError(
                "cil-category-not-allowed",
                f"sensitivity `{sensitivity.name}` may not use category `{name}`",
                place,
                form,
                (*path, 1),
                f"allow it: `(sensitivitycategory {sensitivity.name} ({name}))`",
            )
        return Level(sensitivity.id, categories)

    def _level_categories(self, form: Form, place: Place, path: tuple[int, ...]) -> int:
        item = _item(form, (*path, 1))
        if isinstance(item, str):
            symbol = self._program.resolve("category", form, place, *path, 1)
            if not symbol.name:
                return self.sets.evaluate(self.sets.read(symbol.form, symbol.place))
        return self.sets.evaluate(self.sets.read(form, place, *path, 1))

    def level_range(self, form: Form, place: Place, *path: int) -> LevelRange:
        """Return the range that an atom names or a form is.

        Raises:
            UnresolvedNameError: a name is not declared.
            StatementError: it is no range, or its high level does not dominate the low one.
        """
        item = _item(form, path)
        if isinstance(item, str):
            symbol = self._program.resolve("levelrange", form, place, *path)
            if not symbol.name:
                return self.level_range(symbol.form, symbol.place)
            known = self._ranges.get(symbol)
            if known is None:
                known = self._ranges[symbol] = self.level_range(symbol.form, symbol.place, 2)
            return known
        if len(item) != 2:
            raise StatementError(
                "cil-syntax", "expected a range `(LOW HIGH)`", place, form, path, "as in `((s0) (s0 (c0)))`"
            )
        found = LevelRange(self.level(form, place, *path, 0), self.level(form, place, *path, 1))
        if self._verify and not found.is_ordered:
            raise StatementError(
                "cil-bad-range", "the high level of this range does not dominate the low one", place, form, path
            )
        return found

    def loose_range(self, form: Form, place: Place, *path: int) -> LevelRange:
        """Return a range as :meth:`level_range` does; warn where that would refuse an impossible one.

        The reference compiler looks at no range of transitions and logins.
        """
        verify, self._verify = self._verify, False
        try:
            found = self.level_range(form, place, *path)
        finally:
            self._verify = verify
        if verify and not self._is_possible(found):
            self._program.diagnostics.warning(
                "cil-bad-range",
                "nothing can have this range: kernels refuse a policy with it",
                place.tree.span(form, *path),
                "let the high level dominate the low one, and use categories that their sensitivities may use",
            )
        return found

    def _is_possible(self, found: LevelRange) -> bool:
        usable = {symbol.id: categories for symbol, categories in self._usable.items()}
        return found.is_ordered and not any(
            level.categories & ~usable.get(level.sensitivity, 0) for level in (found.low, found.high)
        )


def _item(form: Form, path: tuple[int, ...]) -> "Form | str":
    item: Form | str = form
    for index in path:
        item = item[index]
    return item
