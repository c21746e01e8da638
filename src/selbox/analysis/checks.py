"""Checks of a policy that a configuration file describes, as SETools' ``sechecker`` runs them.

::

    from selbox.analysis.checks import read_checks

    for check in read_checks(text, "checks.ini", catalogue):
        outcome = check.run()

Source: ``sechecker(1)`` of SETools 4.6.
"""

from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ConfigurationError

from selbox.analysis.assertions import RoleAssertion, TypeAssertion
from selbox.analysis.catalogue import Catalogue
from selbox.analysis.checkvalues import CHECK_CODE, Options, fail
from selbox.analysis.emptyattribute import EmptyAttribute
from selbox.analysis.readonlyfiles import ReadOnlyExecutables, ReadOnlyModules
from selbox.diagnostics import SelboxError, did_you_mean
from selbox.typing import ClassVar, Final, NamedTuple, Protocol

_TYPE: Final = "check_type"
_DESCRIPTION: Final = "desc"
_REASON: Final = "disable"
_EVERYWHERE: Final = frozenset({_TYPE, _DESCRIPTION, _REASON})


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        lines: the report.
        failures: what failed, each in words; empty when the check has passed.
    """

    lines: tuple[str, ...]
    failures: tuple[str, ...]


class Kind(Protocol):
    """What a type of check can do."""

    OPTIONS: ClassVar[frozenset[str]]

    def __init__(self, options: Options) -> None: ...

    def run(self) -> tuple[list[str], list[str]]:
        """Return the lines of the report, and what failed."""
        ...


class Check(NamedTuple):
    """One section of a configuration.

    Attributes:
        name: of the section.
        description: what it is for; empty when it does not say.
        disabled: why it is not run; empty when it is.
        check: what is run.
    """

    name: str
    description: str
    disabled: str
    check: Kind

    def run(self) -> Finding:
        """Run the check."""
        lines, failures = self.check.run()
        return Finding(tuple(lines), tuple(failures))


_KINDS: Final[dict[str, type[Kind]]] = {
    "assert_te": TypeAssertion,
    "assert_rbac": RoleAssertion,
    "empty_typeattr": EmptyAttribute,
    "ro_execs": ReadOnlyExecutables,
    "ro_kmods": ReadOnlyModules,
}


def read_checks(text: str, name: str, catalogue: Catalogue) -> list[Check]:
    """Read a configuration.

    Args:
        text: the file, in the INI form of Python's ``configparser``.
        name: what messages call it.
        catalogue: the policy that is to be checked.

    Raises:
        SelboxError: ``invalid-check``, when it is no configuration, or not one for this policy.
    """
    parser = ConfigParser()
    try:
        parser.read_string(text, name)
        sections = {section: dict(parser[section]) for section in parser.sections()}
    except ConfigurationError as error:
        message = " ".join(str(error).split())
        raise SelboxError.of(CHECK_CODE, f"`{name}` is no configuration of checks: {message}") from None
    if not sections:
        raise SelboxError.of(CHECK_CODE, f"there is no check in `{name}`", help="a check is a section: [NAME]")
    return [_check(section, options, catalogue) for section, options in sections.items()]


def _check(name: str, options: Mapping[str, str], catalogue: Catalogue) -> Check:
    word = options.get(_TYPE)
    if word is None:
        fail(name, f"`{_TYPE}` is missing", f"it is one of {', '.join(_KINDS)}")
    kind = _KINDS.get(word)
    if kind is None:
        fail(name, f"there is no type of check `{word}`", did_you_mean(word, _KINDS) or f"{', '.join(_KINDS)} are")
    for option in options:
        if option not in _EVERYWHERE and option not in kind.OPTIONS:
            advice = did_you_mean(option, kind.OPTIONS | _EVERYWHERE)
            fail(name, f"a check of type `{word}` has no option `{option}`", advice)
    own = {option: value for option, value in options.items() if option not in _EVERYWHERE}
    return Check(name, options.get(_DESCRIPTION, ""), options.get(_REASON, ""), kind(Options(name, own, catalogue)))
