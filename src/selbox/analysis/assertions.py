"""Checks that rules are there, or that none are but those that are expected or exempt."""

from collections.abc import Iterable

from selbox.analysis.checkvalues import Options, fail
from selbox.analysis.criteria import ClassCriterion, NameCriterion, PermissionCriterion
from selbox.analysis.foundrule import FoundRule
from selbox.analysis.identityquery import RoleRuleQuery
from selbox.analysis.rulequery import RuleQuery
from selbox.typing import ClassVar, Final

_SIDES: Final = frozenset({"source", "target"})
_SETS: Final = frozenset({"exempt_source", "exempt_target", "expect_source", "expect_target"})


class TypeAssertion:
    """A check of type ``assert_te``: which ``allow`` rules there may be, and which there must be.

    Args:
        options: of the check.

    Raises:
        SelboxError: ``invalid-check``.
    """

    OPTIONS: ClassVar[frozenset[str]] = frozenset({"tclass", "perms"}) | _SIDES | _SETS

    def __init__(self, options: Options) -> None:
        source, target = options.type_name("source"), options.type_name("target")
        classes = options.classes("tclass")
        permissions = options.permissions("perms", classes)
        if not (source or target or classes or permissions):
            fail(options.check, "one of `source`, `target`, `tclass` and `perms` has to be given")
        self._query = RuleQuery(
            ("allow",),
            NameCriterion(source) if source else None,
            NameCriterion(target) if target else None,
            ClassCriterion(classes) if classes else None,
            PermissionCriterion(permissions) if permissions else None,
        )
        self._catalogue = options.catalogue
        self._expected = options.types("expect_source", strict=True), options.types("expect_target", strict=True)
        self._exempt = options.types("exempt_source", strict=False), options.types("exempt_target", strict=False)

    def run(self) -> tuple[list[str], list[str]]:
        """Return the lines of the report, and what failed."""
        catalogue = self._catalogue
        ids = {name: index for index, name in enumerate(catalogue.types)}
        unseen = list(self._expected)
        failures: list[str] = []
        for rule in _sorted(self._query.results(catalogue)):
            types = catalogue.members(ids[rule.source]), catalogue.members(ids[rule.target])
            unseen = [left & ~seen for left, seen in zip(unseen, types, strict=True)]
            # A rule without types on one side allows nothing.
            if all(
                each & ~(expected | exempt)
                for each, expected, exempt in zip(types, self._expected, self._exempt, strict=True)
            ):
                failures.append(rule.text)
        for side, left in zip(("source", "target"), unseen, strict=True):
            names = sorted(name for index, name in enumerate(catalogue.types) if left >> index & 1)
            failures += _missing(side, names)
        return _listed(failures), failures


class RoleAssertion:
    """A check of type ``assert_rbac``: which ``allow`` rules of roles there may be, and which there must be.

    Args:
        options: of the check.

    Raises:
        SelboxError: ``invalid-check``.
    """

    OPTIONS: ClassVar[frozenset[str]] = _SIDES | _SETS

    def __init__(self, options: Options) -> None:
        source, target = options.role_name("source"), options.role_name("target")
        if not (source or target):
            fail(options.check, "one of `source` and `target` has to be given")
        self._query = RoleRuleQuery(
            ("allow",), NameCriterion(source) if source else None, NameCriterion(target) if target else None
        )
        self._catalogue = options.catalogue
        self._expected = options.roles("expect_source", strict=True), options.roles("expect_target", strict=True)
        self._exempt = options.roles("exempt_source", strict=False), options.roles("exempt_target", strict=False)

    def run(self) -> tuple[list[str], list[str]]:
        """Return the lines of the report, and what failed."""
        unseen = [set(each) for each in self._expected]
        known = [expected | exempt for expected, exempt in zip(self._expected, self._exempt, strict=True)]
        failures: list[str] = []
        for rule in _sorted(self._query.results(self._catalogue)):
            unseen[0].discard(rule.source)
            unseen[1].discard(rule.target)
            if rule.source not in known[0] and rule.target not in known[1]:
                failures.append(rule.text)
        for side, left in zip(("source", "target"), unseen, strict=True):
            failures += _missing(side, sorted(left))
        return _listed(failures), failures


def _sorted(rules: Iterable[FoundRule]) -> list[FoundRule]:
    return sorted(rules, key=lambda each: each.text)


def _missing(side: str, names: Iterable[str]) -> list[str]:
    return [f'Expected rule with {side} "{name}" not found.' for name in names]


def _listed(failures: Iterable[str]) -> list[str]:
    return [f"    * {each}" for each in failures]
