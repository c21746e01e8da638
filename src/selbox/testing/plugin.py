"""The plugin of pytest: files of expectations become tests, and fixtures ask the policy.

In ``pyproject.toml``::

    [tool.pytest.ini_options]
    selbox_policy = ["web.cil", "db.cil"]

Files that end in ``.expect`` are collected, a test for each line. Fixtures: :func:`selbox_policy`,
:func:`selbox_server` and :func:`selbox_expect`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selbox.analysis.expectations import Examiner
from selbox.diagnostics import SelboxError, SourceFile, render
from selbox.language.expectations import Expectation, parse_expectations
from selbox.model.policy import Policy
from selbox.server.securityserver import SecurityServer
from selbox.store.inputs import read_expectations
from selbox.store.policyfiles import load_policy
from selbox.typing import Any, Final

ENDING: Final = ".expect"
"""What the names of files of expectations end in."""

_EXAMINER: Final = pytest.StashKey[Examiner]()
_POLICY: Final = pytest.StashKey[Policy]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and settings."""
    parser.addini("selbox_policy", "files of the policy that is tested, from the root directory", "linelist")
    parser.addini("selbox_base", "whether selbox's base policy is compiled with it", "bool", default=True)
    parser.getgroup("selbox").addoption(
        "--selbox-policy",
        action="append",
        default=[],
        metavar="POLICY",
        help="a file of the policy that is tested, in place of those of the setting selbox_policy; may be given more "
        "than once",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ExpectationFile | None":
    """Collect files of expectations."""
    return ExpectationFile.from_parent(parent, path=file_path) if file_path.suffix == ENDING else None


def _policy(config: pytest.Config) -> Policy:
    """Return the policy that is tested; it is loaded once."""
    found = config.stash.get(_POLICY, None)
    if found is None:
        named = config.getoption("--selbox-policy")
        paths = named or [str(config.rootpath / each) for each in config.getini("selbox_policy")]
        found = config.stash[_POLICY] = load_policy(paths, base=config.getini("selbox_base"))
    return found


def _examiner(config: pytest.Config) -> Examiner:
    found = config.stash.get(_EXAMINER, None)
    if found is None:
        found = config.stash[_EXAMINER] = Examiner(_policy(config))
    return found


def _rendered(error: SelboxError) -> str:
    return "\n".join(render(each) for each in error.diagnostics)


class ExpectationFile(pytest.File):
    """A file of expectations."""

    def collect(self) -> Iterator["ExpectationItem"]:
        """Yield a test for each line."""
        try:
            expectations = parse_expectations(read_expectations(str(self.path)))
        except SelboxError as error:
            raise self.CollectError(_rendered(error)) from None
        for each in expectations:
            name = f"{each.span.line}: {each.text}"
            yield ExpectationItem.from_parent(self, name=name, expectation=each)


class ExpectationItem(pytest.Item):
    """One expectation."""

    def __init__(self, *, expectation: Expectation, **others: Any) -> None:
        super().__init__(**others)
        self._expectation = expectation

    def runtest(self) -> None:
        """Hold the expectation against the policy."""
        _assert_met(_examiner(self.config), [self._expectation])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the reasons alone: the line says the rest."""
        if isinstance(excinfo.value, AssertionError):
            return f"{self._expectation.span.place}: {excinfo.value}"
        if isinstance(excinfo.value, SelboxError):
            return _rendered(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the line is."""
        return self.path, self._expectation.span.line - 1, self.name


def _assert_met(examiner: Examiner, expectations: list[Expectation]) -> None:
    __tracebackhide__ = True
    lines: list[str] = []
    for each in examiner.examine(expectations):
        if each.reasons:
            lines += [each.expectation.text, *(f"    {reason}" for reason in each.reasons)]
    if lines:
        raise AssertionError("\n".join(lines))


@pytest.fixture(scope="session")
def selbox_policy(request: pytest.FixtureRequest) -> Policy:
    """The policy that is tested."""
    return _policy(request.config)


@pytest.fixture
def selbox_server(selbox_policy: Policy) -> SecurityServer:
    """A security server of the policy, enforcing, with the policy's own values of booleans."""
    return SecurityServer(selbox_policy)


@pytest.fixture
def selbox_expect(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that takes lines as files of expectations have them, and fails when one is not met."""

    def expect(text: str) -> None:
        __tracebackhide__ = True
        try:
            _assert_met(_examiner(request.config), parse_expectations(SourceFile("<test>", text)))
        except SelboxError as error:
            pytest.fail(_rendered(error), pytrace=False)

    return expect
