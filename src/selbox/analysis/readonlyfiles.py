"""Checks that files of some use can be written by nobody: programs, and modules of the kernel."""

from collections.abc import Iterable

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.checkvalues import Options
from selbox.analysis.criteria import ClassCriterion, PermissionCriterion
from selbox.analysis.rulequery import RuleQuery
from selbox.analysis.ruletext import RULE_KINDS, Texts
from selbox.model.bitset import bitset, members
from selbox.typing import ClassVar

_ALLOW = RULE_KINDS["allow"]


class _ReadOnlyFiles:
    """A check that types that are used in some way cannot be written.

    Args:
        options: of the check.

    Raises:
        SelboxError: ``invalid-check``.
    """

    OPTIONS: ClassVar[frozenset[str]]
    USER_OPTION: ClassVar[str]
    """The option that names who may use any type."""
    USE: ClassVar[tuple[str, tuple[str, ...]]]
    """The class and the permissions, any of which makes use of a type."""
    IS_SELF_USE: ClassVar[bool] = True
    """Whether a type can be used by itself: what a process has in its memory has its type, which is no file's."""
    TITLES: ClassVar[tuple[str, str]]
    """What the report calls such a type, and the rules that it is used by."""

    def __init__(self, options: Options) -> None:
        self._catalogue = options.catalogue
        self._writers = options.types("exempt_write_domain", strict=False)
        self._users = options.types(self.USER_OPTION, strict=False)
        self._files = options.types("exempt_file", strict=False)

    def run(self) -> tuple[list[str], list[str]]:
        """Return the lines of the report, and the types that fail."""
        catalogue = self._catalogue
        sources = catalogue.rules.source
        using = [row for row in self._rows(*self.USE) if catalogue.members(sources[row]) & ~self._users]
        writing = [
            row for row in self._rows("file", ("write", "append")) if catalogue.members(sources[row]) & ~self._writers
        ]
        left_out = 0 if self.IS_SELF_USE else ~self._users
        used = _by_target(catalogue, using, ~self._files, left_out)
        written = _by_target(catalogue, writing, bitset(used))
        failures = sorted((catalogue.types[each], each) for each in written)
        texts = Texts(catalogue)
        title, rules = self.TITLES
        lines: list[str] = []
        for name, type_id in failures:
            lines += ["", "------------", "", f"{title} {name} is writable.", "", f"{rules}:"]
            lines += _listed(texts.rules(_ALLOW, used[type_id]))
            lines += ["", "Write rules:", *_listed(texts.rules(_ALLOW, written[type_id]))]
        return lines, [name for name, _ in failures]

    def _rows(self, object_class: str, permissions: tuple[str, ...]) -> Iterable[int]:
        """Return the rows that allow one of some permissions; none where the policy does not know these."""
        catalogue = self._catalogue
        if object_class not in catalogue.classes:
            return ()
        known = catalogue.permissions[catalogue.classes.index(object_class)]
        names = tuple(each for each in permissions if each in known)
        if not names:
            return ()
        query = RuleQuery(("allow",), classes=ClassCriterion((object_class,)), permissions=PermissionCriterion(names))
        return query.rows(catalogue).rules[_ALLOW]


class ReadOnlyExecutables(_ReadOnlyFiles):
    """A check of type ``ro_execs``."""

    OPTIONS = frozenset({"exempt_write_domain", "exempt_exec_domain", "exempt_file"})
    USER_OPTION = "exempt_exec_domain"
    USE = "file", ("execute", "execute_no_trans")
    TITLES = "Executable type", "Execute rules"


class ReadOnlyModules(_ReadOnlyFiles):
    """A check of type ``ro_kmods``.

    Source: ``sechecker(1)`` of SETools 4.6.
    """

    OPTIONS = frozenset({"exempt_write_domain", "exempt_load_domain", "exempt_file"})
    USER_OPTION = "exempt_load_domain"
    USE = "system", ("module_load",)
    IS_SELF_USE = False
    TITLES = "Kernel module type", "Module load rules"


def _by_target(
    catalogue: Catalogue, rows: Iterable[int], wanted: int, without_sources: int = 0
) -> dict[int, list[int]]:
    """Return rows by those types of their targets that are in a bitset.

    Args:
        catalogue: whose rows they are.
        rows: of rules.
        wanted: bitset of types.
        without_sources: types that are no targets of a rule that they are sources of.
    """
    found: dict[int, list[int]] = {}
    universe = (1 << len(catalogue.types)) - 1
    rules = catalogue.rules
    for row in rows:
        targets = catalogue.members(rules.target[row]) & wanted & universe
        for each in members(targets & ~(catalogue.members(rules.source[row]) & without_sources)):
            found.setdefault(each, []).append(row)
    return found


def _listed(lines: Iterable[str]) -> list[str]:
    return [f"    * {each}" for each in sorted(lines)]
