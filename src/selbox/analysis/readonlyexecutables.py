"""The check that whatever can be executed can be written by nobody."""

from collections.abc import Iterable

from selbox.analysis.catalogue import Catalogue
from selbox.analysis.checkvalues import Options
from selbox.analysis.criteria import ClassCriterion, PermissionCriterion
from selbox.analysis.rulequery import RuleQuery
from selbox.analysis.ruletext import RULE_KINDS, Texts
from selbox.model.bitset import members
from selbox.typing import ClassVar

_ALLOW = RULE_KINDS["allow"]


class ReadOnlyExecutables:
    """A check of type ``ro_execs``.

    Args:
        options: of the check.

    Raises:
        SelboxError: ``invalid-check``.
    """

    OPTIONS: ClassVar[frozenset[str]] = frozenset({"exempt_write_domain", "exempt_exec_domain", "exempt_file"})

    def __init__(self, options: Options) -> None:
        self._catalogue = options.catalogue
        self._writers = options.types("exempt_write_domain", strict=False)
        self._executors = options.types("exempt_exec_domain", strict=False)
        self._files = options.types("exempt_file", strict=False)

    def run(self) -> tuple[list[str], list[str]]:
        """Return the lines of the report, and the types that fail."""
        catalogue = self._catalogue
        sources = catalogue.rules.source
        executing = [
            row
            for row in self._rows("execute", "execute_no_trans")
            if catalogue.members(sources[row]) & ~self._executors
        ]
        writing = [row for row in self._rows("write", "append") if catalogue.members(sources[row]) & ~self._writers]
        executed = _by_target(catalogue, executing, ~self._files)
        written = _by_target(catalogue, writing, _bits(executed))
        failures = sorted((catalogue.types[each], each) for each in written)
        texts = Texts(catalogue)
        lines: list[str] = []
        for name, type_id in failures:
            lines += ["", "------------", "", f"Executable type {name} is writable.", "", "Execute rules:"]
            lines += _listed(texts.rules(_ALLOW, executed[type_id]))
            lines += ["", "Write rules:", *_listed(texts.rules(_ALLOW, written[type_id]))]
        return lines, [name for name, _ in failures]

    def _rows(self, *permissions: str) -> Iterable[int]:
        """Return the rows that allow one of some permissions on files; none where the policy does not know these."""
        catalogue = self._catalogue
        if "file" not in catalogue.classes:
            return ()
        known = catalogue.permissions[catalogue.classes.index("file")]
        names = tuple(each for each in permissions if each in known)
        if not names:
            return ()
        query = RuleQuery(("allow",), classes=ClassCriterion(("file",)), permissions=PermissionCriterion(names))
        return query.rows(catalogue).rules[_ALLOW]


def _by_target(catalogue: Catalogue, rows: Iterable[int], wanted: int) -> dict[int, list[int]]:
    """Return rows by those types of their targets that are in a bitset."""
    found: dict[int, list[int]] = {}
    universe = (1 << len(catalogue.types)) - 1
    for row in rows:
        for each in members(catalogue.members(catalogue.rules.target[row]) & wanted & universe):
            found.setdefault(each, []).append(row)
    return found


def _bits(ids: Iterable[int]) -> int:
    result = 0
    for each in ids:
        result |= 1 << each
    return result


def _listed(lines: Iterable[str]) -> list[str]:
    return [f"    * {each}" for each in sorted(lines)]
