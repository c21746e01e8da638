"""Named tuples of our own are what those of the library are; each test asks both."""

import copy
import pickle
import typing
from collections.abc import Callable
from typing import Any

import pytest

from selbox import valuetypes


class Ours(valuetypes.NamedTuple):
    """A place."""

    name: str
    line: int = 1
    column: int = 2

    @property
    def together(self) -> str:
        """All of it."""
        return f"{self.name}:{self.line}:{self.column}"


class Theirs(typing.NamedTuple):
    """A place."""

    name: str
    line: int = 1
    column: int = 2

    @property
    def together(self) -> str:
        """All of it."""
        return f"{self.name}:{self.line}:{self.column}"


class OursBelow(Ours):
    """A place of a kind."""

    __slots__ = ()


class TheirsBelow(Theirs):
    """A place of a kind."""

    __slots__ = ()


PAIRS = [(Ours, Theirs), (OursBelow, TheirsBelow)]
USES: list[Callable[[Any], object]] = [
    lambda kind: tuple(kind("a")),
    lambda kind: tuple(kind("a", column=3)),
    lambda kind: tuple(kind(line=4, name="b")),
    lambda kind: kind("a").together,
    lambda kind: kind("a").line,
    lambda kind: kind("a") == ("a", 1, 2),
    lambda kind: hash(kind("a")) == hash(("a", 1, 2)),
    lambda kind: kind("a") < kind("b"),
    lambda kind: type(kind("a")) is kind,
    lambda kind: kind._fields,
    lambda kind: kind._field_defaults,
    lambda kind: kind.__match_args__,
    lambda kind: kind.__doc__,
    lambda kind: kind.__name__.startswith(("Ours", "Theirs")),
    lambda kind: tuple(kind("a")._replace(line=7)),
    lambda kind: type(kind("a")._replace(line=7)) is kind,
    lambda kind: type(kind._make(["a", 5, 6])) is kind,
    lambda kind: kind("a")._asdict(),
    lambda kind: repr(kind("a")).partition("(")[2],
    lambda kind: pickle.loads(pickle.dumps(kind("a"))) == kind("a"),  # noqa: S301 - its own
    lambda kind: type(copy.copy(kind("a"))) is kind,
    lambda kind: typing.get_type_hints(kind),
]
WRONG: list[Callable[[Any], object]] = [
    lambda kind: kind(),
    lambda kind: kind("a", 1, 2, 3),
    lambda kind: kind("a", name="b"),
    lambda kind: kind("a", other=1),
    lambda kind: kind("a")._replace(other=1),
    lambda kind: kind._make(["a"]),
    lambda kind: setattr(kind("a"), "line", 5),
    lambda kind: setattr(kind("a"), "other", 5),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("use", USES)
def test_both_give_the_same(use: Callable[[Any], object], ours: type, theirs: type) -> None:
    assert use(ours) == use(theirs)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("use", WRONG)
def test_both_refuse_the_same(use: Callable[[Any], object], ours: type, theirs: type) -> None:
    with pytest.raises(Exception) as expected:  # noqa: PT011 - whatever theirs raises
        use(theirs)
    with pytest.raises(expected.type) as found:
        use(ours)
    assert str(found.value) == str(expected.value).replace("Theirs", "Ours")


def test_the_first_value_may_be_one_of_a_class_below() -> None:
    class Above(valuetypes.NamedTuple):
        number: int

    class Below(Above):
        pass

    assert type(Below(1)) is Below
    assert type(Above(2)) is Above
    assert Below(1) == (1,)


def test_fields_can_be_taken_apart() -> None:
    match Ours("a", 3):
        case Ours(name, line, column=column):
            assert (name, line, column) == ("a", 3, 2)
